"""Ways to have the same bytes under two names without storing them twice: reflink, hard link; and the plain copy.

A *reflink* shares blocks until one side is written: always safe, but only Btrfs, XFS, APFS and a few others have it. A
*hard link* is one file with two names, so whoever wrote into the data in place would destroy the recorded version: it
is used only for what cannot be written, that is, for files made read-only, by a process that this really stops (root
may write anywhere), that nobody has open for writing. A *copy* is always safe and takes the space once more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import sys
import tempfile
from pathlib import Path

REFLINK, HARDLINK, COPY = "reflink", "hardlink", "copy"
LARGE_BYTES = 64 << 20
"""Below this, data is copied by default: a small table is soon written again, and read-only would be in the way."""
PROTECTED = 0o444
_FICLONE = 0x40049409
_F_SETLEASE = 1024
_F_SETSIG = 10


def choose(wanted: tuple[str, ...], *, is_chosen: bool, size: int, data: Path, cache: Path) -> str:
    """Return how data of this size and its copy in the cache are to share their bytes.

    Args:
        wanted: Ways in order of preference.
        is_chosen: Whether a person chose them (DVC's ``cache.type``); then nothing else is considered.
        size: Bytes in all.
        data: A folder on the data's file system.
        cache: A folder on the cache's file system.
    """
    for way in wanted:
        if way == REFLINK and can_reflink(data, cache):
            return REFLINK
        if way == HARDLINK:
            return HARDLINK
        if way == COPY:
            break
    if not is_chosen and size >= LARGE_BYTES and is_protection_real(cache) and _is_same_device(data, cache):
        return HARDLINK
    return COPY


def can_reflink(data: Path, cache: Path) -> bool:
    """Tell whether blocks can be shared between two folders, by doing it."""
    try:
        with tempfile.TemporaryFile(dir=cache) as target, tempfile.TemporaryFile(dir=data) as source:
            source.write(b"\0" * 4096)
            source.flush()
            return clone(source.fileno(), target.fileno())
    except OSError:
        return False


def clone(source: int, target: int) -> bool:
    """Let an open empty file share all blocks of another; False where the file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS):
            return False
        raise
    return True


def is_protection_real(folder: Path) -> bool:
    """Tell whether a read-only file is safe from this very process: root writes all the same."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            os.fchmod(probe.fileno(), PROTECTED)
            return not os.access(probe.name, os.W_OK)
    except OSError:
        return False


def is_written(handle: int) -> bool:
    """Tell whether anybody has a file open for writing; True also where that cannot be known.

    The kernel grants a read lease only on a file that nobody may write to at the moment (fcntl(2), F_SETLEASE). Were
    it broken in the instant it is held, the kernel would send SIGIO, which ends a process; SIGURG is ignored instead.
    """
    if sys.platform != "linux":
        return True
    try:
        fcntl.fcntl(handle, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, _F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, _F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False


def hard_link(source: str, target: str) -> bool:
    """Give a file a second name; False where it has one already, is executable, foreign, elsewhere or being written."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False  # a link to a file: its bytes lie elsewhere
    try:
        status = os.fstat(handle)
        if status.st_nlink > 1 or status.st_mode & 0o111 or is_written(handle):
            return False
        os.link(source, target, follow_symlinks=False)
    except PermissionError:
        return False
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP):
            return False
        raise
    finally:
        os.close(handle)
    return True


def _is_same_device(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def is_plain(path: Path) -> bool:
    """Tell whether a path is a file itself and not a link to one."""
    return stat.S_ISREG(path.lstat().st_mode)
