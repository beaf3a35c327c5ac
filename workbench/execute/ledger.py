"""Jobs in the journal: each change of state is one transaction of event and record.

Events carry ids and figures; what a person typed (parameters, messages of errors) lies only in the record. Whatever is
written of a job names the execution it is true of: only the attempt that counts may change the record, and what an
earlier one brings late is refused and journaled (``job.result-refused``).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from workbench.compute.folder import JobFolder, Progress, attempt_of, execution_of
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobCard
from workbench.contract.status import JobState
from workbench.foundation.errors import ConflictError
from workbench.foundation.finding import find_by_beginning
from workbench.foundation.journal import Record, Transaction
from workbench.foundation.project import Project

NOUN = "job"
UNREACHABLE = "unreachable"
"""Reason of a job that is LOST only because its machine does not answer; the one end that may turn out otherwise."""

_RECENT = 200
RECOVERABLE = timedelta(days=7)
"""How long a machine that does not answer may take to come back with a job that was given up."""
_OF_ATTEMPT = ("run", "started_at", "ended_at", "reason", "error", "cell", "cells", "is_run_open", "cancel_reason")
"""What a record says of one attempt; the next one begins without."""


def record_submitted(project: Project, job: str, spec: Mapping[str, Any], params: Mapping[str, str]) -> None:
    """Write that a job was asked for."""
    body = {
        "notebook": spec["notebook"],
        "notebook_digest": spec["notebook_digest"],
        "target": spec["target"],
        "name": spec["name"],
        "attempt": spec["attempt"],
        "is_far": spec.get("is_far", False),
        "replay_of": spec["replay_of"],
        "stage": spec.get("stage", ""),
        "sweep": spec.get("sweep", ""),
        "trial": spec.get("trial", -1),
        "params": dict(params),
        "actor": project.actor,
        "machine": platform.node(),
        "submitted_at": _now(),
    }
    event = {key: body[key] for key in ("notebook", "notebook_digest", "target", "attempt", "replay_of")}
    with project.journal.transaction() as transaction:
        transaction.append("job.submitted", f"job:{job}", event)
        transaction.put(NOUN, job, JobState.PENDING, body, expect=0)


def record_retried(project: Project, record: Record) -> int:
    """Write that a job is tried again, and return the number of the new attempt.

    From here on nothing that the attempt before still brings counts.

    Raises:
        ConflictError: ``record-changed``: somebody else was faster.
    """
    attempt = int(record.body["attempt"]) + 1
    last = {"attempt": record.body["attempt"], "state": record.state}
    last |= {key: record.body[key] for key in _OF_ATTEMPT if key in record.body}
    body = {key: value for key, value in record.body.items() if key not in _OF_ATTEMPT}
    body |= {"attempt": attempt, "attempts": [*record.body.get("attempts", []), last]}
    with project.journal.transaction() as transaction:
        transaction.append("job.retried", f"job:{record.id}", {"attempt": attempt, "after": record.state})
        transaction.put(NOUN, record.id, JobState.PENDING, body, expect=record.revision)
    return attempt


def record_queued(project: Project, execution: str, reason: str) -> None:
    """Write that a job waits in its target's queue, once."""
    job, attempt = attempt_of(execution)
    with project.journal.transaction() as transaction:
        record = _current(transaction, execution)
        if record is not None and record.state == JobState.PENDING:
            transaction.append("job.queued", f"job:{job}", {"attempt": attempt, "reason": reason})
            transaction.put(NOUN, job, JobState.QUEUED, record.body)


def record_started(project: Project, execution: str, run: str) -> None:
    """Write that a job runs, and which MLflow run it writes into."""
    job, _ = attempt_of(execution)
    with project.journal.transaction() as transaction:
        record = _current(transaction, execution)
        if record is None or record.state == JobState.RUNNING:
            return
        begun = {key: value for key, value in record.body.items() if key not in _OF_ATTEMPT}
        begun |= {"run": run, "started_at": record.body.get("started_at") or _now()}
        transaction.append("job.started", f"job:{job}", {"run": run})
        transaction.put(NOUN, job, JobState.RUNNING, begun)


