"""Prediction windows: cut the log that runners append to into equal pieces, each row used exactly once.

A runner appends fixed-size records to a file of its own, without a lock; a restart begins a new file, and two runners
may write at once. So a window is cut from all files of one channel and model together, in order of time. Where it
ended is a *cursor*: how many records of each file are used up. The cursor travels in the window's own record, so window
``n + 1`` follows from window ``n`` alone and two checks that race compute the same window.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.foundation.errors import IntegrityError

LAYOUT_FILE = "layout.json"
LOG_SUFFIX = ".rows"

Cursor = Mapping[str, int]
"""Records used up, by file name."""


@dataclass(frozen=True)
class PredictionLog:
    """The log of one model on one channel.

    Attributes:
        folder: Where its files lie.
        model_digest: Model that answered.
        features: Input columns in tensor order.
        classes: Class labels in index order; empty for regression.
        dtype: One record: ``at`` (Unix seconds), ``x`` (features) and ``y`` (class index or value).
    """

    folder: Path
    model_digest: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    dtype: np.dtype[Any]

    def sizes(self) -> dict[str, int]:
        """Return the number of whole records in each file, the oldest file first; a torn last record is not counted."""
        files = (path for path in self.folder.glob(f"*{LOG_SUFFIX}") if path.is_file())
        return {path.name: path.stat().st_size // self.dtype.itemsize for path in sorted(files, key=_age)}

    @property
    def rows(self) -> int:
        """Rows in the log."""
        return sum(self.sizes().values())


@dataclass(frozen=True)
class Batch:
    """Rows of one window.

    Attributes:
        at: Unix seconds, (rows,).
        inputs: (rows, features) float32.
        outputs: (rows,) float32.
        cursor: Where the next window begins.
    """

    at: npt.NDArray[np.float64]
    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]
    cursor: dict[str, int]


def find_logs(predictions: Path, channel: str) -> tuple[PredictionLog, ...]:
    """Return the logs of a channel, one per model that has answered on it.

    Args:
        predictions: ``.workbench/predictions``.
        channel: Channel.

    Raises:
        IntegrityError: ``layout-malformed``.
    """
    layouts = sorted((predictions / channel).glob(f"*/{LAYOUT_FILE}"))
    return tuple(_open_log(path) for path in layouts)


def cut_window(log: PredictionLog, cursor: Cursor, rows: int) -> Batch | None:
    """Return the next window behind ``cursor``, or None while there are too few rows.

    Only the first ``rows`` unread records of each file can belong to it, so a long backlog costs no memory.

    Args:
        log: Where to read.
        cursor: Records that earlier windows used up.
        rows: Rows in a window.
    """
    unread = {name: (cursor.get(name, 0), size) for name, size in log.sizes().items() if size > cursor.get(name, 0)}
    if sum(size - used for used, size in unread.values()) < rows:
        return None
    names = list(unread)
    parts = [_read(log, name, used, min(rows, size - used)) for name, (used, size) in unread.items()]
    # A clock that was set back must not reorder one file: its own order is what the cursor counts in.
    times = np.concatenate([np.maximum.accumulate(part["at"]) for part in parts])
    source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    chosen = np.argsort(times, kind="stable")[:rows]
    taken = np.bincount(source[chosen], minlength=len(parts))
    records = np.concatenate(parts)[chosen]
    present = log.sizes()
    after = {name: used for name, used in cursor.items() if name in present}
    after |= {name: unread[name][0] + int(count) for name, count in zip(names, taken, strict=True)}
    return Batch(records["at"], records["x"].reshape(rows, -1), records["y"], after)


def _read(log: PredictionLog, name: str, start: int, count: int) -> npt.NDArray[Any]:
    return np.fromfile(log.folder / name, dtype=log.dtype, count=count, offset=start * log.dtype.itemsize)


def _age(path: Path) -> tuple[int, str]:
    start, _, _ = path.name.partition("-")
    return (int(start) if start.isdigit() else 0, path.name)


def _open_log(path: Path) -> PredictionLog:
    try:
        layout = json.loads(path.read_text(encoding="utf-8"))
        dtype = np.dtype([(f[0], f[1], tuple(f[2])) if len(f) > 2 else (f[0], f[1]) for f in layout["dtype"]])
        features = tuple(str(name) for name in layout["features"])
        if dtype["x"].shape != (len(features),) or dtype["at"].kind != "f" or dtype["y"].kind not in "fi":
            raise ValueError("the record does not hold what the layout lists")
        classes = tuple(str(label) for label in layout["classes"])
        return PredictionLog(path.parent, str(layout["model_digest"]), features, classes, dtype)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise IntegrityError(
            "layout-malformed",
            f"{path} does not describe a prediction log: {error}",
            f"move the folder away, the runner begins a new one: mv '{path.parent}' '{path.parent}.broken'",
        ) from error
