"""An environment of the job's own over there: asked for with ``environment = "lock"``, made by ``errands/environment``.

It travels as two files of the job directory, the hashed requirements and the program that makes what they say; so
whatever starts the job (ssh, a batch script) needs to know one command more and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.compute.far_options import HostOptions
from workbench.contract.project import Finding

ENVIRONMENT, REQUIREMENTS = "environment.py", "environment.txt"
"""Their names in the job directory."""


@dataclass(frozen=True)
class LockedEnvironment:
    """What a target makes jobs' environments from.

    Attributes:
        project_root: Root of the project.
        requirements: Requirements file, relative to it.
        folder: Base folder of the target over there; environments lie in ``envs`` below it, by their digest.
    """

    project_root: Path
    requirements: str
    folder: str

    @classmethod
    def of(cls, project_root: Path, options: HostOptions) -> LockedEnvironment | None:
        """Return the environment that options ask for; None where the target's Python is used as it is."""
        return cls(project_root, options.requirements, options.folder) if options.environment == "lock" else None

    def check(self) -> Finding:
        """Say whether the requirements can be taken at their word."""
        path = self.project_root / self.requirements
        hint = f"make it: uv pip compile --generate-hashes -o {self.requirements} pyproject.toml"
        if not path.is_file():
            return Finding("requirements", False, f"There is no {self.requirements} in the project", hint)
        if "--hash=" not in path.read_text(encoding="utf-8", errors="replace"):
            return Finding("requirements", False, f"{self.requirements} has no hashes", hint)
        return Finding("requirements", True, f"{self.requirements} has hashes")

    def lacks(self, modules: Sequence[str]) -> tuple[str, ...]:
        """Return which modules no requirement of the same name brings."""
        text = (self.project_root / self.requirements).read_text(encoding="utf-8", errors="replace")
        named = {re.split(r"[\s=<>!~\[;@]", line, maxsplit=1)[0].lower() for line in text.splitlines()}
        return tuple(name for name in modules if name not in named)

    def files(self) -> dict[str, Path]:
        """Return what travels in the job directory, by its name there."""
        program = Path(__file__).parent / "errands" / ENVIRONMENT
        return {REQUIREMENTS: self.project_root / self.requirements, ENVIRONMENT: program}

    def command(self, python: str, words: Sequence[str]) -> list[str]:
        """Return the command that makes the environment, where that was not done before, and then runs its Python."""
        return [python, ENVIRONMENT, f"{self.folder}/envs", REQUIREMENTS, *words]