def record_cancelling(project: Project, job: str, reason: str) -> None:
    """Write why a job is about to be cancelled; where it ends so, that is its reason."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, job)
        if record is not None and not JobState(record.state).is_terminal:
            transaction.put(NOUN, job, record.state, {**record.body, "cancel_reason": reason})


def record_ended(project: Project, execution: str, end: TargetStatus, progress: Progress, *, is_run_open: bool) -> bool:
    """Write a job's end, once: a second end changes nothing, and one of an earlier attempt is refused.

    Args:
        project: The project.
        execution: Which attempt at which job has ended.
        end: Its terminal state, with the reason.
        progress: How far it came.
        is_run_open: Whether its MLflow run still has to be ended (:mod:`workbench.execute.close_run`).

    Returns:
        Whether this call wrote it.
    """
    job, attempt = attempt_of(execution)
    with project.journal.transaction() as transaction:
        record = _current(transaction, execution)
        if record is None:
            known = transaction.get(NOUN, job)
            if known is not None and known.body["attempt"] > attempt and end.state is not JobState.LOST:
                _refuse(transaction, execution, end)
            return False
        if is_unreachable(record) and end.state is JobState.LOST and end.reason == UNREACHABLE:
            return False
        reason = record.body.get("cancel_reason") if end.state is JobState.CANCELLED else ""
        last = {"reason": reason or end.reason, "cell": progress.cell, "cells": progress.cells}
        transaction.append("job.ended", f"job:{job}", {"state": end.state, **last})
        ended = {**last, "error": end.error, "ended_at": _now(), "is_run_open": is_run_open}
        transaction.put(NOUN, job, end.state, {**record.body, **ended})
    return True


def record_refused(project: Project, execution: str, end: TargetStatus) -> None:
    """Write that what an earlier attempt came to was found, and does not count."""
    with project.journal.transaction() as transaction:
        _refuse(transaction, execution, end)


def _refuse(transaction: Transaction, execution: str, end: TargetStatus) -> None:
    job, attempt = attempt_of(execution)
    refused = {"attempt": attempt, "state": end.state, "reason": end.reason}
    transaction.append("job.result-refused", f"job:{job}", refused)


def _current(transaction: Transaction, execution: str) -> Record | None:
    """Return the record that an execution may change: it is the attempt that counts, and has not ended for good."""
    job, attempt = attempt_of(execution)
    record = transaction.get(NOUN, job)
    if record is None or record.body["attempt"] != attempt:
        return None
    return record if is_unreachable(record) or not JobState(record.state).is_terminal else None


def is_unreachable(record: Record) -> bool:
    """Tell whether a job is LOST for no other reason than that its machine does not answer."""
    return record.state == JobState.LOST and record.body.get("reason") == UNREACHABLE


def record_run_closed(project: Project, job: str) -> None:
    """Write that the MLflow run of an ended job was ended too (its event is the run's own)."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, job)
        if record is not None and record.body.get("is_run_open"):
            transaction.put(NOUN, job, record.state, {**record.body, "is_run_open": False})


def find_record(project: Project, job: str) -> Record:
    """Return a job's record by its id or a unique beginning of it.

    Raises:
        NotFoundError: ``job-unknown``.
        UsageError: ``job-ambiguous``.
    """
    return find_by_beginning(project.journal, NOUN, job, first="mlops run <notebook>")


def open_records(project: Project) -> list[Record]:
    """Return the jobs that have not come to an end."""
    states = (state for state in JobState if not state.is_terminal)
    return [record for state in states for record in project.journal.records(NOUN, state=state)]


def far_records(project: Project) -> list[Record]:
    """Return the jobs on far targets that somebody has to follow: open ones, and those whose machine may come back."""
    since = (datetime.now(UTC) - RECOVERABLE).isoformat()
    lost = project.journal.records(NOUN, state=JobState.LOST, limit=_RECENT)
    gone = [record for record in lost if is_unreachable(record) and record.body["ended_at"] > since]
    far = (record for record in (*open_records(project), *gone) if record.body.get("is_far"))
    return [record for record in far if is_here(project, record)]


def is_here(project: Project, record: Record) -> bool:
    """Tell whether a job was submitted on this machine: its directory is here.

    In a team's journal the jobs of everybody stand side by side; only where its directory is can a job be looked after.
    """
    return folder_of(project, record).path.is_dir()


def require_here(project: Project, record: Record, command: str) -> None:
    """Refuse what needs a job's directory where it lies on another machine, or was deleted.

    Args:
        project: The project.
        record: The job.
        command: Verb that was asked for: ``cancel``.

    Raises:
        ConflictError: ``job-elsewhere``.
    """
    if is_here(project, record):
        return
    machine = record.body.get("machine") or "another machine"
    message = f"The directory of {record.id} is not here; it was submitted on {machine}"
    raise ConflictError("job-elsewhere", message, f"on {machine}: mlops {command} {record.id}")


def superseded_executions(project: Project, record: Record) -> list[str]:
    """Return the earlier attempts at a far job that were given up unseen, and may still run over there."""
    lost = [past["attempt"] for past in record.body.get("attempts", []) if past["state"] == JobState.LOST]
    folders = [JobFolder.of(project, execution_of(record.id, attempt)) for attempt in lost]
    return [folder.path.name for folder in folders if folder.sending.exists() and not folder.abandoned.exists()]


def unclosed_records(project: Project) -> list[Record]:
    """Return the ended jobs, of those changed last, whose MLflow run was not ended yet."""
    return [record for record in project.journal.records(NOUN, limit=_RECENT) if record.body.get("is_run_open")]


def execution_of_record(record: Record) -> str:
    """Return the attempt at a job that counts."""
    return execution_of(record.id, record.body["attempt"])


def folder_of(project: Project, record: Record) -> JobFolder:
    """Return the directory of the attempt that counts."""
    return JobFolder.of(project, execution_of_record(record))


def card_of(project: Project, record: Record, expected_s: float = 0.0) -> JobCard:
    """Return a record as the doors show it; what an open job does is read from its directory."""
    body, folder = record.body, folder_of(project, record)
    progress = Progress(body["cell"], body["cells"]) if "cells" in body else folder.read_progress()
    view = folder.read_view() if not JobState(record.state).is_terminal or is_unreachable(record) else None
    return JobCard(
        id=record.id,
        state=view.state if view and record.state != JobState.LOST else record.state,
        reason=body.get("reason") or (view.reason if view else ""),
        notebook=body["notebook"],
        target=body["target"],
        attempt=body["attempt"],
        actor=body["actor"],
        run=body.get("run") or folder.read_run(),
        params=body["params"],
        cell=progress.cell,
        cells=progress.cells,
        submitted_at=body["submitted_at"],
        started_at=body.get("started_at", ""),
        ended_at=body.get("ended_at", ""),
        output=folder.output.relative_to(project.root).as_posix() if folder.output.exists() else "",
        error=body.get("error", ""),
        queue_position=view.queue_position if view else 0,
        is_reachable=view.is_reachable if view else True,
        memory_bytes=progress.memory_bytes,
        expected_s=expected_s,
        machine=body.get("machine", ""),
    )


def expected_seconds(records: list[Record], record: Record) -> float:
    """Return the median of what earlier jobs of the same notebook took on the same target, in seconds; 0 if none."""
    took = [
        (datetime.fromisoformat(other.body["ended_at"]) - datetime.fromisoformat(other.body["started_at"]))
        for other in records
        if other.state == JobState.SUCCEEDED
        and (other.body["notebook"], other.body["target"]) == (record.body["notebook"], record.body["target"])
        and other.body.get("started_at")
    ]
    return median(each.total_seconds() for each in took) if took else 0.0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
