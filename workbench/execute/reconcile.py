"""Write the end of jobs whose supervisor died, so that nothing is RUNNING for ever.

Every reading verb calls this first. It costs five small queries where nothing is wrong, it needs no daemon, and any
number of processes may do it at once: the journal takes only the first end of a job.
"""

from __future__ import annotations

import platform
import time

from workbench.compute.folder import Progress
from workbench.compute.local import LocalTarget
from workbench.compute.targets import Target, TargetStatus, find_target
from workbench.contract.status import JobState
from workbench.execute import leftovers
from workbench.execute.close_run import log_of
from workbench.execute.follow import ensure_follower
from workbench.execute.ledger import (
    execution_of_record,
    folder_of,
    is_here,
    open_records,
    record_ended,
    unclosed_records,
)
from workbench.execute.sweeps.revival import revive_sweeps
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

_RETRY_S = 60.0


def reconcile_jobs(project: Project) -> tuple[str, ...]:
    """Give every abandoned job its true end and return the ids of those that this call ended.

    A job of this machine that left ``exit.json`` ends as that says; one that did not becomes LOST, after its left-over
    processes were ended. Its MLflow run is ended by a detached process (:mod:`workbench.execute.close_run`). For jobs
    on far machines a follower is started where none is alive: only who asks the target knows how they stand.

    Args:
        project: The project.
    """
    opened = open_records(project)
    near = [record for record in opened if not record.body.get("is_far")]
    here = [record for record in near if not _is_shared(project) or is_here(project, record)]
    ended = tuple(record.id for record in here if _end_if_abandoned(project, record))
    ended += tuple(record.id for record in opened if record.body.get("is_far") and _end_if_deleted(project, record))
    for record in unclosed_records(project):
        if is_here(project, record) or _is_deleted(project, record):
            _close_run(project, record)
    ensure_follower(project)
    revive_sweeps(project)
    return ended


def _is_shared(project: Project) -> bool:
    """Tell whether other machines write into the same journal; their jobs are theirs to look after."""
    return bool(project.config.journal.url) and not project.config.journal.url.startswith("sqlite")


def target_of(project: Project, record: Record) -> Target:
    """Return the target a job runs on, also where its section was changed or taken out of ``workbench.toml``.

    Raises:
        WorkbenchError: As :func:`workbench.compute.targets.find_target`, for a job that does not run on this machine.
    """
    name = record.body["target"]
    try:
        return find_target(project, name)
    except WorkbenchError:
        if not folder_of(project, record).process.exists():
            raise
        return LocalTarget(project, name, {})


def _end_if_abandoned(project: Project, record: Record) -> bool:
    execution = execution_of_record(record)
    try:
        target = target_of(project, record)
    except WorkbenchError:
        return False  # nobody here can say how it stands
    status = target.status(execution)
    if not status.state.is_terminal:
        return False
    target.cleanup(execution)
    folder = folder_of(project, record)
    end = folder.read_exit()
    if status.state is JobState.LOST and end and (end.state is not JobState.CANCELLED or folder.cancel.exists()):
        # It came to its end while it was cleaned up; that cleaning up interrupted it is no wish of anybody's.
        status = TargetStatus(end.state, end.reason, end.error)
    return record_ended(project, execution, status, folder.read_progress(), is_run_open=True)


def _end_if_deleted(project: Project, record: Record) -> bool:
    """End a far job whose directory somebody deleted on this machine: nobody can follow it any more."""
    if not _is_deleted(project, record):
        return False
    end = TargetStatus(JobState.LOST, "job directory gone", "LOST: its directory below .workbench/jobs was deleted")
    execution = execution_of_record(record)
    leftovers.note(project, execution, record.body["target"])  # it may still run over there
    return record_ended(project, execution, end, Progress(0, 0), is_run_open=True)


def _is_deleted(project: Project, record: Record) -> bool:
    """Tell whether the directory of a job of this machine was deleted, which a shared journal does not tell."""
    is_ours = not _is_shared(project) and record.body.get("machine") == platform.node()
    return is_ours and not is_here(project, record)


def _close_run(project: Project, record: Record) -> None:
    """Start the closing process, at most once a minute: MLflow may be away for long."""
    log = log_of(project, record)
    if log.exists() and time.time() - log.stat().st_mtime < _RETRY_S:
        return
    log.touch()
    spawn_detached("workbench.execute.close_run", [str(project.root), record.id], log=log, cwd=project.root)
