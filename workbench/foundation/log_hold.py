"""Hold a SQLite file's write-ahead log in place for as long as this process works with the file.

SQLite's own locks are POSIX locks, and a process loses those as soon as any of its code closes any handle of the file:
a notebook that reads every file of its folder (``read_bytes``, ``tarfile``, a backup) takes the locks from under the
journal. The next process that closes the database then finds nobody else there and removes the log; from that moment
this process writes into a file without a name, and nobody ever sees what it acknowledges, nor it what others write
(https://www.sqlite.org/howtocorrupt.html, section 2.2). Here a sweep was once waited for until the end of time.

A lock of the open file (:mod:`~workbench.foundation.open_file_lock`) is not lost that way. One on the bytes that every
connection of SQLite locks shared, and whoever wants to remove the log exclusively, keeps the log where it is. Systems
without such locks go without.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from workbench.foundation import open_file_lock

_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
"""The bytes that SQLite locks: ``SHARED_FIRST`` and ``SHARED_SIZE`` of its os.h."""

_Key = tuple[int, int, int]


@dataclass
class _Held:
    handle: int
    users: int


_held: dict[_Key, _Held] = {}
"""By process, device and inode. One handle a file: closing it, too, would drop SQLite's locks of all its users."""
_changing = threading.Lock()
_leaving: deque[_Key] = deque()
"""Holds that ended. A finalizer comes at any moment, also to the very thread that is changing the table: it may wait
for nobody and changes nothing under others' hands."""


class LogHold:
    """Hold a file's log until :meth:`release`, the end of this object or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take hold.

        Args:
            path: A database in WAL mode that a connection of this process has open; one with a rollback journal could
                be written by nobody while it is held.
        """
        self.release = weakref.finalize(self, _let_go, _take(path))


def _take(path: Path) -> _Key:
    status = path.stat()
    key = (os.getpid(), status.st_dev, status.st_ino)
    with _changing:
        _settle()
        if key not in _held:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):  # a file system without such locks: as safe as SQLite alone
                open_file_lock.set_lock(handle, open_file_lock.SHARED, start=_SHARED_FIRST, size=_SHARED_SIZE)
            _held[key] = _Held(handle, 0)
        _held[key].users += 1
    return key


def _let_go(key: _Key) -> None:
    if key[0] != os.getpid():  # a forked child has the same lock, and it is its parent's
        return
    _leaving.append(key)
    if _changing.acquire(blocking=False):  # else the next one to come does it
        try:
            _settle()
        finally:
            _changing.release()


def _settle() -> None:
    while _leaving:
        key = _leaving.popleft()
        _held[key].users -= 1
        if _held[key].users == 0:
            os.close(_held.pop(key).handle)


def _forget_in_child() -> None:
    global _changing  # noqa: PLW0603 - another thread of the parent may have held it
    _changing = threading.Lock()
    _leaving.clear()


os.register_at_fork(after_in_child=_forget_in_child)
