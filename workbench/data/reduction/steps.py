"""What each step does to a frame: pure functions, the same rows out for the same rows in."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from workbench.data.reduction.recipe import Aggregate, Downsample, Features, Filter, Keep, Quantise, Step
from workbench.foundation.errors import UsageError, did_you_mean

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def apply(step: Step, frame: Any) -> tuple[Any, float]:
    """Return the frame after a step and the largest change it made to a value.

    Args:
        step: The step.
        frame: A pandas frame.

    Raises:
        UsageError: ``reduction-column-missing`` or ``reduction-not-possible``.
    """
    match step:
        case Filter():
            return _filtered(step, frame), 0.0
        case Keep():
            return frame[_columns(frame, step.columns)], 0.0
        case Downsample():
            return _downsampled(step, frame), 0.0
        case Aggregate():
            return _aggregated(step, frame), 0.0
        case Features():
            keys = _columns(frame, step.by)
            return _statistics(frame, [frame[key] for key in keys], step.statistics, set(keys)), 0.0
        case Quantise():
            return _quantised(step, frame)


def _filtered(step: Filter, frame: Any) -> Any:
    (column,) = _columns(frame, (step.column,))
    try:
        chosen = _COMPARE[step.comparison](frame[column], step.value)
    except TypeError:
        message = f"'{column}' ({frame[column].dtype}) cannot be compared with {step.value!r}"
        raise UsageError("reduction-not-possible", message, "write a value of the column's own type") from None
    return frame[chosen.fillna(value=False)].reset_index(drop=True)


def _downsampled(step: Downsample, frame: Any) -> Any:
    if step.every:
        return frame.iloc[:: step.every].reset_index(drop=True)
    value, time = _columns(frame, (step.column, step.time))
    if len(frame) <= step.points:
        return frame
    chosen = _largest_triangles(_seconds(frame, time), frame[value].to_numpy("float64"), step.points)
    return frame.iloc[chosen].reset_index(drop=True)


def _largest_triangles(x: Any, y: Any, points: int) -> Any:
    """Return the rows that keep a curve's shape: one of each bucket, by the largest triangle.

    Steinarsson, "Downsampling Time Series for Visual Representation" (University of Iceland, 2013), section 4.2.
    """
    import numpy as np

    edges = np.linspace(1, len(x) - 1, points - 1).astype(int)
    y = np.nan_to_num(y)
    chosen = [0]
    for start, stop, after in zip(edges[:-1], edges[1:], [*edges[2:], len(x)], strict=True):
        next_x, next_y = x[stop:after].mean(), y[stop:after].mean()
        last = chosen[-1]
        area = np.abs((x[last] - next_x) * (y[start:stop] - y[last]) - (x[last] - x[start:stop]) * (next_y - y[last]))
        chosen.append(start + int(np.argmax(area)))
    return [*chosen, len(x) - 1]


def _aggregated(step: Aggregate, frame: Any) -> Any:
    import pandas as pd

    time, *keys = _columns(frame, (step.time, *step.by))
    try:
        window = pd.Timedelta(step.window)
    except ValueError:
        message = f"'{step.window}' is no window of time"
        raise UsageError("reduction-not-possible", message, 'window = "10s", "5min" or "1h"') from None
    if window <= pd.Timedelta(0):
        raise UsageError("reduction-not-possible", f"A window of {step.window} holds nothing", 'window = "10s"')
    seconds = _seconds(frame, time)
    starts = pd.Series(seconds // window.total_seconds() * window.total_seconds(), index=frame.index, name=time)
    if not pd.api.types.is_numeric_dtype(frame[time]):
        starts = pd.to_datetime(starts, unit="s", utc=True)
    return _statistics(frame, [*(frame[key] for key in keys), starts], step.statistics, {*keys, time})


def _statistics(frame: Any, groups: list[Any], names: tuple[str, ...], keys: set[str]) -> Any:
    """Return one row a group, in order of the groups; columns ``<column>_<statistic>``."""
    numeric = [c for c in frame.select_dtypes("number").columns if c not in keys]
    if not numeric:
        raise UsageError("reduction-not-possible", "There is no numeric column to aggregate", "keep one")
    grouped = frame[numeric].groupby(groups, sort=True, dropna=False)
    parts = {}
    for name in names:
        found = grouped.agg(_slope) if name == "slope" else getattr(grouped, name)()
        parts.update({f"{column}_{name}": found[column] for column in numeric})
    import pandas as pd

    order = [f"{column}_{name}" for column in numeric for name in names]
    return pd.DataFrame(parts)[order].reset_index()


def _slope(values: Any) -> float:
    """Return the least-squares slope over the row number: units of the column per row."""
    import numpy as np

    y = values.to_numpy("float64")
    x = np.arange(len(y), dtype="float64")
    known = np.isfinite(y)
    if known.sum() < 2:
        return float("nan")
    x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
    return float((x * y).sum() / (x * x).sum())


def _quantised(step: Quantise, frame: Any) -> tuple[Any, float]:
    import numpy as np
    import pandas as pd

    columns = _columns(frame, step.columns) or list(frame.select_dtypes("float").columns)
    changed, largest = frame.copy(), 0.0
    for column in columns:
        before = frame[column].to_numpy("float64")
        after = np.round(before / step.step) * step.step
        is_whole = pd.api.types.is_integer_dtype(frame[column]) and float(step.step).is_integer()
        changed[column] = after.astype(frame[column].dtype) if is_whole else after
        largest = max(largest, float(np.nanmax(np.abs(after - before), initial=0.0)))
    return changed, largest


def _seconds(frame: Any, column: str) -> Any:
    """Return a time column as seconds: numbers as they are, dates since 1970."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(frame[column]):
        return frame[column].to_numpy("float64")
    try:
        moments = pd.to_datetime(frame[column], utc=True).dt.tz_convert(None)
    except (ValueError, TypeError):
        message = f"'{column}' holds no times"
        raise UsageError("reduction-not-possible", message, "name a column of dates or of seconds") from None
    return moments.to_numpy("datetime64[ns]").astype("int64") / 1e9


def _columns(frame: Any, names: tuple[str, ...]) -> list[str]:
    for name in names:
        if name not in frame.columns:
            hint = did_you_mean(name, map(str, frame.columns))
            raise UsageError("reduction-column-missing", f"There is no column '{name}'", hint)
    return list(names)
