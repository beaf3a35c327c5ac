"""Typed columns back to text, exactly as the source wrote them.

Where one *style* gives every cell of a column its own text back, only the values are stored; a source is then
"written again" byte for byte and nothing is stored twice. Where none does (``1,234`` beside ``1234``, era dates), the
text itself is stored and read again when needed. Whether a style fits is not guessed: it is tried on every cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SAMPLE = 1_000
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日")
_TIMES = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S+00:00",
)
_UNITS = ("s", "ms", "us")
_BOOLS = ("True|False", "true|false", "TRUE|FALSE")
_EXACT_BELOW, _EXACT_FROM = 1e-4, 1e15
"""Between these Python and Arrow write a number alike; outside, Python's own ``repr`` is asked cell by cell."""


def find_style(text: Any, values: Any) -> tuple[str, str] | None:
    """Return the style and the text for missing values that give ``text`` back; None where there is none.

    Args:
        text: Arrow string array: the cells as the source has them.
        values: The same column, typed.
    """
    import pyarrow.compute as pc

    gaps = pc.unique(text.filter(pc.is_null(values))).to_pylist()
    if len(gaps) > 1:
        return None
    missing = gaps[0] if gaps else ""
    few = min(_SAMPLE, len(text))
    for style in _candidates(text, values):
        if text.slice(0, few).equals(write_column(values.slice(0, few), style, missing)) and text.equals(
            write_column(values, style, missing)
        ):
            return style, missing
    return None


def write_column(values: Any, style: str, missing: str) -> Any:
    """Return a typed column as an Arrow string array."""
    import pyarrow as pa
    import pyarrow.compute as pc

    written = _written(values, style)
    return pc.fill_null(written.cast(pa.string()), missing)


def _candidates(text: Any, values: Any) -> Iterator[str]:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_floating(kind):
        yield from ("python", "bare")
        first = next(
            (cell.as_py() for cell, value in zip(text[:_SAMPLE], values[:_SAMPLE], strict=True) if value.is_valid), ""
        )
        if "e" not in first.lower():
            yield f"fixed:{len(first.partition('.')[2])}"
    elif pa.types.is_boolean(kind):
        yield from _BOOLS
    elif pa.types.is_date(kind):
        yield from _DATES
    elif pa.types.is_timestamp(kind):
        yield from (f"{unit}:{form}" for form in _TIMES for unit in _UNITS)
    else:
        yield "plain"


def _written(values: Any, style: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if style in ("python", "bare"):
        return _real(values, with_point=style == "python")
    if style.startswith("fixed:"):
        try:
            return values.cast(pa.decimal128(38, int(style[6:])), safe=False).cast(pa.string())
        except pa.ArrowInvalid:  # too large for 38 digits, or infinite
            return values.cast(pa.string())
    if style in _BOOLS:
        return pc.if_else(values, *style.split("|"))
    if "%" in style:
        unit, form = style.split(":", 1) if style.split(":", 1)[0] in _UNITS else ("", style)
        if unit:
            values = values.cast(pa.timestamp(unit, tz=values.type.tz), safe=False)
        return pc.strftime(values, format=form)
    return values.cast(pa.string())


def _real(values: Any, *, with_point: bool) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = values.cast(pa.string())
    if with_point:
        is_whole = pc.invert(pc.match_substring_regex(text, r"[.a-z]"))
        text = pc.if_else(is_whole, pc.binary_join_element_wise(text, ".0", ""), text)
    size = pc.abs(values)
    is_extreme = pc.and_(
        pc.or_(pc.less(size, _EXACT_BELOW), pc.greater_equal(size, _EXACT_FROM)), pc.not_equal(size, 0.0)
    )
    is_extreme = pc.fill_null(is_extreme, False)
    if not pc.any(is_extreme).as_py():
        return text
    asked = [repr(value) for value in values.filter(is_extreme).to_pylist()]
    exact = pa.array([word if with_point else word.removesuffix(".0") for word in asked], pa.string())
    return pc.replace_with_mask(text, is_extreme, exact)
