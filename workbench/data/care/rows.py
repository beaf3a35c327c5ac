"""Take rows out of one file's bytes, and leave every other byte as it is.

Text tables are cut at their records, so encoding, quoting and line ends of the others stay. Parquet and Feather are
written again with the same schema and codec. A file that cannot be read as a table, or has no such column, must not
hold the value anywhere, else it is refused: what cannot be erased with certainty is said, not skipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.foundation.errors import UsageError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_BINARY_TABLES = frozenset({".parquet", ".feather", ".arrow"})
_ENCODINGS = ("utf-8-sig", "cp932", "euc-jp", "latin-1")
_SEARCHED = ("utf-8", "cp932", "euc-jp", "utf-16-le")
csv.field_size_limit(1 << 30)  # Python's own limit is 128 KiB a cell


@dataclass(frozen=True)
class Wanted:
    """What is to be erased; it never leaves memory, and does not show itself.

    Attributes:
        column: Column to look in.
        values: The values, as they would stand in the file.
    """

    column: str
    values: frozenset[str] = field(repr=False)

    def is_in(self, cell: str) -> bool:
        """Tell whether a cell holds one of the values; full-width and half-width count as the same."""
        return plain(cell) in self.values


@dataclass(frozen=True)
class Remaining:
    """What is left of a file.

    Attributes:
        data: Its bytes; None where nothing had to go.
        rows: Rows taken out.
        kept: Rows left; 0 where it is no table.
    """

    data: bytes | None = field(repr=False)
    rows: int
    kept: int


def wanted_of(column: str, values: list[str]) -> Wanted:
    """Return what to erase; values are compared in one width and without blanks around them."""
    return Wanted(column, frozenset(plain(value) for value in values))


def plain(text: str) -> str:
    """Return a text in one width, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip()


