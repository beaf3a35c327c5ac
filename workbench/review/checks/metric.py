"""``metric``: not worse than what is served now, on the same rows; or better than having learnt nothing.

Both models' answers come from their frozen bytes in the sandbox; nothing that the author wrote down is believed. The
rows are the candidate's holdout set, so this does not protect against an author who trained on them: that is what
``reproduced`` and the reviewer's eye on the notebook are for.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from workbench.contract.metric import metrics_of
from workbench.contract.model import ModelManifest
from workbench.contract.status import CheckResult
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError, did_you_mean
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.comparison import METRICS, Comparison, compare, majority, score, shared_confidence
from workbench.review.checks.holdout import MORE_ROWS, NOT_FINITE, are_finite, require_defined, require_holdout
from workbench.review.checks.schema import OUTPUT
from workbench.review.holdouts import attempt_on, holdout_of
from workbench.review.policies.policy import MetricRule
from workbench.review.sandbox.sandbox import Arrays, SandboxResult, run_sandboxed


def check(given: CheckInput) -> Outcome:
    """Predict the holdout rows with candidate and champion and compare."""
    manifest, rule = given.manifest, given.rule.metric
    _require_measurable(given)
    seen = _predict(given, given.model_digest, manifest, {})
    if seen.fault:
        return Outcome(CheckResult.FAIL, f"The model does not answer its holdout rows: {seen.fault}", _tool(seen))
    truth, answers = seen.arrays["truth"], seen.arrays["prediction"]
    if len(truth) < rule.minimum_rows:
        one = f"1 holdout row decides nothing: policy asks for {rule.minimum_rows}"
        many = f"{len(truth)} holdout rows decide nothing: policy asks for {rule.minimum_rows}"
        raise UnknownResultError("holdout-too-small", by_count(len(truth), many, one, many), MORE_ROWS)
    if not are_finite(truth, answers):
        return Outcome(CheckResult.FAIL, NOT_FINITE, _tool(seen))
    baseline = _baseline(given, seen)  # before the try is recorded: what cannot be compared was none
    for said in (answers, baseline):
        require_defined(manifest.metric, score(manifest.metric, truth, said, classes=len(manifest.classes)))
    holdout = holdout_of(seen.arrays["inputs"], truth)
    channel = f"{given.model}@{given.stage}"
    attempts = given.attempts or attempt_on(given.project, holdout, given.model_digest, channel)
    found = compare(
        manifest.metric,
        truth,
        answers,
        baseline,
        classes=len(manifest.classes),
        is_higher_better=manifest.is_higher_better,
        confidence=shared_confidence(rule.confidence, attempts),
        resamples=rule.resamples,
    )
    for interval in (found.candidate, found.baseline, found.difference):
        require_defined(manifest.metric, interval.estimate, interval.low, interval.high)
    return _judge(given, found, attempts, seen, holdout.digest)


def _require_measurable(given: CheckInput) -> None:
    metric, known = given.manifest.metric, metrics_of(given.manifest.task)
    if metric not in METRICS or metric not in known:
        raise UnknownResultError(
            "metric-unknown", f"Metric '{metric}' cannot be recomputed here", did_you_mean(metric, known)
        )
    served = read_manifest(given.project.store, given.champion_digest).metric if given.champion_digest else metric
    if served != metric:
        raise UnknownResultError(
            "metric-changed",
            f"The served model is held to {served}, this one to {metric}: its author may not choose another yardstick",
            f"save it with: workbench.save_model(…, metric='{served}')",
        )
    require_holdout(given)


def _predict(given: CheckInput, model_digest: str, manifest: ModelManifest, arrays: Arrays) -> SandboxResult:
    arguments = {"file": manifest.file, "output": OUTPUT[manifest.task]}
    return run_sandboxed(given.project.store, model_digest, "predict", arguments=arguments, arrays=arrays)


def _baseline(given: CheckInput, seen: SandboxResult) -> Any:
    """Return the champion's answers to the same rows, or those of a model that has learnt nothing."""
    if not given.champion_digest:
        return majority(seen.arrays["truth"], classes=len(given.manifest.classes))
    champion = read_manifest(given.project.store, given.champion_digest)
    if [f.name for f in champion.features] != [f.name for f in given.manifest.features]:
        said = "The served model takes other inputs, so the same rows cannot be put to both"
        hint = f"where policy lets it be waived: mlops review waive {given.review} metric -m REASON"
        raise UnknownResultError("not-comparable", said, hint)
    answered = _predict(given, given.champion_digest, champion, {"inputs": seen.arrays["inputs"]})
    if answered.fault:
        said = f"The served model does not answer these rows: {answered.fault}"
        hint = f"go back to one that does: mlops rollback {given.model}@{given.stage}"
        raise UnknownResultError("champion-fails", said, hint)
    return answered.arrays["prediction"]


def _judge(given: CheckInput, found: Comparison, attempts: int, seen: SandboxResult, holdout_digest: str) -> Outcome:
    manifest, rule = given.manifest, given.rule.metric
    is_enough, bound = _is_enough(given, found.difference.low)
    reaches, minimum = _reaches_minimum(rule, manifest, found)
    result = CheckResult.PASS if is_enough and reaches else CheckResult.FAIL
    other = "the served model's" if given.champion_digest else "always the majority's"
    level = f"{found.confidence * 100:.4g} %"
    gain = found.difference.estimate
    how = f"better by {gain:.4f}" if gain >= 0 else f"worse by {-gain:.4f}"
    summary = (
        f"{manifest.metric} {found.candidate.estimate:.4f} against {other} {found.baseline.estimate:.4f} on "
        f"{found.rows:,} rows: {how}, {level} interval "
        f"[{found.difference.low:+.4f}, {found.difference.high:+.4f}], which has to stay {bound}{minimum}"
    )
    figures: dict[str, float] = {
        "estimate": found.difference.estimate,
        "low": found.difference.low,
        "high": found.difference.high,
        "confidence": found.confidence,
        "candidate": found.candidate.estimate,
        "candidate_low": found.candidate.low,
        "candidate_high": found.candidate.high,
        "baseline": found.baseline.estimate,
        "margin": rule.margin,
        "rows": found.rows,
        "attempts": attempts,
    }
    evidence = {
        "holdout_digest": holdout_digest,
        "champion_digest": given.champion_digest,
        "metric": manifest.metric,
        "rule": asdict(rule),
        "comparison": asdict(found),
        "attempts": attempts,
    }
    return Outcome(result, summary, _tool(seen), figures, evidence)


def _is_enough(given: CheckInput, low: float) -> tuple[bool, str]:
    """Tell whether the interval decides for the candidate, and the bound in words.

    Without a champion it has to beat the baseline whatever policy says: not being worse than nothing is no merit.
    """
    if given.champion_digest and given.rule.metric.comparison == "non-inferior":
        return low >= -given.rule.metric.margin, f"at or above {-given.rule.metric.margin:+g}"
    return low > 0, "above 0"


def _reaches_minimum(rule: MetricRule, manifest: ModelManifest, found: Comparison) -> tuple[bool, str]:
    if rule.minimum is None:
        return True, ""
    worst = found.candidate.low if manifest.is_higher_better else found.candidate.high
    is_reached = worst >= rule.minimum if manifest.is_higher_better else worst <= rule.minimum
    word = "at least" if manifest.is_higher_better else "at most"
    return is_reached, f"; {manifest.metric} has to be {word} {rule.minimum:g} and is surely {worst:.4f}"


def _tool(seen: SandboxResult) -> str:
    return f"paired bootstrap, numpy {np.__version__}, {seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
