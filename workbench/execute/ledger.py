"""Jobs in the journal: each change of state is one transaction of event and record.

Events carry ids and figures; what a person typed (parameters, messages of errors) lies only in the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.compute.folder import JobFolder, Progress
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobCard
from workbench.contract.status import JobState
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

NOUN = "job"
_RECENT = 200


def record_submitted(project: Project, job: str, spec: Mapping[str, Any], params: Mapping[str, str]) -> None:
    """Write that a job was asked for."""
    body = {
        "notebook": spec["notebook"],
        "notebook_digest": spec["notebook_digest"],
        "target": spec["target"],
        "name": spec["name"],
        "attempt": spec["attempt"],
        "replay_of": spec["replay_of"],
        "stage": spec.get("stage", ""),
        "params": dict(params),
        "actor": project.actor,
        "submitted_at": _now(),
    }
    event = {key: body[key] for key in ("notebook", "notebook_digest", "target", "attempt", "replay_of")}
    with project.journal.transaction() as transaction:
        transaction.append("job.submitted", f"job:{job}", event)
        transaction.put(NOUN, job, JobState.PENDING, body, expect=0)


def record_started(project: Project, job: str, run: str) -> None:
    """Write that a job runs, and which MLflow run it writes into."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, job)
        if record is None or JobState(record.state).is_terminal:
            return
        transaction.append("job.started", f"job:{job}", {"run": run})
        transaction.put(NOUN, job, JobState.RUNNING, {**record.body, "run": run, "started_at": _now()})


def record_ended(project: Project, job: str, end: TargetStatus, progress: Progress, *, is_run_open: bool) -> bool:
    """Write a job's end, once: a second end changes nothing.

    Args:
        project: The project.
        job: The job.
        end: Its terminal state, with the reason.
        progress: How far it came.
        is_run_open: Whether its MLflow run still has to be ended (:mod:`workbench.execute.close_run`).

    Returns:
        Whether this call wrote it.
    """
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, job)
        if record is None or JobState(record.state).is_terminal:
            return False
        last = {"reason": end.reason, "cell": progress.cell, "cells": progress.cells}
        transaction.append("job.ended", f"job:{job}", {"state": end.state, **last})
        ended = {**last, "error": end.error, "ended_at": _now(), "is_run_open": is_run_open}
        transaction.put(NOUN, job, end.state, {**record.body, **ended})
    return True


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
    if record := project.journal.record(NOUN, job):
        return record
    records = {record.id: record for record in project.journal.records(NOUN)}
    matches = [known for known in records if job and known.startswith((job, f"jb-{job}"))]
    if len(matches) == 1:
        return records[matches[0]]
    if matches:
        raise UsageError("job-ambiguous", f"'{job}' begins several jobs", f"one of: {', '.join(sorted(matches))}")
    hint = did_you_mean(job, records) if records else "there is none yet: mlops run <notebook>"
    raise NotFoundError("job-unknown", f"There is no job '{job}'", hint)


def open_records(project: Project) -> list[Record]:
    """Return the jobs that have not come to an end."""
    states = (state for state in JobState if not state.is_terminal)
    return [record for state in states for record in project.journal.records(NOUN, state=state)]


def unclosed_records(project: Project) -> list[Record]:
    """Return the ended jobs, of those changed last, whose MLflow run was not ended yet."""
    return [record for record in project.journal.records(NOUN, limit=_RECENT) if record.body.get("is_run_open")]


def card_of(project: Project, record: Record) -> JobCard:
    """Return a record as the doors show it; the progress of an open job is read from its events."""
    body, folder = record.body, JobFolder.of(project, record.id)
    progress = Progress(body["cell"], body["cells"]) if "cells" in body else folder.read_progress()
    return JobCard(
        id=record.id,
        state=record.state,
        reason=body.get("reason", ""),
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
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
