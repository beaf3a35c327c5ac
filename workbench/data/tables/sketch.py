"""How the values of a column are spread, in a few kilobytes: enough to say how far two columns are apart.

A column of at most 1,000 different values is counted exactly; numbers and times with more are kept as 2,049 quantiles,
which places a Kolmogorov-Smirnov distance within 0.001; other columns with more as counts in 4,000 groups by hash.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.tables.hashing import cell_hashes

POINTS = 2_049
FEW = 1_000
_LEAST_SHARE = 1e-4
"""An empty bin counts as this share in the population stability index, whose logarithm it would blow up."""


@dataclass(frozen=True)
class Sketch:
    """The spread of one column.

    Attributes:
        rows: Number of rows.
        missing: Missing values among them.
        mean: Of numbers; NaN for others.
        values: Sorted points (numbers, seconds, or hashes where ``is_ordered`` is false).
        shares: Share of the present values up to and including each point; for hashes, at each point.
        is_ordered: Whether the values have an order.
    """

    rows: int
    missing: int
    mean: float
    values: NDArray[Any]
    shares: NDArray[np.float64]
    is_ordered: bool

    @property
    def missing_share(self) -> float:
        """Share of missing values, 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0


def numbers_of(column: Any) -> NDArray[np.float64] | None:
    """Return a column's present values as real numbers (times as seconds since 1970); None where it has no order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        micros = pc.drop_null(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()))
        return np.asarray(micros.to_numpy(zero_copy_only=False) if not _is_chunked(micros) else micros.to_numpy()) / 1e6
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        present = pc.drop_null(column.cast(pa.float64(), safe=False))
        values = np.asarray(present.to_numpy() if _is_chunked(present) else present.to_numpy(zero_copy_only=False))
        is_nan = np.isnan(values)
        return values[~is_nan] if is_nan.any() else values
    return None


def sketch_of(column: Any) -> Sketch:
    """Return how an Arrow column's values are spread."""
    numbers = numbers_of(column)
    if numbers is None:
        return _of_words(column)
    ordered = np.sort(numbers)
    count = len(ordered)
    mean = float(ordered.mean()) if count else math.nan
    if not count:
        return Sketch(len(column), len(column), mean, ordered, ordered, is_ordered=True)
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    if len(last) <= FEW:
        values, shares = ordered[last], (last + 1) / count
    else:
        at = np.unique(np.linspace(0, count - 1, POINTS).astype(np.int64))
        values = np.unique(ordered[at])
        shares = np.searchsorted(ordered, values, side="right") / count
    return Sketch(len(column), len(column) - count, mean, values, shares, is_ordered=True)


def distance(before: Sketch, after: Sketch) -> float:
    """Return the Kolmogorov-Smirnov distance, or for values without order the total variation distance."""
    if before.is_ordered != after.is_ordered or not len(before.values) or not len(after.values):
        return 0.0 if len(before.values) == len(after.values) == 0 else 1.0
    points = np.union1d(before.values, after.values)
    gap = np.abs(_up_to(before, points) - _up_to(after, points))
    if not before.is_ordered:
        return float(min(gap.sum() / 2, 1.0))
    return float(gap.max())


def stability(before: Sketch, after: Sketch) -> float:
    """Return the population stability index over ten bins of equal share before (or over the values without order)."""
    if before.is_ordered != after.is_ordered or not len(before.values) or not len(after.values):
        return 0.0
    if before.is_ordered:
        edges = np.unique(np.interp(np.arange(1, 10) / 10, before.shares, before.values))
        old = np.diff(np.concatenate([[0.0], _up_to(before, edges), [1.0]]))
        new = np.diff(np.concatenate([[0.0], _up_to(after, edges), [1.0]]))
    else:
        frequent = before.values[np.argsort(-before.shares, kind="stable")[:20]]
        old, new = _up_to(before, frequent), _up_to(after, frequent)
        old, new = np.append(old, max(1 - old.sum(), 0.0)), np.append(new, max(1 - new.sum(), 0.0))
    is_used = (old > 0) | (new > 0)
    old, new = np.maximum(old[is_used], _LEAST_SHARE), np.maximum(new[is_used], _LEAST_SHARE)
    return float(np.sum((new - old) * np.log(new / old)))


def _of_words(column: Any) -> Sketch:
    import pyarrow.compute as pc

    present = pc.drop_null(column)
    values, counts = np.unique(cell_hashes(present), return_counts=True)
    if len(values) > 4 * FEW:  # too many to keep one by one: 4,000 groups by hash are compared instead
        groups, inverse = np.unique(values % np.uint64(4 * FEW), return_inverse=True)
        counts = np.bincount(inverse, weights=counts)
        values = groups
    shares = counts / max(len(present), 1)
    return Sketch(len(column), len(column) - len(present), math.nan, values, shares, is_ordered=False)


def _up_to(sketch: Sketch, points: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of values up to each point; without order, the share of each point itself."""
    if sketch.is_ordered:
        place = np.searchsorted(sketch.values, points, side="right")
        return np.concatenate([[0.0], sketch.shares])[place]
    place = np.minimum(np.searchsorted(sketch.values, points), len(sketch.values) - 1)
    return np.where(sketch.values[place] == points, sketch.shares[place], 0.0)


def _is_chunked(column: Any) -> bool:
    return hasattr(column, "num_chunks")
