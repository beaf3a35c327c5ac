"""``slices``: on no part of the holdout rows is the model much worse than on all of them.

Parts are the values of one feature that policy names, so that nobody picks a flattering cut afterwards; a number with
many values is cut at its quantiles. Parts with too few rows decide nothing and are said;
so do parts that hardly have a class, on which an F1 of 0 would only say that there was nothing to find, and parts on
which the metric is no number.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.status import CheckResult
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError, did_you_mean
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.comparison import METRICS, score
from workbench.review.checks.holdout import MORE_ROWS, NOT_FINITE, are_finite, require_defined, require_holdout
from workbench.review.checks.schema import OUTPUT
from workbench.review.sandbox.sandbox import run_sandboxed

Array = npt.NDArray[Any]


def check(given: CheckInput) -> Outcome:
    """Score each slice of the holdout."""
    manifest, rule = given.manifest, given.rule.slices
    names = [feature.name for feature in manifest.features]
    if manifest.metric not in METRICS:
        hint = did_you_mean(manifest.metric, METRICS)
        raise UnknownResultError("metric-unknown", f"Metric '{manifest.metric}' cannot be recomputed here", hint)
    if rule.column not in names:
        hint = did_you_mean(rule.column, names) if rule.column else f'[stages.{given.stage}.slices] column = "…"'
        said = f"The model has no feature '{rule.column}'" if rule.column else "The policy names no column to slice by"
        raise UnknownResultError("slice-column", said, hint)
    require_holdout(given)
    arguments = {"file": manifest.file, "output": OUTPUT[manifest.task]}
    seen = run_sandboxed(given.project.store, given.model_digest, "predict", arguments=arguments)
    tool = f"numpy {np.__version__}, {seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
    if seen.fault:
        return Outcome(CheckResult.FAIL, f"The model does not answer its holdout rows: {seen.fault}", tool)
    truth, answers = seen.arrays["truth"], seen.arrays["prediction"]
    if not are_finite(truth, answers):
        return Outcome(CheckResult.FAIL, NOT_FINITE, tool)
    labels = slices_of(seen.arrays["inputs"][:, names.index(rule.column)], rule.bins)
    whole = score(manifest.metric, truth, answers, classes=len(manifest.classes))
    require_defined(manifest.metric, whole)
    rows = {label: labels == label for label in dict.fromkeys(labels.tolist())}
    enough = {
        label: part
        for label, part in rows.items()
        if int(part.sum()) >= rule.minimum_rows
        and _is_telling(manifest.metric, truth[part], truth, rule.minimum_class_rows)
    }
    scores = {n: score(manifest.metric, truth[p], answers[p], classes=len(manifest.classes)) for n, p in enough.items()}
    scores = {name: value for name, value in scores.items() if np.isfinite(value)}  # an r2 of rows that never vary
    if not scores:
        said = f"No slice of '{rule.column}' has {rule.minimum_rows} rows, and enough of every class"
        raise UnknownResultError("slices-too-small", said, MORE_ROWS)
    sign = 1.0 if manifest.is_higher_better else -1.0
    worst = max(scores, key=lambda label: sign * (whole - scores[label]))
    gap = sign * (whole - scores[worst])
    figures = {"all": whole, "worst": scores[worst], "gap": gap, "slices": len(rows), "judged": len(scores)}
    evidence = {"column": rule.column, "scores": scores, "rows": {n: int(p.sum()) for n, p in rows.items()}}
    left_out = len(rows) - len(scores)
    one, many = "; 1 slice has too few rows, or of a class", f"; {left_out} slices have too few rows, or of a class"
    small = by_count(left_out, "", one, many)
    summary = (
        f"{manifest.metric} {whole:.4f} on all rows and {scores[worst]:.4f} where {rule.column} is {worst}: "
        f"worse by {gap:.4f}, at most {rule.gap:g} is allowed{small}"
    )
    is_within = bool(gap <= rule.gap)  # a NaN is not within
    return Outcome(CheckResult.PASS if is_within else CheckResult.FAIL, summary, tool, figures, evidence)


def _is_telling(metric: str, part: Array, whole: Array, minimum_class_rows: int) -> bool:
    """Whether the metric means something on a part: an F1 over two faulty rows is chance."""
    if METRICS[metric].columns is not METRICS["f1"].columns:
        return True
    labels = np.unique(whole)  # where there is one class only, nothing was to be told apart
    return len(labels) > 1 and min(int(np.count_nonzero(part == label)) for label in labels) >= minimum_class_rows


def slices_of(column: Array, bins: int) -> Array:
    """Return the name of each row's slice: its value, or the range between two quantiles."""
    values = np.asarray(column, dtype=np.float64)
    present = values[np.isfinite(values)]
    distinct = np.unique(present)
    if len(distinct) <= bins:
        names = dict(zip(distinct.tolist(), _names(distinct, 6), strict=True))
        return np.array([names.get(value, "missing") for value in values.tolist()], dtype=object)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    ranges = [f"{low} to {high}" for low, high in pairwise(_names(edges, 4))]
    named = [ranges[i] if np.isfinite(value) else "missing" for i, value in zip(index, values, strict=True)]
    return np.array(named, dtype=object)


def _names(values: Array, digits: int) -> list[str]:
    """Write distinct numbers with so many digits, or as many more as tell them apart: ids and times are long."""
    for places in range(digits, 18):
        names = [f"{value:.{places}g}" for value in values]
        if len(set(names)) == len(names):
            break
    return names
