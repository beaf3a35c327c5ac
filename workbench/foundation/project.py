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

from workbench.foundation.config import FILE_NAME, Config, load_config
from workbench.foundation.errors import NotFoundError

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
    def tracking_uri(self) -> str:
        """MLflow tracking URI; SQLite in the state folder unless configured."""
        return self.config.tracking.uri or f"sqlite:///{self.state_dir / 'mlflow.db'}"

    @cached_property
    def journal(self) -> Journal:
        """The journal, opened on first use."""
        from workbench.foundation.journal import Journal

        url = self.config.journal.url or f"sqlite:///{self.state_dir / 'journal.db'}"
        return Journal(url, actor=self.actor)

    @cached_property
    def store(self) -> Store:
        """The content-addressed store."""
        from workbench.foundation.store import Store

        return Store(self.state_dir / "store")


def working_folder() -> Path:
    """Return the working directory.

    Raises:
        NotFoundError: ``folder-gone``: it was deleted while somebody stood in it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        hint = "change to one that exists, or restart the kernel"
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
    raise NotFoundError("project-missing", f"{folder} is in no project", "create one: mlops init --template shuttle")


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` spelled out; ``~nobody``, for whom there is no home, stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises a bare RuntimeError for ~nobody


def default_actor(root: Path) -> str:
    """Return who acts: ``WORKBENCH_ACTOR``, else Git's ``user.email``, else ``login@localhost``.

    A name that was typed is no proof; what has to hold is signed (:mod:`workbench.foundation.identity`).
    """
    if actor := os.environ.get("WORKBENCH_ACTOR"):
        return actor
    try:
        command = ["git", "-C", str(root), "config", "user.email"]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        found = ""
    return found or f"{getpass.getuser()}@localhost"


def default_key_path() -> Path | None:
    """Return the signing key: ``WORKBENCH_SIGNING_KEY``, else ``~/.ssh/id_ed25519`` where it exists."""
    if path := os.environ.get("WORKBENCH_SIGNING_KEY"):
        return expanded(path)
    usual = Path.home() / ".ssh" / "id_ed25519"
    return usual if usual.is_file() else None
