"""Notice that a run's or a job's process has died, and have its end written by a process of its own.

Noticing is cheap: the dead leave a lease that nobody holds. Writing the end needs MLflow, whose import costs seconds
and 170 MB, so it never happens inside the Jupyter server: ``python -m workbench.doors.server.reaping <root>`` does it
and leaves.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.contract.change import ChangedNoun
from workbench.foundation.background import spawn_detached
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

LOOK_S = 2.0
"""Seconds between two looks: well within the two heartbeats in which the dead must be seen."""

_YOUNG_S = 1.0
"""A lease file younger than this may be between its creation and its lock."""

_AGAIN_S = 60.0
_TRIES = 3
"""The dead get another reaper after so many seconds, in case the first one died, too; and so many in all."""

_REAPED = {
    "run": ChangedNoun.RUN,
    "job": ChangedNoun.JOB,
    "follower": ChangedNoun.JOB,
    "sweep": ChangedNoun.SWEEP,
}
"""Whose end a reaper writes; for a follower and for a sweep's controller it starts another. Reviews and runners see to
theirs when read next."""

_NOUNS = {**_REAPED, "review": ChangedNoun.REVIEW, "runner": ChangedNoun.RUNNER}


@dataclass(frozen=True)
class _Death:
    tries: int = 0
    tried_at: float = 0.0


class Reaper:
    """Look after one project's leases; belongs to one thread."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._leases = project.state_dir / "leases"
        self._log = project.state_dir / "reaper.log"
        self._deaths: dict[str, _Death] = {}

    def look(self) -> frozenset[ChangedNoun]:
        """Start a reaper where a run or a job died, and return what to read again because somebody died."""
        dead = dead_leases(self._leases)
        new = dead - self._deaths.keys()
        self._deaths = {name: self._deaths.get(name, _Death()) for name in dead}
        now = time.monotonic()
        if any(_is_due(name, death, now) for name, death in self._deaths.items()):
            self._deaths = {name: _Death(death.tries + 1, now) for name, death in self._deaths.items()}
            spawn_detached("workbench.doors.server.reaping", [str(self._root)], log=self._log, cwd=self._root)
        return frozenset(noun for name in new if (noun := _NOUNS.get(_kind(name))))


def _is_due(name: str, death: _Death, now: float) -> bool:
    is_time = not death.tries or now - death.tried_at > _AGAIN_S
    return _kind(name) in _REAPED and death.tries < _TRIES and is_time


def _kind(name: str) -> str:
    return name.partition("-")[0]


def dead_leases(folder: Path) -> frozenset[str]:
    """Return the names of the leases in a folder that nobody holds."""
    try:
        names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and _is_settled(entry)]
    except FileNotFoundError:
        return frozenset()
    # A lease that vanishes meanwhile was given back: its holder ended well.
    return frozenset(name for name in names if not inspect_lease(folder / name).is_alive and (folder / name).exists())


def _is_settled(entry: os.DirEntry[str]) -> bool:
    try:
        return time.time() - entry.stat().st_mtime > _YOUNG_S
    except FileNotFoundError:
        return False


def reap(root: Path) -> None:
    """Write the end of every dead job and run of a project."""
    from workbench.execute.reconcile import reconcile_jobs
    from workbench.experiment.reap import reap_dead_runs

    project = Project.open(root)
    reconcile_jobs(project)
    reap_dead_runs(project)


if __name__ == "__main__":
    reap(Path(sys.argv[1]))
