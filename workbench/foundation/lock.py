"""A short lock on a file: one at a time through a critical section, across processes and threads.

``flock`` and not ``lockf``: it belongs to the open file, so two threads of one process exclude each other too, and
closing some other handle of the same file does not drop it. For the life of a process, take a
:class:`~workbench.foundation.lease.Lease` instead.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.foundation.errors import StorageError, storage_errors

_POLL_S = 0.05


@contextmanager
def hold_lock(path: Path, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the lock file ``path`` inside the block; the file stays, since removing it would race.

    Raises:
        StorageError: ``lock-busy`` after ``timeout_s``; the folder is not writable.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait(handle, path, timeout_s)
        yield
    finally:
        # By name: a child forked meanwhile has the same open file, which our closing it would leave locked.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _wait(handle: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StorageError(
                    "lock-busy",
                    f"Another command has held {path} for more than {timeout_s:g} s",
                    f"see which one, wait for its end, then repeat yours: lsof '{path}'",
                ) from None
            time.sleep(_POLL_S)
        else:
            return
