"""From what a caller sent to one float32 tensor, with an error that names the row and the column.

The fast path is one numpy conversion. Only where that leaves something else than numbers are the values looked at
one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.foundation.errors import UsageError, did_you_mean
from workbench.serving.runner.engine import Matrix


def to_matrix(rows: Any, features: Sequence[str]) -> Matrix:
    """Return (rows, features) float32; ``null`` is a missing value and becomes NaN.

    Args:
        rows: List of lists of numbers.
        features: Column names, for the width and for error messages.

    Raises:
        UsageError: ``rows-missing``, ``rows-shape``, ``value-not-a-number`` or ``value-out-of-range``.
    """
    try:
        raw = np.array(rows)
    except (ValueError, OverflowError):
        raw = _one_by_one(rows, features)
    if raw.dtype.kind not in "fiu":
        raw = _one_by_one(rows, features)
    if raw.size == 0:
        raise UsageError("rows-missing", "There are no rows", f"send at least one row of {len(features)} numbers")
    if raw.ndim != 2 or raw.shape[1] != len(features):
        raise _wrong_shape(" x ".join(map(str, raw.shape)), features)
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = raw.astype(np.float32)
        is_finite = math.isfinite(np.add.reduce(matrix, axis=None, dtype=np.float64))
    if not is_finite and np.isinf(matrix).any():  # one sum is cheaper than a look at every value
        row, column = np.argwhere(np.isinf(matrix))[0]
        raise _out_of_range(int(row), features[column])
    return matrix


def pick(columns: Any, features: Sequence[str]) -> list[int] | None:
    """Return where each feature stands among ``columns``; None where they are in the model's order already.

    Raises:
        UsageError: ``columns-malformed``, ``column-twice``, ``column-unknown`` or ``column-missing``.
    """
    if columns == list(features):
        return None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise UsageError("columns-malformed", "'columns' must be a list of names", f"send {', '.join(features)}")
    positions = {name: index for index, name in enumerate(columns)}
    if len(positions) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise UsageError("column-twice", f"The column '{twice}' is named twice", "name each column once")
    check_names(positions, features)
    return [positions[name] for name in features]


def check_names(found: dict[str, Any], features: Sequence[str]) -> None:
    """Refuse columns that the model does not know and miss none that it needs.

    Raises:
        UsageError: ``column-unknown`` or ``column-missing``, with the nearest name.
    """
    known = set(features)
    if unknown := [name for name in found if name not in known]:
        left = known - set(found) or known
        raise UsageError(
            "column-unknown", f"The model has no column '{unknown[0]}'", did_you_mean(str(unknown[0]), left)
        )
    if missing := [name for name in features if name not in found]:
        raise UsageError(
            "column-missing", f"The column '{missing[0]}' is missing", f"the model needs: {', '.join(features)}"
        )


def _one_by_one(rows: Any, features: Sequence[str]) -> NDArray[np.float64]:
    if not isinstance(rows, list) or not all(isinstance(row, list | tuple) for row in rows):
        raise _wrong_shape("something else than a list of rows", features)
    if uneven := [len(row) for row in rows if len(row) != len(features)]:
        raise _wrong_shape(f"a row of {uneven[0]}", features)
    values = [
        [_number(value, row_index, name) for value, name in zip(row, features, strict=True)]
        for row_index, row in enumerate(rows)
    ]
    return np.array(values, dtype=np.float64)


def _number(value: Any, row: int, name: str) -> float:
    if value is None:
        return float("nan")
    if not isinstance(value, int | float):
        shown = repr(value) if len(repr(value)) < 40 else repr(value)[:37] + "…"
        hint = "send a JSON number, or null for a missing value"
        raise UsageError("value-not-a-number", f"Row {row}, column '{name}': {shown} is no number", hint)
    try:
        return float(value)
    except OverflowError:
        raise _out_of_range(row, name) from None


def _out_of_range(row: int, name: str) -> UsageError:
    return UsageError(
        "value-out-of-range", f"Row {row}, column '{name}': too large for float32", "check the unit of the value"
    )


def _wrong_shape(found: str, features: Sequence[str]) -> UsageError:
    names = ", ".join(features)
    return UsageError(
        "rows-shape", f"Expected rows of {len(features)} numbers, found {found}", f"send rows of: {names}"
    )
