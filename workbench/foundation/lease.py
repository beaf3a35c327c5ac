"""Leases: know at once, and without asking anybody, that a process has died.

A live run or job holds an exclusive lock on a small file. The operating system gives the lock back the moment the
process ends, however it ends. Whoever finds it unlocked knows that the holder is dead. Where locks do not reach
(another host, a network folder without a lock daemon) the file's modification time is the heartbeat: older than two
intervals means lost.

The lock is one of the open file where there are such (:mod:`~workbench.foundation.open_file_lock`): a POSIX lock is
lost when the notebook reads its own project's files, and its live run would be called KILLED. A forked child closes
the handle at once, since it would keep the lease of a dead parent. Elsewhere it is a POSIX lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.foundation import open_file_lock
from workbench.foundation.errors import ConflictError, storage_errors

HEARTBEAT_S = 5.0
"""Seconds between two heartbeats."""
_PATIENCE_S, _GLANCE_S = 0.2, 0.01
"""Who looks holds the lock for a moment, too: only one that stays is a holder's."""


_held: set[Path] = set()
"""Paths this very process holds: opening and closing one here would drop a POSIX lock."""
_handles: set[int] = set()
"""What a forked child is to close."""
_taking = threading.RLock()
"""Nobody forks between locking a file and noting its handle."""


@dataclass(frozen=True)
class LeaseState:
    """What a reader learns of a lease.

    Attributes:
        is_alive: The holder runs, as far as can be known from here.
        is_certain: True where the lock told; False where only the age of the heartbeat did.
        age_s: Seconds since the last heartbeat.
        was_held: Somebody holds it or has held it. A file without a word of its holder is one that is being taken
            this moment (it is made first, then locked, then written), or whose taker died over it.
    """

    is_alive: bool
    is_certain: bool
    age_s: float
    was_held: bool


class Lease:
    """Hold a lease until :meth:`release` or the end of the process."""

    def __init__(self, path: Path, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        """Take the lease.

        Raises:
            ConflictError: ``lease-held``: another process holds it.
            StorageError: The folder is not writable, or the disk is full.
        """
        self._handle = _locked(path)
        self._process = os.getpid()
        self._path = path.resolve()
        content = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        try:
            with storage_errors(path):
                os.ftruncate(self._handle, 0)
                os.write(self._handle, content)
        except BaseException:
            _unlock(self._handle)  # a lease that could not be written is not held
            raise
        _held.add(self._path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(heartbeat_s,), name="wb-heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lease back and remove its file; a forked child has none to give back."""
        if self._stop.is_set() or self._process != os.getpid():
            return
        self._stop.set()
        self._thread.join(timeout=1)
        with contextlib.suppress(OSError):  # a file that nobody locks says the same; keeping the lock would not
            self._path.unlink()
        _unlock(self._handle)
        _held.discard(self._path)

    def _beat(self, heartbeat_s: float) -> None:
        while not self._stop.wait(heartbeat_s):
            os.utime(self._handle)


def inspect_lease(path: Path, *, heartbeat_s: float = HEARTBEAT_S) -> LeaseState:
    """Tell whether the holder of a lease lives."""
    if path.resolve() in _held:
        return LeaseState(is_alive=True, is_certain=True, age_s=0.0, was_held=True)
    while True:
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return LeaseState(is_alive=False, is_certain=True, age_s=float("inf"), was_held=False)
        try:
            state = _look(handle, heartbeat_s)
            if state.is_alive or not state.is_certain or _is_at(handle, path):
                return state
        finally:
            os.close(handle)


def _look(handle: int, heartbeat_s: float) -> LeaseState:
    stat = os.fstat(handle)  # before the lock is looked at: a holder that comes in between is no dead one
    age_s = max(0.0, time.time() - stat.st_mtime)
    if _host_of_holder(handle) not in ("", socket.gethostname()):
        return LeaseState(is_alive=age_s < 2 * heartbeat_s, is_certain=False, age_s=age_s, was_held=True)
    is_alive = _is_locked(handle)
    return LeaseState(is_alive=is_alive, is_certain=True, age_s=age_s, was_held=is_alive or stat.st_size > 0)


def _is_locked(handle: int) -> bool:
    try:
        found = open_file_lock.find_exclusive(handle)
        if found is None:
            fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look are no holder to each other
    except OSError:
        return True
    return bool(found)


def _lock(handle: int) -> None:
    if not open_file_lock.set_lock(handle, open_file_lock.EXCLUSIVE):
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(handle: int) -> None:
    with _taking:
        with contextlib.suppress(OSError):  # by name: a child between its fork and its exec has the same open file
            open_file_lock.set_lock(handle, open_file_lock.NONE)
        os.close(handle)
        _handles.discard(handle)


def _locked(path: Path) -> int:
    """Return a handle of the file that has this name, locked for this process alone."""
    deadline = time.monotonic() + _PATIENCE_S
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    while (handle := _try_locked(path)) is None:
        if time.monotonic() > deadline:
            raise ConflictError("lease-held", f"{path.name} is held by another process", "wait for it")
        time.sleep(_GLANCE_S)
    return handle


def _try_locked(path: Path) -> int | None:
    with _taking:
        with storage_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        with contextlib.suppress(OSError):
            _lock(handle)
            if _is_at(handle, path):
                _handles.add(handle)
                return handle
        os.close(handle)
    return None


def _is_at(handle: int, path: Path) -> bool:
    """Tell whether a file still has its name: a holder that went between opening and locking took that away."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _host_of_holder(handle: int) -> str:
    try:
        return str(json.loads(os.pread(handle, 4096, 0) or b"{}").get("host", ""))
    except ValueError:
        return ""


def _close_in_child() -> None:
    for handle in _handles:
        with contextlib.suppress(OSError):
            os.close(handle)
    _handles.clear()
    _held.clear()
    _taking.release()


os.register_at_fork(before=_taking.acquire, after_in_parent=_taking.release, after_in_child=_close_in_child)
