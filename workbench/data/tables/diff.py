"""``data diff``: where two versions, paths or tables differ: columns, rows, values; for anything else, files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.contract.table import ColumnShift, DataDiff, FileChange, RowChange, SchemaChange
from workbench.data.tables.blocks import segment_of, take_cells
from workbench.data.tables.hashing import cell_hashes
from workbench.data.tables.keys import detect_key
from workbench.data.tables.memory import name_of, recall, remember
from workbench.data.tables.place import Place, find_place
from workbench.data.tables.rows import RowMatch, Rows, match_rows, row_index
from workbench.data.tables.sketch import Sketch, distance, sketch_of, stability
from workbench.foundation.errors import UsageError, did_you_mean
from workbench.foundation.project import Project

_NO_ROWS = np.zeros(0, np.int64)


def diff_data(project: Project, before: str, after: str, key: tuple[str, ...] = (), examples: int = 10) -> DataDiff:
    """Show where two states of data differ: columns, rows added, removed and changed, and how values moved.

    Args:
        project: The project.
        before: Version, path or name of a table.
        after: Version, path or name of a table.
        key: Column that names a row; repeat it for several. By default the tables' own key.
        examples: How many rows of each kind to show.

    Raises:
        NotFoundError: ``version-unknown`` or ``data-missing``.
        UsageError: ``version-ambiguous``, ``key-unknown``, or what a file's reader says.
        IntegrityError: ``data-cache-missing``, ``data-cache-damaged`` or ``table-damaged``.
    """
    left, right = find_place(project, before), find_place(project, after)
    if not (left.is_table and right.is_table):
        return _diff_files(left, right)
    old, new = _Side(left), _Side(right)
    common = tuple(name for name in old.names if name in new.names)
    used = _key(old, new, key)
    schema = _schema(old, new)
    if left.content() == right.content() or not common:
        rows = (0, 0) if common else (new.rows, old.rows)
        return DataDiff(
            left.label,
            right.label,
            "table",
            not any(rows) and not schema,
            used,
            old.rows,
            new.rows,
            *rows,
            schema=schema,
        )
    match = match_rows(row_index(project, left, common, used), row_index(project, right, common, used))
    is_reordered = _is_reordered(match)
    changed = {name: _changed_cells(old, new, name, match) for name in common} if used else {}
    return DataDiff(
        before=left.label,
        after=right.label,
        kind="table",
        is_equal=not (schema or is_reordered or len(match.added) or len(match.removed) or len(match.changed_after)),
        key=used,
        rows_before=old.rows,
        rows_after=new.rows,
        rows_added=len(match.added),
        rows_removed=len(match.removed),
        rows_changed=len(match.changed_after),
        is_reordered=is_reordered,
        schema=schema,
        examples=(
            *_changed_examples(old, new, match, used, changed, max(examples, 0)),
            *_lone_examples("added", new, match.added[: max(examples, 0)], common, used),
            *_lone_examples("removed", old, match.removed[: max(examples, 0)], common, used),
        ),
        shifts=_shifts(project, old, new, common, changed),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two tables; a table by the block gives cells without being read as a whole."""

    place: Place

    @property
    def names(self) -> tuple[str, ...]:
        index = self.place.index
        return tuple(column.name for column in index.columns) if index else tuple(self.place.whole.column_names)

    @property
    def types(self) -> dict[str, str]:
        index = self.place.index
        if index:
            return {column.name: column.type for column in index.columns}
        return {field.name: str(field.type) for field in self.place.whole.schema}

    @property
    def rows(self) -> int:
        return self.place.index.rows if self.place.index else int(self.place.whole.num_rows)

    def take(self, name: str, rows: Rows) -> Any:
        if self.place.index:
            return take_cells(self.place.index, self.place.locate, name, rows)
        return self.place.whole[name].take(rows)

    def blocks(self, name: str) -> tuple[str, ...]:
        index = self.place.index
        return next((c.blocks for c in index.columns if c.name == name), ()) if index else ()

    def content(self, name: str) -> str:
        """Return a name for one column's content, the same in every version that has it."""
        kind = self.types[name]
        return "\n".join(self.blocks(name)) + kind if self.place.index else f"{self.place.content()}:{name}"


def _key(old: _Side, new: _Side, declared: tuple[str, ...]) -> tuple[str, ...]:
    for side in (old, new):
        for name in declared:
            if name not in side.names:
                message = f"{side.place.label} has no column '{name}'"
                raise UsageError("key-unknown", message, did_you_mean(name, side.names))
    if declared:
        return declared
    for first, second in ((new, old), (old, new)):
        if first.place.key and set(first.place.key) <= set(second.names):
            return first.place.key
    if old.place.index or new.place.index:
        return ()
    key = detect_key(new.place.whole)
    return key if key and detect_key(old.place.whole, key) == key else ()


def _schema(old: _Side, new: _Side) -> tuple[SchemaChange, ...]:
    before, after = old.types, new.types
    dropped = [name for name in before if name not in after]
    found = []
    for name, kind in after.items():
        if name in before:
            if before[name] != kind:
                found.append(SchemaChange("retyped", name, before[name], kind))
            continue
        twin = next((gone for gone in dropped if before[gone] == kind and _is_same_column(old, gone, new, name)), "")
        if twin:
            dropped.remove(twin)
            found.append(SchemaChange("renamed", name, twin, name))
        else:
            found.append(SchemaChange("added", name, "", kind))
    return (*found, *(SchemaChange("dropped", name, before[name], "") for name in dropped))


