"""The cleaning steps themselves: fit one on rows, apply it to rows. Applying uses what was fitted and nothing else.

The formulas are scikit-learn's (``SimpleImputer``, ``StandardScaler``, ``MinMaxScaler``, ``RobustScaler``; tests
compare them); they are written out because a fitted step must be plain numbers in a file, and because
importing scikit-learn costs six seconds of CPU.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.contract.quality import CleanedColumn
from workbench.data.quality.frames import require_column, type_word
from workbench.data.quality.recipe import FittedStep, Step
from workbench.foundation.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_NUMERIC = ("integer", "number")
_MAD_TO_SD = 0.6745
"""The median absolute deviation of a normal distribution, in standard deviations."""


def fit_step(step: Step, training: pd.DataFrame, path: str) -> FittedStep:
    """Take a step's statistics from the training rows.

    Raises:
        UsageError: ``recipe-misfit``: a column is not of the kind that the step needs, or has no value at all.
        NotFoundError: ``column-unknown``.
    """
    for name in step.columns:
        require_column(training, name, path)
    needs_numbers = step.do == "normalise" or step.do.endswith("outliers") or step.by in ("median", "mean")
    names = step.columns or tuple(
        str(name) for name in training.columns if not needs_numbers or type_word(training[name]) in _NUMERIC
    )
    for name in names:
        if needs_numbers and type_word(training[name]) not in _NUMERIC:
            message = f"'{step.words}' needs numbers, and '{name}' is {type_word(training[name])}"
            raise UsageError("recipe-misfit", message, 'name the columns of the step: columns = ["…"]')
    statistics = {name: _statistics(step, training[name]) for name in names}
    return FittedStep(replace(step, columns=names), statistics)


def apply_step(fitted: FittedStep, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[CleanedColumn]]:
    """Apply a fitted step; return the new table and what was changed in which column."""
    step = fitted.step
    if step.do in ("drop-missing", "drop-outliers"):
        return _dropped(fitted, frame)
    changed = []
    columns = {}
    for name in step.columns:
        columns[name], count = _applied(step, fitted.statistics[name], frame[name])
        shown = {
            key: f"{value:.6g}" if isinstance(value, float) else str(value)
            for key, value in fitted.statistics[name].items()
        }
        changed.append(CleanedColumn(step.words, name, count, shown))
    return frame.assign(**columns), changed


def _statistics(step: Step, column: Any) -> dict[str, Any]:
    import numpy as np

    if step.do == "drop-missing":
        return {}
    if step.by == "constant":
        return {"value": step.value}
    present = column.dropna()
    if not len(present):
        raise _empty(step, column)
    if step.by == "most-frequent":
        counts = present.value_counts()
        return {"value": _json(min(counts[counts == counts.iloc[0]].index))}
    values = present.to_numpy(dtype="float64")
    values = values[np.isfinite(values)]
    if not len(values):
        raise _empty(step, column)
    if step.do == "fill-missing":
        return {"value": float(np.median(values) if step.by == "median" else np.mean(values))}
    if step.do == "normalise":
        return _scale(step.by, values)
    return _fences(step, values)


def _empty(step: Step, column: Any) -> UsageError:
    message = f"'{step.words}': '{column.name}' has no value in the training part"
    return UsageError("recipe-misfit", message, "leave the column out, or fill it by constant")


def _scale(by: str, values: Any) -> dict[str, float]:
    import numpy as np

    if by == "standard":
        centre, width = np.mean(values), np.std(values)
    elif by == "minmax":
        centre, width = np.min(values), np.max(values) - np.min(values)
    else:
        low, centre, high = np.quantile(values, (0.25, 0.5, 0.75))
        width = high - low
    # A constant column has no width; scikit-learn divides by 1 there, too.
    is_constant = width <= 10 * np.finfo("float64").eps * max(abs(float(centre)), 1e-300)
    return {"centre": float(centre), "width": 1.0 if is_constant else float(width)}


def _fences(step: Step, values: Any) -> dict[str, float]:
    import numpy as np

    factor = step.factor or 0.0
    if step.by == "quantile":
        low, high = np.quantile(values, (factor, 1 - factor))
    elif step.by == "iqr":
        first, third = np.quantile(values, (0.25, 0.75))
        low, high = first - factor * (third - first), third + factor * (third - first)
    else:
        middle = np.median(values)
        spread = np.median(np.abs(values - middle)) / _MAD_TO_SD
        low, high = middle - factor * spread, middle + factor * spread
    return {"low": float(low), "high": float(high)}


def _applied(step: Step, statistics: dict[str, Any], column: Any) -> tuple[Any, int]:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if step.do == "fill-missing":
        return _filled(column, statistics["value"]), int(column.isna().sum())
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    if step.do == "normalise":
        new = (values - statistics["centre"]) / statistics["width"]
        count = int(np.sum(~np.isnan(values)))
    else:
        with np.errstate(invalid="ignore"):
            is_out = (values < statistics["low"]) | (values > statistics["high"])
        count = int(is_out.sum())
        if not count:
            return column, 0
        new = (
            np.where(is_out, np.nan, values)
            if step.do == "blank-outliers"
            else np.clip(values, statistics["low"], statistics["high"])
        )
    array = pa.array(new, from_pandas=True)
    is_whole = type_word(column) == "integer" and step.do == "blank-outliers"
    series = pd.Series(pd.arrays.ArrowExtensionArray(array), index=column.index, name=column.name)
    return (series.astype(column.dtype) if is_whole else series), count


def _filled(column: Any, value: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if not column.isna().any():
        return column
    word = type_word(column)
    if word == "integer" and isinstance(value, float) and not value.is_integer():
        column = column.astype(pd.ArrowDtype(pa.float64()))  # the mean of whole numbers need not be one
    elif word == "integer" and isinstance(value, float):
        value = int(value)
    elif word in ("date", "time"):
        value = pd.Timestamp(value)
        value = value.date() if word == "date" else value
    try:
        return column.fillna(value)
    except (TypeError, ValueError, pa.ArrowException) as error:
        message = f"'{value}' does not fit into '{column.name}', which is {word}"
        raise UsageError("recipe-misfit", message, "give a value of the column's own kind") from error


def _dropped(fitted: FittedStep, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[CleanedColumn]]:
    import numpy as np

    step = fitted.step
    names = list(step.columns)
    if step.do == "drop-missing":
        missing = frame[names].isna()
        is_gone = (missing.any(axis=1) if step.by == "any" else missing.all(axis=1)).to_numpy(dtype=bool)
    else:
        is_gone = np.zeros(len(frame), dtype=bool)
        for name in names:
            values = frame[name].to_numpy(dtype="float64", na_value=np.nan)
            with np.errstate(invalid="ignore"):
                is_gone |= (values < fitted.statistics[name]["low"]) | (values > fitted.statistics[name]["high"])
    return frame[~is_gone], [CleanedColumn(step.words, "", int(is_gone.sum()))]


def _json(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)
