"""A 64-bit digest of each row, so that a reviewer can see which holdout rows were trained on without having the rows.

Not cryptographic: it finds an accident (a split after the duplicates came in), not a forger, who would simply leave
the digests out. Of many rows only the smallest digests are kept (a bottom-k sketch, Broder 1997): a row whose digest is
not above the largest kept one was trained on exactly if its digest is kept, so the share stays an honest sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

KEPT = 1 << 18
"""Digests that are kept: 2 MB."""

_CHUNK_ROWS = 1 << 16
_GOLDEN = 0x9E3779B97F4A7C15


def row_digests(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return one digest for each row.

    Args:
        rows: (n, d) numbers, taken as float32; -0 is 0 and every NaN is the same.
    """
    found = np.zeros(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = np.asarray(rows[start : start + _CHUNK_ROWS], dtype=np.float32) + np.float32(0.0)
        chunk = np.where(np.isnan(chunk), np.float32(np.nan), chunk)
        bits = np.ascontiguousarray(chunk).view(np.uint32).astype(np.uint64)
        digests = found[start : start + _CHUNK_ROWS]
        for index in range(bits.shape[1]):
            place = np.uint64((index + 1) * _GOLDEN % (1 << 64))
            digests[:] = _mixed(digests ^ _mixed(bits[:, index] + place))
    return found


def kept_digests(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return the smallest digests of distinct rows, ascending, at most :data:`KEPT`."""
    return np.unique(row_digests(rows))[:KEPT]


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return well mixed values: the finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
