"""Deliver append logs to MLflow: about four times a second while there is something, from one thread of the process.

A batch is written in one transaction; then the place up to which the log is delivered goes into ``<run>.at``. A process
that dies in between delivers the batch again, and nothing is doubled: MLflow's primary key of a metric is its
whole row, a parameter keeps its first value and a tag its last. One deliverer at a time holds the log's ``flock``;
any process may be it, so whoever ends a run (its own process, a job's supervisor, the next run that finds it dead)
delivers what its log still holds.

Where the store cannot be written (full disk, server away) the log stays, the user is told once, and delivery goes on
trying. What MLflow refuses for good is left out and said.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workbench.experiment.store import append_log
from workbench.experiment.store.append_log import METRIC, PARAM, TAG, Record, log_path, parse_lines
from workbench.experiment.store.writer_sql import MetricValue
from workbench.foundation.errors import StorageError, UsageError, WorkbenchError, storage_errors
from workbench.foundation.project import Project

INTERVAL_S = 0.25
_IDLE_S = 0.6
_BUSY_S = 60.0
_MOST_PAUSE_S = 5.0
_MAX_BYTES = 1 << 20
_ORPHAN_AGE_S = 5.0
"""A log that has waited for so long has nobody who delivers it."""

_starting = threading.Lock()
_thread: threading.Thread | None = None
_stop = threading.Event()
_told: set[str] = set()


def begin() -> None:
    """See to it that this process delivers; calling again is harmless."""
    global _thread  # noqa: PLW0603 - one thread a process
    with _starting:
        if _thread is None or not _thread.is_alive():
            _stop.clear()
            _thread = threading.Thread(target=_run, name="wb-delivery", daemon=True)
            _thread.start()


def drain(project: Project, run: str, *, close: bool = False) -> None:
    """Deliver everything that a run has logged, from whatever process; returns when MLflow has it.

    Args:
        project: The project.
        run: The run; without a log there is nothing to do.
        close: Remove the log afterwards, since the run ends.

    Raises:
        StorageError: The store cannot be written, or another process kept delivering for a minute; the log stays.
        UnavailableError: The tracking server does not answer; the log stays.
    """
    path = log_path(project, run)
    with _held(path, _BUSY_S) as handle:
        if handle is None:
            return
        place = _deliver_all(project, run, path, handle)
        if not close:
            return
        with storage_errors(path):
            # In this order: a place without its log would make the next log's beginning pass for delivered.
            _place(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        # A record written before the name was gone is read now; one written after it is written again by its writer.
        while (after := _deliver_batch(project, run, handle, place)) > place:
            place = after
    append_log.open_logs.pop(run, None)


def catch_up() -> None:
    """Deliver what this very process has logged, so that it reads its own values; what fails is left to the thread."""
    for log in tuple(append_log.open_logs.values()):
        if log.is_pending:
            with contextlib.suppress(WorkbenchError, OSError):
                _deliver(log, 1.0)


def drain_orphans(project: Project) -> None:
    """Deliver and remove the logs of processes that have died, and of those that logged after their run's end.

    A log that somebody still writes to may be among them: then its writer notices and begins a new one.
    """
    folder = project.state_dir / "outbox"
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.log")):
        with contextlib.suppress(WorkbenchError, OSError):
            if path.stem not in append_log.open_logs and time.time() - path.stat().st_mtime > _ORPHAN_AGE_S:
                drain(project, path.stem, close=True)


def undelivered(project: Project) -> dict[str, int]:
    """Return how many bytes of each log MLflow does not have although they have waited long enough, by run."""
    found = {}
    for path in sorted((project.state_dir / "outbox").glob("*.log")):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if stat.st_size > _read_place(path) and time.time() - stat.st_mtime > _ORPHAN_AGE_S:
                found[path.stem] = stat.st_size - _read_place(path)
    return found


def _run() -> None:
    """Deliver until the process ends."""
    while not _stop.is_set():
        append_log.wake.wait(_IDLE_S)
        if _stop.wait(INTERVAL_S):
            return
        append_log.wake.clear()
        for log in tuple(append_log.open_logs.values()):
            if log.retry_at <= time.monotonic():
                _deliver_or_tell(log)


def _deliver_or_tell(log: append_log.OpenLog) -> None:
    try:
        _deliver(log, _IDLE_S)
    except (WorkbenchError, OSError) as error:
        log.pause_s = min(_MOST_PAUSE_S, 2 * log.pause_s + INTERVAL_S)
        log.retry_at = time.monotonic() + log.pause_s
        if isinstance(error, WorkbenchError) and error.code == "lock-busy":
            return  # another process delivers it just now
        _tell(log.run, f"metrics of run {log.run} wait in {log.path} and are delivered later: {error}")
    else:
        log.pause_s = log.retry_at = 0.0
        _told.discard(log.run)


def _deliver(log: append_log.OpenLog, timeout_s: float) -> None:
    with _held(log.path, timeout_s) as handle:
        log.is_pending = False
        if handle is None:
            return
        try:
            _deliver_all(log.project, log.run, log.path, handle)
        except BaseException:
            log.is_pending = True
            raise


def _deliver_all(project: Project, run: str, path: Path, handle: int) -> int:
    """Deliver a log to its end, noting after each batch how far that is, and return it."""
    place = min(_read_place(path), os.fstat(handle).st_size)
    while (after := _deliver_batch(project, run, handle, place)) > place:
        place = after
        with storage_errors(path):
            _place(path).write_text(str(place), encoding="ascii")
    return place


def _deliver_batch(project: Project, run: str, handle: int, place: int) -> int:
    """Deliver at most a megabyte from ``place`` on and return where the next begins; the same where there is none."""
    data = os.pread(handle, _MAX_BYTES, place)
    data = data[: data.rfind(b"\n") + 1]
    if records := list(parse_lines(data)):
        try:
            _write(project, run, records)
        except UsageError:
            _write_each(project, run, records)
    return place + len(data)


def _write_each(project: Project, run: str, records: Sequence[Record]) -> None:
    """Write one by one, since MLflow refuses a batch as a whole, and say which it did not take."""
    for record in records:
        try:
            _write(project, run, [record])
        except UsageError as error:
            _tell(f"{run} {record[:2]}", f"not recorded: {error}")


def _write(project: Project, run: str, records: Sequence[Record]) -> None:
    from workbench.experiment.store.tracking import write_batch  # tracking drains logs when it ends a run

    metrics = [MetricValue(key, float(value), step, at) for kind, key, value, step, at in records if kind == METRIC]
    params: dict[str, str] = {}
    for kind, key, value, _, _ in records:
        if kind == PARAM and params.setdefault(key, str(value)) != value:
            raise UsageError("param-changed", f"Parameter '{key}' was logged as {params[key]!r} before", "start a run")
    tags = {key: str(value) for kind, key, value, _, _ in records if kind == TAG}
    write_batch(project, run, metrics=metrics, params=params, tags=tags)


@contextmanager
def _held(path: Path, timeout_s: float) -> Iterator[int | None]:
    """Hold the log's lock inside the block and yield a handle to read from; None where there is no log.

    The lock is given back by name: a child forked meanwhile has the same open file, and closing ours would not do.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            if not _is_locked(handle, deadline):
                hint = f"see which one, wait for its end, then repeat yours: lsof '{path}'"
                raise StorageError("lock-busy", f"Another process is delivering {path}", hint)
            if os.fstat(handle).st_nlink == 0:
                continue  # removed while we waited; there may be a new one
            try:
                yield handle
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)
            return
        finally:
            os.close(handle)


def _is_locked(handle: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _place(path: Path) -> Path:
    return path.with_suffix(".at")


def _read_place(path: Path) -> int:
    try:
        return int(_place(path).read_text(encoding="ascii") or 0)
    except (FileNotFoundError, ValueError):
        return 0


def _tell(key: str, text: str) -> None:
    if key not in _told:
        _told.add(key)
        sys.stderr.write(f"workbench: {text}\n")


def _finish() -> None:
    """At the end of the process: deliver what is left, so that nothing waits for the next run to find it."""
    _stop.set()
    append_log.wake.set()
    for log in tuple(append_log.open_logs.values()):
        _deliver_or_tell(log)


def _forget_in_child() -> None:
    global _thread, _starting, _stop
    _thread, _starting, _stop = None, threading.Lock(), threading.Event()
    if append_log.open_logs:
        append_log.open_logs.clear()


atexit.register(_finish)
os.register_at_fork(after_in_child=_forget_in_child)
