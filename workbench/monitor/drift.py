"""Drift: does a window of predictions still look like the training data?

Three questions per feature, each with a p-value that is right or conservative, ties included:

*distribution*
    Kolmogorov-Smirnov distance between the window and the reference's stored quantiles. The p-value is the two-sample
    one, with the reference's true number of rows, and the distance is first reduced by what the quantiles cannot
    resolve. Ties (integer sensors) make it conservative, never wrong.
*missing*
    More missing values than in the reference.
*range*
    Values beyond the smallest or largest of the reference. The chance that the top ``k`` of ``n + m`` rows all come
    from the window is a product of ``k`` fractions: exact, and it sees the few wild values that KS is blind to.

One feature's answer is a weighted Bonferroni of the three (0.8, 0.1, 0.1); Benjamini-Hochberg then holds the false
discovery rate over the features of the window. At last an *effect floor*: a difference must also matter. A KS distance
below 0.05 (what a normal feature shows after moving by an eighth of its standard deviation), or missing or outlying
values in less than one row of a hundred, alarm nobody, however large the window that proves them.

Measured by ``tests/monitor/test_calibration.py`` and ``benchmarks/drift.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.contract.monitor import FeatureDrift
from workbench.monitor.reference import Reference

KS_FLOOR = 0.05
"""Smallest KS distance that counts: 0.125 standard deviations of a normal feature."""
SHARE_FLOOR = 0.01
"""Smallest share of rows, missing or out of range, that counts."""
PREDICTION_FLOOR = 0.1
"""Smallest Jensen-Shannon distance of predicted classes that counts: about 7 % against 13 % of faults."""
_FLOORS = {"distribution": KS_FLOOR, "missing": SHARE_FLOOR, "range": SHARE_FLOOR}
_WEIGHTS = {"distribution": 0.8, "missing": 0.1, "range": 0.1}

Column = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PredictionDrift:
    """Predicted classes of a window against the reference.

    Attributes:
        distance: Jensen-Shannon distance (square root, base 2), 0 to 1.
        p_value: Pearson's chi-squared of the two counts.
        is_drifted: Whether it is both unlikely and large enough to matter.
    """

    distance: float
    p_value: float
    is_drifted: bool


NO_PREDICTION_DRIFT = PredictionDrift(0.0, 1.0, is_drifted=False)
"""What there is to say of a regression, or of a model without a reference."""


@dataclass(frozen=True)
class _Look:
    """What one feature shows before the window's features are judged together.

    Attributes:
        p_value: Of the KS distance.
        evidence: Weighted p-value of each question; 1 where the difference is below its floor.
    """

    statistic: float
    p_value: float
    mean: float
    missing: float
    outside: float
    evidence: dict[str, float]

    @property
    def cause(self) -> str:
        """The question with the strongest evidence."""
        return min(self.evidence, key=lambda cause: self.evidence[cause])


def judge_features(
    inputs: npt.NDArray[np.float32], names: tuple[str, ...], reference: Reference, level: float
) -> tuple[FeatureDrift, ...]:
    """Test every feature of a window and return them, the most drifted first.

    Args:
        inputs: (rows, features).
        names: Feature names in column order.
        reference: Training profile with as many features.
        level: False discovery rate over the window's features.
    """
    looks = [_look(column, reference, index) for index, column in enumerate(np.ascontiguousarray(inputs.T))]
    rejected = benjamini_hochberg(np.array([look.evidence[look.cause] for look in looks]), level)
    tested = [
        FeatureDrift(
            name=name,
            statistic=look.statistic,
            p_value=look.p_value,
            is_drifted=bool(is_drifted),
            reference_mean=float(mean),
            window_mean=look.mean,
            missing=look.missing,
            outside=look.outside,
            cause=look.cause if is_drifted else "",
        )
        for name, look, is_drifted, mean in zip(names, looks, rejected, reference.mean, strict=True)
    ]
    return tuple(sorted(tested, key=lambda f: (not f.is_drifted, -max(f.statistic, f.missing, f.outside), f.name)))


def describe_features(inputs: npt.NDArray[np.float32], names: tuple[str, ...]) -> tuple[FeatureDrift, ...]:
    """Describe a window of a model that brought no reference: nothing can have drifted, and nothing is hidden."""
    described = []
    for name, column in zip(names, np.ascontiguousarray(inputs.T), strict=True):
        values = column[np.isfinite(column)]
        missing = 1 - len(values) / len(column)
        described.append(FeatureDrift(name, 0.0, 1.0, False, 0.0, _mean(values), missing))
    return tuple(described)


def judge_predictions(counts: Floats, share: Floats, reference_rows: int, level: float) -> PredictionDrift:
    """Compare the predicted classes of a window with the reference's.

    Args:
        counts: Rows of the window predicted as each class.
        share: The reference's shares, as long.
        reference_rows: Rows they were counted in.
        level: Level of the test.
    """
    rows = float(counts.sum())
    if rows == 0 or share.sum() == 0 or len(counts) != len(share):
        return NO_PREDICTION_DRIFT
    distance = jensen_shannon(counts / rows, share)
    pooled = (counts + share * reference_rows) / (rows + reference_rows)
    seen = pooled > 0
    effective = rows * reference_rows / (rows + reference_rows)
    difference = counts / rows - share
    chi_squared = float(effective * (difference[seen] ** 2 / pooled[seen]).sum())
    p_value = _chi_squared_tail(chi_squared, int(seen.sum()) - 1)
    return PredictionDrift(distance, p_value, p_value <= level and distance >= PREDICTION_FLOOR)


def ks_distance(ordered: Column, quantiles: Column) -> float:
    """Return the two-sample KS distance between sorted values and the reference's sorted quantiles.

    Both distribution functions are steps, so the largest gap lies at a step of the reference or just before one; the
    window is searched for the 4,096 steps instead of being merged with them. Equal to ``scipy.stats.ks_2samp``.
    """
    steps, first = np.unique(quantiles, return_index=True)
    reference = np.append(first[1:], len(quantiles)) / len(quantiles)
    until = np.searchsorted(ordered, steps, side="right") / len(ordered)
    before = np.searchsorted(ordered, steps, side="left") / len(ordered)
    return float(max(np.abs(until - reference).max(), np.abs(before - first / len(quantiles)).max()))


def kolmogorov_tail(x: float) -> float:
    """Return P(K > x) of the Kolmogorov distribution; the alternating series of Smirnov (1948)."""
    if x < 0.2:
        return 1.0  # the true value differs from 1 by less than 1e-12
    k = np.arange(1, 101)
    terms = np.exp(-2.0 * (k * x) ** 2)
    return float(min(1.0, max(0.0, 2.0 * (terms[::2].sum() - terms[1::2].sum()))))


def benjamini_hochberg(p_values: Floats, level: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses are rejected at a false discovery rate of ``level``."""
    order = np.argsort(p_values)
    passed = p_values[order] <= level * np.arange(1, len(p_values) + 1) / len(p_values)
    rejected = np.zeros(len(p_values), dtype=bool)
    if passed.any():
        rejected[order[: int(np.flatnonzero(passed)[-1]) + 1]] = True
    return rejected


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Return the Jensen-Shannon distance of two distributions: square root of the divergence in bits, 0 to 1."""
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = sum(float((d[d > 0] * np.log2(d[d > 0] / middle[d > 0])).sum()) for d in (p, q)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _look(column: Column, reference: Reference, index: int) -> _Look:
    quantiles, rows = reference.quantiles[index], len(column)
    is_finite = np.isfinite(column)
    values = np.sort(column if is_finite.all() else column[is_finite])
    expected = float(reference.missing[index])
    missing = 1 - len(values) / rows
    missing_p = _more_missing_tail(rows - len(values), rows, expected, reference.rows)
    evidence = {"distribution": 1.0, "range": 1.0, "missing": _weigh("missing", missing_p, missing - expected)}
    known = round(reference.rows * (1 - expected))
    finite = quantiles[np.isfinite(quantiles)]
    if len(values) == 0 or len(finite) == 0 or known == 0:
        return _Look(0.0, 1.0, 0.0, missing, 0.0, evidence)
    statistic = ks_distance(values, finite)
    resolved = max(0.0, statistic - 1 / min(len(finite), known))
    p_value = kolmogorov_tail(math.sqrt(len(values) * known / (len(values) + known)) * resolved)
    below = int(np.searchsorted(values, finite[0], side="left"))
    above = len(values) - int(np.searchsorted(values, finite[-1], side="right"))
    outside = (below + above) / len(values)
    outside_p = min(1.0, 2 * min(_all_from_window(k, len(values), known) for k in (below, above)))
    evidence["distribution"] = _weigh("distribution", p_value, statistic)
    evidence["range"] = _weigh("range", outside_p, outside)
    return _Look(statistic, p_value, _mean(values), missing, outside, evidence)


def _weigh(cause: str, p_value: float, size: float) -> float:
    """Return the weighted p-value of a question; 1, which is no evidence, where the difference is too small."""
    return min(1.0, p_value / _WEIGHTS[cause]) if size >= _FLOORS[cause] else 1.0


def _mean(values: Column) -> float:
    """Mean, 0 where every value is missing: JSON has no word for NaN, and ``missing`` says it."""
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0


def _all_from_window(k: int, rows: int, reference_rows: int) -> float:
    """Return the chance that the k most extreme of all rows lie in the window."""
    p = 1.0
    for taken in range(min(k, 400)):  # 400 factors below 1 are far beyond any level
        p *= (rows - taken) / (rows + reference_rows - taken)
    return p


def _more_missing_tail(missing: int, rows: int, expected: float, reference_rows: int) -> float:
    """Return the chance of at least so many missing values; exact where the reference has none."""
    known_missing = round(expected * reference_rows)
    if missing == 0:
        return 1.0
    if known_missing == 0:
        return _all_from_window(missing, rows, reference_rows)
    pooled = (missing + known_missing) / (rows + reference_rows)
    spread = math.sqrt(max(1e-300, pooled * (1 - pooled) * (1 / rows + 1 / reference_rows)))
    # Yates: half a row less, because counts are whole numbers
    z = (missing / rows - expected - 0.5 * (1 / rows + 1 / reference_rows)) / spread
    return 0.5 * math.erfc(z / math.sqrt(2))


def _chi_squared_tail(statistic: float, degrees: int) -> float:
    if degrees < 1:
        return 1.0
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))
