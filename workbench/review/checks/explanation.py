"""``explanation``: which features the model rests on, and how that differs from the model that is served.

Permutation importance (Breiman, "Random Forests", Machine Learning 45, 2001) on the holdout rows, in the sandbox: a
feature's values are shuffled, and the metric's loss is what the model owed to it. Shares of the total are compared with
the served model's on the same rows with the same shuffles. Correlated features share what they know, so a small share
does not mean that a feature does not matter; it is a report for a reviewer, with limits only where policy sets them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import ModelManifest
from workbench.contract.status import CheckResult
from workbench.foundation.errors import UnknownResultError, did_you_mean
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.comparison import METRICS, score
from workbench.review.checks.holdout import fitting_rows, require_defined, require_holdout
from workbench.review.checks.schema import OUTPUT
from workbench.review.policies.check_rules import ExplanationRule
from workbench.review.sandbox.sandbox import run_sandboxed

Array = npt.NDArray[Any]
_SEED = 20_241_101  # fixed: the same bytes give the same report on every machine
_SHOWN = 5


def check(given: CheckInput) -> Outcome:
    """Explain the candidate and, beside it, the served model."""
    manifest, rule = given.manifest, given.rule.explanation
    if manifest.metric not in METRICS:
        hint = did_you_mean(manifest.metric, METRICS)
        raise UnknownResultError("metric-unknown", f"Metric '{manifest.metric}' cannot be recomputed here", hint)
    require_holdout(given)
    rows = run_sandboxed(given.project.store, given.model_digest, "load_rows")
    if rows.fault:
        return Outcome(CheckResult.FAIL, rows.fault, "permutation importance")
    inputs, truth = (part[: rule.rows] for part in fitting_rows(rows.arrays, len(manifest.features)))
    mine, tool = _shares(given, given.model_digest, manifest, inputs, truth)
    theirs: dict[str, float] = {}
    if given.champion_digest:
        champion = read_manifest(given.project.store, given.champion_digest)
        if [f.name for f in champion.features] == [f.name for f in manifest.features]:
            theirs, _ = _shares(given, given.champion_digest, champion, inputs, truth)
    return _judge(rule, mine, theirs, tool=tool, rows=len(inputs), has_champion=bool(given.champion_digest))


def importances(base: float, shuffled: Array, is_higher_better: bool) -> Array:
    """Return what the metric loses when each feature is shuffled, never below 0.

    Args:
        base: The metric on the rows as they are.
        shuffled: (features, repeats) metric with that feature shuffled.
        is_higher_better: Direction of the metric.
    """
    loss = (base - shuffled if is_higher_better else shuffled - base).mean(axis=1)
    positive: Array = np.clip(loss, 0.0, None)
    return positive


def _shares(
    given: CheckInput, digest: str, manifest: ModelManifest, inputs: Array, truth: Array
) -> tuple[dict[str, float], str]:
    """Return each feature's share of all importance; all 0 where nothing matters."""
    repeats, count = given.rule.explanation.repeats, len(inputs)
    random = np.random.default_rng(_SEED)
    blocks = [inputs]
    for index in range(inputs.shape[1]):
        for _ in range(repeats):
            block = inputs.copy()
            block[:, index] = block[random.permutation(count), index]
            blocks.append(block)
    arguments = {"file": manifest.file, "output": OUTPUT[manifest.task]}
    everything = {"inputs": np.concatenate(blocks).astype(np.float32)}
    seen = run_sandboxed(given.project.store, digest, "predict", arguments=arguments, arrays=everything)
    if seen.fault:
        raise UnknownResultError(
            "model-fails",
            f"The model does not answer shuffled rows: {seen.fault}",
            "save it again: workbench.save_model(…) tries it first",
        )
    answers = seen.arrays["prediction"].reshape(len(blocks), count)
    scores = np.array([score(manifest.metric, truth, said, classes=len(manifest.classes)) for said in answers])
    require_defined(manifest.metric, *scores.tolist())
    found = importances(float(scores[0]), scores[1:].reshape(-1, repeats), manifest.is_higher_better)
    total = float(found.sum())
    names = [feature.name for feature in manifest.features]
    tool = (
        f"permutation importance, numpy {np.__version__}, {seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
    )
    return {name: float(value / total) if total > 0 else 0.0 for name, value in zip(names, found, strict=True)}, tool


def _judge(
    rule: ExplanationRule, mine: dict[str, float], theirs: dict[str, float], *, tool: str, rows: int, has_champion: bool
) -> Outcome:
    ranked = sorted(mine, key=lambda name: -mine[name])
    changes = {name: mine[name] - theirs[name] for name in mine} if theirs else {}
    largest = max(changes, key=lambda name: abs(changes[name])) if changes else ""
    faults = []
    if mine[ranked[0]] > rule.largest_share:
        faults.append(
            f"'{ranked[0]}' alone has {mine[ranked[0]]:.0%} of all importance, more than {rule.largest_share:.0%}"
        )
    if largest and abs(changes[largest]) > rule.largest_change:
        faults.append(
            f"'{largest}' has {changes[largest]:+.0%} against the served model, more than {rule.largest_change:.0%}"
        )
    figures = {f"share {name}": mine[name] for name in ranked[:_SHOWN]} | {"rows": float(rows)}
    evidence: dict[str, Any] = {"shares": mine, "champion": theirs, "changes": changes, "faults": faults}
    if largest:
        figures["largest_change"] = abs(changes[largest])
    rests = ", ".join(f"{name} {mine[name]:.0%}" for name in ranked[:3])
    beside = f"; most changed against the served model: {largest} {changes[largest]:+.0%}" if largest else ""
    if has_champion and not theirs:
        beside = "; the served model takes other inputs, so they cannot be compared"
    if faults:
        return Outcome(CheckResult.FAIL, "; ".join(faults), tool, figures, evidence)
    return Outcome(CheckResult.PASS, f"It rests on {rests}{beside}", tool, figures, evidence)
