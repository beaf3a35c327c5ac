"""The bytes themselves: what a path holds now, what the cache holds, and how the one becomes the other."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path, PurePosixPath

from workbench.contract.data import DatasetVersion
from workbench.data.dvc.cache import cache_mark, changing, has_md5, listing, object_names, object_path, sync_all
from workbench.data.dvc.hashing import md5_of, new_md5, spread
from workbench.data.dvc.links import HARDLINK, PROTECTED, REFLINK, choose, clone, is_plain
from workbench.data.dvc.pointers import Pointer
from workbench.data.dvc.repository import cache_settings
from workbench.data.scan import SETTLED_NS, Mark, Member, Scan, scan
from workbench.data.state import State, now_ns
from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import ConflictError, IntegrityError, UsageError, read_errors, storage_errors
from workbench.foundation.project import Project

__all__ = ["current_digest", "digest_of", "file_md5", "object_path", "put_back"]

_STAGING = ".workbench-"
_RENAME_EXCHANGE = 2

_digests: dict[tuple[str, Mark], str] = {}
"""md5 by path and mark: a run asks for the same inputs often."""


def digest_of(project: Project, path: str) -> str | None:
    """Return DVC's digest of what lies at ``path`` now; None where nothing does."""
    found = scan(project.root, path)
    if found is None:
        return None
    with State(project) as state:
        return f"md5:{digests_of(project, found, state)}"


def current_digest(project: Project, path: str) -> str | None:
    """Return what :func:`digest_of` does, and None too for what no version can hold (a folder with a pipe in it)."""
    try:
        return digest_of(project, path)
    except (UsageError, ConflictError):
        return None


def digests_of(project: Project, found: Scan, state: State) -> str:
    """Return the md5 of a file or folder (with ``.dir``); only files that have changed are read.

    Args:
        project: The project.
        found: What was looked at.
        state: What is known already, and learns the rest.
    """
    if known := state.folder(found):
        return known
    since = now_ns()
    base = project.root / found.path

    def md5(member: Member) -> str:
        return file_md5(base / member.name) if found.is_folder else file_md5(base)

    members = state.members(found)
    fresh = [(member, member.size) for member in found.members if member.name not in members]
    members.update({member.name: value for member, value in spread(md5, fresh)})
    whole = whole_digest(found, members)
    state.remember(found, whole, members, since)
    return whole


def whole_digest(found: Scan, members: dict[str, str]) -> str:
    """Return the md5 of a file, or that of a folder's listing with ``.dir``, from the md5 of its files by name."""
    return f"{new_md5(listing(members)).hexdigest()}.dir" if found.is_folder else members[""]


def file_md5(path: Path) -> str:
    """Return the md5 of a file, from memory where the file system says that nothing has changed.

    Raises:
        ConflictError: ``data-changing``.
        StorageError: ``file-not-readable``.
        FileNotFoundError: There is no such file.
    """
    with read_errors(path):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            since = now_ns()
            mark = Mark.of(os.fstat(handle))
            key = (str(path), mark)
            if key in _digests:
                return _digests[key]
            md5 = md5_of(handle)
            if Mark.of(os.fstat(handle)).content != mark.content:
                raise changing(path)
        finally:
            os.close(handle)
    if mark.is_settled(since):
        _digests[key] = md5
    return md5


def member_digest(project: Project, version: DatasetVersion, name: str) -> str | None:
    """Return the digest that a versioned folder has for one of its files; None where it has no such file."""
    cache = cache_settings(project).folder
    try:
        entries = read_listing(cache, version.digest.removeprefix("md5:"), version.id)
    except IntegrityError:
        return None
    value = entries.get(name.removeprefix(f"{version.path}/"))
    return f"md5:{value}" if value else None


def member_digests(project: Project, pointer: Pointer) -> set[str]:
    """Return the digests of all files of a versioned folder; none where its listing is not in the cache."""
    try:
        cache = cache_settings(project).folder
        return {
            f"md5:{md5}" for md5 in read_listing(cache, pointer.digest.removeprefix("md5:"), pointer.version).values()
        }
    except IntegrityError:
        return set()


