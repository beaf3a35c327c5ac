"""DVC's cache, written in DVC's own layout (``files/md5/aa/bbb…``, listings of folders as ``….dir``).

Objects are gathered in a folder beside the cache, brought onto the disk in one go, and only then renamed to their
names, the listings last. So a process that dies leaves no object half, and one that DVC trusts (read-only) is whole.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from workbench.data.dvc.hashing import BUFFER_BYTES, md5_of, new_md5, write_all
from workbench.data.dvc.links import COPY, HARDLINK, PROTECTED, REFLINK, clone, hard_link
from workbench.data.dvc.repository import CacheSettings
from workbench.data.scan import Member
from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import ConflictError, read_errors, storage_errors

_PREFIX = "workbench-"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MANY = 1000
_FEW = 8
"""Up to this many files are synced one by one; more of them with one call for the whole file system."""


class CacheWriter:
    """Objects on their way into the cache. Leaving the block without :meth:`commit` leaves the cache as it was."""

    def __init__(self, settings: CacheSettings) -> None:
        """Take the settings; nothing is written before the block is entered."""
        self._settings = settings
        self._staging = Path()
        self._handle = -1
        self._numbers = itertools.count()
        self._staged: dict[str, str] = {}
        self._linked: dict[str, tuple[str, Member]] = {}
        self._present: set[str] | None = None
        self._guard = threading.Lock()

    def __enter__(self) -> CacheWriter:
        root = self._settings.folder.parent.parent
        with storage_errors(root):
            self._make_folder(self._settings.folder)
            _sweep(root)
            self._staging, self._handle = _begin_staging(root)
        return self

    def __exit__(self, *_: object) -> None:
        for path, member in self._linked.values():  # what was not committed is the author's again
            os.chmod(path, stat.S_IMODE(member.mode))  # noqa: PTH101
        shutil.rmtree(self._staging, ignore_errors=True)
        os.close(self._handle)

    def expect(self, count: int) -> None:
        """Prepare for many objects: one look at the cache instead of one for each."""
        if count > _MANY:
            self._present = object_names(self._settings.folder)

    def put(self, path: str, member: Member, way: str) -> str:
        """Take one file, if the cache has not got it, and return its md5.

        Args:
            path: The file.
            member: What the file system said of it before.
            way: ``reflink``, ``hardlink`` or ``copy``; a file that cannot be linked is copied.

        Raises:
            ConflictError: ``data-changing``: it is not what it was when it was looked at.
            StorageError: ``file-not-readable``, ``disk-full`` or ``folder-not-writable``.
        """
        with read_errors(Path(path)):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise changing(path) from None
        try:
            _refuse_changed(path, os.fstat(handle), member)
            if member.size <= BUFFER_BYTES:
                md5 = self._put_small(path, handle, member, way)
            elif way == COPY:
                md5 = self._put_copied(handle)
            else:
                md5 = self._put_linked(path, handle, member, way)
            _refuse_changed(path, os.fstat(handle), member)
        finally:
            os.close(handle)
        return md5

    def put_bytes(self, data: bytes, suffix: str = "") -> str:
        """Take bytes, and return the object's name: their md5 and the suffix."""
        name = new_md5(data).hexdigest() + suffix
        if not self.has(name, len(data)):
            self._stage_bytes(name, data)
        return name

    def has(self, name: str, size: int) -> bool:
        """Tell whether an object of this size is there, or on its way."""
        if name in self._staged:
            return True
        if self._present is not None and name not in self._present:
            return False
        return is_whole(object_path(self._settings.folder, name), name, size)

    def commit(self) -> None:
        """Let all objects enter the cache, the listings of folders last.

        Raises:
            ConflictError: ``data-changing``: a file that was to be linked is being written after all.
            StorageError: ``disk-full`` or ``folder-not-writable``.
        """
        if not self._staged:
            return
        folder = self._settings.folder
        with storage_errors(folder):
            for path, member in self._linked.values():
                os.chmod(path, PROTECTED)  # noqa: PTH101
                _refuse_changed(path, os.stat(path), member)  # noqa: PTH116
            sync_all([Path(staged) for staged in self._staged.values()])
            names = sorted(self._staged, key=_listings_last)
            parents = {folder / name[:2] for name in names}
            for parent in parents:
                self._make_folder(parent)
            for name in names:
                os.rename(self._staged.pop(name), f"{folder}/{name[:2]}/{name[2:]}")  # noqa: PTH104 - thousands of them
                self._linked.pop(name, None)
            sync_all({*parents, folder})

    def _put_small(self, path: str, handle: int, member: Member, way: str) -> str:
        with read_errors(Path(path)):
            data = os.read(handle, BUFFER_BYTES + 1)
        if len(data) != member.size:
            raise changing(path)
        md5 = new_md5(data).hexdigest()
        if not self.has(md5, len(data)) and not (way != COPY and self._link(path, handle, member, way, md5)):
            self._stage_bytes(md5, data)
        return md5

    def _put_copied(self, handle: int) -> str:
        """Hash and copy in one pass: what enters the cache is what was hashed, whatever happens to the file."""
        target = self._next()
        with storage_errors(self._staging):
            writing = os.open(target, _NEW, 0o600)
            try:
                size = os.fstat(handle).st_size
                if hasattr(os, "posix_fallocate") and size:
                    os.posix_fallocate(writing, 0, size)  # a full disk says so before the work, not after
                md5 = md5_of(handle, writing)
                os.fchmod(writing, PROTECTED)
                size = os.fstat(writing).st_size
            finally:
                os.close(writing)
        with self._guard:
            if self.has(md5, size):
                os.unlink(target)  # noqa: PTH108
            else:
                self._staged[md5] = target
        return md5

    def _put_linked(self, path: str, handle: int, member: Member, way: str) -> str:
        with read_errors(Path(path)):
            md5 = md5_of(handle)
        if self.has(md5, member.size) or self._link(path, handle, member, way, md5):
            return md5
        os.lseek(handle, 0, os.SEEK_SET)
        return self._put_copied(handle)

    def _link(self, path: str, handle: int, member: Member, way: str, md5: str) -> bool:
        target = self._next()
        with storage_errors(self._staging):
            if way == REFLINK:
                writing = os.open(target, _NEW, 0o600)
                try:
                    is_done = clone(handle, writing)
                    os.fchmod(writing, PROTECTED)
                finally:
                    os.close(writing)
                if not is_done:
                    os.unlink(target)  # noqa: PTH108
                    return False
            elif way != HARDLINK or not hard_link(path, target):
                return False
        with self._guard:
            if md5 in self._staged:  # the same bytes twice
                os.unlink(target)  # noqa: PTH108
                return True
            self._staged[md5] = target
            if way == HARDLINK:
                self._linked[md5] = (path, member)
        return True

    def _stage_bytes(self, name: str, data: bytes) -> None:
        target = self._next()
        with storage_errors(self._staging):
            writing = os.open(target, _NEW, PROTECTED)
            try:
                write_all(writing, memoryview(data))
                os.fchmod(writing, PROTECTED)
            finally:
                os.close(writing)
        with self._guard:
            self._staged[name] = target

    def _next(self) -> str:
        return f"{self._staging}/{next(self._numbers)}"

    def _make_folder(self, folder: Path) -> None:
        if self._settings.is_shared and not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            folder.chmod(0o2775)  # as DVC does for `cache.shared = group`
        else:
            folder.mkdir(parents=True, exist_ok=True)


