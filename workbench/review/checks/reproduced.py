"""``reproduced``: the notebook, run again from its recorded inputs in a fresh process, gives the same result.

Equal metrics are what is asked for, and a model that is the frozen one: in its bytes, or, since training on several
threads may round differently without being wrong, in its answers to the same rows.

The notebook is its author's program, and a checker's machine holds keys that the author must not have: it is run
confined (``execute/travelling/confined``), here or on the target that policy names, and not at all where that cannot be
had, unless policy says that it may. What held stands in the evidence.

What it found is read from the tracker, which authors may write to. So only figures and files count that the job itself
reported (:mod:`.replayed`).
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compute.folder import read_json
from workbench.compute.targets import target_sections
from workbench.contract.job import JobCard
from workbench.contract.model import HOLDOUT_FILE
from workbench.contract.status import CheckResult, JobState
from workbench.execute.jobs import show_job
from workbench.execute.ledger import find_record, folder_of
from workbench.execute.reproduce import prove
from workbench.experiment.levels.facts import RunFacts, read_facts
from workbench.experiment.levels.replayed import is_close
from workbench.experiment.store.models import download_model
from workbench.foundation.counting import by_count
from workbench.foundation.errors import NotFoundError, UnknownResultError
from workbench.foundation.project import Project
from workbench.review.candidate import REWRITTEN_FILES
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.replayed import Reported, read_reported
from workbench.review.checks.schema import FLOAT32_ATOL, FLOAT32_RTOL, OUTPUT
from workbench.review.sandbox.sandbox import run_sandboxed

NOT_CONFINED = "not-confined"
"""How a job ends that was not begun, because it could not be confined; ``execute/travelling/confined`` says it."""
_OWN_FAULTS = ("cell_error", "DeadKernelError", "OOMKilled", "timeout", "disk-full")
"""Ends that are the notebook's own doing; any other says nothing about it."""
_HINT = (
    "let users make namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), name"
    ' another target, or accept less: [stages.<stage>.reproduced] target = "…" or isolation = "if-possible"'
)


def check(given: CheckInput) -> Outcome:
    """Replay the run and compare."""
    project, rule = given.project, given.rule.reproduced
    facts = read_facts(project, given.run)
    proof = prove(
        project,
        facts,
        target=rule.target,
        tolerance=rule.tolerance,
        timeout_s=rule.timeout_s,
        isolation=rule.isolation,
    )
    if not proof.jobs:
        looked_at = (item for item in proof.evidence if item.name in ("inputs", "replay"))
        reason = next(item for item in looked_at if item.result != CheckResult.PASS)
        raise UnknownResultError("not-replayable", reason.summary, reason.hint)
    job = show_job(project, proof.jobs[0])
    isolation = _isolation(project, job)
    tool = f"replay {job.id} on {job.target} ({isolation}), Python {sys.version.split()[0]}"
    where = _where(project, job, isolation)
    if job.state == JobState.FAILED and job.reason in _OWN_FAULTS:
        summary = f"The notebook does not run again: {job.error or job.reason}"
        return Outcome(CheckResult.FAIL, summary, tool, evidence={**where, "error": job.error})
    _check_has_run(job)
    return _compare(given, facts, job, tool, {**where, "level": proof.level, "run": job.run})


def _check_has_run(job: JobCard) -> None:
    """Refuse a replay that says nothing about the notebook, because it did not come to an end of its own.

    Raises:
        UnknownResultError: ``replay-not-confined`` or ``replay-lost``.
    """
    if job.state == JobState.FAILED and job.reason == NOT_CONFINED:
        why = job.error.removeprefix(f"{NOT_CONFINED}: ")
        raise UnknownResultError("replay-not-confined", f"The notebook was not run again on {job.target}: {why}", _HINT)
    if job.state != JobState.SUCCEEDED or not job.run:
        raise UnknownResultError(
            "replay-lost",
            f"Replay {job.id} ended as {job.state} {job.reason or job.error}".strip(),
            f"mlops logs {job.id}",
        )


