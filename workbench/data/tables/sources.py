"""Sources of tables: a file or a database query becomes one Arrow table and the recipe that made it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.contract.table import ColumnRule, ReadingRecipe
from workbench.data.tables import textfile
from workbench.data.tables.cells import MISSING, parse_column
from workbench.data.tables.styles import find_style
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError, did_you_mean, read_errors

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_LOOKED_AT = 1_000
_NEWLINES = {"\n": "lf", "\r\n": "crlf", "\r": "cr"}


@dataclass(frozen=True)
class Source:
    """A table as it was read.

    Attributes:
        table: Arrow table of values.
        recipe: How it was read.
        raw: The source's bytes; None for a query.
        texts: By column, the cells' text where values alone do not give them back.
        layout: What surrounds the cells of a text file; None for others, or where no quoting gives the file back.
    """

    table: Any
    recipe: ReadingRecipe
    raw: bytes | None = None
    texts: dict[str, Any] = field(default_factory=dict)
    layout: textfile.TextLayout | None = None


def format_of(path: Path) -> str:
    """Return the format that a file's name promises; empty for one that is no table."""
    return FORMATS.get(path.suffix.lower(), "")


def read_source(path: Path, recipe: ReadingRecipe | None = None, *, exactly: bool = False, name: str = "") -> Source:
    """Read a file.

    Args:
        path: CSV, TSV, Parquet, Feather or Excel.
        recipe: What is declared about it; what it leaves open is found out.
        exactly: Also find out how its own bytes can be written again.
        name: What the file is called where ``path`` does not say it (in DVC's cache).

    Raises:
        NotFoundError: ``source-missing``.
        UsageError: ``format-unknown``, ``table-malformed`` and what the format's reader says.
        StorageError: ``file-not-readable``.
    """
    name = name or path.name
    found = format_of(Path(name))
    wanted = replace(recipe or ReadingRecipe(""), format=found, source=name)
    try:
        with read_errors(path):
            if not found and path.is_file():
                hint = f"use one of {', '.join(sorted(FORMATS))}"
                raise UsageError("format-unknown", f"{name} is no table that can be read", hint)
            data = path.read_bytes()
    except FileNotFoundError:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise NotFoundError("source-missing", f"There is no {path}", did_you_mean(path.name, siblings)) from None
    if found == "csv":
        return _read_text(data, wanted, exactly=exactly)
    table = _read_excel(data, wanted) if found == "excel" else _read_arrow(data, wanted)
    return from_table(table, wanted, raw=data)


def read_query(recipe: ReadingRecipe) -> Source:
    """Ask a database.

    Raises:
        UsageError: ``url-missing``: the environment variable is not set; ``query-failed``.
        UnavailableError: ``database-unavailable``.
    """
    import pyarrow as pa
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

    url = os.environ.get(recipe.url_env, "") if recipe.url_env else ""
    if not url:
        message = f"The environment variable {recipe.url_env} holds no database address"
        if not recipe.url_env:
            message = "The environment variable that holds the database's address was not named"
        raise UsageError("url-missing", message, "mlops data import --query SQL --url-env VARIABLE")
    try:
        engine = sqlalchemy.create_engine(url)
        try:
            with engine.connect() as connection:
                answer = connection.execute(sqlalchemy.text(recipe.query))
                if not answer.returns_rows:
                    raise UsageError("query-failed", "The query returns no rows", "use a SELECT")
                names, rows = list(answer.keys()), answer.fetchall()
        finally:
            engine.dispose()
    except (NoSuchModuleError, ImportError, sqlalchemy.exc.ArgumentError) as error:
        # The message of these may repeat the address, which may hold a password.
        message, hint = f"No driver for the address in {recipe.url_env}", "write dialect+driver://…, and pip install it"
        raise UnavailableError("database-unavailable", message, hint) from error
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0][:200] if error.orig else "refused"
        reason = reason.replace(url, "…")
        raise UsageError(
            "query-failed", f"The database refuses the query: {reason}", "try it in the database"
        ) from None
    except SQLAlchemyError as error:
        message = f"The database fails: {type(error).__name__}"
        raise UnavailableError("database-unavailable", message, "ask it the same with its own client") from error
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    unique = textfile.unique_names(names)
    try:
        table = pa.table({name: pa.array(_plain(column)) for name, column in zip(unique, columns, strict=True)})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UsageError("query-failed", f"A column mixes types: {error}"[:200], "cast it in the query") from None
    return from_table(table, replace(recipe, format="query", source=""))


