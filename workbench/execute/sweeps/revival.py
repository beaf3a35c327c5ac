"""Start the controller of a sweep, and start it again where it died.

Every reading verb of jobs and sweeps calls :func:`revive_sweeps` first: one small query where nothing is wrong. Any
number of processes may do it at once; the one whose controller gets the lease has it, the others' leave at once.
"""

from __future__ import annotations

import time
from pathlib import Path

from workbench.compute.folder import read_json
from workbench.contract.status import JobState
from workbench.execute.sweeps.record import NOUN
from workbench.foundation.background import spawn_detached
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.journal import Record
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

PROCESS = "workbench.execute.sweeps.process"
"""Started by name: it imports optuna."""
_PAUSE_S = 2.0
"""A controller that died is not started again sooner: one that cannot live must not fill the log."""


def folder_of(project: Project, sweep: str) -> Path:
    """Return the folder of a sweep: its notebook, its space, its study and the controller's log."""
    return project.state_dir / "sweeps" / sweep


def lease_of(project: Project, sweep: str) -> Path:
    """Return the lease that the controller of a sweep holds."""
    return project.state_dir / "leases" / f"sweep-{sweep}"


def start_controller(project: Project, record: Record) -> None:
    """Start the detached controller of a sweep, which acts for whoever asked for the sweep.

    It leaves at once where there is one already.
    """
    from workbench.compute.processes import started_at

    sweep, folder = record.id, folder_of(project, record.id)
    pid = spawn_detached(
        PROCESS,
        [str(project.root), sweep],
        log=folder / "log.txt",
        cwd=project.root,
        env={"WORKBENCH_ACTOR": record.body["actor"], "WORKBENCH_PROJECT": str(project.root)},
    )
    write_atomic(folder / "process.json", canonical_json({"pid": pid, "started": started_at(pid)}))


def revive_sweeps(project: Project) -> tuple[str, ...]:
    """Start the controllers of sweeps that were left alone, and return their ids.

    Only sweeps whose folder is here: another machine that shares the journal looks after its own.
    """
    left = [
        record
        for record in project.journal.records(NOUN, state=JobState.RUNNING)
        if folder_of(project, record.id).is_dir() and not is_controlled(project, record.id)
    ]
    for record in left:
        start_controller(project, record)
    return tuple(record.id for record in left)


def is_controlled(project: Project, sweep: str) -> bool:
    """Tell whether a controller lives, is about to take its lease, or died only just now."""
    if inspect_lease(lease_of(project, sweep)).is_alive:
        return True
    from workbench.compute.processes import is_same_process

    noted = read_json(folder_of(project, sweep) / "process.json") or {}
    started = float(noted.get("started", 0.0))
    return time.time() - started < _PAUSE_S or is_same_process(int(noted.get("pid", 0)), started)
