"""The projects that are open in this server.

Opening one costs a few milliseconds (Git is asked who acts, the journal is opened), which a panel that reads seven
lists at once should pay once. What only reads shares an open project for a few seconds; what acts opens its own, so
that who acts, and with which key, is true at that very moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.doors.server.location import project_folder
from workbench.foundation.config import FILE_NAME
from workbench.foundation.project import STATE_DIR, Project

_SHARED_S = 10.0
"""Seconds for which readers share an open project."""


@dataclass(frozen=True)
class _Shared:
    project: Project
    stamp: tuple[int, int]
    opened_at: float


class OpenProjects:
    """Find and open projects below the server's root; safe from several threads."""

    def __init__(self, server_root: Path) -> None:
        self.server_root = server_root
        self._shared: dict[Path, _Shared] = {}
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, location: str) -> Iterator[Project]:
        """Give the project for a verb that changes nothing.

        Raises:
            NotFoundError: ``project-missing``.
            UsageError: ``path-outside``, or ``workbench.toml`` is not valid.
        """
        folder = project_folder(self.server_root, location)
        stamp = _stamp(folder)
        with self._lock:
            found = self._shared.get(folder)
            if found is None or found.stamp != stamp or time.monotonic() - found.opened_at > _SHARED_S:
                found = _Shared(Project.open(folder), stamp, time.monotonic())
                old = self._shared.get(folder)
                self._shared[folder] = found
                if old:
                    close(old.project)
        yield found.project

    @contextmanager
    def acting(self, location: str) -> Iterator[Project]:
        """Give a project of its own to a verb that changes something.

        Raises:
            NotFoundError: ``project-missing``.
            UsageError: ``path-outside``, or ``workbench.toml`` is not valid.
        """
        project = Project.open(project_folder(self.server_root, location))
        try:
            yield project
        finally:
            close(project)


def _stamp(folder: Path) -> tuple[int, int]:
    """Tell a project from what it was: another configuration, or another journal in its place (a restored backup)."""
    try:
        journal = (folder / STATE_DIR / "journal.db").stat().st_ino
    except OSError:
        journal = 0
    return (folder / FILE_NAME).stat().st_mtime_ns, journal


def close(project: Project) -> None:
    """Give back the journal's connections, where it was opened; one that is in use lives on until it is done."""
    if "journal" in vars(project):
        project.journal.close()