def _compare(given: CheckInput, facts: RunFacts, job: JobCard, tool: str, evidence: dict[str, Any]) -> Outcome:
    """Hold metrics and model of a replay against those that are reviewed."""
    rule = given.rule.reproduced
    reported = _reported(given.project, job)
    before, after = facts.results, read_facts(given.project, job.run).results
    reported.check_figures({name: value for name, value in after.items() if name in before})
    if not before:
        said = "The run logged no metric that a replay could be held to"
        raise UnknownResultError("no-metrics", said, "log one in the notebook: workbench.log(f1=…)")
    differing = sorted(name for name in before if not _is_close(before[name], after.get(name), rule.tolerance))
    is_same_model, unlike, same_words = _compare_models(given, job.run, reported)
    largest = max((abs(before[n] - after[n]) for n in before if n in after), default=math.nan)
    figures = {"metrics": len(before), "differing": len(differing), "same_model_bytes": float(is_same_model)}
    figures |= {"largest_difference": largest} if not math.isnan(largest) else {}
    figures |= {"differing_answers": unlike} if not math.isnan(unlike) else {}
    evidence = {**evidence, "before": before, "after": after, "differing": differing}
    if differing:
        name = differing[0]
        said = f"{after[name]:.6g}" if name in after else "nothing"
        summary = f"{name} was {before[name]:.6g} and comes out as {said}; {same_words}"
        return Outcome(CheckResult.FAIL, summary, tool, figures, evidence)
    if math.isnan(unlike):
        hint = f"the notebook has to save '{given.model}' whenever it runs"
        raise UnknownResultError("replay-without-model", f"The metrics come out again, but {same_words}", hint)
    one = f"The only metric comes out again within {rule.tolerance:g}; {same_words}"
    many = f"All {len(before)} metrics come out again within {rule.tolerance:g}; {same_words}"
    summary = by_count(len(before), many, one, many)
    if unlike > rule.tolerance:
        return Outcome(CheckResult.FAIL, summary, tool, figures, evidence)
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def _isolation(project: Project, job: JobCard) -> str:
    """Return how the replay was confined, as the process that confined it says."""
    folder = folder_of(project, find_record(project, job.id))
    return str((read_json(folder.exit) or {}).get("isolation") or "not confined")


def _reported(project: Project, job: JobCard) -> Reported:
    return read_reported(folder_of(project, find_record(project, job.id)))


def _where(project: Project, job: JobCard, isolation: str) -> dict[str, Any]:
    """Return where a replay ran, and what it was kept from there."""
    section = target_sections(project).get(job.target)
    return {
        "job": job.id,
        "target": job.target,
        "target_options": dict(section.options) if section else {},
        "isolation": isolation,
    }


def _is_close(before: float, after: float | None, tolerance: float) -> bool:
    return after is not None and is_close(before, after, tolerance)


def _compare_models(given: CheckInput, run: str, reported: Reported) -> tuple[bool, float, str]:
    """Compare the replayed model with the frozen one: same bytes, share of answers that differ, and that in words.

    Of the bytes only the model's own are compared; other files hold run ids and times and always differ.
    """
    store, file = given.project.store, given.manifest.file
    with tempfile.TemporaryDirectory(prefix="wb-replay-") as scratch:
        try:
            folder = download_model(given.project, run, given.model, Path(scratch))
        except NotFoundError:
            return False, math.nan, "the replay logged no model of this name"
        replayed = store.put_tree(folder, exclude=REWRITTEN_FILES)
    reported.check_files(store.tree(replayed))
    frozen, other = ({e.path: e.digest for e in store.tree(digest)} for digest in (given.model_digest, replayed))
    if file in frozen and frozen[file] == other.get(file):
        return True, 0.0, "the model's bytes are the same too"
    share, rows = _differing_answers(given, replayed, HOLDOUT_FILE in frozen)
    return False, share, f"the model's bytes differ, and {share:.2%} of its answers to {rows:,} rows"


def _differing_answers(given: CheckInput, replayed: str, has_holdout: bool) -> tuple[float, int]:
    """Put the same rows to both models, confined, and return the share of answers that differ, and how many rows."""
    arguments = {"file": given.manifest.file, "output": OUTPUT[given.manifest.task]}
    examples = np.asarray(given.manifest.example_inputs, np.float32)
    if not has_holdout and not len(examples):
        raise UnknownResultError("rows-missing", "There are no rows to put to both models", "save_model(…, holdout=…)")
    own = {} if has_holdout else {"inputs": examples}
    before = run_sandboxed(given.project.store, given.model_digest, "predict", arguments=arguments, arrays=own)
    if before.fault:
        hint = "save it again: workbench.save_model(…) tries it first"
        raise UnknownResultError("model-fails", f"The frozen model does not answer: {before.fault}", hint)
    rows = before.arrays["inputs"] if has_holdout else examples
    after = run_sandboxed(
        given.project.store, replayed, "predict", arguments=arguments, arrays={"inputs": np.asarray(rows)}
    )
    if not len(rows) or after.fault:
        return 1.0, len(rows)
    was, now = before.arrays["prediction"], after.arrays["prediction"]
    tolerance = given.rule.reproduced.tolerance
    if given.manifest.task == "classification":
        return float(np.mean(was != now)), len(rows)
    is_same = np.isclose(now, was, rtol=max(tolerance, FLOAT32_RTOL), atol=max(tolerance, FLOAT32_ATOL))
    return float(np.mean(~is_same)), len(rows)
