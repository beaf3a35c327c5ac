"""A project: one folder with a ``workbench.toml``, and the one who acts in it.

Every verb takes a :class:`Project` first. It is found by walking up from where one stands, as Git finds its
repository; the heavy parts (database, store) open when first asked for.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.foundation.agreement import check_server
from workbench.foundation.config import FILE_NAME, Config, load_config
from workbench.foundation.errors import DeniedError, NotFoundError

if TYPE_CHECKING:
    from workbench.foundation.journal import Journal
    from workbench.foundation.store import Store

STATE_DIR = ".workbench"


@dataclass(frozen=True)
class Project:
    """A project as one person sees it.

    Attributes:
        root: Absolute path of the folder that holds ``workbench.toml``.
        config: The validated file.
        actor: Principal of whoever acts (usually a mail address); events are ascribed to it.
        key_path: The actor's SSH private key, where one is known.
    """

    root: Path
    config: Config
    actor: str
    key_path: Path | None = field(default=None)

    @classmethod
    def open(cls, start: Path | None = None, *, actor: str | None = None, key_path: Path | None = None) -> Project:
        """Open the project that ``start`` (by default the working directory) lies in.

        Raises:
            NotFoundError: ``project-missing`` or ``folder-gone``.
            UsageError: ``workbench.toml`` is not valid.
        """
        root = find_root(start or working_folder())
        return cls(root, load_config(root / FILE_NAME), actor or default_actor(root), key_path or default_key_path())

    @property
    def state_dir(self) -> Path:
        """Folder of everything that is kept out of Git."""
        return self.root / STATE_DIR

    @property
    def tracking_address(self) -> str:
        """Where runs lie, for whoever asks nobody there: SQLite unless configured, or unless a job elsewhere says."""
        told = os.environ.get("WORKBENCH_TRACKING_URI", "")
        return told or self.config.tracking.uri or f"sqlite:///{self.state_dir / 'mlflow.db'}"

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI, for whoever signs in there.

        Raises:
            DeniedError: ``secrets-untrusted``: it is a server that this user has not agreed to.
        """
        if not os.environ.get("WORKBENCH_TRACKING_URI", ""):
            check_server(self.config, "tracking")
        return self.tracking_address

    @property
    def journal_address(self) -> str:
        """Where the journal lies, for whoever asks nobody there: SQLite unless configured."""
        return self.config.journal.url or f"sqlite:///{self.state_dir / 'journal.db'}"

    @cached_property
    def journal(self) -> Journal:
        """The journal, opened on first use.

        Raises:
            DeniedError: ``secrets-untrusted``: it lies on a server that this user has not agreed to;
                ``state-in-repository``.
        """
        from workbench.foundation.journal import Journal

        _refuse_foreign_state(self.state_dir)
        check_server(self.config, "journal")
        return Journal(self.journal_address, actor=self.actor)

    @cached_property
    def store(self) -> Store:
        """The content-addressed store."""
        from workbench.foundation.store import Store

        return Store(self.state_dir / "store")


def _refuse_foreign_state(folder: Path) -> None:
    """Refuse a state folder that Git keeps: whoever reads it carries on its jobs and sweeps, which are a branch's then.

    Raises:
        DeniedError: ``state-in-repository``.
    """
    if not os.path.lexists(folder):
        return
    try:
        command = ["git", "-C", str(folder.parent), "ls-files", "--", folder.name]
        is_kept = bool(subprocess.run(command, capture_output=True, check=False, timeout=5).stdout)
    except (OSError, subprocess.TimeoutExpired):
        return
    if is_kept:
        message = f"Git keeps {folder}, so its jobs and sweeps, which would be carried on, may be somebody else's"
        hint = f"if it came with a branch: git rm -r {folder.name}; if it is yours: git rm -r --cached {folder.name}"
        raise DeniedError("state-in-repository", message, hint)


def working_folder() -> Path:
    """Return the working directory.

    Raises:
        NotFoundError: ``folder-gone``: it was deleted while somebody stood in it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        hint = "cd to one that exists, or name the project: --project <folder>; a kernel has to be restarted"
        raise NotFoundError("folder-gone", "The working directory was deleted", hint) from None


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards that holds a ``workbench.toml``.

    Raises:
        NotFoundError: ``project-missing``.
    """
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate
    hint = "create one: mlops init my-project --template shuttle"
    raise NotFoundError("project-missing", f"{folder} is in no project", hint)


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` spelled out; ``~nobody``, for whom there is no home, stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises a bare RuntimeError for ~nobody


def default_actor(root: Path) -> str:
    """Return who acts: ``WORKBENCH_ACTOR``, else Git's ``workbench.actor`` or ``user.email``, else ``login@localhost``.

    ``workbench.actor`` is for whoever would have a handle in records that are kept, and their mail address in commits.
    A name that was typed is no proof; what has to hold is signed (:mod:`workbench.foundation.identity`).
    """
    if actor := os.environ.get("WORKBENCH_ACTOR"):
        return actor
    try:
        command = ["git", "-C", str(root), "config", "--get-regexp", r"^(workbench\.actor|user\.email)$"]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    found = {name: value.strip() for name, _, value in (line.partition(" ") for line in told.splitlines())}
    return found.get("workbench.actor") or found.get("user.email") or f"{getpass.getuser()}@localhost"


def default_key_path() -> Path | None:
    """Return the signing key: ``WORKBENCH_SIGNING_KEY``, else ``~/.ssh/id_ed25519`` where it exists."""
    if path := os.environ.get("WORKBENCH_SIGNING_KEY"):
        return expanded(path)
    usual = Path.home() / ".ssh" / "id_ed25519"
    return usual if usual.is_file() else None
