"""The folder of a versioned table: ``table.json`` and one Arrow file for each segment of each column.

::

    data/shuttle.table/
      table.json               schema, recipe, key, the segments in order, and which block each column has in each
      blocks/<digest>.arrow    one column of one segment, an ordinary Feather file (zstd) with one column "x"
      original/<digest>.zst    only where the columns do not give the source's bytes back: the source, in pieces

A block is named by the SHA-256 of its values, not of the file, so another version of Arrow or zstd stores nothing anew
and a damaged block is noticed when it is read. Blocks are written first and ``table.json`` last, in one step, so
whoever is killed leaves the table before or after, and a few files that the next import sweeps. Without this package a
table is read with ``pandas.read_feather`` on the blocks in the order of ``table.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.contract.table import ReadingRecipe
from workbench.data.tables.block_files import BLOCKS, BlockWriter, Locate, damaged, read_block, write_blocks
from workbench.data.tables.cells import parse_column
from workbench.data.tables.cuts import find_cuts, marks_of
from workbench.data.tables.hashing import row_hashes
from workbench.data.tables.recipe import recipe_from
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import IntegrityError, storage_errors

SUFFIX = ".table"
INDEX = "table.json"
FORMAT = "workbench.table.v1"


@dataclass(frozen=True)
class Column:
    """One column of a stored table.

    Attributes:
        name: Its name.
        type: Arrow's word for the values' type.
        stored: ``values``, or ``text`` where only the text gives the source back.
        blocks: Digest of each segment's block.
    """

    name: str
    type: str
    stored: str
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """What ``table.json`` says.

    Attributes:
        rows: Number of rows.
        segments: Rows of each segment.
        columns: In order.
        cut_on: Columns whose hash cuts.
        marks: See :func:`workbench.data.tables.cuts.marks_of`.
        end: Hash of the last row; None where there is none.
        recipe: How the source was read.
        original: How the source's own bytes come back; empty where they do not.
        digest: Of the whole table: the digest of ``table.json``.
    """

    rows: int
    segments: tuple[int, ...]
    columns: tuple[Column, ...]
    cut_on: tuple[str, ...]
    marks: tuple[int, ...]
    end: int | None
    recipe: ReadingRecipe
    original: dict[str, Any]
    digest: str = ""

    @property
    def files(self) -> list[str]:
        """Every file that the table consists of, relative to its folder, without ``table.json``."""
        blocks = [f"{BLOCKS}/{digest}.arrow" for column in self.columns for digest in column.blocks]
        return list(dict.fromkeys([*blocks, *(f"original/{name}.zst" for name in self.original.get("chunks", ()))]))


@dataclass(frozen=True)
class Written:
    """What writing a table did.

    Attributes:
        index: What the table is now.
        new_files: Files that the state before did not consist of.
        new_bytes: Their size, with ``table.json``.
    """

    index: Index
    new_files: int
    new_bytes: int


def read_index(path: Path) -> Index:
    """Return what a ``table.json`` says.

    Raises:
        IntegrityError: ``table-damaged``.
    """
    try:
        data = path.read_bytes()
        raw = json.loads(data)
        if raw["format"] != FORMAT:
            hint = "read it with a newer version: pip install --upgrade mlops-workbench"
            raise IntegrityError("table-format", f"{path.parent.name} has the unknown format '{raw['format']}'", hint)
        return Index(
            rows=raw["rows"],
            segments=tuple(raw["segments"]),
            columns=tuple(Column(c["name"], c["type"], c["stored"], tuple(c["blocks"])) for c in raw["columns"]),
            cut_on=tuple(raw["cut_on"]),
            marks=tuple(int(mark, 16) for mark in raw["marks"]),
            end=int(raw["end"], 16) if raw["end"] else None,
            recipe=recipe_from(raw["recipe"]),
            original=raw["original"],
            digest=digest_bytes(data),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path.parent.name, INDEX) from error


def write_table(
    folder: Path,
    table: Any,
    recipe: ReadingRecipe,
    *,
    texts: dict[str, Any] | None = None,
    original: Callable[[Path], dict[str, Any]] | None = None,
) -> Written:
    """Make ``folder`` hold a table, writing only the blocks it does not have yet.

    Args:
        folder: ``…/<name>.table``; made where missing.
        table: Arrow table from :func:`workbench.data.tables.sources.plain_table`.
        recipe: How it was read; its key, where it has one, is what cuts a new table.
        texts: Columns to store as text instead.
        original: Writes what brings the source's own bytes back into the folder, and returns its description.

    Raises:
        StorageError: ``disk-full`` or ``folder-not-writable``; the table is what it was.
    """
    before = read_index(folder / INDEX) if (folder / INDEX).is_file() else None
    names = list(table.column_names)
    # What cuts stays what it was, whatever becomes the key: other cuts would store everything again.
    cut_on = before.cut_on if before and set(before.cut_on) <= set(names) else recipe.key or tuple(names)
    hashes = row_hashes([table[name] for name in cut_on])
    known = before if before and before.cut_on == cut_on else None
    marks = np.array(known.marks, np.uint64) if known else None
    borders = find_cuts(hashes, marks, known.end if known else None)
    writer = BlockWriter(folder)
    with storage_errors(folder):
        columns = [
            Column(
                item.name,
                str(item.type),
                "text" if item.name in (texts or {}) else "values",
                write_blocks(writer, (texts or {}).get(item.name, table[item.name]), borders),
            )
            for item in table.schema
        ]
        described = original(folder) if original else {}
        writer.settle()
    values = {
        "format": FORMAT,
        "rows": table.num_rows,
        "segments": np.diff(borders).tolist(),
        "columns": [asdict(column) for column in columns],
        "cut_on": list(cut_on),
        "marks": [f"{mark:016x}" for mark in marks_of(hashes, borders).tolist()],
        "end": f"{int(hashes[-1]):016x}" if len(hashes) else "",
        "recipe": asdict(recipe),
        "original": described,
    }
    write_atomic(folder / INDEX, json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
    index = read_index(folder / INDEX)
    had = set(before.files) if before else set()
    new = [name for name in index.files if name not in had]
    new_bytes = sum((folder / name).stat().st_size for name in (*new, INDEX))
    sweep(folder, index)
    return Written(index, len(new), new_bytes)


def read_table(index: Index, locate: Locate, columns: Iterable[str] | None = None, *, as_stored: bool = False) -> Any:
    """Return an Arrow table, every block checked against its name.

    Args:
        index: What to read.
        locate: Says where a file of the folder lies (``blocks/….arrow``): in the work tree or in DVC's cache.
        columns: Names; all by default.
        as_stored: Give columns that are stored as text as that text.

    Raises:
        IntegrityError: ``table-damaged``.
    """
    import pyarrow as pa

    wanted = set(columns) if columns is not None else None
    found = [column for column in index.columns if wanted is None or column.name in wanted]
    missing = index.recipe.missing
    arrays = []
    for column in found:
        chunks = [read_block(locate, digest) for digest in column.blocks]
        array = pa.chunked_array(chunks)
        if column.stored == "text" and not as_stored:
            one = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
            array = parse_column(column.name, one, missing, column.type).values
        arrays.append(array)
    return pa.table(arrays, names=[column.name for column in found])


def take_cells(index: Index, locate: Locate, name: str, rows: Any) -> Any:
    """Return the cells of one column at row numbers (from 0), reading only the blocks they lie in.

    Raises:
        IntegrityError: ``table-damaged``.
    """
    import pyarrow as pa

    column = next(column for column in index.columns if column.name == name)
    segments, offsets = segment_of(index, rows)
    needed = np.unique(segments)
    chunks = [read_block(locate, column.blocks[segment]) for segment in needed.tolist()]
    if not chunks:
        return read_block(locate, column.blocks[0]).slice(0, 0)
    starts = np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunks])])
    places = starts[np.searchsorted(needed, segments)] + offsets
    cells = pa.concat_arrays(chunks).take(pa.array(places))
    if column.stored == "text":
        cells = parse_column(name, cells, index.recipe.missing, column.type).values
    return cells


def segment_of(index: Index, rows: Any) -> tuple[Any, Any]:
    """Return in which segment rows lie, and where in it."""
    borders = np.concatenate([[0], np.cumsum(np.array(index.segments, np.int64))])
    segments = np.searchsorted(borders, rows, side="right") - 1
    return segments, rows - borders[segments]


def sizes(folder: Path, index: Index) -> int:
    """Return the bytes that the table's files take."""
    return sum((folder / name).stat().st_size for name in index.files) + (folder / INDEX).stat().st_size


def sweep(folder: Path, index: Index) -> None:
    """Remove what the table no longer consists of; DVC's cache keeps it for older versions."""
    keep = {folder / name for name in index.files}
    for part in (BLOCKS, "original"):
        if (folder / part).is_dir():
            for path in (folder / part).iterdir():
                if path not in keep:
                    path.unlink(missing_ok=True)
            if not any((folder / part).iterdir()):
                (folder / part).rmdir()