def listing(members: dict[str, str]) -> bytes:
    """Return a folder's listing, byte for byte as DVC writes it.

    Args:
        members: md5 of each file by its path below the folder.
    """
    quote = json.encoder.encode_basestring_ascii
    rows = [f'{{"md5": "{members[name]}", "relpath": {quote(name)}}}' for name in sorted(members)]
    return f"[{', '.join(rows)}]".encode()


def object_path(folder: Path, name: str) -> Path:
    """Return where a cache keeps an object (32 hex digits, with ``.dir`` for a folder's listing)."""
    return folder / name[:2] / name[2:]


def object_names(folder: Path) -> set[str]:
    """Return the names of all objects in a cache."""
    names: set[str] = set()
    try:
        prefixes = [name for name in os.listdir(folder) if len(name) == 2]  # noqa: PTH208 - plain names, thousands of them
    except FileNotFoundError:
        return names
    for prefix in prefixes:
        names.update([prefix + rest for rest in os.listdir(folder / prefix)])  # noqa: PTH208
    return names


def cache_mark(folder: Path) -> tuple[str, int]:
    """Return what changes whenever an object comes or goes, and the time of the last such change (ns)."""
    try:
        with os.scandir(folder) as entries:
            times = sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries)
    except FileNotFoundError:
        times = []
    return new_md5(repr(times).encode()).hexdigest(), max((time for _, time in times), default=0)


def is_whole(path: Path, name: str, size: int) -> bool:
    """Tell whether an object is there and may be trusted: read-only as DVC leaves it, or else hashed again."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for each file of a folder
    except FileNotFoundError:
        return False
    if status.st_size != size:
        return False
    return stat.S_IMODE(status.st_mode) == PROTECTED or has_md5(path, name)


def has_md5(path: Path, name: str) -> bool:
    """Tell whether a file's bytes have the md5 that its object name says."""
    with read_errors(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            return md5_of(handle) == name.removesuffix(".dir")
        finally:
            os.close(handle)


def sync_all(paths: Iterable[Path]) -> None:
    """Bring files and folders onto the disk."""
    wanted = list(paths)
    if len(wanted) <= _FEW:
        for path in wanted:
            sync_folder(path)
    elif wanted:
        _sync_file_system(wanted[0])


def changing(path: str | Path) -> ConflictError:
    """Return the refusal of a file that changes while it is recorded."""
    return ConflictError(
        "data-changing", f"{path} changed while it was recorded", "wait until it is written, then repeat"
    )


def _refuse_changed(path: str, status: os.stat_result, member: Member) -> None:
    if (status.st_size, status.st_mtime_ns, status.st_ino) != (member.size, member.mtime_ns, member.inode):
        raise changing(path)


def _sync_file_system(path: Path) -> None:
    """Write out the file system that a path lies on: ten thousand single calls would take minutes on a disk."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:  # only Linux has it
        os.sync()
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        if call(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def _begin_staging(root: Path) -> tuple[Path, int]:
    """Make a folder and lock it; another writer that sweeps may take it for a dead one's before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=root, prefix=_PREFIX))
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return folder, handle
        except BlockingIOError:
            pass
        os.close(handle)


def _sweep(root: Path) -> None:
    """Remove what writers left behind that were killed; a live one holds the lock of its folder."""
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)


def _listings_last(name: str) -> tuple[bool, str]:
    return name.endswith(".dir"), name
