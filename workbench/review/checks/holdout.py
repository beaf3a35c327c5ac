"""The holdout rows that a frozen model brings: whether there are any, whether they fit it, and what mends that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import HOLDOUT_FILE
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput

SAVE_AGAIN = "save it again: workbench.save_model(…, holdout=(X_test, y_test))"
MORE_ROWS = "hold out more rows, then save it again: workbench.save_model(…, holdout=(X_test, y_test))"

NOT_FINITE = "The holdout rows or the answers to them hold NaN or infinity"
Array = npt.NDArray[Any]
_FEWEST = 4


def has_holdout(given: CheckInput) -> bool:
    """Tell whether a model brings holdout rows."""
    return any(entry.path == HOLDOUT_FILE for entry in given.project.store.tree(given.model_digest))


def require_holdout(given: CheckInput) -> None:
    """Refuse a model without holdout rows.

    Raises:
        UnknownResultError: ``holdout-missing``.
    """
    if not has_holdout(given):
        raise UnknownResultError("holdout-missing", f"The model has no {HOLDOUT_FILE}", SAVE_AGAIN)


def fitting_rows(arrays: Mapping[str, Array], width: int) -> tuple[Array, Array]:
    """Return inputs and truth as they were read apart, where each row has a truth and a value of every feature.

    Raises:
        UnknownResultError: ``holdout-malformed``.
    """
    if "inputs" in arrays and "truth" in arrays:
        inputs, truth = arrays["inputs"], arrays["truth"]
        is_whole = inputs.ndim == 2 and inputs.shape[1] == width and truth.shape == (len(inputs),)
        if is_whole and len(inputs) >= _FEWEST and _are_numbers(inputs, truth):
            return inputs, truth
    raise UnknownResultError("holdout-malformed", f"{HOLDOUT_FILE} does not fit the model's features", SAVE_AGAIN)


def are_finite(truth: Array, answers: Array) -> bool:
    """Tell whether truth and answers are numbers all through; a row without one can be counted for or against anybody.

    Raises:
        UnknownResultError: ``holdout-malformed``: they are something else, such as text.
    """
    if not _are_numbers(truth, answers):
        raise UnknownResultError("holdout-malformed", f"{HOLDOUT_FILE} does not fit the model's features", SAVE_AGAIN)
    return bool(np.isfinite(truth).all() and np.isfinite(answers).all())


def require_defined(metric: str, *values: float) -> None:
    """Refuse to compare what came out as no number, such as an r2 of rows whose truth is always the same.

    Raises:
        UnknownResultError: ``holdout-malformed``.
    """
    if not np.isfinite(values).all():
        said = f"{metric} is not defined on the holdout rows: their truth is always the same, or too large"
        raise UnknownResultError("holdout-malformed", said, MORE_ROWS)


def _are_numbers(*arrays: Array) -> bool:
    return all(array.dtype.kind in "biuf" for array in arrays)
