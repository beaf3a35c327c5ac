"""Text files of rows: what encoding, delimiter, header and quotes one has, its cells, and the same bytes again."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.foundation.errors import UsageError

_DELIMITERS = ",\t;|"
_LOOKED_AT = 50
_ROWS_AT_ONCE = 50_000
_QUOTINGS = ("minimal", "text", "all")
csv.field_size_limit(1 << 30)  # Python's own limit is 128 KiB a cell, which a remark or a trace of readings may exceed


@dataclass(frozen=True)
class TextLayout:
    r"""What surrounds the cells of a text file.

    Attributes:
        encoding: Python's name for it.
        delimiter: One character.
        newline: ``\n``, ``\r\n`` or ``\r``.
        quoting: ``minimal``, ``text`` or ``all``; empty where none gives the file back.
        skip_rows: Lines before the header.
        prefix: Everything before the first row of cells, decoded: skipped lines and header.
        names: Column names, made unique.
        ends_with_newline: Whether the last row does.
    """

    encoding: str
    delimiter: str
    newline: str
    quoting: str
    skip_rows: int
    prefix: str
    names: tuple[str, ...]
    ends_with_newline: bool


def decode(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text and its encoding.

    Args:
        data: The file.
        encoding: Declared; found out where empty: a byte order mark decides, then UTF-8, then whichever of cp932 and
            euc-jp gives fewer half-width katakana, which is what one looks like when read as the other.

    Raises:
        UsageError: ``encoding-unknown`` or ``encoding-wrong``.
    """
    if encoding:
        try:
            return data.decode(encoding), codecs.lookup(encoding).name
        except LookupError:
            hint = "use utf-8, cp932, euc-jp, utf-16 or latin-1"
            raise UsageError("encoding-unknown", f"There is no encoding '{encoding}'", hint) from None
        except UnicodeDecodeError as error:
            message = f"The file is not {encoding}: byte {error.start:,} does not fit"
            raise UsageError("encoding-wrong", message, "leave --encoding out to have it found") from None
    if data.startswith(codecs.BOM_UTF8):
        return decode(data, "utf-8-sig")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return decode(data, "utf-16")
    found = {}
    for candidate in ("utf-8", "cp932", "euc_jp"):
        try:
            found[candidate] = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        if candidate == "utf-8":
            return found[candidate], candidate
    if not found:
        hint = "name it: mlops data import … --encoding latin-1"
        raise UsageError("encoding-unknown", "The file is neither UTF-8 nor Shift JIS, EUC-JP or UTF-16", hint)
    best = min(found, key=lambda name: sum("｡" <= letter <= "ﾟ" for letter in found[name][:100_000]))
    return found[best], best