def without_rows(data: bytes, name: str, wanted: Wanted) -> Remaining:
    """Return a file without the rows whose column holds one of the values.

    Args:
        data: The file.
        name: Its name, which says what it is.
        wanted: What to take out.

    Raises:
        UsageError: ``erase-unclear``: the value is in a file that has no such column or cannot be read as a table.
    """
    suffix = Path(name).suffix.lower()
    found: Remaining | None = None
    if suffix in SEPARATORS:
        found = _text_without(data, SEPARATORS[suffix], wanted)
    elif suffix in _BINARY_TABLES:
        found = _binary_without(data, suffix, name, wanted)
    if found is not None:
        return found
    if any(holds_value(part, wanted.values) for part in _unpacked(data)):
        message = f"A value to erase is in {name}, which has no column '{wanted.column}' or is no table"
        raise UsageError("erase-unclear", message, "take it out by hand and record that, then repeat")
    return Remaining(None, 0, 0)


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Yield a file, and what is packed in it: a workbook is a zip, in whose own bytes no word can be found."""
    yield data
    try:
        if data[:2] == b"\x1f\x8b":
            yield gzip.decompress(data)
        elif zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                yield from map(packed.read, packed.namelist())
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        message = "A packed file cannot be opened, so nobody knows what it holds"
        raise UsageError("erase-unclear", message, "unpack or remove it, then repeat") from error


def holds_value(data: bytes, values: frozenset[str]) -> bool:
    """Tell whether a value stands in bytes as a word of its own, in any encoding that Japan writes."""
    return any(pattern.search(data) for pattern in patterns_of(values))


def patterns_of(values: frozenset[str]) -> list[re.Pattern[bytes]]:
    """Return what finds the values in bytes; ``7`` is not found in ``17``."""
    found = []
    for value in values:
        for encoding in _SEARCHED:
            try:
                raw = value.encode(encoding)
            except UnicodeEncodeError:
                continue
            edge, after = (rb"(?<![0-9A-Za-z])", rb"(?![0-9A-Za-z])")
            if encoding == "utf-16-le":
                edge, after = rb"(?<![0-9A-Za-z]\x00)", rb"(?![0-9A-Za-z]\x00)"
            found.append(re.compile(edge + re.escape(raw) + after))
    return list(dict.fromkeys(found))


def _text_without(data: bytes, separator: str, wanted: Wanted) -> Remaining | None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-le" if data[:2] == b"\xff\xfe" else "utf-16-be"
        inner = _records_without(data[2:].decode(codec).encode(), "utf-8", separator, wanted)
        if inner is None or inner.data is None:
            return inner
        return Remaining(data[:2] + inner.data.decode().encode(codec), inner.rows, inner.kept)
    return _records_without(data, _encoding_of(data), separator, wanted)


def _records_without(data: bytes, encoding: str, separator: str, wanted: Wanted) -> Remaining | None:
    """Cut a text at its records and leave out those that hold a value; None where it has no such column."""
    records = _records(data, ord(separator))
    at: list[int] = []
    rows = kept = 0
    left: list[bytes] = []
    for record in records:
        cells = _cells(record, encoding, separator)
        if not at:
            left.append(record)
            at = [place for place, cell in enumerate(cells) if plain(cell) == plain(wanted.column)]  # maybe several
            continue
        if not cells:
            left.append(record)
        elif any(wanted.is_in(cells[place]) for place in at if place < len(cells)):
            rows += 1
        else:
            kept += 1
            left.append(record)
    if not at:
        return None
    return Remaining(b"".join(left) if rows else None, rows, kept)


def _cells(record: bytes, encoding: str, separator: str) -> list[str]:
    text = record.decode(encoding, "surrogateescape")
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])


def _records(data: bytes, separator: int) -> Iterator[bytes]:
    """Cut text at the line ends that lie outside quotes; a quote counts where a cell begins with it."""
    start = end = 0
    is_open = False
    for line in io.BytesIO(data):
        end += len(line)
        is_open = _is_open_after(line, separator, is_open)
        if not is_open:
            yield data[start:end]
            start = end
    if start < len(data):
        yield data[start:]


def _is_open_after(line: bytes, separator: int, is_open: bool) -> bool:
    if b'"' not in line:
        return is_open
    begins, closed_at = not is_open, -2
    for place, byte in enumerate(line):
        if byte == 0x22:
            if is_open:
                is_open, closed_at = False, place
            elif begins or closed_at == place - 1:  # a cell begins with it, or it is the second of a doubled one
                is_open = True
        begins = byte == separator or (begins and byte in (0xEF, 0xBB, 0xBF))
    return is_open


def _encoding_of(data: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _binary_without(data: bytes, suffix: str, name: str, wanted: Wanted) -> Remaining | None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.feather as pf
    import pyarrow.parquet as pq

    try:
        reader = pa.BufferReader(data)
        table = pq.read_table(reader) if suffix == ".parquet" else pf.read_table(reader)
    except pa.ArrowException as error:
        raise UsageError("erase-unclear", f"{name} cannot be read as a table", "remove it, then repeat") from error
    if wanted.column not in table.column_names:
        if any(_marked(table, column, wanted).count(True) for column in table.column_names):
            message = f"A value to erase is in {name}, which has no column '{wanted.column}'"
            raise UsageError("erase-unclear", message, "take it out by hand and record that, then repeat")
        return Remaining(None, 0, 0)
    marked = _marked(table, wanted.column, wanted)
    rows = marked.count(True)
    if not rows:
        return Remaining(None, 0, table.num_rows)
    left = table.filter(pc.invert(pa.array(marked)))
    out = io.BytesIO()
    if suffix == ".parquet":
        before = pq.ParquetFile(pa.BufferReader(data)).metadata
        codec = before.row_group(0).column(0).compression if before.num_row_groups else "SNAPPY"
        pq.write_table(left, out, compression="NONE" if codec == "UNCOMPRESSED" else codec)
    else:
        pf.write_feather(left, out)
    return Remaining(out.getvalue(), rows, left.num_rows)


def _marked(table: Any, column: str, wanted: Wanted) -> list[bool]:
    """Return for each row whether a column holds a value; each distinct value is looked at once."""
    import pyarrow as pa

    cells = table[column].combine_chunks()
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_nested(cells.type):
        return [cell is not None and any(wanted.is_in(part) for part in _parts(cell)) for cell in cells.to_pylist()]
    values = cells.to_pylist()
    found = {value for value in set(values) if value is not None and wanted.is_in(_as_text(value))}
    return [value in found for value in values]


def _parts(cell: Any) -> Iterator[str]:
    if isinstance(cell, dict):
        for part in cell.values():
            yield from _parts(part)
    elif isinstance(cell, list | tuple):
        for part in cell:
            yield from _parts(part)
    elif cell is not None:
        yield _as_text(cell)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
