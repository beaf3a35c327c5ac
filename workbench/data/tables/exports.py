"""``data export``: a version as a file again, the source's own bytes or another format."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from workbench.contract.table import ExportedData
from workbench.data.derived import note_derived
from workbench.data.tables.original import original_bytes
from workbench.data.tables.place import Place, find_place
from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import ConflictError, UsageError, did_you_mean, storage_errors
from workbench.foundation.project import Project

_FORMATS = ("original", "parquet", "csv", "feather")
_CHUNK = 1 << 20


def export_data(project: Project, version: str, path: Path, format: str = "", overwrite: bool = False) -> ExportedData:
    """Write a version into a file: byte for byte what was imported, or as Parquet, CSV or Feather.

    Args:
        project: The project.
        version: Version, path or name of a table; of a plain file, the file.
        path: File to write.
        format: ``original``, ``parquet``, ``csv`` or ``feather``; by default what the file's name says, ``original``
            where the source had that format and its bytes are there.
        overwrite: Replace a file that is there already.

    Raises:
        NotFoundError: ``version-unknown``, ``data-missing`` or ``original-not-kept``.
        UsageError: ``format-unknown``, ``format-unfit``: CSV has no lists; or ``not-a-table``.
        ConflictError: ``file-exists``.
        IntegrityError: ``table-damaged``, ``data-cache-missing`` or ``original-differs``.
        StorageError: ``disk-full`` or ``folder-not-writable``; nothing was written.
    """
    place = find_place(project, version)
    target = path if path.is_absolute() else Path.cwd() / path
    kind = _format(place, target, format)
    if target.exists() and not overwrite:
        raise ConflictError("file-exists", f"{path} is there already", "name another file, or pass --overwrite")
    if place.is_folder and place.index is None:
        hint = f"bring it back instead: mlops data restore '{version}'"
        raise UsageError("not-a-table", f"{place.label} is a folder and no table", hint)
    rows: int | None = None
    table: Any = None
    if kind != "original":
        table = place.read()
        rows = table.num_rows
        if kind == "csv":
            _refuse_what_csv_cannot_hold(table)
    elif place.index:
        rows = place.index.rows
    digest, size = _write(target, place, kind, table)
    note_derived(project, "data.exported", place.path, target)
    return ExportedData(place.label, str(target), kind, size, rows, f"sha256:{digest}")


def _format(place: Place, target: Path, wanted: str) -> str:
    if wanted and wanted not in _FORMATS:
        raise UsageError("format-unknown", f"There is no format '{wanted}'", did_you_mean(wanted, _FORMATS))
    if wanted:
        return wanted
    by_name = {".parquet": "parquet", ".csv": "csv", ".feather": "feather", ".arrow": "feather"}.get(
        target.suffix.lower(), "original"
    )
    index = place.index
    if index is None:
        return "original" if target.suffix.lower() == Path(place.path).suffix.lower() else by_name
    is_same = Path(index.recipe.source).suffix.lower() == target.suffix.lower()
    return "original" if index.original and is_same else by_name


def _refuse_what_csv_cannot_hold(table: Any) -> None:
    import pyarrow as pa
    from pyarrow import csv

    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        try:
            csv.write_csv(pa.table({name: pa.array([], kind)}), pa.BufferOutputStream())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            message = f"Column '{name}' is {kind}, which CSV cannot hold"
            raise UsageError("format-unfit", message, "--format parquet") from None


def _write(target: Path, place: Place, kind: str, table: Any) -> tuple[str, int]:
    """Write beside the target and rename, so that a failure leaves what was there."""
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as stream:
                if kind == "original":
                    for piece in _original(place):
                        stream.write(piece)
                else:
                    write_as(table, stream, kind)
                stream.flush()
                os.fchmod(stream.fileno(), 0o644)
                os.fsync(stream.fileno())
                digest, size = _digest(stream)
            temporary.replace(target)
            sync_folder(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return digest, size


def write_as(table: Any, stream: IO[bytes], kind: str) -> None:
    """Write an Arrow table as ``parquet``, ``csv`` or ``feather``."""
    if kind == "parquet":
        import pyarrow.parquet as pq

        # Pages are cut by content too, so that even a plain `dvc add` or a chunking store meets equal bytes again.
        pq.write_table(table, stream, compression="zstd", use_content_defined_chunking=True)
    elif kind == "csv":
        from pyarrow import csv

        csv.write_csv(table, stream)
    else:
        from pyarrow import feather

        feather.write_feather(table, stream, compression="zstd")


def _original(place: Place) -> Iterator[bytes]:
    if place.index is not None:
        yield from original_bytes(place.index, place.locate)
        return
    with place.locate("").open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _digest(stream: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