def _is_same_column(old: _Side, gone: str, new: _Side, name: str) -> bool:
    """Tell whether a column holds what another held, in the rows that stood first in both."""
    if old.blocks(gone) and new.blocks(name):
        return old.blocks(gone)[:1] == new.blocks(name)[:1]
    rows = np.arange(min(old.rows, new.rows, 10_000))
    return len(rows) > 0 and bool((cell_hashes(old.take(gone, rows)) == cell_hashes(new.take(name, rows))).all())


def _is_reordered(match: RowMatch) -> bool:
    before = np.concatenate([match.same_before, match.changed_before])
    after = np.concatenate([match.same_after, match.changed_after])
    return bool((np.diff(after[np.argsort(before, kind="stable")]) < 0).any())


def _changed_cells(old: _Side, new: _Side, name: str, match: RowMatch) -> Rows:
    """Return which of the changed rows (as places in ``match.changed_before``) differ in a column.

    Cells in blocks of the same name at the same place are equal without being read.
    """
    before, after = match.changed_before, match.changed_after
    open_places = np.arange(len(before))
    if old.place.index and new.place.index:
        _, ids = np.unique([*old.blocks(name), *new.blocks(name)], return_inverse=True)
        left_segment, left_offset = segment_of(old.place.index, before)
        right_segment, right_offset = segment_of(new.place.index, after)
        left_ids, right_ids = ids[: len(old.blocks(name))], ids[len(old.blocks(name)) :]
        is_same = (left_ids[left_segment] == right_ids[right_segment]) & (left_offset == right_offset)
        open_places = np.flatnonzero(~is_same)
    if not len(open_places):
        return _NO_ROWS
    left = cell_hashes(old.take(name, before[open_places]))
    right = cell_hashes(new.take(name, after[open_places]))
    changed: Rows = open_places[left != right]
    return changed


def _changed_examples(  # noqa: PLR0917 - private, called once
    old: _Side, new: _Side, match: RowMatch, key: tuple[str, ...], changed: dict[str, Rows], most: int
) -> list[RowChange]:
    few = np.arange(min(most, len(match.changed_after)))
    names = [name for name, places in changed.items() if np.isin(few, places).any()]
    before = {name: old.take(name, match.changed_before[few]) for name in names}
    after = {name: new.take(name, match.changed_after[few]) for name in names}
    keys = _keys(new, match.changed_after[few], key)
    found = []
    for place in few.tolist():
        own = [name for name in names if place in changed[name]]
        left, right = ({name: _word(side[name][place]) for name in own} for side in (before, after))
        found.append(RowChange("changed", keys[place], left, right))
    return found


def _lone_examples(
    kind: str, side: _Side, rows: Rows, common: tuple[str, ...], key: tuple[str, ...]
) -> list[RowChange]:
    shown = {name: side.take(name, rows) for name in common if name not in key} if len(rows) else {}
    found = []
    for place, named in enumerate(_keys(side, rows, key)):
        values = {name: _word(cells[place]) for name, cells in shown.items()}
        found.append(RowChange(kind, named, **{"after" if kind == "added" else "before": values}))
    return found


def _keys(side: _Side, rows: Rows, key: tuple[str, ...]) -> list[dict[str, str]]:
    if not key:
        return [{"row": str(row + 1)} for row in rows.tolist()]
    cells = {name: side.take(name, rows) for name in key}
    return [{name: _word(values[place]) for name, values in cells.items()} for place in range(len(rows))]


def _word(cell: Any) -> str:
    value = cell.as_py()
    return "" if value is None else str(value)[:200]


def _shifts(
    project: Project, old: _Side, new: _Side, common: tuple[str, ...], changed: dict[str, Rows]
) -> tuple[ColumnShift, ...]:
    shifts = []
    for name in common:
        if old.content(name) == new.content(name):
            continue
        left, right = _sketch(project, old, name), _sketch(project, new, name)
        gap = distance(left, right)
        cells = len(changed[name]) if name in changed else None
        if gap or cells or left.missing_share != right.missing_share or left.mean != right.mean:
            psi = stability(left, right)
            shifts.append(
                ColumnShift(
                    name,
                    cells,
                    left.missing_share,
                    right.missing_share,
                    _number(left.mean),
                    _number(right.mean),
                    gap,
                    psi,
                )
            )
    return tuple(shifts)


def _sketch(project: Project, side: _Side, name: str) -> Sketch:
    kept_as = name_of("sketch", side.content(name))
    if (kept := recall(project, kept_as)) is not None:
        return Sketch(
            int(kept["rows"]),
            int(kept["missing"]),
            float(kept["mean"]),
            kept["values"],
            kept["shares"],
            bool(kept["is_ordered"]),
        )
    column = side.place.read((name,))[name] if side.place.index else side.place.whole[name]
    sketch = sketch_of(column)
    remember(project, kept_as, vars(sketch))
    return sketch


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _diff_files(left: Place, right: Place) -> DataDiff:
    before: dict[str, tuple[str, int | None]] = {**left.files()}
    after: dict[str, tuple[str, int | None]] = {**right.files()}
    if not left.is_folder and not right.is_folder:
        (old,), (new,) = before.values(), after.values()
        before, after = {right.path: old}, {right.path: new}
    found = []
    for name in sorted({*before, *after}):
        digest_before, size_before = before.get(name, ("", None))
        digest_after, size_after = after.get(name, ("", None))
        if digest_before != digest_after:
            kind = "added" if size_before is None else "removed" if size_after is None else "changed"
            found.append(FileChange(kind, name, size_before, size_after))
    return DataDiff(left.label, right.label, "files", not found, files=tuple(found))
