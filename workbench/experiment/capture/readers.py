"""Readers that open files in native code, which no audit hook sees: pyarrow (pandas hands to it), polars, duckdb.

Each of their functions is wrapped once the user imports the library: the path is noted, then the function does what it
always did. Writers are wrapped, too, because a file that was made here is no input when it is read back. Not seen:
``pyarrow.OSFile`` and file systems of pyarrow (native classes), a database file that is not opened read-only, files
that a library of another kind opens natively (HDF5, images through OpenCV); name those with ``workbench.log_input``.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from workbench.experiment.capture import inputs
from workbench.experiment.capture.imports import when_imported
from workbench.experiment.capture.quiet import quietly

_READERS: dict[str, tuple[str, ...]] = {
    "pyarrow": ("memory_map", "input_stream"),
    "pyarrow.parquet": (
        "read_table",
        "read_pandas",
        "read_metadata",
        "read_schema",
        "ParquetFile.__init__",
        "ParquetDataset.__init__",
    ),
    "pyarrow.dataset": ("dataset", "parquet_dataset"),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.json": ("read_json", "open_json"),
    "pyarrow.orc": ("read_table", "ORCFile.__init__"),
    "pyarrow.feather": ("read_table", "read_feather"),
    "polars": (
        *(f"read_{kind}" for kind in ("csv", "parquet", "ipc", "ipc_stream", "json", "ndjson", "avro", "lines")),
        *(f"read_{kind}" for kind in ("excel", "ods", "delta", "parquet_schema", "parquet_metadata", "ipc_schema")),
        *(f"scan_{kind}" for kind in ("csv", "parquet", "ipc", "ndjson", "delta", "lines")),
    ),
    "duckdb": (
        *("read_csv", "read_parquet", "read_json", "from_csv_auto", "from_parquet"),
        *(f"DuckDBPyConnection.{name}" for name in ("read_csv", "read_parquet", "read_json")),
        *(f"DuckDBPyConnection.{name}" for name in ("from_csv_auto", "from_parquet")),
    ),
}
_WRITERS: dict[str, tuple[str, ...]] = {
    "pandas": ("DataFrame.to_parquet", "DataFrame.to_feather", "DataFrame.to_orc"),
    "pyarrow.parquet": ("ParquetWriter.__init__", "write_table:1", "write_to_dataset:1"),
    "pyarrow.dataset": ("write_dataset:1",),
    "pyarrow.csv": ("write_csv:1", "CSVWriter.__init__"),
    "pyarrow.orc": ("write_table:1",),
    "pyarrow.feather": ("write_feather:1",),
    "polars": (
        *(f"DataFrame.write_{kind}" for kind in ("csv", "parquet", "ipc", "ipc_stream", "json", "ndjson", "avro")),
        *(f"LazyFrame.sink_{kind}" for kind in ("csv", "parquet", "ipc", "ndjson")),
    ),
}
_SQL = ("sql", "query", "execute", "query_df", "from_query")
_LITERAL = re.compile(r"'((?:[^']|'')+)'|\"((?:[^\"]|\"\")+)\"")
_COPIED_TO = re.compile(r"\bTO\s+'((?:[^']|'')+)'", re.IGNORECASE)
_PATH_WORDS = (
    *("source", "sources", "path", "paths", "where", "input_file", "path_or_paths", "root_path", "file", "dest"),
    *("path_or_buffer", "file_glob", "parquet_file", "base_dir", "output_file", "metadata_path"),
)
_WRAPPED = "_workbench_original"

Noted = Callable[[tuple[Any, ...], dict[str, Any]], None]


def watch_readers() -> None:
    """Wrap the readers of each library when it is imported, once in a process."""
    for module in sorted({*_READERS, *_WRITERS}):
        when_imported(module, _wrap)


def _wrap(module: ModuleType) -> None:
    name = module.__name__
    for path in _READERS.get(name, ()):
        skipped = int(path.endswith(".__init__") or path.startswith("DuckDBPyConnection."))
        _replace(module, path, functools.partial(_note_read, f"{name}.{path.removesuffix('.__init__')}", skipped))
    for path in _WRITERS.get(name, ()):
        where, _, position = path.partition(":")
        _replace(module, where, functools.partial(_note_written, int(position or "." in where)))
    if name == "duckdb":
        for function in _SQL:
            _replace(module, function, functools.partial(_note_sql, 0))
            _replace(module, f"DuckDBPyConnection.{function}", functools.partial(_note_sql, 1))
        _replace(module, "connect", _note_database)


def _replace(module: ModuleType, path: str, noted: Noted) -> None:
    """Put a wrapper in a function's place; a function that this version of the library lacks is left out."""
    *owners, name = path.split(".")
    owner: Any = module
    for word in owners:
        owner = getattr(owner, word, None)
    function = getattr(owner, name, None)
    if function is None or hasattr(function, _WRAPPED):
        return

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # IPython leaves the frame out of the traceback of a reader that raises
        with quietly("a file that was read"):
            noted(arguments, options)
        return function(*arguments, **options)

    setattr(wrapper, _WRAPPED, function)
    home = sys.modules.get(getattr(function, "__module__", None) or "")
    if getattr(home, name, None) is function:
        setattr(home, name, wrapper)  # where it is defined, so that pickle finds the same object under its name
    setattr(owner, name, wrapper)


