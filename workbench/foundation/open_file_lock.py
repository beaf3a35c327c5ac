"""Locks of an open file description, which last until that one handle is closed.

A process loses POSIX locks (``lockf``, SQLite's own) as soon as any of its code closes any handle of the file, and a
notebook that reads its whole folder does that to every file there. Linux has locks that belong to the open file
instead (``F_OFD_SETLK``, fcntl(2)); POSIX locks and these exclude and see each other, also within one process. Two
things come with them: a forked child has the same open file, and keeps its lock for as long as it has the handle; and
the lock names no process (``l_pid`` is -1), so a file that is to tell its holder has to say it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys

SHARED, EXCLUSIVE, NONE = fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK

_FLOCK = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, process."""
_IS_LINUX = sys.platform == "linux" and struct.calcsize("P") == 8
_SET_LOCK: int | None = getattr(fcntl, "F_OFD_SETLK", None) if _IS_LINUX else None
_GET_LOCK: int | None = getattr(fcntl, "F_OFD_GETLK", None) if _IS_LINUX else None
_UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def set_lock(handle: int, kind: int, *, start: int = 0, size: int = 0) -> bool:
    """Lock bytes of an open file, or unlock them, without waiting.

    Args:
        handle: The open file.
        kind: ``SHARED``, ``EXCLUSIVE`` or ``NONE``.
        start: The first byte.
        size: How many; 0 for all there will ever be.

    Returns:
        False where the system or the file system has no such locks.

    Raises:
        OSError: Somebody else's lock is in the way (``EAGAIN`` or ``EACCES``), or none are to be had (``ENOLCK``).
    """
    return _ask(_SET_LOCK, handle, kind, start, size) is not None


def find_exclusive(handle: int) -> bool | None:
    """Tell whether another open file holds this one exclusively, without locking it; None where nobody can tell."""
    answer = _ask(_GET_LOCK, handle, SHARED, 0, 0)
    return None if answer is None else struct.unpack(_FLOCK, answer)[0] != NONE


def _ask(command: int | None, handle: int, kind: int, start: int, size: int) -> bytes | None:
    if command is None:
        return None
    try:
        return fcntl.fcntl(handle, command, struct.pack(_FLOCK, kind, os.SEEK_SET, start, size, 0))
    except OSError as error:
        if error.errno in _UNKNOWN:
            return None
        raise
