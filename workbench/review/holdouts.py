"""Which holdout rows a candidate was judged on, and how many candidates were judged on them before.

The order of the rows, rows that stand there twice and a few rows that were left out make no other holdout: it is known
by the digests of its distinct rows, and one that shares rows with another counts as another try at them.

Nor do rows that were moved by next to nothing: each is also known by the cell of a grid that it lies in, whose width
follows the spread of each column (its interquartile range, which no outlier moves, roughly). The fewer
columns tell rows apart, the finer the grid, so that rows drawn anew do not meet in it by chance; if it errs, it counts
one try too many. Who moves every row by a visible share of its spread makes other data: that is for reviewers to see.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.experiment.model.row_digests import row_digests
from workbench.foundation.project import Project
from workbench.review.record import NOUN, read

_KEPT = 512
"""Smallest row digests that the journal keeps of a holdout: a fair sample, and all of them where they are few."""

_SHARED = 0.01
"""Share of the smaller holdout's rows above which two of them are no longer independent."""

_NEAR = 0.05
"""The same, of rows that are equal but for next to nothing; above what independent rows share by chance."""

_STEP = 16.0
"""Spreads are told apart by this factor, so that half of the rows, or a few, have the spread of all."""

_CELLS, _MOST_CELLS = 32, 1 << 15
"""Cells of the grid to one spread of a column: at least, and at most where few columns tell rows apart."""
_BITS = 30
"""Bits by which cells tell rows apart, over all columns that do."""


@dataclass(frozen=True)
class Holdout:
    """A set of rows with their answers.

    Attributes:
        digest: Of all its distinct rows.
        rows: The smallest digests of its rows, ascending; empty where they are not known.
        cells: The same of the cells that its rows lie in.
    """

    digest: str
    rows: tuple[int, ...] = ()
    cells: tuple[int, ...] = ()

    def overlaps(self, other: Holdout) -> bool:
        """Tell whether the two share rows, as far as their rows are known."""
        return _share(self.rows, other.rows) > _SHARED or _share(self.cells, other.cells) > _NEAR


def _share(mine: tuple[int, ...], others: tuple[int, ...]) -> float:
    """Return the share of the smaller one's digests that the larger one has, as far as both samples reach."""
    ends = [digests[-1] for digests in (mine, others) if len(digests) >= _KEPT]
    one, other = ({digest for digest in digests if not ends or digest <= min(ends)} for digests in (mine, others))
    fewest = min(len(one), len(other))
    return len(one & other) / fewest if fewest else 0.0


def _packed(digests: tuple[int, ...]) -> str:
    return base64.b64encode(np.asarray(digests, dtype="<u8").tobytes()).decode()


def _unpacked(text: str) -> tuple[int, ...]:
    return tuple(np.frombuffer(base64.b64decode(text), dtype="<u8").tolist())


def holdout_of(inputs: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Holdout:
    """Return the identity of (n, d) rows and their n answers."""
    rows = np.concatenate([np.asarray(inputs, np.float32), np.asarray(truth, np.float32)[:, None]], axis=1)
    digests = np.unique(row_digests(rows))
    digest = "sha256:" + hashlib.sha256(digests.astype("<u8").tobytes()).hexdigest()
    cells = np.unique(row_digests(_cells(rows)))
    return Holdout(digest, tuple(digests[:_KEPT].tolist()), tuple(cells[:_KEPT].tolist()))


def _cells(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the cell of each (n, d) value: whole numbers, counted in parts of its column's spread."""
    values = rows.astype(np.float64)
    spread = np.array([_spread(column[np.isfinite(column)]) for column in values.T])
    coarse = np.round(values / spread * _CELLS)
    telling = sum(len(np.unique(column)) > _CELLS for column in coarse.T)
    cells = min(_MOST_CELLS, max(_CELLS, 1 << -(-_BITS // telling))) if telling else _CELLS
    found: npt.NDArray[np.float64] = np.round(values / spread * cells)
    return found


def _spread(column: npt.NDArray[np.float64]) -> float:
    """Return how far a column's values spread, in steps so wide that hardly anything moves it over one."""
    if not len(column):
        return 1.0
    low, high = np.quantile(column, [0.25, 0.75])
    width = float(high - low) or float(np.ptp(column)) or 1.0
    return float(_STEP ** np.round(np.log(width) / np.log(_STEP)))


def attempt_on(project: Project, holdout: Holdout, model_digest: str, channel: str = "") -> int:
    """Return which model this is of those that were judged on these holdout rows; the first is 1.

    Models of the same channel (``model@stage``) that were judged on a holdout which shares rows count too. The place is
    taken in the journal's chain before anything is compared, so that candidates which are checked at the same moment
    share the confidence too, and a model that is checked again keeps its place.
    """

    def tried() -> list[str]:
        events = (event.data or {} for event in project.journal.events(kind="holdout.tried"))
        return list(dict.fromkeys(str(d["model_digest"]) for d in events if _is_same(holdout, channel, d)))

    if model_digest not in tried():
        with project.journal.transaction() as transaction:
            data = {
                "holdout_digest": holdout.digest,
                "model_digest": model_digest,
                "channel": channel,
                "rows": _packed(holdout.rows),
                "cells": _packed(holdout.cells),
            }
            transaction.append("holdout.tried", f"holdout:{holdout.digest[7:23]}", data)
    order = tried()
    reviews = map(read, project.journal.records(NOUN))
    before = {review.model_digest for review in reviews if review.holdout_digest == holdout.digest} - set(order)
    return len(before) + order.index(model_digest) + 1


def _is_same(holdout: Holdout, channel: str, event: dict[str, Any]) -> bool:
    """Tell whether an event was a try at these rows; events from before rows were kept know their digest only."""
    if event.get("holdout_digest") == holdout.digest:
        return True
    rows, cells = (_unpacked(event.get(name, "")) for name in ("rows", "cells"))
    return event.get("channel") == channel and holdout.overlaps(Holdout("", rows, cells))
