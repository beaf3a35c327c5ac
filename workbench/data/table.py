"""Rows and columns of what is one table, without loading it: CSV, TSV, Parquet, and tables by the block."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from workbench.data.tables.textfile import TextLayout, decode, find_layout
from workbench.foundation.errors import UsageError

_ENCODINGS = ("utf-8", "cp932")
"""Factories in Japan still write CSV in Shift JIS."""
_LOOKED_AT = 1 << 20
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class TableShape:
    """Rows, and column names with their types; nothing where the file is no table."""

    rows: int | None = None
    columns: dict[str, str] = field(default_factory=dict)


def shape_of(path: Path) -> TableShape:
    """Return the shape of a table, or an empty one for anything else."""
    if path.is_dir() and (path / "table.json").is_file():
        return _blocks_shape(path / "table.json")
    if path.is_file() and path.suffix.lower() == ".parquet":
        return _parquet_shape(path)
    if path.is_file() and path.suffix.lower() in _SEPARATORS:
        return _csv_shape(path, _SEPARATORS[path.suffix.lower()])
    return TableShape()


def _blocks_shape(index: Path) -> TableShape:
    """Read the index of a table by the block (:mod:`workbench.data.tables.blocks`), without Arrow."""
    try:
        said = json.loads(index.read_bytes())
        return TableShape(said["rows"], {column["name"]: column["type"] for column in said["columns"]})
    except (OSError, ValueError, KeyError, TypeError):
        return TableShape()  # a folder of somebody else's that has a file of this name


def _parquet_shape(path: Path) -> TableShape:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid:
        return TableShape()
    with file:
        return TableShape(file.metadata.num_rows, {field.name: str(field.type) for field in file.schema_arrow})


def _csv_shape(path: Path, separator: str) -> TableShape:
    import pyarrow as pa

    found = _layout(path)
    # A title above the header is no name of a column; another separator is looked for where the usual one does not fit.
    layouts = (found,) if found is None or found.skip_rows else (None, found)
    for layout, encoding in product(layouts, _ENCODINGS):
        try:
            return _csv_in(path, separator, encoding, layout)
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
            continue
    return TableShape()


def _layout(path: Path) -> TextLayout | None:
    """Return what surrounds a text file's cells, as its first mebibyte tells; None where it tells nothing."""
    with path.open("rb") as stream:
        data = stream.read(_LOOKED_AT)
    if len(data) == _LOOKED_AT:
        data = data[: data.rfind(b"\n") + 1]  # the last character may be cut in two
    if b"\0" in data:
        return None
    try:
        return find_layout(*decode(data))
    except UsageError:
        return None


def _csv_in(path: Path, separator: str, encoding: str, layout: TextLayout | None) -> TableShape:
    """Infer types from the first block, then count rows as strings, which no later block can contradict."""
    import pyarrow as pa
    from pyarrow import csv

    read = csv.ReadOptions(encoding=encoding)
    if layout:
        separator = layout.delimiter
        read.skip_rows, read.column_names = layout.prefix.count(layout.newline), list(layout.names)
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    with csv.open_csv(path, read_options=read, parse_options=parse) as first:
        schema: Any = first.schema
    as_text = csv.ConvertOptions(column_types={name: pa.string() for name in schema.names})
    with csv.open_csv(path, read_options=read, parse_options=parse, convert_options=as_text) as batches:
        rows = sum(batch.num_rows for batch in batches)
    return TableShape(rows, {field.name: str(field.type) for field in schema})