def encode(text: str, encoding: str, *, is_first: bool) -> bytes:
    """Return a piece of text in the file's encoding; only the first piece carries the byte order mark."""
    if encoding in ("utf-8-sig", "utf-16") and not is_first:
        return text.encode({"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}[encoding])
    return text.encode(encoding)


def find_layout(text: str, encoding: str, *, delimiter: str = "", skip_rows: int | None = None) -> TextLayout:
    """Return what surrounds the cells; ``quoting`` is still to be found.

    Raises:
        UsageError: ``table-empty``: there is no header.
    """
    newline = "\r\n" if "\r\n" in text[:100_000] else "\r" if "\r" in text[:100_000] and "\n" not in text else "\n"
    mark = delimiter or _find_delimiter(text)
    skipped = _find_header(text, mark) if skip_rows is None else skip_rows
    start = _after_rows(text, mark, skipped)
    reader = csv.reader(io.StringIO(text[start : start + 1_000_000], newline=""), delimiter=mark)
    header = next(reader, None)
    if not header:
        raise UsageError("table-empty", "The file has no header row", "look at its first lines: head -3 FILE")
    end = _after_rows(text, mark, 1, start)
    return TextLayout(
        encoding,
        mark,
        newline,
        "",
        skipped,
        text[:end],
        unique_names(header),
        text.endswith(newline) or end >= len(text),
    )


def unique_names(header: list[str]) -> tuple[str, ...]:
    """Return column names without blanks around them, none empty and none twice."""
    names: list[str] = []
    for index, given in enumerate(header, 1):
        base = given.strip() or f"column_{index}"
        name, count = base, 1
        while name in names:
            count += 1
            name = f"{base}_{count}"
        names.append(name)
    return tuple(names)


def read_cells(text: str, layout: TextLayout) -> Any:
    """Return the cells as an Arrow table of strings; an empty cell is an empty string.

    Raises:
        UsageError: ``table-ragged``: a row has more or fewer cells than the header; ``table-malformed``: a quote is
            never closed.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    body = text[len(layout.prefix) :]
    kinds = {name: pa.string() for name in layout.names}
    if not body.strip():
        return pa.table({name: pa.array([], pa.string()) for name in layout.names})
    wrong: list[Any] = []

    def refuse(row: Any) -> str:
        wrong.append(row)
        return "skip"

    data = body.encode()
    read = arrow_csv.ReadOptions(column_names=list(layout.names), block_size=max(1 << 24, len(data) // 8))
    parse = arrow_csv.ParseOptions(
        delimiter=layout.delimiter, newlines_in_values='"' in body, invalid_row_handler=refuse, ignore_empty_lines=True
    )
    convert = arrow_csv.ConvertOptions(column_types=kinds, strings_can_be_null=False, check_utf8=False)
    try:
        table = arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
        if wrong:  # once more, one row after the other: only so Arrow knows which row it is at
            wrong.clear()
            read.use_threads = False
            arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
    except pa.ArrowInvalid as error:
        raise UsageError("table-malformed", f"The rows cannot be read: {error}"[:300], "mend the file") from None
    if wrong:
        row = wrong[0]
        where = f"row {row.number} below it" if row.number else "a row"
        message = (
            f"The header has {row.expected_columns} cells and {where} has {row.actual_columns}; "
            f"rows that do not fit: {len(wrong):,}"
        )
        hint = "skip the rows before the header: --skip-rows N; or name the delimiter: --delimiter ';'"
        raise UsageError("table-ragged", message, hint)
    last = table.column(table.num_columns - 1)[-1].as_py() if table.num_rows else ""
    if ("\n" in last or "\r" in last) and not body.rstrip().endswith('"'):
        message = f"A quote opens in row {table.num_rows:,} below the header and never closes"
        raise UsageError("table-malformed", message, 'close it, or write a quote inside of a cell twice: "3"" pipe"')
    return table.combine_chunks()


def write_rows(columns: list[Any], layout: TextLayout, is_text: list[bool]) -> Iterator[bytes]:
    """Yield the file's bytes from its columns of text; the inverse of :func:`read_cells`.

    Args:
        columns: Arrow string arrays.
        layout: What surrounds them.
        is_text: Which columns hold text, for ``quoting="text"``.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = len(columns[0]) if columns else 0
    yield encode(layout.prefix, layout.encoding, is_first=True)
    for start in range(0, rows, _ROWS_AT_ONCE):
        parts = [column.slice(start, _ROWS_AT_ONCE) for column in columns]
        quoted = [_quoted(part, layout, is_text[index]) for index, part in enumerate(parts)]
        lines = pc.binary_join_element_wise(*quoted, layout.delimiter) if len(quoted) > 1 else quoted[0]
        if isinstance(lines, pa.ChunkedArray):
            lines = lines.combine_chunks()
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines), layout.newline)
        is_last = start + _ROWS_AT_ONCE >= rows
        end = layout.newline if layout.ends_with_newline or not is_last else ""
        yield encode(joined[0].as_py() + end, layout.encoding, is_first=False)


def find_quoting(raw: bytes, columns: list[Any], layout: TextLayout, is_text: list[bool]) -> str:
    """Return the quoting that gives the first rows back; empty where none does."""
    from dataclasses import replace

    few = [column.slice(0, 200) for column in columns]
    for quoting in _QUOTINGS:
        attempt = replace(layout, quoting=quoting, ends_with_newline=layout.ends_with_newline or len(columns[0]) > 200)
        if raw.startswith(b"".join(write_rows(few, attempt, is_text))):
            return quoting
    return ""


def _quoted(cells: Any, layout: TextLayout, is_text: bool) -> Any:
    import pyarrow.compute as pc

    if layout.quoting == "all" or (layout.quoting == "text" and is_text):
        return pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    mark = {"\t": r"\t", "|": r"\|"}.get(layout.delimiter, layout.delimiter)
    needs = pc.match_substring_regex(cells, f'["\\r\\n{mark}]')
    if not pc.any(needs).as_py():
        return cells
    wrapped = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    return pc.if_else(needs, wrapped, cells)


def _find_delimiter(text: str) -> str:
    """Return the mark that splits most of the first lines into the same number of cells, and into most of them."""
    lines = [line for line in text[:200_000].splitlines()[:_LOOKED_AT] if line.strip()]

    def weight(mark: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=mark) if len(row) > 1)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        return count, width

    return max(_DELIMITERS, key=weight)


def _find_header(text: str, mark: str) -> int:
    """Return how many lines come before the header: those narrower than the rows below."""
    rows = list(csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=mark))[:_LOOKED_AT]
    widths = Counter(len(row) for row in rows[len(rows) // 2 :] if row)
    if not widths:
        return 0
    width = widths.most_common(1)[0][0]
    for index, row in enumerate(rows):
        # Excel pads a title row with empty cells; one empty name is an index column's.
        if len(row) == width and sum(bool(cell.strip()) for cell in row) >= max(width - 1, 1):
            return index
    return 0


def _after_rows(text: str, mark: str, count: int, start: int = 0) -> int:
    """Return where the text continues after ``count`` rows; quoted cells may hold line ends."""
    stream = io.StringIO(text[start : start + 1_000_000], newline="")
    reader = csv.reader(iter(stream.readline, ""), delimiter=mark)
    for _ in range(count):
        if next(reader, None) is None:
            break
    return start + stream.tell()
