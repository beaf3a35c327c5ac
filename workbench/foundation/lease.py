"""Leases: know at once, and without asking anybody, that a process has died.

A live run or job holds an exclusive POSIX lock on a small file. The operating system gives the lock back the
moment the process ends, however it ends, and a forked child does not inherit it. Whoever can take the lock knows that
the holder is dead. Where locks do not reach (another host, a network folder without a lock daemon) the file's
modification time is the heartbeat: older than two intervals means lost.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.foundation.errors import ConflictError, storage_errors

HEARTBEAT_S = 5.0
"""Seconds between two heartbeats."""


_held: set[Path] = set()
"""Paths this very process holds: opening and closing one here would drop its lock."""


@dataclass(frozen=True)
class LeaseState:
    """What a reader learns of a lease.

    Attributes:
        is_alive: The holder runs, as far as can be known from here.
        is_certain: True where the lock told; False where only the age of the heartbeat did.
        age_s: Seconds since the last heartbeat.
    """

    is_alive: bool
    is_certain: bool
    age_s: float


class Lease:
    """Hold a lease until :meth:`release` or the end of the process."""

    def __init__(self, path: Path, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        """Take the lease.

        Raises:
            ConflictError: ``lease-held``: another process holds it.
            StorageError: The folder is not writable.
        """
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise ConflictError("lease-held", f"{path.name} is held by another process", "wait for it") from None
        self._path = path.resolve()
        _held.add(self._path)
        content = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        os.ftruncate(self._handle, 0)
        os.write(self._handle, content)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(heartbeat_s,), name="wb-heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lease back and remove its file."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(timeout=1)
        self._path.unlink(missing_ok=True)
        os.close(self._handle)
        _held.discard(self._path)

    def _beat(self, heartbeat_s: float) -> None:
        while not self._stop.wait(heartbeat_s):
            os.utime(self._handle)


def inspect_lease(path: Path, *, heartbeat_s: float = HEARTBEAT_S) -> LeaseState:
    """Tell whether the holder of a lease lives."""
    if path.resolve() in _held:
        return LeaseState(is_alive=True, is_certain=True, age_s=0.0)
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return LeaseState(is_alive=False, is_certain=True, age_s=float("inf"))
    try:
        age_s = max(0.0, time.time() - os.fstat(handle).st_mtime)
        if _host_of_holder(handle) not in ("", socket.gethostname()):
            return LeaseState(is_alive=age_s < 2 * heartbeat_s, is_certain=False, age_s=age_s)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return LeaseState(is_alive=True, is_certain=True, age_s=age_s)
        return LeaseState(is_alive=False, is_certain=True, age_s=age_s)
    finally:
        os.close(handle)


def _host_of_holder(handle: int) -> str:
    try:
        return str(json.loads(os.pread(handle, 4096, 0) or b"{}").get("host", ""))
    except ValueError:
        return ""
