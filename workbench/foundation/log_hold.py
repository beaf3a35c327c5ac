"""Hold a SQLite file's write-ahead log in place for as long as this process works with the file.

SQLite's own locks are POSIX locks, and a process loses those as soon as any of its code closes any handle of the file:
a notebook that reads every file of its folder (``read_bytes``, ``tarfile``, a backup) takes the locks from under the
journal (https://www.sqlite.org/howtocorrupt.html, section 2.2). Two things happen then:

- The next process that closes the database finds nobody else there and removes the log; from that moment this process
  writes into a file without a name, and nobody ever sees what it acknowledges, nor it what others write. Here a sweep
  was once waited for until the end of time.
- The next process that opens it takes the log's index, ``-shm``, for a dead one's and cuts it to nothing, while this
  process has it mapped: its next look is a SIGBUS, which no ``except`` catches.

Locks of the open file (:mod:`~workbench.foundation.open_file_lock`) are not lost that way. One on the bytes that every
connection of SQLite locks shared, and whoever wants to remove the log exclusively, keeps the log where it is; one on
the byte by which a connection says that it uses the index keeps that as long as it is. Systems without such locks go
without.
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
"""The bytes of the database that SQLite locks: ``SHARED_FIRST`` and ``SHARED_SIZE`` of its os.h."""
_IN_USE, _IN_USE_SIZE = 128, 1
"""The byte of the index: ``UNIX_SHM_DMS`` of its os_unix.c."""

_Key = tuple[int, int, int]


@dataclass
class _Held:
    """The files of one database.

    Attributes:
        database: Its handle.
        index: The handle of the log's index; None where there is none.
        users: How many holds there are.
        locking: How many of them have not been loosened.
    """

    database: int
    index: int | None
    users: int = 0
    locking: int = 0

    def lock(self, kind: int) -> None:
        with contextlib.suppress(OSError):  # a file system without such locks: as safe as SQLite alone
            open_file_lock.set_lock(self.database, kind, start=_SHARED_FIRST, size=_SHARED_SIZE)
            if self.index is not None:
                open_file_lock.set_lock(self.index, kind, start=_IN_USE, size=_IN_USE_SIZE)

    def close(self) -> None:
        for handle in (self.index, self.database):
            if handle is not None:
                os.close(handle)


_held: dict[_Key, _Held] = {}
"""By process, device and inode. One handle a file: closing it, too, would drop SQLite's locks of all its users."""
_changing = threading.Lock()
_leaving: deque[tuple[_Key, bool]] = deque()
"""Holds that ended, and whether they locked. A finalizer comes at any moment, also to the very thread that is changing
the table: it may wait for nobody and changes nothing under others' hands."""


class LogHold:
    """Hold a file's log until :meth:`release`, the end of this object or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take hold.

        Args:
            path: A database in WAL mode that a connection of this process has open and has read; one with a rollback
                journal could be written by nobody while it is held.
        """
        self._key = _take(path)
        self._end = weakref.finalize(self, _let_go, self._key, is_locking=True)

    def loosen(self) -> None:
        """Hold no longer, but close no file yet: whoever closes the last connection may now remove the log."""
        if self._key[0] == os.getpid() and self._end.detach():
            with _changing:
                _settle()
                _loosen(self._key)
            self._end = weakref.finalize(self, _let_go, self._key, is_locking=False)

    def release(self) -> None:
        """End the hold. It closes files, so it comes after the connections."""
        self._end()


def _take(path: Path) -> _Key:
    status = path.stat()
    key = (os.getpid(), status.st_dev, status.st_ino)
    with _changing:
        _settle()
        if key not in _held:
            _held[key] = _opened(path)
        held = _held[key]
        if held.locking == 0:
            held.lock(open_file_lock.SHARED)
        held.users += 1
        held.locking += 1
    return key


def _opened(path: Path) -> _Held:
    database = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        index = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # SQLite can do without, where only one process ever opens it
        index = None
    return _Held(database, index)


def _let_go(key: _Key, *, is_locking: bool) -> None:
    if key[0] != os.getpid():  # a forked child has the same lock, and it is its parent's
        return
    _leaving.append((key, is_locking))
    if _changing.acquire(blocking=False):  # else the next one to come does it
        try:
            _settle()
        finally:
            _changing.release()


def _settle() -> None:
    while _leaving:
        key, is_locking = _leaving.popleft()
        if is_locking:
            _loosen(key)
        _held[key].users -= 1
        if _held[key].users == 0:
            _held.pop(key).close()


def _loosen(key: _Key) -> None:
    _held[key].locking -= 1
    if _held[key].locking == 0:
        _held[key].lock(open_file_lock.NONE)


def _forget_in_child() -> None:
    global _changing  # noqa: PLW0603 - another thread of the parent may have held it
    _changing = threading.Lock()
    _leaving.clear()


os.register_at_fork(after_in_child=_forget_in_child)
