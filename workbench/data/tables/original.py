"""The source's own bytes again: written from the columns where these give them back, else kept in pieces.

Pieces are cut by content too, where a hash of the 48 bytes before ends in zero bits (about every 256 KiB), so that a
file that grew by 1 % stores about 1 %. Whatever way, the bytes that come out are checked against the source's SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.tables.block_files import Locate
from workbench.data.tables.blocks import Index, read_table
from workbench.data.tables.sources import Source
from workbench.data.tables.styles import write_column
from workbench.data.tables.textfile import TextLayout, write_rows
from workbench.foundation.errors import IntegrityError, NotFoundError

WRITTEN_AGAIN, KEPT, NOT_KEPT = "written again", "kept", "not kept"
_WINDOW = 48
_MEAN = 1 << 18
_LEAST, _MOST = _MEAN // 4, _MEAN * 4
_AT_ONCE = 1 << 23
_TABLE = np.random.Generator(np.random.PCG64(20240401)).integers(0, 1 << 62, 256, dtype=np.uint64)


def describe(source: Source, *, keep: bool) -> Callable[[Path], dict[str, Any]]:
    """Return what writes a source's way back into a table's folder.

    Args:
        source: What was read, exactly.
        keep: Keep the bytes themselves even where that stores them beside the columns.
    """

    def write(folder: Path) -> dict[str, Any]:
        if source.raw is None:
            return {}
        facts: dict[str, Any] = {"sha256": hashlib.sha256(source.raw).hexdigest(), "size": len(source.raw)}
        if source.layout is not None:
            layout = {
                **vars(source.layout),
                "prefix": base64.b64encode(source.layout.prefix.encode("utf-8", "surrogatepass")).decode(),
            }
            styles = {rule.name: [rule.style, rule.missing] for rule in source.recipe.columns}
            return {**facts, "layout": layout, "styles": styles}
        return {**facts, "chunks": list(_write_chunks(folder, source.raw))} if keep else {}

    return write


def kind_of(index: Index) -> str:
    """Return how the source's bytes come back."""
    if "layout" in index.original:
        return WRITTEN_AGAIN
    return KEPT if "chunks" in index.original else NOT_KEPT


def original_bytes(index: Index, locate: Locate) -> Iterator[bytes]:
    """Yield the source's own bytes.

    Raises:
        NotFoundError: ``original-not-kept``.
        IntegrityError: ``original-differs`` after the last piece: they are not what was read.
    """
    if not index.original:
        hint = "export it as --format parquet, or import it again with --keep-original"
        raise NotFoundError("original-not-kept", "The source's own bytes were not kept", hint)
    digest = hashlib.sha256()
    for piece in _chunks(index, locate) if "chunks" in index.original else _rows(index, locate):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != index.original["sha256"]:
        hint = "export it as --format parquet, and tell the project's developers"
        raise IntegrityError("original-differs", "The table no longer gives its source's bytes back", hint)


def cut_bytes(data: bytes) -> list[int]:
    """Return where pieces of a file begin and end: 0, …, its length."""
    borders = [0]
    for start in range(0, len(data), _AT_ONCE):
        first = max(start - _WINDOW, 0)
        piece = np.frombuffer(data, np.uint8, min(len(data), start + _AT_ONCE) - first, first)
        if len(piece) <= _WINDOW:
            break
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_TABLE[piece], dtype=np.uint64)])
        with np.errstate(over="ignore"):
            windows = (sums[_WINDOW:] - sums[:-_WINDOW]) * np.uint64(0x9E3779B97F4A7C15)
        for place in (np.flatnonzero((windows >> np.uint64(64 - 18)) == 0) + first + _WINDOW).tolist():
            _extend(borders, place)
    while len(data) - borders[-1] > _MOST:
        borders.append(borders[-1] + _MOST)
    return [*borders, len(data)] if len(data) > borders[-1] else borders


def _extend(borders: list[int], place: int) -> None:
    while place - borders[-1] > _MOST:
        borders.append(borders[-1] + _MOST)
    if place - borders[-1] >= _LEAST:
        borders.append(place)


def _write_chunks(folder: Path, data: bytes) -> Iterator[str]:
    import pyarrow as pa

    borders = cut_bytes(data)
    codec = pa.Codec("zstd")
    for start, stop in pairwise(borders):
        piece = data[start:stop]
        name = hashlib.sha256(piece).hexdigest()[:40]
        path = folder / "original" / f"{name}.zst"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_bytes(len(piece).to_bytes(8, "little") + codec.compress(piece, asbytes=True))
            temporary.replace(path)
        yield name


def _chunks(index: Index, locate: Locate) -> Iterator[bytes]:
    import pyarrow as pa

    codec = pa.Codec("zstd")
    for name in index.original["chunks"]:
        try:
            data = locate(f"original/{name}.zst").read_bytes()
            piece = codec.decompress(data[8:], int.from_bytes(data[:8], "little"), asbytes=True)
        except (OSError, pa.ArrowInvalid) as error:
            hint = "bring the version back: mlops data restore VERSION"
            raise IntegrityError("table-damaged", f"original/{name}.zst is missing or damaged", hint) from error
        yield piece


def _rows(index: Index, locate: Locate) -> Iterator[bytes]:
    raw = dict(index.original["layout"])
    raw["prefix"] = base64.b64decode(raw["prefix"]).decode("utf-8", "surrogatepass")
    layout = TextLayout(**{**raw, "names": tuple(raw["names"])})
    table = read_table(index, locate, as_stored=True)
    kinds = {column.name: column for column in index.columns}
    columns = []
    for name in layout.names:
        array = table[name].combine_chunks()
        array = array.chunk(0) if hasattr(array, "num_chunks") else array
        style, missing = index.original["styles"][name]
        columns.append(array if kinds[name].stored == "text" else write_column(array, style, missing))
    yield from write_rows(columns, layout, [kinds[name].type == "string" for name in layout.names])
