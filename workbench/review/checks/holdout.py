"""The holdout rows that a frozen model brings: whether there are any, whether they fit it, and what mends that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from workbench.contract.model import HOLDOUT_FILE
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput

SAVE_AGAIN = "save it again: workbench.save_model(…, holdout=(X_test, y_test))"
MORE_ROWS = "hold out more rows, then save it again: workbench.save_model(…, holdout=(X_test, y_test))"

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
        if inputs.ndim == 2 and inputs.shape[1] == width and truth.shape == (len(inputs),) and len(inputs) >= _FEWEST:
            return inputs, truth
    raise UnknownResultError("holdout-malformed", f"{HOLDOUT_FILE} does not fit the model's features", SAVE_AGAIN)
