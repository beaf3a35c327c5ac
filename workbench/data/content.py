"""The bytes themselves: what a path holds now, what the cache holds, and how the one becomes the other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath

from workbench.contract.data import DatasetVersion
from workbench.data import dvc_store
from workbench.data.pointers import Pointer
from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import IntegrityError, read_errors, storage_errors
from workbench.foundation.project import Project

_CHUNK = 1 << 20
_SETTLED_NS = 2_000_000_000
"""A file younger than this may change again within one tick of its clock, so its digest is not remembered."""

_digests: dict[tuple[str, int, int, int], str] = {}
"""md5 by (path, size, mtime, inode): a panel asks often, and a gigabyte takes two seconds."""


def digest_of(project: Project, path: str) -> str | None:
    """Return DVC's digest of what lies at ``path`` now; None where nothing does."""
    full = project.root / path
    if full.is_file():
        return f"md5:{file_md5(full)}"
    if full.is_dir() and dvc_store.has_repo(project):
        return dvc_store.folder_digest(project, path)
    return None


def file_md5(path: Path) -> str:
    """Return the md5 of a file, from memory where size, time and inode are unchanged."""
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns, status.st_ino)
    if key in _digests:
        return _digests[key]
    with read_errors(path), path.open("rb") as stream:
        digest = _md5()
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
        _digests[key] = digest.hexdigest()
    return digest.hexdigest()


def member_digest(project: Project, version: DatasetVersion, name: str) -> str | None:
    """Return the digest that a versioned folder has for one of its files; None where it has no such file."""
    cache = dvc_store.cache_folder(project)
    try:
        entries = _listing(cache, version.digest.removeprefix("md5:"), version.id)
    except IntegrityError:
        return None
    value = entries.get(name.removeprefix(f"{version.path}/"))
    return f"md5:{value}" if value else None


def is_cached(project: Project, digest: str) -> bool:
    """Tell whether the cache has an object."""
    return object_path(dvc_store.cache_folder(project), digest.removeprefix("md5:")).is_file()


def put_back(project: Project, pointer: Pointer, *, into: Path | None = None) -> None:
    """Replace what lies at a path by what its pointer names, in one step, after checking every byte.

    Args:
        project: Whose cache has the bytes.
        pointer: What to put back.
        into: Folder that the pointer's path is relative to, for a checkout elsewhere; by default the project.

    Raises:
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``; nothing was changed.
        StorageError: ``disk-full`` or ``folder-not-writable``; nothing was changed.
    """
    value = pointer.digest.removeprefix("md5:")
    target = (into or project.root) / pointer.path
    cache = dvc_store.cache_folder(project)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            new = staging / "new"
            if value.endswith(".dir"):
                new.mkdir()
                for name, member in _listing(cache, value, pointer.version).items():
                    _copy_object(cache, member, _inside(new, name), pointer.version)
            else:
                _copy_object(cache, value, new, pointer.version)
            _swap(new, target, staging / "old")
            sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _swap(new: Path, target: Path, aside: Path) -> None:
    """Move ``new`` to ``target``; a folder cannot be renamed over another, so the old one steps aside first."""
    if target.is_dir() or (new.is_dir() and target.exists()):
        target.replace(aside)
        try:
            new.replace(target)
        except OSError:
            aside.replace(target)
            raise
    else:
        new.replace(target)


def _copy_object(cache: Path, value: str, to: Path, version: str) -> None:
    source = object_path(cache, value)
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = _md5()
    try:
        with source.open("rb") as reader, to.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                digest.update(chunk)
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
    except FileNotFoundError:
        raise _missing(version) from None
    if digest.hexdigest() != value:
        raise _damaged(version, source)


def _listing(cache: Path, value: str, version: str) -> dict[str, str]:
    """Return path and md5 of every file of a folder, from the listing in the cache."""
    source = object_path(cache, value)
    try:
        data = source.read_bytes()
    except FileNotFoundError:
        raise _missing(version) from None
    digest = _md5()
    digest.update(data)
    if f"{digest.hexdigest()}.dir" != value:
        raise _damaged(version, source)
    return {entry["relpath"]: entry["md5"] for entry in json.loads(data)}


def object_path(cache: Path, value: str) -> Path:
    """Return where a cache keeps the object ``value`` (hex digits, with ``.dir`` for a folder's listing)."""
    return cache / value[:2] / value[2:]


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise IntegrityError("data-cache-damaged", f"A folder's listing names '{name}'", "fetch it again: dvc fetch")
    return folder.joinpath(*parts)


def _missing(version: str) -> IntegrityError:
    path = version.rpartition("@")[0]
    hint = f"fetch it from the remote: dvc fetch '{path}.dvc'"
    return IntegrityError("data-cache-missing", f"The cache no longer has {version}", hint)


def _damaged(version: str, source: Path) -> IntegrityError:
    hint = f"remove it and fetch it again: rm -f '{source}' && dvc fetch"
    return IntegrityError("data-cache-damaged", f"The cache's bytes of {version} are damaged", hint)


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