def from_table(table: Any, recipe: ReadingRecipe, *, raw: bytes | None = None) -> Source:
    """Return a source from an Arrow table: plain types, no dictionaries, one chunk a column."""
    table = plain_table(table)
    rules = tuple(ColumnRule(item.name, str(item.type)) for item in table.schema)
    declared = {rule.name: rule.type for rule in recipe.columns}
    for rule in rules:
        if declared.get(rule.name, rule.type) != rule.type:
            message = f"Column '{rule.name}' is declared {declared[rule.name]} and is {rule.type}"
            raise UsageError("column-type", message, "edit its type in the recipe, then repeat")
    return Source(table, replace(recipe, columns=rules, missing=()), raw)


def plain_table(table: Any) -> Any:
    """Return a table whose equal columns have equal bytes: dictionaries decoded, chunks joined, no pandas metadata."""
    import pyarrow as pa

    columns = []
    for item, column in zip(table.schema, table.columns, strict=True):
        kind = item.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type  # noqa: PLW2901
        if pa.types.is_large_string(kind) or str(kind) == "string_view":
            column = column.cast(pa.string())  # noqa: PLW2901
        if pa.types.is_null(kind):
            column = column.cast(pa.string())  # noqa: PLW2901
        columns.append(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
    return pa.table(columns, names=textfile.unique_names(list(table.column_names)))


def _read_text(data: bytes, wanted: ReadingRecipe, *, exactly: bool) -> Source:
    import pyarrow as pa

    text, encoding = textfile.decode(data, wanted.encoding)
    if "\0" in text:
        raise UsageError("table-malformed", "The file holds zero bytes and is no text", "name its --encoding")
    skip = wanted.skip_rows if wanted.encoding or wanted.skip_rows else None
    layout = textfile.find_layout(text, encoding, delimiter=wanted.delimiter, skip_rows=skip)
    cells = textfile.read_cells(text, layout)
    declared = {rule.name: rule.type for rule in wanted.columns}
    missing = wanted.missing or MISSING
    values, rules, texts = {}, [], {}
    for name in layout.names:
        column = _one(cells[name])
        parsed = parse_column(name, column, missing, declared.get(name, ""))
        values[name] = parsed.values
        style = find_style(column, parsed.values) if exactly else None
        if exactly and style is None:
            texts[name] = column
        rules.append(ColumnRule(name, parsed.type, *(style or ("", "")), parsed.notes))
    if exactly:
        layout = _with_quoting(data, cells, layout, rules)
    recipe = replace(
        wanted,
        encoding=encoding,
        delimiter=layout.delimiter,
        newline=_NEWLINES[layout.newline],
        quoting=layout.quoting,
        skip_rows=layout.skip_rows,
        missing=missing,
        columns=tuple(rules),
    )
    is_exact = exactly and bool(layout.quoting)
    return Source(pa.table(values), recipe, data, texts if is_exact else {}, layout if is_exact else None)


def _with_quoting(data: bytes, cells: Any, layout: textfile.TextLayout, rules: list[ColumnRule]) -> textfile.TextLayout:
    """Return the layout with the quoting that gives the file back, tried on every byte; empty where none does."""
    columns = [_one(cells[name]) for name in layout.names]
    is_text = [rule.type == "string" for rule in rules]
    quoting = textfile.find_quoting(data, columns, layout, is_text)
    found = replace(layout, quoting=quoting)
    if not quoting:
        return found
    at = 0
    try:
        for piece in textfile.write_rows(columns, found, is_text):
            if data[at : at + len(piece)] != piece:
                return layout
            at += len(piece)
    except UnicodeEncodeError:  # an encoding that does not give its own text back, such as a lone surrogate's
        return layout
    return found if at == len(data) else layout


def _one(column: Any) -> Any:
    import pyarrow as pa

    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _read_arrow(data: bytes, wanted: ReadingRecipe) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import feather

    try:
        reader = pa.BufferReader(data)
        # A parquet.ParquetFile, other than read_table, also reads two columns of one name.
        return pq.ParquetFile(reader).read() if wanted.format == "parquet" else feather.read_table(reader)
    except (pa.ArrowInvalid, OSError) as error:
        message = f"{wanted.source} is no {wanted.format} file: {error}"[:200]
        raise UsageError("table-malformed", message, "mend the file, or name another") from None


def _read_excel(data: bytes, wanted: ReadingRecipe) -> Any:
    """Return one sheet; formulas give the value that Excel saved with them."""
    import io
    import zipfile

    import pyarrow as pa

    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        hint = "pip install 'mlops-workbench[excel]'"
        raise UnavailableError("excel-missing", "Reading Excel needs openpyxl", hint) from None
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UsageError(
            "table-malformed", f"{wanted.source} is no workbook: {error}"[:200], "save it as xlsx"
        ) from None
    if wanted.sheet and wanted.sheet not in book.sheetnames:
        message = f"{wanted.source} has no sheet '{wanted.sheet}'"
        raise NotFoundError("sheet-missing", message, did_you_mean(wanted.sheet, book.sheetnames))
    sheets = {sheet.title: sheet for sheet in book.worksheets}  # without charts, which hold no cells
    title = wanted.sheet or next(iter(sheets), "")
    if title not in sheets:
        message = f"The sheet '{title}' is a chart" if title else f"{wanted.source} holds no sheet of cells"
        raise UsageError("table-empty", message, f"name another: --sheet {next(iter(sheets), 'NAME')}")
    sheet = sheets[title]
    sheet.reset_dimensions()  # measuring machines write what they please there, and whatever lies outside would be lost
    rows = [
        row
        for row in sheet.iter_rows(values_only=True, min_row=wanted.skip_rows + 1)
        if any(c is not None for c in row)
    ]
    if not rows:
        raise UsageError("table-empty", f"The sheet '{sheet.title}' is empty", "name another: --sheet NAME")
    width = max(index + 1 for row in rows for index, cell in enumerate(row) if cell is not None)
    names = textfile.unique_names(["" if cell is None else str(cell) for cell in (*rows[0], *[None] * width)][:width])
    columns, empty = {}, {}
    for index, name in enumerate(names):
        values = [row[index] if index < len(row) else None for row in rows[1:]]
        if values and all(value is None for value in values):
            empty[index + 1] = name
        columns[name] = _cells_of(name, values, wanted)
    if empty:
        _refuse_unsaved_formulas(load_workbook(io.BytesIO(data), read_only=True)[title], empty, wanted.skip_rows + 1)
    return pa.table(columns)


def _refuse_unsaved_formulas(sheet: Any, empty: dict[int, str], first: int) -> None:
    """Refuse a column that is empty only because whatever wrote its formulas never worked them out."""
    sheet.reset_dimensions()
    for row in sheet.iter_rows(min_row=first, max_row=first + _LOOKED_AT):
        for cell in row:
            if cell.data_type == "f" and cell.column in empty:
                message = f"Column '{empty[cell.column]}' holds formulas whose values were not saved"
                raise UsageError("table-malformed", message, "open the workbook in Excel and save it, then repeat")


def _cells_of(name: str, values: list[Any], wanted: ReadingRecipe) -> Any:
    """Return a column of a workbook: by its own types where they agree, else read as text is."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) == 1:
        array = pa.array(_plain(values), from_pandas=False)
        if not pa.types.is_string(array.type):
            whole = str(array.type).startswith("timestamp")
            return array.cast(pa.timestamp("us")) if whole else array
    text = pa.array(["" if value is None else str(value) for value in values], pa.string())
    declared = {rule.name: rule.type for rule in wanted.columns}.get(name, "")
    return parse_column(name, text, wanted.missing or MISSING, declared).values


def _plain(values: Any) -> list[Any]:
    """Let decimals, which drivers give for NUMERIC, be numbers, and whatever Arrow does not know be text."""
    from datetime import date, datetime, time
    from decimal import Decimal

    known = (str, int, float, bool, bytes, date, datetime, time)
    is_mixed = len({type(v) for v in values if v is not None}) > 1
    return [
        v
        if v is None
        else float(v)
        if isinstance(v, Decimal) or (is_mixed and type(v) is int)
        else v
        if isinstance(v, known)
        else str(v)
        for v in values
    ]
