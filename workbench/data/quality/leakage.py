"""Three ways in which a test knows its answers: equal rows on both sides, a group on both sides, a test from before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.contract.quality import Leak

if TYPE_CHECKING:
    import pandas as pd

_TRAIN = "train"


def find_leaks(frame: pd.DataFrame, parts: Any, by: str, column: str) -> tuple[Leak, ...]:
    """Return what leaks from the training part into the others.

    Args:
        frame: The whole table.
        parts: Part of each row.
        by: ``random``, ``group`` or ``time``: what the column is.
        column: Column of groups or times.
    """
    from workbench.data.quality.split import hashed_rows, without_identifiers

    in_training = (parts == _TRAIN).to_numpy()
    leaks = []
    equal = _shared(hashed_rows(without_identifiers(frame), 0), in_training)
    if equal:
        leaks.append(
            Leak("duplicate-rows", equal, "equal in every column but identifiers to a row of the training part")
        )
    if by == "group":
        shared = _shared(hashed_rows(frame[[column]], 0), in_training)
        if shared:
            leaks.append(Leak("shared-group", shared, f"of a '{column}' that the training part has, too"))
    if by == "time" and in_training.any() and not in_training.all():
        newest = frame.loc[in_training, column].max()
        early = int((frame.loc[~in_training, column] <= newest).sum())
        if early:
            leaks.append(Leak("time-order", early, f"not later in '{column}' than the newest row of the training part"))
    return tuple(leaks)


def _shared(keys: Any, in_training: Any) -> int:
    import numpy as np

    return int(np.isin(keys[~in_training], keys[in_training]).sum())
