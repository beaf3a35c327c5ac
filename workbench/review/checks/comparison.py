"""Is a model better than another on the same rows? A paired bootstrap with an interval, in numpy.

"The new number is larger" accepts an *equal* model nearly every second time. Here both models answer the same rows, the
rows are resampled together, and the percentile interval of the difference decides (Efron & Tibshirani, "An
Introduction to the Bootstrap", 1993, ch. 13). Whoever tries many models on one holdout set finds a lucky one, so the
allowed error of the k-th attempt on the same rows is divided by k (the first keeps the whole, so the total grows, but
slowly).

Each metric is a function of sums over rows. Resampling n rows with replacement draws a multinomial count for each row,
or for each distinct (truth, answer, answer) where there are few; so a resample is one row of a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
_CHUNK_CELLS = 4_000_000  # 32 MB of float64
_SEED = 20_241_101  # fixed: the same bytes give the same interval on every machine


@dataclass(frozen=True)
class Interval:
    """An estimate and how far it can be trusted.

    Attributes:
        estimate: On the rows as they are.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A candidate beside a baseline, on the same rows.

    Attributes:
        candidate: Its metric.
        baseline: The baseline's metric.
        difference: Candidate minus baseline, turned round for errors: above 0 is better.
        confidence: Of the intervals.
        rows: Rows.
    """

    candidate: Interval
    baseline: Interval
    difference: Interval
    confidence: float
    rows: int


@dataclass(frozen=True)
class Metric:
    """A metric as sums over rows.

    Attributes:
        columns: (truth, answers, number of classes) -> (rows, k) terms to add up.
        finish: (…, k) sums and (…, 1) row counts -> metric.
    """

    columns: Callable[[Array, Array, int], Array]
    finish: Callable[[Array, Array], Array]


def compare(
    metric: str,
    truth: npt.NDArray[np.generic],
    candidate: npt.NDArray[np.generic],
    baseline: npt.NDArray[np.generic],
    *,
    classes: int,
    is_higher_better: bool,
    confidence: float,
    resamples: int,
) -> Comparison:
    """Compare two models' answers on the same rows.

    Args:
        metric: A key of :data:`METRICS`.
        truth: (n,) class index or value.
        candidate: (n,) answers of the candidate.
        baseline: (n,) answers of the baseline.
        classes: Number of classes; 0 for regression.
        is_higher_better: Direction of the metric.
        confidence: Of the two-sided percentile intervals.
        resamples: Number of resamples.

    Raises:
        KeyError: ``metric`` is not known.
    """
    kind = METRICS[metric]
    rows = np.stack([np.asarray(a, dtype=np.float64) for a in (truth, candidate, baseline)], axis=1)
    cells, counts = np.unique(rows, axis=0, return_counts=True)  # for classes a few hundred at most
    both = np.stack([kind.columns(cells[:, 0], cells[:, i], classes) for i in (1, 2)], axis=2)
    values = _resampled(kind, both, counts.astype(np.float64), resamples)
    exact = _metric(kind, both, counts.astype(np.float64)[None, :])[0]
    sign = 1.0 if is_higher_better else -1.0
    return Comparison(
        candidate=_interval(exact[0], values[:, 0], confidence),
        baseline=_interval(exact[1], values[:, 1], confidence),
        difference=_interval(sign * (exact[0] - exact[1]), sign * (values[:, 0] - values[:, 1]), confidence),
        confidence=confidence,
        rows=len(rows),
    )


def shared_confidence(confidence: float, attempts: int) -> float:
    """Return the confidence that the last of ``attempts`` on the same rows has to be judged at."""
    return 1.0 - (1.0 - confidence) / max(1, attempts)


def score(metric: str, truth: npt.NDArray[np.generic], answers: npt.NDArray[np.generic], *, classes: int) -> float:
    """Return one model's metric on rows as they are; the arguments are those of :func:`compare`."""
    kind = METRICS[metric]
    sums = kind.columns(np.asarray(truth, np.float64), np.asarray(answers, np.float64), classes).sum(axis=0)
    return float(kind.finish(sums[None, :], np.array([[float(len(truth))]]))[0])


