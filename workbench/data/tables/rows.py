"""Which rows two tables share: by key where there is one, else as wholes.

Rows are compared as 64-bit hashes over the columns that both tables have. The hashes of a version are kept in
``.workbench/tables/`` (24 bytes a row), so that only the first comparison reads its values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.data.tables.hashing import Hashes, row_hashes
from workbench.data.tables.memory import name_of, recall, remember
from workbench.data.tables.place import Place
from workbench.foundation.project import Project

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RowIndex:
    """A table's rows as hashes.

    Attributes:
        keys: Hash of each row's key; the row's own where there is no key.
        rows: Hash of each row's values.
        order: Rows sorted by key hash.
    """

    keys: Hashes
    rows: Hashes
    order: Rows


@dataclass(frozen=True)
class RowMatch:
    """Row numbers, from 0.

    Attributes:
        added: In the second table.
        removed: In the first.
        changed_before: In the first; pairs with ``changed_after``.
        changed_after: In the second.
        same_before: Rows with equal values, in the first; pairs with ``same_after``, in the order of the first.
        same_after: In the second.
    """

    added: Rows
    removed: Rows
    changed_before: Rows
    changed_after: Rows
    same_before: Rows
    same_after: Rows


def row_index(project: Project, place: Place, columns: tuple[str, ...], key: tuple[str, ...]) -> RowIndex:
    """Return a table's rows as hashes over ``columns``, from what is kept where it is."""
    name = name_of("rows", place.content(), *columns, "", *key)
    if (kept := recall(project, name)) is not None:
        return RowIndex(**kept)
    table = place.read(tuple(dict.fromkeys((*columns, *key))))
    rows = row_hashes([table[column] for column in columns])
    keys = row_hashes([table[column] for column in key]) if key else rows
    index = RowIndex(keys, rows, np.argsort(keys, kind="stable").astype(np.int64))
    remember(project, name, vars(index))
    return index


def match_rows(before: RowIndex, after: RowIndex) -> RowMatch:
    """Pair the rows of two tables by key hash; the n-th of equal keys with the n-th."""
    left, right = _ranked(before), _ranked(after)
    # Both are sorted, so one merge finds the common ones.
    place = np.searchsorted(right, left)
    place[place == len(right)] = 0
    is_common = (right[place] == left) if len(right) else np.zeros(len(left), bool)
    has_partner = np.zeros(len(right), bool)
    has_partner[place[is_common]] = True
    common_before, common_after = before.order[is_common], after.order[place[is_common]]
    is_same = before.rows[common_before] == after.rows[common_after]
    return RowMatch(
        added=np.sort(after.order[~has_partner]),
        removed=np.sort(before.order[~is_common]),
        **_pairs("changed", common_before[~is_same], common_after[~is_same]),
        **_pairs("same", common_before[is_same], common_after[is_same]),
    )


def _pairs(name: str, before: Rows, after: Rows) -> dict[str, Rows]:
    order = np.argsort(before, kind="stable")
    return {f"{name}_before": before[order], f"{name}_after": after[order]}


def _ranked(index: RowIndex) -> Hashes:
    """Return sorted key hashes in which the n-th of equal ones is raised by n, so that each is its own value.

    They stay sorted and apart unless two of the hashes lie closer than a key repeats: 1e-7 for a million of them.
    """
    keys = index.keys[index.order]
    if len(keys) < 2:
        return keys
    is_new = np.concatenate([[True], keys[1:] != keys[:-1]])
    if is_new.all():
        return keys
    starts = np.flatnonzero(is_new)
    count = np.arange(len(keys)) - np.repeat(starts, np.diff([*starts.tolist(), len(keys)]))
    return keys + count.astype(np.uint64)
