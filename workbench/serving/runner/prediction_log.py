"""The prediction log: what was asked and answered, as fixed-size records that the monitor maps straight into memory.

``.workbench/predictions/<channel>/<16 hex of the model digest>/<unix ms>-<pid>.rows`` beside ``layout.json``. A
record is the time, the row and the class index or value. Answering only appends to a list; writing happens in a
worker thread twice a second. A log that cannot be written (full disk) drops rows, counts them, and is tried again:
it never delays or fails a prediction. After a crash a file may end in a part of a record, which readers leave out.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import WorkbenchError
from workbench.serving.runner.engine import Matrix
from workbench.serving.runner.served import Served

FLUSH_S = 0.5
RETRY_S = 5.0
_PENDING_VALUES = 16_000_000
_SEGMENT_BYTES = 32 << 20

_log = logging.getLogger("workbench.runner")


@dataclass(slots=True)
class _Segment:
    handle: int
    size: int


Entry = tuple[Served, float, Matrix, NDArray[Any]]


class PredictionLog:
    """Buffer rows on the answering thread and write them on another.

    Attributes:
        written: Rows on disk.
        dropped: Rows that were answered and not logged.
        fault: Why nothing is logged at the moment; empty where all is well.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = _SEGMENT_BYTES, retry_s: float = RETRY_S) -> None:
        """Prepare to log below ``folder``, which is made when the first row comes."""
        self.written = 0
        self.dropped = 0
        self.fault = ""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._retry_s = retry_s
        self._retry_at = 0.0
        self._pending: list[Entry] = []
        self._pending_values = 0
        self._segments: dict[str, _Segment] = {}

    def append(self, served: Served, rows: Matrix, values: NDArray[Any]) -> None:
        """Remember rows and their answers; never blocks and never raises."""
        if self._pending_values + rows.size > _PENDING_VALUES or (self.fault and time.monotonic() < self._retry_at):
            self.dropped += len(rows)
            return
        self._pending.append((served, time.time(), rows, values))
        self._pending_values += rows.size

    def take(self) -> list[Entry]:
        """Hand the remembered rows over to the writer."""
        taken, self._pending, self._pending_values = self._pending, [], 0
        return taken

    def write(self, entries: list[Entry]) -> tuple[int, str]:
        """Write rows (in a worker thread) and return how many are on disk and why the others are not."""
        by_model: dict[str, list[Entry]] = {}
        for entry in entries:
            by_model.setdefault(entry[0].model_digest, []).append(entry)
        written = 0
        for digest, group in by_model.items():
            try:
                written += self._write_model(digest, group)
            except (OSError, WorkbenchError) as error:
                self._close(digest)
                return written, str(error)
        return written, ""

    def settle(self, entries: list[Entry], outcome: tuple[int, str]) -> None:
        """Count what became of taken rows; a fault turns the log off for a while."""
        written, fault = outcome
        total = sum(len(entry[2]) for entry in entries)
        self.written += written
        self.dropped += total - written
        if fault and not self.fault:
            _log.error("the prediction log is off: %s", fault)
        if self.fault and not fault and total:
            _log.info("the prediction log is on again")
        if fault:
            self._retry_at = time.monotonic() + self._retry_s
        if fault or total:
            self.fault = fault

    def flush(self) -> None:
        """Write what is left, on this thread; for the end of the process."""
        entries = self.take()
        if entries:
            self.settle(entries, self.write(entries))

    def close(self) -> None:
        """Write what is left and close the files."""
        self.flush()
        for digest in list(self._segments):
            self._close(digest)

    def _write_model(self, digest: str, entries: list[Entry]) -> int:
        dtype = record_dtype(entries[0][0])
        records = np.empty(sum(len(entry[2]) for entry in entries), dtype)
        start = 0
        for _, at, rows, values in entries:
            part = records[start : start + len(rows)]
            part["at"], part["x"], part["y"] = at, rows, values.reshape(-1)
            start += len(rows)
        segment = self._segment(digest, entries[0][0])
        data = records.tobytes()
        done = 0
        try:
            while done < len(data):
                done += os.write(segment.handle, data[done:])
        except OSError:
            done -= done % dtype.itemsize
            os.ftruncate(segment.handle, segment.size + done)  # whole records only
            raise
        finally:
            segment.size += done
        if segment.size >= self._segment_bytes:
            self._close(digest)
        return len(records)

    def _segment(self, digest: str, served: Served) -> _Segment:
        if digest not in self._segments:
            folder = self._folder / digest.partition(":")[2][:16]
            layout = folder / "layout.json"
            if not layout.exists():
                write_atomic(layout, canonical_json(_layout(served)))
            path = folder / f"{time.time_ns() // 1_000_000}-{os.getpid()}.rows"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._segments[digest] = _Segment(os.open(path, flags, 0o644), path.stat().st_size)
        return self._segments[digest]

    def _close(self, digest: str) -> None:
        if segment := self._segments.pop(digest, None):
            os.close(segment.handle)


def record_dtype(served: Served) -> np.dtype[Any]:
    """Return the layout of one record."""
    return np.dtype([("at", "<f8"), ("x", "<f4", (len(served.features),)), ("y", "<f4")])


def _layout(served: Served) -> dict[str, Any]:
    return {
        "model_digest": served.model_digest,
        "features": list(served.features),
        "classes": list(served.manifest.classes),
        "dtype": [["at", "<f8"], ["x", "<f4", [len(served.features)]], ["y", "<f4"]],
    }