def is_cached(project: Project, digest: str, state: State | None = None) -> bool:
    """Tell whether the cache has everything of a version: the object, and for a folder that of each file.

    Args:
        project: The project.
        digest: The version's.
        state: Where it may be noted that a folder's objects are all there, until the cache changes.
    """
    cache = cache_settings(project).folder
    value = digest.removeprefix("md5:")
    if state is None or not value.endswith(".dir"):
        return _is_cached(cache, value)
    since = now_ns()
    mark, changed_ns = cache_mark(cache)
    if state.is_complete(value, mark):
        return True
    is_there = _is_cached(cache, value)
    if is_there and changed_ns + SETTLED_NS < since:
        state.remember_complete(value, mark)
    return is_there


def _is_cached(cache: Path, value: str) -> bool:
    if not value.endswith(".dir"):
        return find_object(cache, value) is not None
    try:
        entries = set(read_listing(cache, value, value).values())
    except IntegrityError:
        return False
    if len(entries) > 1000:
        entries -= object_names(cache)
    return all(find_object(cache, entry) for entry in entries)


def find_fault(project: Project, digest: str, version: str) -> IntegrityError | None:
    """Hash everything that the cache has of a version and return what is wrong with it."""
    cache = cache_settings(project).folder
    value = digest.removeprefix("md5:")
    try:
        names = [value]
        if value.endswith(".dir"):
            names += sorted(set(read_listing(cache, value, version).values()))
        for name in names:
            path = find_object(cache, name)
            if path is None:
                return _missing(version)
            if not has_md5(path, name):
                return _damaged(version, path)
    except IntegrityError as error:
        return error
    return None


def put_back(project: Project, pointer: Pointer, *, into: Path | None = None) -> str:
    """Replace what lies at a path by what its pointer names, in one step, after checking every byte.

    Files of a folder that are right already are kept, not written again.

    Args:
        project: Whose cache has the bytes.
        pointer: What to put back.
        into: Folder that the pointer's path is relative to, for a checkout elsewhere; by default the project.

    Returns:
        How the bytes are shared with the cache: ``reflink``, ``hardlink`` or ``copy``.

    Raises:
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``; nothing was changed.
        StorageError: ``disk-full`` or ``folder-not-writable``; nothing was changed.
    """
    value = pointer.digest.removeprefix("md5:")
    target = (into or project.root) / pointer.path
    settings = cache_settings(project)
    cache = settings.folder
    is_folder = value.endswith(".dir")
    entries = read_listing(cache, value, pointer.version) if is_folder else {"": value}
    kept = _kept(project, pointer.path) if is_folder and into is None else {}
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        wanted, is_chosen = (settings.links, settings.is_chosen) if into is None else ((REFLINK,), True)
        way = choose(wanted, is_chosen=is_chosen, size=pointer.size, data=target.parent, cache=cache)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:200]}{_STAGING}"))
        try:
            new = staging / "new"
            if is_folder:
                new.mkdir()
            written = [new]
            for name, member in entries.items():
                to = _inside(new, name) if is_folder else new
                to.parent.mkdir(parents=True, exist_ok=True)
                if not (kept.get(name, ("",))[0] == member and _keep(target / name, kept[name][1], to)):
                    _bring(cache, member, to, way, pointer.version)
                    written.append(to)
            if pointer.is_executable:
                new.chmod(new.stat().st_mode | 0o111)
            sync_all(written)
            swap(new, target, staging / "old")
            sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return way


def _kept(project: Project, path: str) -> dict[str, tuple[str, Mark]]:
    """Return md5 and mark of the files that lie in a folder now."""
    try:
        found = scan(project.root, path)
    except (UsageError, ConflictError):
        return {}
    if found is None or not found.is_folder:
        return {}
    with State(project) as state:
        known = state.members(found)
    return {m.name: (known[m.name], m.mark) for m in found.members if m.name in known}


def _keep(path: Path, mark: Mark, to: Path) -> bool:
    """Give a file that is right already its place in the new folder; False where it has changed or is a link."""
    try:
        if not is_plain(path) or Mark.of(path.stat()) != mark:
            return False
        os.link(path, to, follow_symlinks=False)
    except OSError:
        return False
    return True


