"""Text cells to typed columns.

A whole column is tried at once by Arrow's own casts, which cost 30 ns a cell; only what these refuse is read value by
value, and then each different value once. A column is a number or a date only if *every* cell is: a single stray word
keeps it text, and the reading says so instead of losing the word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.data.tables.calendar import one_width, parse_date, parse_number
from workbench.foundation.errors import UsageError, did_you_mean

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "-", "--", "#N/A", "欠測", "欠損")
"""Texts that mean "no value" in columns of numbers and dates; in columns of text only the empty one does."""

TYPES = ("int64", "double", "bool", "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]", "string")
_SAMPLE = 500
_DIGITS = 19
"""Of the largest int64."""
_SLASHED = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")


@dataclass(frozen=True)
class Parsed:
    """A column of values.

    Attributes:
        values: Arrow array.
        type: One of :data:`TYPES`.
        notes: What was assumed beyond plain reading.
    """

    values: Any
    type: str
    notes: tuple[str, ...] = ()


def parse_column(name: str, text: Any, missing: tuple[str, ...] = MISSING, declared: str = "") -> Parsed:
    """Read a column of text.

    Args:
        name: For the error.
        text: Arrow string array; no nulls.
        missing: Texts that stand for a missing value.
        declared: The type it must have; found out where empty.

    Raises:
        UsageError: ``column-type``: a cell is not of the declared type; ``type-unknown``.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if declared and declared not in TYPES:
        raise UsageError(
            "type-unknown", f"Column '{name}' has no possible type '{declared}'", did_you_mean(declared, TYPES)
        )
    if declared == "string":
        return _as_text(text)
    present = pc.if_else(pc.is_in(text, value_set=pa.array(missing, text.type)), pa.scalar(None, text.type), text)
    if present.null_count < len(present):
        sample = present.drop_null().slice(0, _SAMPLE)
        for kind, parse, notes in _PARSERS:
            if declared not in ("", kind) or (not declared and _parsed(parse, sample) is None):
                continue
            if not declared and kind in ("int64", "double") and _is_identifier(present):
                continue  # never where it is declared: tables recorded as numbers must still be read
            values = _parsed(parse, present)
            if values is not None:
                return Parsed(values, str(values.type), notes)
    elif declared:
        return Parsed(pa.nulls(len(text), _arrow_type(declared)), declared)
    if declared:
        raise _wrong(name, present, declared)
    return _as_text(text)


def _as_text(text: Any) -> Parsed:
    import pyarrow as pa
    import pyarrow.compute as pc

    return Parsed(pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text), "string")


def _parsed(parse: Callable[[Any], Any], cells: Any) -> Any:
    """Return the parsed column, or None where one cell is something else."""
    import pyarrow as pa

    try:
        values = parse(cells)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError):
        return None
    return values if values is not None and values.null_count == cells.null_count else None