def _note_read(reader: str, skipped: int, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    recorder = inputs.listening()
    if recorder is None or _is_remote(options.get("filesystem")):
        return
    for path in _paths(_file_argument(arguments[skipped:], options)):
        recorder.note(path, reader)


def _note_written(position: int, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    recorder = inputs.listening()
    target = _file_argument(arguments[position:], options)
    if recorder is not None and isinstance(target, str | os.PathLike):
        recorder.note_written(os.path.expanduser(os.fsdecode(target)))  # noqa: PTH111 - as below


def _note_sql(skipped: int, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    recorder = inputs.listening()
    text = arguments[skipped] if len(arguments) > skipped else options.get("query", "")
    if recorder is None or not isinstance(text, str):
        return
    for target in _COPIED_TO.findall(text):
        recorder.note_written(target.replace("''", "'"))
    for single, double in _LITERAL.findall(_COPIED_TO.sub("", text)):
        for path in _paths(single.replace("''", "'") or double.replace('""', '"')):
            recorder.note(path, "duckdb")


def _note_database(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Take a database that is opened for reading only; another may be where results go."""
    recorder = inputs.listening()
    is_read_only = options.get("read_only") or arguments[1:2] == (True,)
    if recorder is not None and is_read_only:
        recorder.note(os.fsdecode(arguments[0] if arguments else options["database"]), "duckdb.connect")


def _file_argument(arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if arguments:
        return arguments[0]
    return next((options[word] for word in _PATH_WORDS if word in options), None)


def _is_remote(filesystem: Any) -> bool:
    return filesystem is not None and "Local" not in type(filesystem).__name__ and filesystem != "file"


def _paths(value: Any) -> Iterator[str]:
    """Return the files that a path, a pattern, a folder or a list of those means."""
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _paths(item)
        return
    if not isinstance(value, str | os.PathLike):
        return  # an open file, bytes or a table: no path
    path = os.path.expanduser(os.fsdecode(value).removeprefix("file://"))  # noqa: PTH111 - a Path costs more
    if os.path.isdir(path):  # noqa: PTH112 - a Path per read costs more than the question
        yield from _files_below(path)
    elif os.path.exists(path) or not glob.has_magic(path):  # noqa: PTH110
        yield path
    else:
        yield from glob.iglob(path, recursive=True)  # noqa: PTH207 - a pattern may be absolute


def _files_below(folder: str) -> Iterable[str]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (os.path.join(where, name) for name in names if not name.startswith((".", "_")))  # noqa: PTH118