def _bring(cache: Path, name: str, to: Path, way: str, version: str) -> None:
    """Bring one object out of the cache, and refuse it where its bytes are not what its name says."""
    source = find_object(cache, name)
    if source is None:
        raise _missing(version)
    with read_errors(source):
        reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if way == HARDLINK:
            if md5_of(reading) != name:
                raise _damaged(version, source)
            if os.fstat(reading).st_mode & 0o777 == PROTECTED and _linked(source, to):
                return
            os.lseek(reading, 0, os.SEEK_SET)
        writing = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            if way == REFLINK and clone(reading, writing):
                is_right = md5_of(reading) == name
            else:
                is_right = md5_of(reading, writing) == name
            if not is_right:
                raise _damaged(version, source)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _linked(source: Path, to: Path) -> bool:
    try:
        os.link(source, to)
    except OSError:
        return False
    return True


def swap(new: Path, target: Path, aside: Path) -> None:
    """Move ``new`` to ``target``, in one step where the system can exchange two folders.

    Where it cannot, the old one steps aside first, for no folder can be renamed over another.
    """
    is_folder = target.is_dir() and not target.is_symlink()
    if not is_folder and not (new.is_dir() and target.exists()):
        new.replace(target)
        return
    if _exchange(new, target):
        return
    target.replace(aside)
    try:
        new.replace(target)
    except OSError:
        aside.replace(target)
        raise


def _exchange(one: Path, other: Path) -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    at_working_folder = -100
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    done: int = call(at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def make_writable(path: Path) -> None:
    """Give a file, or every file of a folder, bytes of its own and its owner the right to write them."""
    files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names] if path.is_dir() else [path]
    for file in files:
        status = file.lstat()
        if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_IWUSR:
            continue
        with storage_errors(file):
            _sweep(file)
            staging = Path(tempfile.mkdtemp(dir=file.parent, prefix=f".{file.name[:200]}{_STAGING}"))
            try:
                shutil.copy2(file, staging / "new")
                (staging / "new").chmod(stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
                sync_all([staging / "new"])
                (staging / "new").replace(file)
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what a restore of the same path left behind that was killed."""
    prefix = f".{target.name[:200]}{_STAGING}"
    for path in target.parent.iterdir():
        if path.name.startswith(prefix):
            shutil.rmtree(path, ignore_errors=True)


def read_listing(cache: Path, value: str, version: str) -> dict[str, str]:
    """Return path and md5 of every file of a folder, from the listing in the cache.

    Raises:
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
    """
    source = find_object(cache, value)
    if source is None:
        raise _missing(version)
    status = source.stat()
    entries = _parsed(source, value, status.st_mtime_ns, status.st_size)
    if entries is None:
        raise _damaged(version, source)
    return entries


@lru_cache(maxsize=16)
def _parsed(source: Path, value: str, _mtime_ns: int, _size: int) -> dict[str, str] | None:
    with read_errors(source):
        data = source.read_bytes()
    if f"{new_md5(data).hexdigest()}.dir" != value:
        return None
    import orjson

    try:
        rows = orjson.loads(data)
    except orjson.JSONDecodeError:
        rows = json.loads(data)  # a name that is no text: half a surrogate pair
    return {row["relpath"]: row["md5"] for row in rows}


def find_object(cache: Path, value: str) -> Path | None:
    """Return where an object lies, also where DVC 2 has put it; None where the cache has not got it."""
    path = object_path(cache, value)
    if path.is_file():
        return path
    legacy = object_path(cache.parent.parent, value)
    return legacy if legacy.is_file() else None


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise IntegrityError("data-cache-damaged", f"A folder's listing names '{name}'", "fetch it again: dvc fetch")
    return folder.joinpath(*parts)


def _missing(version: str) -> IntegrityError:
    hint = f"fetch it from the remote: mlops data pull '{version}'"
    return IntegrityError("data-cache-missing", f"The cache no longer has {version}", hint)


def _damaged(version: str, source: Path) -> IntegrityError:
    hint = f"fetch it again: mlops data pull '{version}' (damaged: {source})"
    return IntegrityError("data-cache-damaged", f"The cache's bytes of {version} are damaged", hint)