def majority(truth: npt.NDArray[np.generic], *, classes: int) -> npt.NDArray[np.generic]:
    """Return the answers of a model that has learnt nothing: the most frequent class, or the median."""
    values, counts = np.unique(truth, return_counts=True)
    answer = values[np.argmax(counts)] if classes else np.median(np.asarray(truth, dtype=np.float64))
    return np.full(len(truth), answer)


def _resampled(kind: Metric, both: Array, counts: Array, resamples: int) -> Array:
    """Return (resamples, 2) metric values."""
    random = np.random.default_rng(_SEED)
    total = int(counts.sum())
    size = max(1, _CHUNK_CELLS // len(counts))
    found = [
        _metric(kind, both, random.multinomial(total, counts / total, size=min(size, resamples - start)).astype(float))
        for start in range(0, resamples, size)
    ]
    return np.concatenate(found)


def _metric(kind: Metric, both: Array, weights: Array) -> Array:
    """Return the metric of both models for each row of weights."""
    rows = weights.sum(axis=1, keepdims=True)
    return np.stack([kind.finish(weights @ both[:, :, i], rows) for i in (0, 1)], axis=1)


def _interval(estimate: float, values: Array, confidence: float) -> Interval:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(estimate), float(low), float(high))


def _hits(truth: Array, answers: Array, _classes: int) -> Array:
    hits: Array = (truth == answers).astype(np.float64)[:, None]
    return hits


def _confusion(truth: Array, answers: Array, classes: int) -> Array:
    """Return (rows, 3 * classes): true positives, answered and true, for each class."""
    labels = np.arange(classes)
    is_true, is_answered = truth[:, None] == labels, answers[:, None] == labels
    return np.concatenate([is_true & is_answered, is_answered, is_true], axis=1).astype(np.float64)


def _share(part: Array, whole: Array) -> Array:
    """Divide; 0 of 0 is 0, as in scikit-learn's ``zero_division=0``."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _of_classes(score: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """Two classes: the score of the second, which is the one looked for. More: the mean over classes."""

    def finish(sums: Array, _rows: Array) -> Array:
        hits, answered, true = np.split(sums, 3, axis=-1)
        scores = score(hits, answered, true)
        return scores[..., 1] if scores.shape[-1] == 2 else scores.mean(axis=-1)

    return finish


def _macro(score: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def finish(sums: Array, _rows: Array) -> Array:
        mean: Array = score(*np.split(sums, 3, axis=-1)).mean(axis=-1)
        return mean

    return finish


def _f1(hits: Array, answered: Array, true: Array) -> Array:
    return _share(2 * hits, answered + true)


def _precision(hits: Array, answered: Array, _true: Array) -> Array:
    return _share(hits, answered)


def _recall(hits: Array, _answered: Array, true: Array) -> Array:
    return _share(hits, true)


def _errors(power: int) -> Callable[[Array, Array, int], Array]:
    return lambda truth, answers, _classes: (np.abs(truth - answers) ** power)[:, None]


def _spread(truth: Array, answers: Array, _classes: int) -> Array:
    return np.stack([(truth - answers) ** 2, truth, truth**2], axis=1)


def _mean(sums: Array, rows: Array) -> Array:
    mean: Array = (sums / rows)[..., 0]
    return mean


def _root(sums: Array, rows: Array) -> Array:
    root: Array = np.sqrt(_mean(sums, rows))
    return root


def _explained(sums: Array, rows: Array) -> Array:
    total = sums[..., 2] - sums[..., 1] ** 2 / rows[..., 0]
    explained: Array = 1.0 - np.divide(sums[..., 0], total, out=np.full_like(total, np.inf), where=total > 0)
    return explained


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(_hits, _mean),
    "balanced_accuracy": Metric(_confusion, _macro(_recall)),
    "f1": Metric(_confusion, _of_classes(_f1)),
    "f1_macro": Metric(_confusion, _macro(_f1)),
    "precision": Metric(_confusion, _of_classes(_precision)),
    "recall": Metric(_confusion, _of_classes(_recall)),
    "mae": Metric(_errors(1), _mean),
    "mse": Metric(_errors(2), _mean),
    "rmse": Metric(_errors(2), _root),
    "r2": Metric(_spread, _explained),
}
"""What can be compared; all agree with scikit-learn's functions of the same name."""
