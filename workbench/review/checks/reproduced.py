"""``reproduced``: the notebook, run again from its recorded inputs in a fresh process, gives the same result.

Equal metrics are what is asked for. Equal bytes of ``model.onnx`` are more, and are said separately: training on
several threads may round differently without being wrong.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

from workbench.contract.model import ONNX_FILE
from workbench.contract.status import CheckResult, JobState
from workbench.execute.jobs import show_job
from workbench.execute.reproduce import reproduce
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.replayed import is_close
from workbench.experiment.store.tracking import download_model
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import NotFoundError, UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome


def check(given: CheckInput) -> Outcome:
    """Replay the run and compare."""
    project, rule = given.project, given.rule.reproduced
    proof = reproduce(project, given.run, tolerance=rule.tolerance, timeout_s=rule.timeout_s, wait=True)
    if not proof.jobs:
        looked_at = (item for item in proof.evidence if item.name in ("inputs", "replay"))
        reason = next(item for item in looked_at if item.result != CheckResult.PASS)
        raise UnknownResultError("not-replayable", reason.summary, reason.hint)
    job = show_job(project, proof.jobs[0])
    tool = f"replay {job.id}, Python {sys.version.split()[0]}"
    if job.state == JobState.FAILED:
        summary = f"The notebook does not run again: {job.error or job.reason}"
        return Outcome(CheckResult.FAIL, summary, tool, evidence={"job": job.id, "error": job.error})
    if job.state != JobState.SUCCEEDED or not job.run:
        raise UnknownResultError(
            "replay-lost", f"Replay {job.id} ended as {job.state} {job.reason}".strip(), f"mlops logs {job.id}"
        )
    before, after = (read_facts(project, run).results for run in (given.run, job.run))
    if not before:
        raise UnknownResultError("no-metrics", "The run logged no metric that a replay could be held to", "")
    differing = sorted(name for name in before if not _is_close(before[name], after.get(name), rule.tolerance))
    is_same_model, same_words = _is_same_model(given, job.run)
    largest = max((abs(before[n] - after[n]) for n in before if n in after), default=math.nan)
    figures = {"metrics": len(before), "differing": len(differing), "same_model_bytes": float(is_same_model)}
    if not math.isnan(largest):
        figures["largest_difference"] = largest
    evidence = {
        "level": proof.level,
        "job": job.id,
        "run": job.run,
        "before": before,
        "after": after,
        "differing": differing,
    }
    if differing:
        name = differing[0]
        said = f"{after[name]:.6g}" if name in after else "nothing"
        summary = f"{name} was {before[name]:.6g} and comes out as {said}; {same_words}"
        return Outcome(CheckResult.FAIL, summary, tool, figures, evidence)
    summary = f"All {len(before)} metrics come out again within {rule.tolerance:g}; {same_words}"
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def _is_close(before: float, after: float | None, tolerance: float) -> bool:
    return after is not None and is_close(before, after, tolerance)


def _is_same_model(given: CheckInput, run: str) -> tuple[bool, str]:
    """Compare the model's bytes; other files hold run ids and times and always differ."""
    frozen = {entry.path: entry.digest for entry in given.project.store.tree(given.model_digest)}.get(ONNX_FILE)
    with tempfile.TemporaryDirectory(prefix="wb-replay-") as scratch:
        try:
            folder = download_model(given.project, run, given.model, Path(scratch))
        except NotFoundError:
            return False, "the replay logged no model of this name"
        is_same = (folder / ONNX_FILE).is_file() and digest_file(folder / ONNX_FILE) == frozen
    return is_same, "the model's bytes are the same too" if is_same else "the model's bytes differ"
