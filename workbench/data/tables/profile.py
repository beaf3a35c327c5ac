"""``data profile``: what a table holds, column by column, worked out once for each state of a column."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.contract.table import ColumnProfile, Correlation, TableProfile, ValueCount
from workbench.data.tables.hashing import row_hashes
from workbench.data.tables.keys import detect_key
from workbench.data.tables.kinds import is_bytes
from workbench.data.tables.memory import name_of, recall, remember
from workbench.data.tables.place import find_place
from workbench.data.tables.sketch import numbers_of
from workbench.foundation.errors import NotFoundError
from workbench.foundation.project import Project

BINS = 30
TOP = 10
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TUKEY = 1.5
_MAD_LIMIT, _MAD_SCALE = 3.5, 1.4826  # 1.4826 makes the MAD of normal values their standard deviation
_CORRELATED = 0.5
_CORRELATION_ROWS = 100_000
_WORD = 80
_EXACT = 2**53
"""Whole numbers beyond it share their floats."""


def profile_data(project: Project, source: str, columns: tuple[str, ...] = ()) -> TableProfile:
    """Show what a table holds: types, missing values, outliers, quantiles, frequent values, histograms, correlations.

    Args:
        project: The project.
        source: Version, path or name of a table; CSV, TSV, Parquet, Feather and Excel files too.
        columns: Only these columns.

    Raises:
        NotFoundError: ``version-unknown``, ``data-missing`` or ``column-unknown``.
        UsageError: ``not-a-table``, ``version-ambiguous``, or what the file's reader says.
        IntegrityError: ``data-cache-missing``, ``data-cache-damaged`` or ``table-damaged``.
    """
    place = find_place(project, source)
    kept_as = name_of("profile-2", place.content() if place.is_table else place.label, *columns)
    kept = recall(project, kept_as) if place.is_table else None
    if kept is not None:
        return _from_json(place.label, json.loads(kept["json"].tobytes()))
    table = place.read(columns or None)
    if unknown := [name for name in columns if name not in table.column_names]:
        message = f"{place.label} has no column '{unknown[0]}'"
        raise NotFoundError("column-unknown", message, f"see which there are: mlops data profile '{source}'")
    hashes = row_hashes(table.columns)
    profile = TableProfile(
        place.label,
        table.num_rows,
        place.key or detect_key(table),
        table.num_rows - len(np.unique(hashes)) if table.num_columns else 0,
        tuple(_column(field.name, table[field.name]) for field in table.schema),
        _correlations(table),
    )
    remember(project, kept_as, {"json": np.frombuffer(json.dumps(asdict(profile)).encode(), np.uint8)})
    return profile


def _from_json(label: str, said: dict[str, Any]) -> TableProfile:
    columns = tuple(
        ColumnProfile(
            **{
                **column,
                "top": tuple(ValueCount(**item) for item in column["top"]),
                "edges": tuple(column["edges"]),
                "counts": tuple(column["counts"]),
            }
        )
        for column in said["columns"]
    )
    pairs = tuple(Correlation(**pair) for pair in said["correlations"])
    return TableProfile(label, said["rows"], tuple(said["key"]), said["duplicate_rows"], columns, pairs)


def _column(name: str, column: Any) -> ColumnProfile:
    import pyarrow as pa

    kind = str(column.type)
    numbers = numbers_of(column)
    if numbers is None:
        return _of_words(name, kind, column)
    ordered = np.sort(numbers)
    missing = len(column) - len(ordered)
    share = missing / len(column) if len(column) else 0.0
    if not len(ordered):
        return ColumnProfile(name, kind, missing, share, 0)
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    counts = np.diff(np.concatenate([[-1], last]))
    is_time = pa.types.is_temporal(column.type)
    is_finite = bool(np.isfinite(ordered[0]) and np.isfinite(ordered[-1]))
    finite = ordered if is_finite else ordered[np.isfinite(ordered)]
    most = np.argsort(-counts, kind="stable")[:TOP] if counts.max() > 1 else np.zeros(0, np.int64)
    word = _word_for(column.type)
    histogram, edges = _histogram(finite)
    profile = ColumnProfile(
        name=name,
        type=kind,
        missing=missing,
        missing_share=share,
        distinct=len(last),
        minimum=word(float(ordered[0])),
        maximum=word(float(ordered[-1])),
        mean=None if is_time else _sane(finite.mean() if len(finite) else math.nan),
        std=None if is_time or len(finite) < 2 else _sane(finite.std(ddof=1)),
        quantiles={} if is_time or not len(finite) else _quantiles(finite),
        outliers_iqr=0 if is_time else _outside_fences(finite),
        outliers_mad=0 if is_time else _outside_mad(finite),
        top=tuple(ValueCount(word(float(ordered[last[place]])), int(counts[place])) for place in most.tolist()),
        edges=edges,
        counts=histogram,
    )
    if pa.types.is_integer(column.type) and max(-ordered[0], ordered[-1]) > _EXACT:
        said = _of_words(name, kind, column)  # several whole numbers are one float there
        return replace(profile, distinct=said.distinct, minimum=said.minimum, maximum=said.maximum, top=said.top)
    return profile


def _of_words(name: str, kind: str, column: Any) -> ColumnProfile:
    import pyarrow as pa
    import pyarrow.compute as pc

    present = pc.drop_null(column)
    extent = _extent(present)
    if pa.types.is_nested(column.type):
        present = pa.chunked_array([pa.array([repr(value) for value in present.to_pylist()], pa.string())])
    elif not (pa.types.is_string(column.type) or is_bytes(column.type)):
        present = present.cast(pa.string(), safe=False)
    coded = pc.value_counts(present)
    values, counts = coded.field("values"), coded.field("counts").to_numpy(zero_copy_only=False)
    most = np.argsort(-counts, kind="stable")[:TOP]
    low, high = extent or _extent(values) or ("", "")
    missing = len(column) - len(present)
    return ColumnProfile(
        name=name,
        type=kind,
        missing=missing,
        missing_share=missing / len(column) if len(column) else 0.0,
        distinct=len(values),
        minimum=low[:_WORD],
        maximum=high[:_WORD],
        top=tuple(ValueCount(str(values[place].as_py())[:_WORD], int(counts[place])) for place in most.tolist()),
    )


def _extent(values: Any) -> tuple[str, str] | None:
    """Return the smallest and the largest value as text, in the order of their type; nothing where that has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(values):
        return "", ""
    if pa.types.is_duration(values.type):  # which Arrow puts in order as the number that it writes only
        values = values.cast(pa.int64())
    try:
        found = pc.min_max(values)
        ends = [found[end] for end in ("min", "max")]
        is_text = pa.types.is_string(values.type) or is_bytes(values.type)
        low, high = (str(end.as_py() if is_text else end.cast(pa.string()).as_py()) for end in ends)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return None
    return low, high