def _whole(cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    # 007 is an identifier: as a number it would lose its zeros.
    if pc.any(pc.match_substring_regex(cells, r"^[+-]?0[0-9]|^\+")).as_py():
        return None
    return cells.cast(pa.int64())


def _is_identifier(cells: Any) -> bool:
    """Tell whether numbers stand for something: beyond int64 they would lose digits, and 0x0A would lose its form."""
    import pyarrow.compute as pc

    if pc.any(pc.match_substring(cells, "x", ignore_case=True)).as_py():
        return True
    if pc.max(pc.binary_length(cells)).as_py() < _DIGITS or _parsed(_whole, cells) is not None:
        return False
    return not pc.any(pc.match_substring_regex(cells, r"[^0-9+-]")).as_py()


def _real(cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(cells, r"^[+-]?0[0-9]|[A-DF-Za-df-z_]")).as_py():
        return None
    return cells.cast(pa.float64())


def _truth(cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_true = pc.is_in(cells, value_set=pa.array(_TRUE, cells.type))
    is_false = pc.is_in(cells, value_set=pa.array(_FALSE, cells.type))
    return pc.if_else(pc.or_(is_true, is_false), is_true, pa.scalar(None, pa.bool_()))


def _day(cells: Any) -> Any:
    import pyarrow as pa

    return cells.cast(pa.date32())


def _moment(cells: Any) -> Any:
    import pyarrow as pa

    return cells.cast(pa.timestamp("us"))


def _zoned(cells: Any) -> Any:
    import pyarrow as pa

    return cells.cast(pa.timestamp("us", tz="UTC"))


def _slashed(cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    for form in _SLASHED:
        values = pc.strptime(cells, format=form, unit="us", error_is_null=True)
        # strptime takes year 24 as well; two digits are ambiguous and stay text.
        if values.null_count == cells.null_count and pc.all(pc.match_substring_regex(cells, r"^[0-9]{4}[/-]")).as_py():
            return values.cast(pa.timestamp("us"))
    return None


def _each_number(cells: Any) -> Any:
    import pyarrow as pa

    def parse(values: list[str]) -> Any:
        numbers = [parse_number(value) for value in values]
        is_real = any(isinstance(number, float) for number in numbers)
        return pa.array(numbers, pa.float64() if is_real else pa.int64(), from_pandas=False)

    return _by_value(cells, parse)


def _each_whole(cells: Any) -> Any:
    values = _each_number(cells)
    return values if values is not None and str(values.type) == "int64" else None


def _each_real(cells: Any) -> Any:
    import pyarrow as pa

    values = _each_number(cells)
    return values if values is None else values.cast(pa.float64())


def _each_day(cells: Any) -> Any:
    import pyarrow as pa

    def parse(values: list[str]) -> Any:
        dates = [parse_date(value) for value in values]
        return None if any(isinstance(found, datetime) for found in dates) else pa.array(dates, pa.date32())

    return _by_value(cells, parse)


def _each_moment(cells: Any) -> Any:
    import pyarrow as pa

    def parse(values: list[str]) -> Any:
        found = [parse_date(value) for value in values]
        return pa.array(
            [None if d is None else d if isinstance(d, datetime) else datetime(d.year, d.month, d.day) for d in found],  # noqa: DTZ001
            pa.timestamp("us"),
        )

    return _by_value(cells, parse)


def _by_value(cells: Any, parse: Callable[[list[str]], Any]) -> Any:
    """Parse each different value once and spread the results."""
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(cells)
    if hasattr(coded, "combine_chunks") and not hasattr(coded, "dictionary"):
        coded = coded.combine_chunks()
    parsed = parse(coded.dictionary.to_pylist())
    return None if parsed is None or parsed.null_count else parsed.take(coded.indices)


_LOOSE_NUMBER = ("full-width digits, thousands separators or ▲ read as numbers",)
_LOOSE_DATE = ("Japanese dates (2024/4/1, 2024年4月1日, 令和6年4月1日, R6.4.1) read as dates",)
_PARSERS: tuple[tuple[str, Callable[[Any], Any], tuple[str, ...]], ...] = (
    ("int64", _whole, ()),
    ("double", _real, ()),
    ("bool", _truth, ()),
    ("date32[day]", _day, ()),
    ("timestamp[us]", _moment, ()),
    ("timestamp[us, tz=UTC]", _zoned, ()),
    ("int64", _each_whole, _LOOSE_NUMBER),
    ("double", _each_real, _LOOSE_NUMBER),
    ("timestamp[us]", _slashed, ("2024/4/1 12:00 read as a local time",)),
    ("date32[day]", _each_day, _LOOSE_DATE),
    ("timestamp[us]", _each_moment, _LOOSE_DATE),
)


def _arrow_type(name: str) -> Any:
    import pyarrow as pa

    known = {
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "date32[day]": pa.date32(),
        "timestamp[us]": pa.timestamp("us"),
        "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    }
    return known.get(name, pa.string())


def _wrong(name: str, cells: Any, declared: str) -> UsageError:
    """Name the first cell that is not of the declared type; cells are tried in halves, which costs no loop."""
    low, high = 0, len(cells)
    parsers = [parse for kind, parse, _ in _PARSERS if kind == declared]
    while high - low > 1:
        middle = (low + high) // 2
        part = cells.slice(low, middle - low)
        if part.null_count < len(part) and all(_parsed(parse, part) is None for parse in parsers):
            high = middle
        else:
            low = middle
    return UsageError(
        "column-type",
        f"Column '{name}' is declared {declared}, but row {low + 1} holds {one_width(cells[low].as_py() or '')[:40]!r}",
        "mend the source, or edit the column's type in the recipe (data/<name>.table.toml), then repeat",
    )
