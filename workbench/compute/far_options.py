"""What ``[targets.<name>]`` may say of any machine elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.foundation.errors import UsageError


@dataclass(frozen=True)
class FarOptions:
    """Options that every far target has.

    Attributes:
        folder: Base of job directories over there.
        python: Python 3.9 or newer with papermill, over there.
        env: Names of variables that the kernel gets, and where their values come from over there (``env:…``, …).
        data_sources: Where data is looked for before DVC's own remotes: remotes by name, folders there, addresses.
        bundle_limit_mb: Largest bundle of code and small files.
        grace_s: Seconds a cancelled job has to save its work.
        lost_after_s: Seconds without an answer after which its jobs are LOST.
        price_per_hour: Price with currency, source and date.
    """

    folder: str = "~/.mlops-workbench"
    python: str = "python3"
    env: dict[str, str] = field(default_factory=dict)
    data_sources: tuple[str, ...] = ()
    bundle_limit_mb: float = 50.0
    grace_s: float = 10.0
    lost_after_s: float = 600.0
    price_per_hour: str = "unknown"


@dataclass(frozen=True)
class HostOptions(FarOptions):
    """Options of a target that is reached with ssh.

    Attributes:
        host: A name of ``~/.ssh/config`` or ``user@host``.
        port: TCP port of ssh; 0 leaves it to the configuration.
        ssh_config: File that ``ssh`` reads in place of ``~/.ssh/config``.
        environment: ``python`` uses that Python as it is; ``lock`` an environment that is made over there from
            ``requirements``, once for all jobs.
        requirements: Hashed requirements file of the project (``uv pip compile --generate-hashes``).
        min_free_disk_gb: Free space, in GiB, below which no job is sent.
        keep_days: Days that a job's directory stays there once nothing of it is awaited, so that more can be fetched.
    """

    host: str = ""
    port: int = 0
    ssh_config: str = ""
    environment: str = "python"
    requirements: str = "requirements.txt"
    min_free_disk_gb: float = 0.25
    keep_days: float = 7.0

    def validate(self, name: str) -> None:
        """Refuse what cannot be meant.

        Args:
            name: The target.

        Raises:
            UsageError: ``target-option-wrong``.
        """
        for option, meant in self._wrong().items():
            message = f"Option '{option}' of target '{name}' cannot be {getattr(self, option)!r}"
            raise UsageError("target-option-wrong", message, f"change [targets.{name}] in workbench.toml; {meant}")

    def _wrong(self) -> dict[str, str]:
        """Return the options that cannot be meant, each with what it may be."""
        wrong = {}
        if self.host.startswith("-") or re.search(r"[\s\0]", self.host):
            wrong["host"] = 'a name in ~/.ssh/config or "user@machine"'
        if not self.folder.startswith(("/", "~/")):
            wrong["folder"] = 'an absolute path or one below "~/"'
        if self.environment not in ("python", "lock"):
            wrong["environment"] = '"python" or "lock"'
        if not 0 <= self.port < 1 << 16:
            wrong["port"] = "1 to 65535, or 0 for ssh's own"
        return wrong
