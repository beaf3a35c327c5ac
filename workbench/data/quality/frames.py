"""Tables as pandas frames: read from a file or from the cache object of a version, written in the file's own form.

Columns keep Arrow's types, so whole numbers with gaps stay whole and nothing is rounded on the way through.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.content import file_md5
from workbench.data.dvc.cache import object_path
from workbench.data.dvc.repository import cache_settings
from workbench.data.paths import data_path
from workbench.data.tables.kinds import is_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError
from workbench.foundation.project import Project

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
TABLES = frozenset({*SEPARATORS, ".parquet", ".feather", ".arrow"})
TYPES = ("integer", "number", "text", "boolean", "date", "time")
"""The plain words for a column's type."""


@dataclass(frozen=True)
class Source:
    """Where one file's bytes lie.

    Attributes:
        name: Path relative to the project, without a version.
        file: The bytes: the file itself, or an object of the cache.
    """

    name: str
    file: Path


def source_of(project: Project, name: str) -> Source:
    """Return where the bytes of a path or of a version are.

    Raises:
        NotFoundError: ``data-missing`` or ``version-unknown``.
        UsageError: ``path-outside-project`` or ``path-not-data``.
        IntegrityError: ``data-cache-missing``: the version's bytes are not in the cache.
    """
    path, at, digits = name.rpartition("@")
    if not at or (project.root / name).exists():
        relative = data_path(project, name)
        return Source(relative, project.root / relative)
    from workbench.data.versions import list_versions  # versions asks us whether checks hold

    found = [version for version in list_versions(project) if version.path == path and version.id.startswith(name)]
    if len(found) != 1 or not digits:
        raise NotFoundError("version-unknown", f"There is no dataset version '{name}'", "mlops data")
    file = object_path(cache_settings(project).folder, found[0].digest.removeprefix("md5:"))
    if not file.is_file():
        hint = f"fetch it from the remote: dvc fetch '{path}.dvc'"
        raise IntegrityError("data-cache-missing", f"The cache no longer has {found[0].id}", hint)
    return Source(path, file)


def read_frame(project: Project, name: str) -> pd.DataFrame:
    """Read a table: CSV, TSV, Parquet, Feather, or one kept by the block; a path, or the id of a version.

    Raises:
        UsageError: ``data-not-a-table``: another kind of file, or one that cannot be read as what its name says.
        NotFoundError: ``data-missing`` or ``version-unknown``.
    """
    source = source_of(project, name)
    if not is_block_table(source.name):
        return frame_of(source.file, source.name)
    from workbench.data.tables.place import find_place

    return _frame(find_place(project, name).read())


def frame_of(file: Path, name: str) -> pd.DataFrame:
    """Read one file as a table; ``name`` says what it is, since an object of the cache has no suffix.

    Raises:
        UsageError: ``data-not-a-table``.
    """
    table = _table(file, name)
    if len(set(table.column_names)) != table.num_columns:
        raise _no_table(name, "two columns have one name")
    return _frame(table)


def is_block_table(name: str) -> bool:
    """Tell whether a path is that of a table kept by the block (``data/<name>.table``)."""
    return name.endswith(".table")


def content_md5(file: Path) -> str:
    """Return the md5 of a table's file, or of the index of one kept by the block, which names all of its blocks."""
    return file_md5(file / "table.json" if file.is_dir() else file)


def _frame(table: Any) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):  # NaN is how other tools write a gap, and pandas would take it for a value
            is_gap = pc.is_nan(table.column(place))
            if pc.any(is_gap).as_py():
                filled = pc.if_else(is_gap, pa.scalar(None, field.type), table.column(place))
                table = table.set_column(place, field.name, filled)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame in the form that the file's name says, in one step.

    Raises:
        UsageError: ``data-not-a-table``: the name ends in none of the known ways.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    import pyarrow as pa
    import pyarrow.feather as pf
    import pyarrow.parquet as pq

    suffix = path.suffix.lower()
    buffer = io.BytesIO()
    if suffix in SEPARATORS:
        frame.to_csv(buffer, index=False, sep=SEPARATORS[suffix], lineterminator="\n", encoding="utf-8")
    elif suffix in TABLES:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        if suffix == ".parquet":
            pq.write_table(table, buffer)
        else:
            pf.write_feather(table, buffer)
    else:
        raise _no_table(path.name, "its name ends in none of .csv, .tsv, .parquet, .feather")
    write_atomic(path, buffer.getvalue())


def type_word(column: Any) -> str:
    """Return the plain word for the type of a frame's column (``integer``, ``text``, …)."""
    import pyarrow as pa

    kind = column.dtype.pyarrow_dtype
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return "time"
    return "text"


def is_plain(column: Any) -> bool:
    """Tell whether a column's cells are single values that can be sorted and counted: no lists, no bytes."""
    import pyarrow as pa

    kind = column.dtype.pyarrow_dtype
    return not (is_bytes(kind) or pa.types.is_nested(kind))


def in_words(cell: Any) -> str:
    """Return the text of a cell of any kind, a list or bytes, too."""
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


def require_column(frame: pd.DataFrame, column: str, path: str) -> None:
    """Refuse a column that a table does not have.

    Raises:
        NotFoundError: ``column-unknown``, with the nearest one.
    """
    from workbench.foundation.errors import did_you_mean

    if column not in frame.columns:
        hint = did_you_mean(column, [str(name) for name in frame.columns])
        raise NotFoundError("column-unknown", f"{path} has no column '{column}'", hint)


def _table(file: Path, name: str) -> Any:
    from workbench.data.tables.sources import format_of, read_source

    if not format_of(Path(name)) or not file.is_file():
        raise _no_table(name, "it is no CSV, TSV, Parquet, Feather or Excel file")
    try:
        return read_source(file, name=Path(name).name).table
    except UsageError as error:
        raise _no_table(name, error.message) from error


def _no_table(name: str, why: str) -> UsageError:
    hint = "name a table, or import it as one: mlops data --help"
    return UsageError("data-not-a-table", f"{name} cannot be read as a table: {why}", hint)
