"""Where a table is cut into segments: by content, so that a change moves only the cuts around it.

A row begins a segment where the hash of its key (without one: of the whole row) ends in thirteen zero bits, one row in
8,192. Cuts that an earlier state of the table had are kept wherever the two rows around them still stand side by side,
which includes its very end: appending n rows then writes n rows and at most 1,023 before them, never a whole segment.

Why 8,192 rows by one column. A million rows of twenty columns make about 2,100 files of 30 to 60 kB; plain ``dvc add``
of as many takes 2.5 s of CPU. Segments of 4,096 rows make 4,200 files (6.1 s) and of 1,024 rows 20,000 (10.5 s, and as
many requests to a remote) and would store 4 % or 1 % instead of 8 % after 100 scattered edits; appending stores about
the same with all of them. Segments of all columns together would store everything again for a new column
(``benchmarks/table_versions.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.data.tables.hashing import Hashes, mix

MEAN_ROWS = 8_192
LEAST_ROWS = 1_024
MOST_ROWS = 32_768


def find_cuts(hashes: Hashes, known: Hashes | None = None, end: int | None = None) -> NDArray[np.int64]:
    """Return the segments' borders: 0, …, number of rows; a table without rows is one empty segment.

    Args:
        hashes: One a row.
        known: Marks of an earlier state's cuts, from :func:`marks_of`.
        end: Hash of an earlier state's last row.
    """
    rows = len(hashes)
    kept = _kept(hashes, known, end) if known is not None else np.zeros(0, np.int64)
    own = np.flatnonzero((hashes & np.uint64(MEAN_ROWS - 1)) == 0)
    borders = [0]
    for stop in (*_spaced(kept, rows), rows):
        if stop - borders[-1] > MOST_ROWS:
            _cut_between(borders, own, stop)
        borders.append(int(stop))
    return np.array(borders, np.int64)


def marks_of(hashes: Hashes, borders: NDArray[np.int64]) -> Hashes:
    """Return one mark for each inner border: the two rows that meet there."""
    inner = borders[1:-1]
    return _pairs(hashes)[inner - 1] if len(inner) else np.zeros(0, np.uint64)


def _pairs(hashes: Hashes) -> Hashes:
    """Return a mark for each place between two rows; index 0 lies between row 0 and row 1."""
    with np.errstate(over="ignore"):
        return mix(hashes[:-1] * np.uint64(3) + hashes[1:])


def _kept(hashes: Hashes, known: Hashes, end: int | None) -> NDArray[np.int64]:
    found = [np.zeros(0, np.int64)]
    if len(hashes) > 1 and len(known):
        pairs = _pairs(hashes)
        places = np.flatnonzero(np.isin(pairs, known))
        _, first, count = np.unique(pairs[places], return_index=True, return_counts=True)
        found.append(places[first[count == 1]] + 1)  # a pair that repeats says nothing about the place
    if end is not None:
        last = np.flatnonzero(hashes == np.uint64(end))
        if len(last) == 1:
            found.append(last + 1)
    return np.unique(np.concatenate(found))


def _spaced(places: NDArray[np.int64], rows: int) -> list[int]:
    """Drop places that would make a segment too short."""
    spaced, before = [], 0
    for place in places.tolist():
        if place - before >= LEAST_ROWS and place < rows:
            spaced.append(place)
            before = place
    return spaced


def _cut_between(borders: list[int], own: NDArray[np.int64], stop: int) -> None:
    """Add content's own cuts up to ``stop``; where it has none for long, one is forced."""
    start = borders[-1]
    inner = own[np.searchsorted(own, start + LEAST_ROWS) : np.searchsorted(own, stop)]
    for place in (*inner.tolist(), stop):
        while place - borders[-1] > MOST_ROWS:
            borders.append(borders[-1] + MOST_ROWS)
        if place < stop and place - borders[-1] >= LEAST_ROWS:
            borders.append(place)
