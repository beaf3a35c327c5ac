"""``fairness``: groups of people, or of machines, get the favourable answer, and mistakes, about equally often.

Groups are the values of features that policy names, each feature for itself. The definitions are fairlearn's
(``demographic_parity_difference``, ``equalized_odds_difference``, the difference of ``accuracy``), written in numpy; a
test holds them to fairlearn. A group with too few rows decides nothing and is said; with fewer than two groups left
there is no result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import ModelManifest
from workbench.contract.status import CheckResult
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError, did_you_mean
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.holdout import MORE_ROWS, NOT_FINITE, are_finite, require_holdout
from workbench.review.checks.schema import OUTPUT
from workbench.review.checks.slices import slices_of
from workbench.review.policies.check_rules import FairnessRule
from workbench.review.sandbox.sandbox import run_sandboxed

Array = npt.NDArray[Any]


def check(given: CheckInput) -> Outcome:
    """Compare the groups of every named feature."""
    manifest, rule = given.manifest, given.rule.fairness
    names = [feature.name for feature in manifest.features]
    favourable = _favourable(manifest, rule, given.stage)
    _require_columns(rule, names, given.stage)
    require_holdout(given)
    arguments = {"file": manifest.file, "output": OUTPUT[manifest.task]}
    seen = run_sandboxed(given.project.store, given.model_digest, "predict", arguments=arguments)
    tool = f"numpy {np.__version__}, {seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
    if seen.fault:
        return Outcome(CheckResult.FAIL, f"The model does not answer its holdout rows: {seen.fault}", tool)
    truth, answers = seen.arrays["truth"], seen.arrays["prediction"]
    if not are_finite(truth, answers):
        return Outcome(CheckResult.FAIL, NOT_FINITE, tool)
    truth, answers = truth == favourable, answers == favourable
    figures: dict[str, float] = {"limit": rule.difference}
    evidence: dict[str, Any] = {"metric": rule.metric, "favourable": manifest.classes[favourable], "columns": {}}
    small = 0
    for column in rule.columns:
        groups = slices_of(seen.arrays["inputs"][:, names.index(column)], rule.bins)
        enough = {
            g: groups == g for g in dict.fromkeys(groups.tolist()) if int((groups == g).sum()) >= rule.minimum_rows
        }
        small += len(set(groups.tolist())) - len(enough)
        if len(enough) < 2:
            said = f"'{column}' has fewer than two groups with {rule.minimum_rows} rows"
            raise UnknownResultError("groups-too-small", said, MORE_ROWS)
        kept = np.isin(groups, list(enough))
        if rule.metric == "equalized_odds" and len(np.unique(truth[kept])) < 2:
            said = "The holdout rows hold one of the two outcomes only, so no mistakes can be told apart"
            raise UnknownResultError("groups-too-small", said, MORE_ROWS)
        figures[column] = difference(rule.metric, truth[kept], answers[kept], groups[kept])
        rows = {name: int(part.sum()) for name, part in enough.items()}
        evidence["columns"][column] = {"difference": figures[column], "rows": rows}
    worst = max(rule.columns, key=lambda column: figures[column])
    is_within = all(figures[column] <= rule.difference for column in rule.columns)  # a NaN is not within
    summary = (
        f"{rule.metric.replace('_', ' ')} differs by {figures[worst]:.4f} between groups of '{worst}', at most "
        f"{rule.difference:g} is allowed"
    )
    summary += by_count(small, "", "; 1 group has too few rows", f"; {small} groups have too few rows")
    return Outcome(CheckResult.PASS if is_within else CheckResult.FAIL, summary, tool, figures, evidence)


def difference(metric: str, truth: Array, answers: Array, groups: Array) -> float:
    """Return the largest difference between two groups.

    Args:
        metric: ``demographic_parity``, ``equalized_odds`` or ``accuracy``.
        truth: (n,) whether the favourable outcome was right.
        answers: (n,) whether it was given.
        groups: (n,) name of each row's group.
    """
    parts = [groups == name for name in dict.fromkeys(groups.tolist())]
    if metric == "demographic_parity":
        return _spread([_share(answers[part]) for part in parts])
    if metric == "accuracy":
        return _spread([_share((answers == truth)[part]) for part in parts])
    hits = _spread([_share(answers[part & truth]) for part in parts])
    false_alarms = _spread([_share(answers[part & ~truth]) for part in parts])
    return max(hits, false_alarms)


def _share(values: Array) -> float:
    """Return the share of True; 0 of 0 is 0, as in fairlearn's rates."""
    return float(values.mean()) if len(values) else 0.0


def _spread(values: list[float]) -> float:
    return max(values) - min(values)


def _favourable(manifest: ModelManifest, rule: FairnessRule, stage: str) -> int:
    if manifest.task != "classification":
        said = "Groups are compared by a model's classes, and it has none"
        raise UnknownResultError("fairness-task", said, f"take fairness out of [stages.{stage}] in policy/gate.toml")
    if not rule.favourable:
        return len(manifest.classes) - 1
    if rule.favourable not in manifest.classes:
        hint = did_you_mean(rule.favourable, manifest.classes)
        raise UnknownResultError("fairness-class", f"The model has no class '{rule.favourable}'", hint)
    return manifest.classes.index(rule.favourable)


def _require_columns(rule: FairnessRule, names: list[str], stage: str) -> None:
    if not rule.columns:
        hint = f'[stages.{stage}.fairness] columns = ["…"]'
        raise UnknownResultError("fairness-columns", "The policy names no feature to group by", hint)
    for column in rule.columns:
        if column not in names:
            said = f"The model has no feature '{column}'"
            raise UnknownResultError("fairness-columns", said, did_you_mean(column, names))
