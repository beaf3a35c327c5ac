"""Rows as a model wants them: numbers in one matrix, columns in one order, labels as class indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.foundation.errors import UsageError, did_you_mean

Array = npt.NDArray[Any]


def feature_names(model: Any, rows: Any) -> tuple[str, ...]:
    """Return the names of the features: the estimator's own, else the columns of ``rows``, else ``f0``, ``f1``, …."""
    known = getattr(model, "feature_names_in_", getattr(rows, "columns", None))
    if known is not None:
        return tuple(str(name) for name in known)
    return tuple(f"f{number}" for number in range(matrix(rows, None, "train").shape[1]))


def matrix(rows: Any, names: Sequence[str] | None, what: str) -> Array:
    """Return rows as float64 (rows, features), columns picked and ordered by name where they have names.

    Raises:
        UsageError: ``rows-unusable``: a column is missing, not numeric or infinite, or there are no rows.
    """
    columns = getattr(rows, "columns", None)
    if columns is not None and names is not None:
        known = {str(column): column for column in columns}
        if missing := [name for name in names if name not in known]:
            raise _unusable(f"{what} has no column '{missing[0]}'", did_you_mean(missing[0], known))
        rows = rows[[known[name] for name in names]]
    try:
        found = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise _unusable(f"{what} holds something that is not a number", "encode it first, or leave it out") from None
    if found.ndim != 2 or not len(found):
        raise _unusable(f"{what} has the shape {found.shape}, not (rows, features)", "pass a table with rows")
    if names is not None and found.shape[1] != len(names):
        message = f"{what} has {found.shape[1]} columns where the model has {len(names)}"
        raise _unusable(message, "pass the columns that it was trained on")
    with np.errstate(over="ignore"):
        if np.isinf(found.astype(np.float32)).any():
            raise _unusable(f"{what} holds a value too large for float32", "scale the column or cut the value")
    return found


def class_indices(labels: Any, classes: Array, what: str) -> Array:
    """Return labels as int64 positions in ``classes``.

    Raises:
        UsageError: ``rows-unusable``: a label is none of the classes.
    """
    found = np.asarray(labels).reshape(-1)
    order = {label: index for index, label in enumerate(classes.tolist())}
    try:
        return np.array([order[label] for label in found.tolist()], dtype=np.int64)
    except (KeyError, TypeError):
        unknown = next((label for label in found.tolist() if label not in order), "?")
        raise _unusable(f"{what} has the label {unknown!r}", f"known: {', '.join(map(str, classes))}") from None


def _unusable(message: str, hint: str) -> UsageError:
    return UsageError("rows-unusable", message, hint)
