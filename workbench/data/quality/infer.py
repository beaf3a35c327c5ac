"""Propose checks from data: what holds now, loosened so that tomorrow's ordinary data holds it too.

A range is the observed one widened by half on both sides, zero staying a floor; categories are named only where they
are few and often repeated. What is proposed is for a person to tighten.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.data.quality.frames import is_plain, type_word
from workbench.data.quality.rules import ColumnRules, Rules, TableRules

if TYPE_CHECKING:
    import pandas as pd

_WIDER = 0.5
_MOST_CATEGORIES = 20
_REPEATS = 5
"""Rows for each category, at the least, before categories count as a closed list."""
_KEY_ROWS = 20
_KEY_NAMES = ("id", "key", "no", "number", "番号", "コード", "code")


def infer_rules(frame: pd.DataFrame) -> Rules:
    """Return rules that the frame holds."""
    return Rules(TableRules(rows_min=1), {str(name): _column(str(name), frame[name]) for name in frame.columns})


def _column(name: str, column: Any) -> ColumnRules:
    word = type_word(column)
    values = column.dropna()
    missing = float(column.isna().mean()) if len(column) else 0.0
    least, most = _range(values) if word in ("integer", "number") else (None, None)
    is_key = word in ("integer", "text") and is_identifier(name, column)
    return ColumnRules(
        type=word if len(values) else "",
        missing=bool(missing),
        max_missing=min(1.0, math.ceil(missing * 2 * 100) / 100) if missing else None,
        unique=is_key,
        min=None if is_key else least,
        max=None if is_key else most,
        one_of=_categories(values) if word == "text" and not is_key and is_plain(column) else (),
    )


def _range(values: Any) -> tuple[float | None, float | None]:
    if not len(values):
        return None, None
    numbers = values.to_numpy(dtype="float64")
    low, high = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return None, None
    wider = (high - low or abs(high) or 1.0) * _WIDER
    return (0.0 if low >= 0 and low - wider < 0 else _rounded(low - wider, math.floor)), _rounded(
        high + wider, math.ceil
    )


def _rounded(value: float, away: Any) -> float:
    """Round outwards to two digits, as a person would write a limit."""
    if not value:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    return float(round(away(value * 10.0**digits) / 10.0**digits, max(digits, 0)))


def _categories(values: Any) -> tuple[str, ...]:
    distinct = sorted(str(value) for value in values.unique())
    is_closed = len(distinct) <= _MOST_CATEGORIES and len(values) >= _REPEATS * max(len(distinct), 2)
    return tuple(distinct) if is_closed else ()


def is_identifier(name: str, column: Any) -> bool:
    """Tell whether a column numbers the rows: its name says so and no value occurs twice."""
    looks_so = name.lower() in _KEY_NAMES or name.lower().endswith(tuple(f"_{word}" for word in _KEY_NAMES))
    looks_so = looks_so or name.endswith(("番号", "コード", "ID", "Id"))
    looks_so = looks_so and is_plain(column)
    return looks_so and len(column) >= _KEY_ROWS and not column.isna().any() and bool(column.is_unique)
