"""Take rows out of a table that is kept by the block: make it again from what is left, in its own form."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.data.care.rows import Wanted, holds_value
from workbench.data.care.rows import without_rows as bytes_without_rows
from workbench.foundation.errors import NotFoundError, UsageError

_INDEX = "table.json"


@dataclass(frozen=True)
class TableFiles:
    """A table's folder, made again.

    Attributes:
        files: Bytes by path below the folder.
        rows: Rows taken out.
        kept: Rows left.
    """

    files: dict[str, bytes] = field(repr=False)
    rows: int
    kept: int


def is_table(members: Mapping[str, str]) -> bool:
    """Tell whether a folder's listing is that of a table kept by the block."""
    return _INDEX in members and any(name.startswith("blocks/") for name in members)


def without_rows(objects: dict[str, Path], path: str, wanted: Wanted) -> TableFiles | None:
    """Return a table without the rows that hold a value; None where none does.

    Args:
        objects: Where each file of the folder lies, by its path below the folder.
        path: Path of the table, to name it.
        wanted: What to take out.

    Raises:
        UsageError: ``erase-unclear``: the table has no such column, and holds the value elsewhere.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from workbench.data.tables import blocks, original
    from workbench.data.tables.sources import from_table, read_source

    index = blocks.read_index(objects[_INDEX])
    table = blocks.read_table(index, objects.__getitem__)
    if wanted.column not in table.column_names:
        if any(holds_value(str(column.to_pylist()).encode(), wanted.values) for column in table.columns):
            message = f"A value to erase is in {path}, which has no column '{wanted.column}'"
            raise UsageError("erase-unclear", message, "take it out by hand and record that, then repeat")
        return None
    cells = table[wanted.column].cast(pa.string()).to_pylist()
    marked = [cell is not None and wanted.is_in(cell) for cell in cells]
    rows = marked.count(True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            raw = b"".join(original.original_bytes(index, objects.__getitem__))
        except NotFoundError:
            raw = None
        if raw is None:
            source = from_table(table.filter(pc.invert(pa.array(marked))), index.recipe)
        else:
            name = index.recipe.source or f"{Path(path).stem}.csv"
            left = bytes_without_rows(raw, name, wanted)
            rows = max(rows, left.rows)
            file = folder / Path(name).name
            file.write_bytes(raw if left.data is None else left.data)
            source = read_source(file, index.recipe, exactly=True, name=name)
            if source.table.num_rows != table.num_rows - rows:
                message = f"{path} reads {wanted.column} otherwise than its source wrote it"
                raise UsageError("erase-unclear", message, "export it, take the rows out by hand, and import it again")
        if not rows:
            return None
        known = index.recipe
        recipe = replace(source.recipe, key=known.key, is_key_declared=known.is_key_declared)
        out = folder / "out"
        blocks.write_table(
            out,
            source.table,
            recipe,
            texts=source.texts,
            original=original.describe(source, keep=raw is not None),
        )
        made = sorted(file for file in out.rglob("*") if file.is_file())
        files = {file.relative_to(out).as_posix(): file.read_bytes() for file in made}
    return TableFiles(files, rows, table.num_rows - rows)
