"""Bring a pipeline up to date in a process of its own: its stages may take hours, and nobody has to wait for them."""

from __future__ import annotations

import os
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.pipeline import PipelineRun
from workbench.contract.status import JobState
from workbench.data.dvc import stages as dvc_stages
from workbench.execute.ledger import NOUN as JOB
from workbench.execute.pipelines.stages import last_jobs
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import (
    ConflictError,
    FailedError,
    NotFoundError,
    WorkbenchError,
    check_limit,
    did_you_mean,
)
from workbench.foundation.journal import Record
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project

NOUN = "pipeline"
_POLL_S = 0.2
_START_S = 60.0
"""What the process may take to start before a missing lease means that it died."""


def run_pipeline(project: Project, stages: tuple[str, ...] = (), *, wait: bool = False) -> PipelineRun:
    """Run the stages that are stale, and only those; results that anybody has in the run cache are taken from there.

    Args:
        project: The project.
        stages: Only these, and what they depend on; by default all.
        wait: Whether to return only at the end.

    Raises:
        NotFoundError: ``stage-unknown``.
        ConflictError: ``pipeline-busy``: it runs already.
        FailedError: ``pipeline-failed``, where its end is waited for.
        UnavailableError: ``dvc-failed``: ``dvc.yaml`` cannot be read.
    """
    known = {stage.name for stage in dvc_stages.stages(project)}
    if not known:
        message = "This project has no pipeline yet"
        raise NotFoundError("stage-unknown", message, "mlops pipeline add notebooks/train.ipynb --outputs models/x")
    for stage in stages:
        if stage not in known:
            raise NotFoundError("stage-unknown", f"There is no stage '{stage}'", did_you_mean(stage, known))
    for record in project.journal.records(NOUN, state=JobState.RUNNING):
        if _settle(project, record).state == JobState.RUNNING:
            message = f"The pipeline runs already, as {record.id}"
            raise ConflictError("pipeline-busy", message, "wait for its end: mlops pipeline runs")
    run = f"pl-{secrets.token_hex(4)}"
    body = {"wanted": list(stages), "actor": project.actor, "started_at": _now()}
    with project.journal.transaction() as transaction:
        transaction.append("pipeline.started", f"{NOUN}:{run}", {"wanted": list(stages)})
        transaction.put(NOUN, run, JobState.RUNNING, body, expect=0)
    spawn_detached(
        "workbench.execute.pipelines.refresh",
        [str(project.root), run],
        log=_log(project, run),
        cwd=project.root,
        env={"WORKBENCH_ACTOR": project.actor, "PATH": _path_with_mlops()},
    )
    if not wait:
        return _card(_record(project, run))
    ended = wait_for_pipeline(project, run)
    if ended.state != JobState.SUCCEEDED:
        raise FailedError("pipeline-failed", f"{run} is {ended.state}: {ended.error}", "mlops pipeline")
    return ended


def list_pipeline_runs(project: Project, limit: int = 20) -> tuple[PipelineRun, ...]:
    """List runs of the pipeline, the last first.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    check_limit(limit, "mlops pipeline runs --limit 20")
    return tuple(_card(_settle(project, record)) for record in project.journal.records(NOUN, limit=limit))


def wait_for_pipeline(project: Project, run: str) -> PipelineRun:
    """Wait for the end of a run of the pipeline."""
    while True:
        record = _settle(project, _record(project, run))
        if record.state != JobState.RUNNING:
            return _card(record)
        time.sleep(_POLL_S)


def carry_out(project: Project, run: str) -> None:
    """Run the stale stages and write down what came of it; called in the detached process."""
    lease = Lease(_lease(project, run))
    try:
        body = _record(project, run).body
        before = set(last_jobs(project).values())
        error = ""
        done: tuple[str, ...] = ()
        try:
            done = dvc_stages.reproduce(project, list(body["wanted"]))
        except WorkbenchError as failure:
            error = str(failure)
        jobs = {stage: job for stage, job in last_jobs(project).items() if job not in before}
        failed = [stage for stage, job in jobs.items() if _state_of(project, job) != JobState.SUCCEEDED]
        if failed:
            error = f"stage '{failed[0]}' failed; mlops logs {jobs[failed[0]]}"
        end = {
            "ran": [name for name in reversed(jobs) if name not in failed],
            "cached": [name for name in done if name not in jobs],
            "jobs": jobs,
            "error": error,
        }
        _end(project, run, JobState.FAILED if error else JobState.SUCCEEDED, end)
    finally:
        lease.release()


def _settle(project: Project, record: Record) -> Record:
    """Return the record with its true state: a process that is gone has left nobody who would write its end."""
    if record.state != JobState.RUNNING or inspect_lease(_lease(project, record.id)).is_alive:
        return record
    age = datetime.now(UTC) - datetime.fromisoformat(record.body["started_at"])
    if age.total_seconds() < _START_S and not _lease(project, record.id).exists():
        return record
    record = _record(project, record.id)  # it may have ended between the two looks
    if record.state == JobState.RUNNING:
        _end(project, record.id, JobState.LOST, {"error": f"its process died; see {_log(project, record.id)}"})
    return _record(project, record.id)


def _end(project: Project, run: str, state: JobState, facts: dict[str, Any]) -> None:
    with project.journal.transaction() as transaction:
        record = transaction.get(NOUN, run)
        if record is None or record.state != JobState.RUNNING:
            return
        told = {key: value for key, value in facts.items() if key != "error"}
        transaction.append("pipeline.ended", f"{NOUN}:{run}", {"state": state, **told})
        transaction.put(NOUN, run, state, {**record.body, **facts, "ended_at": _now()})


def _record(project: Project, run: str) -> Record:
    record = project.journal.record(NOUN, run)
    if record is None:
        raise NotFoundError("pipeline-unknown", f"There is no run '{run}' of the pipeline", "mlops pipeline runs")
    return record


def _card(record: Record) -> PipelineRun:
    body = record.body
    return PipelineRun(
        id=record.id,
        state=record.state,
        wanted=tuple(body["wanted"]),
        ran=tuple(body.get("ran", ())),
        cached=tuple(body.get("cached", ())),
        error=body.get("error", ""),
        actor=body["actor"],
        started_at=body["started_at"],
        ended_at=body.get("ended_at", ""),
        jobs=dict(body.get("jobs", {})),
    )


def _state_of(project: Project, job: str) -> str:
    record = project.journal.record(JOB, job)
    return record.state if record else ""


def _lease(project: Project, run: str) -> Path:
    return project.state_dir / "leases" / f"pipeline-{run}"


def _log(project: Project, run: str) -> Path:
    return project.state_dir / "pipelines" / f"{run}.log"


def _path_with_mlops() -> str:
    """Return a search path on which a stage's command finds the ``mlops`` of this very environment first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


if __name__ == "__main__":
    carry_out(Project.open(Path(sys.argv[1])), sys.argv[2])