def _quantiles(ordered: NDArray[np.float64]) -> dict[str, float]:
    """Return quantiles of sorted values, by linear interpolation as numpy has it."""
    places = np.array(QUANTILES) * (len(ordered) - 1)
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    values = ordered[low] + (ordered[high] - ordered[low]) * (places - low)
    return {f"p{round(share * 100):02d}": float(value) for share, value in zip(QUANTILES, values, strict=True)}


def _outside_fences(ordered: NDArray[np.float64]) -> int:
    if not len(ordered):
        return 0
    quartiles = _quantiles(ordered)
    reach = _TUKEY * (quartiles["p75"] - quartiles["p25"])
    return _outside(ordered, quartiles["p25"] - reach, quartiles["p75"] + reach)


def _outside_mad(ordered: NDArray[np.float64]) -> int:
    """Count values far from the median; 0 where more than half of all values are the same one, so it says nothing."""
    if not len(ordered):
        return 0
    median = _quantiles(ordered)["p50"]
    spread = _MAD_SCALE * float(np.median(np.abs(ordered - median)))
    return _outside(ordered, median - _MAD_LIMIT * spread, median + _MAD_LIMIT * spread) if spread else 0


def _outside(ordered: NDArray[np.float64], low: float, high: float) -> int:
    return int(np.searchsorted(ordered, low, side="left") + len(ordered) - np.searchsorted(ordered, high, side="right"))


def _histogram(ordered: NDArray[np.float64]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Count sorted values in bins of equal width; of one value, in one bin."""
    if not len(ordered):
        return (), ()
    low, high = float(ordered[0]), float(ordered[-1])
    edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, high])
    places = np.searchsorted(ordered, edges[1:-1], side="left")
    counts = np.diff(np.concatenate([[0], places, [len(ordered)]]))
    return tuple(counts.tolist()), tuple(edges.tolist())


def _correlations(table: Any) -> tuple[Correlation, ...]:
    """Return strong pairs over evenly spaced rows: 100,000 of them place r within 0.01."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)][:200]
    if len(names) < 2 or table.num_rows < 3:
        return ()
    rows = np.unique(np.linspace(0, table.num_rows - 1, _CORRELATION_ROWS).astype(np.int64))
    part = table.select(names).take(pa.array(rows))
    reals = (part[name].cast(pa.float64(), safe=False) for name in names)  # beyond 2**53 whole numbers are rounded
    matrix = np.stack([np.asarray(pc.fill_null(real, math.nan).to_numpy()) for real in reals])
    matrix[~np.isfinite(matrix)] = math.nan
    found = []
    is_whole = not np.isnan(matrix).any()
    with np.errstate(invalid="ignore", divide="ignore"):
        every = np.corrcoef(matrix) if is_whole else None
        for i in range(len(names)):
            for j in range(i + 1, len(names)):
                value = float(every[i, j]) if every is not None else _pair(matrix[i], matrix[j])
                if abs(value) >= _CORRELATED:
                    found.append(Correlation(names[i], names[j], value))
    return tuple(sorted(found, key=lambda pair: -abs(pair.value))[:50])


def _pair(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    is_there = ~(np.isnan(first) | np.isnan(second))
    return float(np.corrcoef(first[is_there], second[is_there])[0, 1]) if is_there.sum() > 2 else math.nan


def _word_for(kind: Any) -> Callable[[float], str]:
    """Return what names a value of a type, a time with a zone in its own."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.tz:
        zone = pa.timestamp("us", kind.tz)
        return lambda value: str(pa.scalar(round(value * 1e6), zone).as_py().isoformat())
    if pa.types.is_temporal(kind):
        return _time_word
    return (lambda value: str(int(value))) if pa.types.is_integer(kind) else repr


def _time_word(value: float) -> str:
    text = str(np.datetime64(round(value * 1e6), "us"))
    return text.removesuffix(".000000").removesuffix("T00:00:00")


def _sane(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
