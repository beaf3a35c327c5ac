"""Write the end of jobs whose supervisor died, so that nothing is RUNNING for ever.

Every reading verb calls this first. It costs five small queries where nothing is wrong, it needs no daemon, and any
number of processes may do it at once: the journal takes only the first end of a job.
"""

from __future__ import annotations

import time

from workbench.compute.folder import JobFolder
from workbench.compute.local import LocalTarget
from workbench.compute.targets import Target, TargetStatus, find_target
from workbench.contract.status import JobState
from workbench.execute.ledger import open_records, record_ended, unclosed_records
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

_RETRY_S = 60.0


def reconcile_jobs(project: Project) -> tuple[str, ...]:
    """Give every abandoned job its true end and return the ids of those that this call ended.

    A job that left ``exit.json`` ends as that says; one that did not becomes LOST, after its left-over processes were
    ended. Its MLflow run is ended by a detached process (:mod:`workbench.execute.close_run`).

    Args:
        project: The project.
    """
    ended = tuple(record.id for record in open_records(project) if _end_if_abandoned(project, record))
    for record in unclosed_records(project):
        _close_run(project, record.id)
    return ended


def target_of(project: Project, record: Record) -> Target:
    """Return the target a job runs on, also where its section was changed or taken out of ``workbench.toml``.

    Raises:
        WorkbenchError: As :func:`workbench.compute.targets.find_target`, for a job that does not run on this machine.
    """
    name = record.body["target"]
    try:
        return find_target(project, name)
    except WorkbenchError:
        if not JobFolder.of(project, record.id).process.exists():
            raise
        return LocalTarget(project, name, {})


def _end_if_abandoned(project: Project, record: Record) -> bool:
    job = record.id
    try:
        target = target_of(project, record)
    except WorkbenchError:
        return False  # nobody here can say how it stands
    status = target.status(job)
    if not status.state.is_terminal:
        return False
    target.cleanup(job)
    folder = JobFolder.of(project, job)
    if status.state is JobState.LOST and (end := folder.read_exit()) is not None:
        status = TargetStatus(end.state, end.reason, end.error)  # it came to its end while it was cleaned up
    return record_ended(project, job, status, folder.read_progress(), is_run_open=True)


def _close_run(project: Project, job: str) -> None:
    """Start the closing process, at most once a minute: MLflow may be away for long."""
    log = JobFolder.of(project, job).path / "close.txt"
    if log.exists() and time.time() - log.stat().st_mtime < _RETRY_S:
        return
    spawn_detached("workbench.execute.close_run", [str(project.root), job], log=log, cwd=project.root)
    log.touch()
