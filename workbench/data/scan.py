"""What lies in a file or folder now, by what the file system says of it: names, sizes and times, no bytes read.

The same files in the same state have the same *fingerprint*, so ten thousand unchanged ones are told by one comparison.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from workbench.data.dvc.ignored import FILE as IGNORE_FILE
from workbench.data.dvc.ignored import Ignore, ignore_for, is_always_ignored
from workbench.foundation.errors import ConflictError, UsageError, read_errors

_TICK_NS = 50_000_000
"""A file system's clock moves in ticks of up to 10 ms; a change within one tick leaves the time as it was."""
_COARSE_TICK_NS = 2_100_000_000
"""… of up to two seconds where it keeps whole seconds (FAT, ext3, some servers)."""


SETTLED_NS = _COARSE_TICK_NS
"""What is older than this has settled on any file system."""
_SPECIAL = frozenset({IGNORE_FILE, ".git"})


class Mark(NamedTuple):
    """What the file system says of one file; it changes with the content, except within one tick of the clock.

    The time of the last change of the inode is part of it: a copy that keeps the old modification time is noticed.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Mark:
        """Return the mark of a file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def content(self) -> tuple[int, int, int]:
        """What stays as it is while a link to the file is made or its mode is changed."""
        return self.size, self.mtime_ns, self.inode

    def is_settled(self, now_ns: int) -> bool:
        """Tell whether a later change would show: the last one is at least a tick of the clock away."""
        tick = _COARSE_TICK_NS if self.mtime_ns % 1_000_000_000 == 0 else _TICK_NS
        return self.mtime_ns + tick <= now_ns


class Member(NamedTuple):
    """One file; flat, since a folder may have a hundred thousand.

    Attributes:
        name: Path below the folder; empty where the data is one file.
        size: Bytes.
        mtime_ns: Last change of the content.
        ctime_ns: Last change of the inode.
        inode: Its number.
        mode: Mode bits.
        links: How many names the file has.
    """

    name: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    links: int

    @property
    def mark(self) -> Mark:
        """What the file system says of it."""
        return Mark(*self[1:5])

    @property
    def is_executable(self) -> bool:
        """Whether DVC would call it executable."""
        return bool(self.mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


@dataclass
class Scan:
    """A file or folder.

    Attributes:
        path: Relative to the project.
        is_folder: Whether it is one.
        members: Its files, sorted by name; empty names and one member for a file.
        left_out: Links to folders, which DVC does not follow.
        fingerprint: Digest over names and marks.
    """

    path: str
    is_folder: bool
    members: list[Member] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    fingerprint: bytes = b""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum([member.size for member in self.members])


def scan(root: Path, path: str) -> Scan | None:
    """Look at a file or folder; None where nothing lies there.

    Raises:
        UsageError: ``data-special`` (a pipe, a broken link) or ``dvcignore-inside``.
        ConflictError: ``data-changing``: something went while it was looked at.
        StorageError: ``file-not-readable``.
    """
    full = root / path
    with read_errors(full):
        try:
            status = full.stat()
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            found = Scan(path, is_folder=False, members=[_member("", status)])
        else:
            found = Scan(path, is_folder=True)
            try:
                _walk(root, found, str(full), "", ignore_for(root, path))
            except FileNotFoundError as error:
                raise _gone(str(error.filename)) from error
            found.members.sort()
    lines = "".join([f"{name}\0{a} {b} {c} {d}\n" for name, a, b, c, d, _, _ in found.members])
    found.fingerprint = hashlib.blake2b(lines.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return found


def settle(found: Scan) -> Scan:
    """Wait until the youngest file is a tick old, so that a change from now on shows; the scan itself stays."""
    youngest = max((member.mtime_ns for member in found.members), default=0)
    wait_ns = youngest + _TICK_NS - time.time_ns()
    if 0 < wait_ns <= _TICK_NS:
        time.sleep(wait_ns / 1e9)
    return found


def _gone(path: str) -> ConflictError:
    return ConflictError("data-changing", f"{path} has just gone", "wait until it is written, then repeat")


def _member(name: str, of: os.stat_result) -> Member:
    return Member(name, of.st_size, of.st_mtime_ns, of.st_ctime_ns, of.st_ino, of.st_mode, of.st_nlink)


def _walk(root: Path, found: Scan, folder: str, prefix: str, ignore: Ignore | None) -> None:
    """Add what lies in one folder and below; plain strings and few calls, since this is done for each of many."""
    below = []
    add, new = found.members.append, tuple.__new__
    with os.scandir(folder) as entries:
        for entry in entries:
            own = entry.name
            name = prefix + own
            if entry.is_file(follow_symlinks=False) and ignore is None and own not in _SPECIAL:
                of = entry.stat(follow_symlinks=False)  # as `_member` does it, without two calls for each file
                values = (name, of.st_size, of.st_mtime_ns, of.st_ctime_ns, of.st_ino, of.st_mode, of.st_nlink)
                add(new(Member, values))
                continue
            is_folder = entry.is_dir()
            if is_always_ignored(own, is_folder=is_folder) or (ignore and ignore(f"{found.path}/{name}", is_folder)):
                continue
            if not is_folder:
                add(_unusual(found.path, name, entry))
            elif entry.is_symlink():
                found.left_out.append(name)
            elif not os.path.isdir(f"{entry.path}/.dvc"):  # noqa: PTH112 - else a DVC repository of its own
                below.append((entry.path, f"{name}/"))
    for path, inner in below:
        _walk(root, found, path, inner, ignore)


def _unusual(path: str, name: str, entry: os.DirEntry[str]) -> Member:
    """Take what needs a second look: follow a link to a file; refuse what DVC could not record."""
    if entry.name == IGNORE_FILE:
        hint = f"move its lines into the project's {IGNORE_FILE}"
        raise UsageError("dvcignore-inside", f"{path} holds a {IGNORE_FILE}, which DVC refuses", hint)
    try:
        status = entry.stat()
    except FileNotFoundError:
        if not entry.is_symlink():
            raise
        message = f"{path}/{name} is a link that leads nowhere"
        raise UsageError("data-special", message, f"remove it: rm '{path}/{name}'") from None
    if not stat.S_ISREG(status.st_mode):
        message = f"{path}/{name} is neither a file nor a folder"
        raise UsageError("data-special", message, f"move it elsewhere: ls -l '{path}/{name}'")
    return _member(name, status)
