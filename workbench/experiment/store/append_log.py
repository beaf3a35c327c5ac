"""The append log: what a run logs is in the kernel's hands before the call returns, and in MLflow a moment later.

One file a run, ``.workbench/outbox/<run>.log``, one JSON line a record: ``["metric", "loss", 0.5, 12, 1790000000000]``
(kind, key, value, step, Unix milliseconds). :func:`append` is one ``write`` on a file opened with ``O_APPEND``: about
ten microseconds, whole lines from any thread or process, and safe from ``kill -9``, since the system has the bytes. It
is not ``fsync``: a power cut may cost what was logged in the last quarter of a second, until :mod:`delivery` has
committed it to MLflow's store, which is.

Each record stands between two newlines, so what a dying process or a full disk left half written (never acknowledged)
spoils no record after it; readers skip what is no JSON. A log is removed once its run has ended; a writer that comes
later notices that the file has no name any more and writes its record again into a new one.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.experiment.store.refusals import (
    MAX_PARAM_LENGTH,
    MAX_TAG_LENGTH,
    check_key,
    check_step,
    cut,
    number,
)
from workbench.foundation.errors import StorageError, UsageError, storage_errors
from workbench.foundation.project import Project

METRIC, PARAM, TAG = "metric", "param", "tag"
_LIMITS = {PARAM: MAX_PARAM_LENGTH, TAG: MAX_TAG_LENGTH}
Record = tuple[str, str, Any, int, int]
"""Kind, key, value, step and Unix milliseconds."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class OpenLog:
    """A log that this process writes to.

    Attributes:
        project: Where the run is.
        run: Its id.
        path: The file.
        is_pending: Whether something was appended that this process has not seen delivered.
        retry_at: Monotonic time before which delivery, having failed, is not tried again.
        pause_s: Seconds to the next trial.
    """

    def __init__(self, project: Project, run: str) -> None:
        self.project, self.run, self.path = project, run, log_path(project, run)
        self.is_pending = False
        self.retry_at = self.pause_s = 0.0
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        # Closed when no thread can be writing to it any more; at the end of the process the system does it.
        weakref.finalize(self, os.close, self._handle).atexit = False

    def write(self, record: bytes) -> bool:
        """Append a record; when this returns true it is safe from the death of this process.

        Returns:
            False where the log was removed meanwhile, its run having ended: the record may be lost with it.

        Raises:
            StorageError: The disk is full; the record is not in the log.
        """
        with storage_errors(self.path):
            if os.write(self._handle, record) != len(record):
                raise StorageError("disk-full", f"No space left to write {self.path}", "free some space, then repeat")
            is_kept = os.fstat(self._handle).st_nlink > 0
        self.is_pending = True
        return is_kept


open_logs: dict[str, OpenLog] = {}
"""Logs that this process writes to, by run."""

wake = threading.Event()
"""Set when there is something to deliver."""

_opening = threading.Lock()


def log_path(project: Project, run: str) -> Path:
    """Return where the log of a run lies."""
    return project.state_dir / "outbox" / f"{run}.log"


def append(  # noqa: PLR0917 - one record, in the order in which it is written
    project: Project, run: str, kind: str, key: str, value: Any, step: int = 0, at_ms: int | None = None
) -> None:
    """Log one metric value, parameter or tag of a run; delivered to MLflow within a second, from a thread.

    Takes about ten microseconds, from any thread; imports nothing. Names and values are checked as MLflow would, here
    and now. That a parameter has another value already is found out only by delivery, which keeps the first and
    says so.

    Args:
        project: The project.
        run: Id of a run that exists.
        kind: ``metric``, ``param`` or ``tag``.
        key: Its name.
        value: A number for a metric; anything else becomes text.
        step: Step of a metric.
        at_ms: When it was, Unix milliseconds; now where None.

    Raises:
        UsageError: ``metric-not-a-number`` or ``tracking-refused``.
        StorageError: ``disk-full`` or ``folder-not-writable``; nothing was logged.
    """
    check_key(key)
    if kind == METRIC:
        value, step = number(key, value), check_step(step)
    elif kind in _LIMITS:
        value = cut(f"value of the {kind}", str(value), _LIMITS[kind])
    else:
        raise UsageError("tracking-refused", f"There is no kind '{kind}' of record", "log a metric, a param or a tag")
    record = _encode((kind, key, value, step, int(time.time() * 1000) if at_ms is None else at_ms))
    line = b"\n" + record.encode() + b"\n"
    log = open_logs.get(run) or _open(project, run, None)
    while not log.write(line):
        log = _open(project, run, log)
    if not wake.is_set():
        wake.set()


def parse_lines(data: bytes) -> Iterator[Record]:
    """Return the records of whole lines; a line that was never acknowledged is skipped."""
    for line in data.splitlines():
        try:
            kind, key, value, step, at_ms = json.loads(line)
        except (ValueError, TypeError):
            continue
        if kind == METRIC or kind in _LIMITS:
            yield kind, key, value, step, at_ms


def _open(project: Project, run: str, gone: OpenLog | None) -> OpenLog:
    from workbench.experiment.store import delivery

    with _opening:
        log = open_logs.get(run)
        if log is None or log is gone:
            log = open_logs[run] = OpenLog(project, run)
    delivery.begin()
    return log


def _forget_in_child() -> None:
    """After a fork: the handles still work, but the locks may be held by threads that this process does not have."""
    global wake, _opening
    wake, _opening = threading.Event(), threading.Lock()


os.register_at_fork(after_in_child=_forget_in_child)
