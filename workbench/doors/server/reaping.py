"""Notice that a run's or a job's process has died, and have its end written by a process of its own.

Noticing is cheap: the dead leave a lease that nobody holds. Writing the end needs MLflow, whose import costs seconds
and 170 MB, so it never happens inside the Jupyter server: ``python -m workbench.doors.server.reaping <root>`` does it
and leaves.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from workbench.foundation.background import spawn_detached
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

LOOK_S = 2.0
"""Seconds between two looks: well within the two heartbeats in which the dead must be seen."""

_YOUNG_S = 1.0
"""A lease file younger than this may be between its creation and its lock."""

_AGAIN_S = 60.0
"""A lease that is still there after this time gets another reaper; the first one may have died, too."""


class Reaper:
    """Look after one project's leases; belongs to one thread."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._leases = project.state_dir / "leases"
        self._log = project.state_dir / "reaper.log"
        self._looked_at = 0.0
        self._reaped: dict[str, float] = {}

    def look(self) -> bool:
        """Start a reaper where somebody died; at most every :data:`LOOK_S` seconds. Tell whether it was started."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return False
        self._looked_at = now
        dead = dead_leases(self._leases)
        self._reaped = {name: at for name, at in self._reaped.items() if name in dead}
        if all(now - self._reaped.get(name, -_AGAIN_S) < _AGAIN_S for name in dead):
            return False
        self._reaped = dict.fromkeys(dead, now)
        spawn_detached("workbench.doors.server.reaping", [str(self._root)], log=self._log, cwd=self._root)
        return True


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
