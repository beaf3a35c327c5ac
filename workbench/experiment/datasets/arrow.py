"""Bring Arrow tables into columns, and what pandas and polars keep in Arrow: chunks and slices are looked through."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.experiment.datasets.blocks import NAT, Blocks, Column, Form, mask_of
from workbench.experiment.datasets.values import text_of


def arrow_columns(table: Any) -> tuple[Column, ...]:
    """Bring an Arrow table or record batch into columns."""
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    return tuple(
        column
        for name, values in zip(table.column_names, table.columns, strict=True)
        for column in arrow_parts(values, name_of(name))
    )


def arrow_parts(values: Any, name: str) -> Iterator[Column]:
    """Bring one Arrow array into a column."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        yield _dictionary(values, name)
        return
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(whole, pa.ChunkedArray):  # more than 2 GiB of strings does not fit one array of 32-bit offsets
        whole = whole.cast(pa.large_binary() if _is_bytes(kind) else pa.large_string()).combine_chunks()
    if _is_text(kind):
        yield _strings(whole, name)
    elif _is_number(kind):
        yield _numbers(whole, name)
    elif pa.types.is_null(kind):
        yield Column(name, "null", len(whole), (), lambda: len(whole) > 0)
    else:  # lists, structs, decimals: through Python, slowly but fully
        yield said(whole.to_pylist(), name).named(str(kind))


def said(values: Sequence[Any], name: str) -> Column:
    """Bring values into a column one by one, each as type and text."""
    texts = [text_of(value, name) for value in values]
    return Column(name, "object", len(values), (("\n".join(texts).encode(),),), lambda: "null" in texts)


def category_column(codes: Any, words: list[str], name: str, inner: str, *, is_ordered: bool) -> Column:
    """Bring codes and categories into a column; without an order, that of the categories does not matter.

    Args:
        codes: int64, -1 where the value is missing.
        words: The categories as text.
        name: Name of the column.
        inner: Type of the categories.
        is_ordered: Whether the categories have an order.
    """
    import numpy as np

    if not is_ordered:
        order = sorted(range(len(words)), key=words.__getitem__)
        place = np.full(len(words) + 1, -1, dtype=np.int64)  # the last one is where code -1, missing, looks
        place[order] = np.arange(len(words))
        codes, words = place[codes], sorted(words)
    kind = f"category[{'ordered' if is_ordered else ''}:{inner}:{json.dumps(words)}]"
    return Column(name, kind, len(codes), (Blocks(codes),), lambda: bool((codes < 0).any()))


def _strings(whole: Any, name: str) -> Column:
    """Lengths, characters, mask: whatever the offset, and whatever lies below a missing value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_bytes = _is_bytes(whole.type)
    large = whole.cast(pa.large_binary() if is_bytes else pa.large_string())
    mask = _mask(whole)
    if len(mask):
        large = pc.fill_null(large, b"" if is_bytes else "")
    _, offsets_buffer, data = large.buffers()
    offsets = np.zeros(1, np.int64)
    if len(large):
        offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[large.offset : large.offset + len(large) + 1]
    characters = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]] if data else b""
    streams = (Blocks(np.diff(offsets)), (characters,), mask)
    return Column(name, "bytes" if is_bytes else "string", len(whole), streams, lambda: len(mask) > 0)


def _numbers(whole: Any, name: str) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, mask = whole.type, _mask(whole)
    is_instant = pa.types.is_timestamp(kind) or pa.types.is_duration(kind)
    plain, label = _plain(whole)
    if len(mask):
        plain = pc.fill_null(plain, NAT if is_instant else 0)
    array = plain.to_numpy(zero_copy_only=False)
    form = Form(array.dtype)
    streams = (Blocks(array, form), *([mask] if len(mask) and not is_instant else []))
    return Column(name, label, len(whole), streams, lambda: len(mask) > 0 or form.has_missing)


def _dictionary(values: Any, name: str) -> Column:
    """A dictionary of Arrow or a categorical of polars, in the form that pandas' categoricals have."""
    import pyarrow as pa

    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    whole = chunked.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    codes = whole.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    words = [text_of(item, name) for item in whole.dictionary.to_pylist()]
    inner = "str" if _is_text(whole.dictionary.type) else str(whole.dictionary.type)
    return category_column(codes, words, name, inner, is_ordered=bool(values.type.ordered))


def _mask(whole: Any) -> Sequence[Any]:
    return mask_of(whole.is_null().to_numpy(zero_copy_only=False)) if whole.null_count else ()


def _plain(values: Any) -> tuple[Any, str]:
    """Return numbers as Arrow can hand them to numpy, and the name of their type."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8()), "bool"
    if pa.types.is_timestamp(kind):
        return values.cast(pa.int64()), f"timestamp[{kind.unit}{',' + kind.tz if kind.tz else ''}]"
    if pa.types.is_duration(kind):
        return values.cast(pa.int64()), f"duration[{kind.unit}]"
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return values.cast(pa.int32()), str(kind)
    if pa.types.is_date64(kind) or pa.types.is_time64(kind):
        return values.cast(pa.int64()), str(kind)
    return values, {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    if str(kind).startswith(("month", "interval")):
        return False
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_temporal)
    return any(test(kind) for test in tests)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    is_string = pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"
    return is_string or _is_bytes(kind)


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or str(kind) == "binary_view"


def name_of(name: Any) -> str:
    """Return a column's name; the number 1 and the word "1" are two names."""
    return name if isinstance(name, str) else f"{type(name).__name__}({name!r})"
