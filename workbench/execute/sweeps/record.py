"""A sweep in the journal: one record with its settings, counts and best trial, and one event for each trial that ended.

Trials themselves are the study's and the jobs'; what is written here is what everybody may read without Optuna. All
of it is written by the controller alone, except the beginning and the wish that it end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.contract.status import JobState
from workbench.contract.sweep import SweepCard, TrialCard
from workbench.execute.ledger import NOUN as JOB
from workbench.foundation.finding import find_by_beginning
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

NOUN = "sweep"
SETTINGS = (
    "notebook",
    "notebook_digest",
    "target",
    "space",
    "trials",
    "parallel",
    "metric",
    "direction",
    "sampler",
    "pruner",
    "seed",
    "name",
    "resources",
)
"""What makes two sweeps the same."""
_COUNTS = {"COMPLETE": "complete", "PRUNED": "pruned", "FAILED": "failed"}


def record_begun(project: Project, sweep: str, settings: Mapping[str, Any]) -> Record:
    """Write that a sweep was asked for."""
    body = {
        **{key: settings[key] for key in SETTINGS},
        "actor": project.actor,
        "started_at": _now(),
        "counts": dict.fromkeys(_COUNTS.values(), 0),
    }
    told = ("notebook", "notebook_digest", "target", "trials", "parallel", "direction", "sampler", "pruner")
    with project.journal.transaction() as transaction:
        transaction.append("sweep.started", f"{NOUN}:{sweep}", {key: body[key] for key in told})
        return transaction.put(NOUN, sweep, JobState.RUNNING, body, expect=0)


def record_facts(project: Project, sweep: str, **facts: Any) -> Record:
    """Write more about a sweep that runs; one that has ended stays as it is."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, sweep)
        assert record is not None, sweep
        if record.state != JobState.RUNNING or all(record.body.get(key) == value for key, value in facts.items()):
            return record
        return transaction.put(NOUN, sweep, record.state, {**record.body, **facts})


def record_trial(project: Project, sweep: str, trial: TrialCard, best: Mapping[str, Any] | None) -> Record:
    """Write how a trial ended.

    Args:
        project: The project.
        sweep: The sweep.
        trial: The trial; what was tried is in its job's record, so it is not told again.
        best: ``trial``, ``value``, ``params`` and ``run`` of the best one, where this is it.
    """
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, sweep)
        assert record is not None, sweep
        data = {"trial": trial.number, "state": trial.state, "value": trial.value, "job": trial.job, "run": trial.run}
        transaction.append("sweep.trial-ended", f"{NOUN}:{sweep}", {**data, "reason": trial.reason})
        count = _COUNTS[trial.state]
        counts = {**record.body["counts"], count: record.body["counts"][count] + 1}
        body = {**record.body, "counts": counts, "starts": 0} | ({"best": dict(best)} if best else {})
        return transaction.put(NOUN, sweep, record.state, body)


def record_cancelled(project: Project, sweep: str) -> Record:
    """Write that somebody wants a sweep to end."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, sweep)
        assert record is not None, sweep
        if record.state != JobState.RUNNING or record.body.get("is_cancelled"):
            return record
        transaction.append("sweep.cancelled", f"{NOUN}:{sweep}", {})
        return transaction.put(NOUN, sweep, record.state, {**record.body, "is_cancelled": True})


def record_ended(project: Project, sweep: str, state: JobState, error: str = "") -> Record:
    """Write the end of a sweep, once."""
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, sweep)
        assert record is not None, sweep
        if record.state != JobState.RUNNING:
            return record
        best = record.body.get("best", {})
        data = {"state": state, **record.body["counts"], "best_run": best.get("run", "")}
        transaction.append("sweep.ended", f"{NOUN}:{sweep}", data)
        return transaction.put(NOUN, sweep, state, {**record.body, "error": error, "ended_at": _now()})


def find_sweep(project: Project, sweep: str) -> Record:
    """Return a sweep's record by its id or a unique beginning of it.

    Raises:
        NotFoundError: ``sweep-unknown``.
        UsageError: ``sweep-ambiguous``.
    """
    return find_by_beginning(project.journal, NOUN, sweep, first="mlops sweep --help")


def jobs_of(project: Project, sweep: str) -> dict[int, list[Record]]:
    """Return the jobs of each trial, the last submitted last."""
    found: dict[int, list[Record]] = {}
    for record in project.journal.records(JOB):
        if record.body.get("sweep") == sweep:
            found.setdefault(int(record.body["trial"]), []).append(record)
    for jobs in found.values():
        jobs.sort(key=lambda job: str(job.body["submitted_at"]))
    return found


def ended_trials(project: Project, sweep: str) -> dict[int, dict[str, Any]]:
    """Return what the journal says of each trial that ended."""
    events = project.journal.events(kind="sweep.trial-ended", subject=f"{NOUN}:{sweep}")
    return {int(event.data["trial"]): event.data for event in events if event.data}


def card_of(record: Record, history: tuple[TrialCard, ...] = (), *, running: int = 0) -> SweepCard:
    """Return a record as the doors show it."""
    body = record.body
    best = body.get("best", {})
    return SweepCard(
        id=record.id,
        state=record.state,
        notebook=body["notebook"],
        target=body["target"],
        metric=body["metric"],
        direction=body["direction"],
        sampler=body["sampler"],
        pruner=body["pruner"],
        trials=body["trials"],
        parallel=body["parallel"],
        running=running,
        **body["counts"],
        best_trial=best.get("trial", -1),
        best_value=best.get("value"),
        best_params=best.get("params", {}),
        best_run=best.get("run", ""),
        run=body.get("run", ""),
        name=body["name"],
        actor=body["actor"],
        started_at=body["started_at"],
        ended_at=body.get("ended_at", ""),
        error=body.get("error", ""),
        offer=_offer(record),
        history=history,
    )


def history_of(project: Project, record: Record) -> tuple[TrialCard, ...]:
    """Return every trial of a sweep that was submitted, in order."""
    ended, jobs = ended_trials(project, record.id), jobs_of(project, record.id)
    searched = record.body["space"]["dimensions"]
    return tuple(
        _trial(number, ended.get(number, {}), jobs.get(number, []), searched) for number in sorted({*ended, *jobs})
    )


def _trial(number: int, told: Mapping[str, Any], jobs: list[Record], searched: Mapping[str, Any]) -> TrialCard:
    last = jobs[-1] if jobs else None
    body = last.body if last else {}
    return TrialCard(
        number=number,
        state=told.get("state", "RUNNING"),
        value=told.get("value"),
        params={name: value for name, value in body.get("params", {}).items() if name in searched},
        job=last.id if last else "",
        run=told.get("run") or body.get("run", ""),
        duration_s=_seconds(body),
        reason=told.get("reason", ""),
    )


def _seconds(body: Mapping[str, Any]) -> float:
    if not body.get("started_at") or not body.get("ended_at"):
        return 0.0
    between = datetime.fromisoformat(body["ended_at"]) - datetime.fromisoformat(body["started_at"])
    return round(max(0.0, between.total_seconds()), 3)


def _offer(record: Record) -> str:
    if record.state == JobState.RUNNING:
        return f"mlops sweep cancel {record.id}"
    best = record.body.get("best", {})
    if best.get("has_model"):
        return f"mlops review request {best['run']}"
    return f"mlops runs show {best['run']}" if best else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
