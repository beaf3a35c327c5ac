"""Block files: some rows of one column, written once, named by their values and checked against that name when read."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import IntegrityError

BLOCKS = "blocks"
_FEW_FILES = 64
"""Up to this many new files are synced one by one; more of them with one call for every disk."""
Locate = Callable[[str], Path]
"""Says where a file of a table's folder lies: in the work tree or in DVC's cache."""


def read_block(locate: Locate, digest: str) -> Any:
    """Return the values of one block.

    Raises:
        IntegrityError: ``table-damaged``: it is missing or does not hold what its name says.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(locate(f"{BLOCKS}/{digest}.arrow"))) as file:
            array = pa.ipc.open_file(file).get_batch(0).column(0)
    except (OSError, pa.ArrowInvalid) as error:
        raise damaged("the table", f"{BLOCKS}/{digest}.arrow") from error
    if block_digest(array) != digest:
        raise damaged("the table", f"{BLOCKS}/{digest}.arrow")
    return array


def block_digest(array: Any) -> str:
    """Return the name of a block: SHA-256 over type, length and values; what lies beneath nulls counts for nothing."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    batch = pa.record_batch([array], names=["x"])
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return hashlib.sha256(sink.getvalue()).hexdigest()[:40]


class BlockWriter:
    """Write files that are not there yet and make them safe all at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: list[str] = []

    def write(self, name: str, content: Callable[[], bytes]) -> None:
        """Write a file under its final name, unless it is there: equal names are equal content."""
        path = self._folder / name
        if path.is_file() and path.stat().st_size:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(content())
        temporary.replace(path)
        self.written.append(name)

    def settle(self) -> None:
        """Bring what was written to the disk: file by file where they are few, else the disk's whole queue at once."""
        if len(self.written) > _FEW_FILES:
            os.sync()
            return
        for name in self.written:
            with (self._folder / name).open("rb") as stream:
                os.fsync(stream.fileno())
        for folder in {(self._folder / name).parent for name in self.written}:
            sync_folder(folder)


def write_blocks(writer: BlockWriter, array: Any, borders: Any) -> tuple[str, ...]:
    """Write one column, cut at ``borders`` (from 0 to its length), and return the blocks' digests."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    if pa.types.is_nested(array.type):
        array = _as_read_back(array)
    digests = []
    for start, stop in pairwise(borders.tolist()):
        part = _compact(array.slice(start, stop - start))
        digest = block_digest(part)
        writer.write(f"{BLOCKS}/{digest}.arrow", partial(_feather, part))
        digests.append(digest)
    return tuple(digests)


def _as_read_back(array: Any) -> Any:
    """Return an array in the type that a file gives it back in: Arrow's files do not keep the names of a map's parts.

    A block is named by its type, too, so under any other it would never again be what its name says.
    """
    import pyarrow as pa

    empty = pa.record_batch([array.slice(0, 0)], names=["x"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, empty.schema) as file:
        file.write_batch(empty)
    kind = pa.ipc.open_file(sink.getvalue()).schema.field(0).type
    return array if kind.equals(array.type, check_metadata=True) and str(kind) == str(array.type) else array.cast(kind)


def _compact(part: Any) -> Any:
    """Return a slice as an array of its own whose bytes depend on its values alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if part.null_count:
        # take() leaves whatever was beneath a null; a fill and a mask make it the same bytes every time.
        try:
            return pc.if_else(pc.is_valid(part), pc.fill_null(part, _zero(part.type)), pa.scalar(None, part.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return pa.concat_arrays([part])


def _zero(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_string(kind):
        return pa.scalar("")
    if pa.types.is_boolean(kind):
        return pa.scalar(False)
    return pa.scalar(0).cast(kind)


def _feather(part: Any) -> bytes:
    import pyarrow as pa

    sink = io.BytesIO()
    batch = pa.record_batch([part], names=["x"])
    with pa.ipc.new_file(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_batch(batch)
    return sink.getvalue()


def damaged(table: str, name: str) -> IntegrityError:
    """Return the error for a file of a table that is missing or is not what its name says."""
    hint = "bring the version back: mlops data restore VERSION; if the cache is damaged too: dvc fetch"
    return IntegrityError("table-damaged", f"{name} of {table} is missing or damaged", hint)
