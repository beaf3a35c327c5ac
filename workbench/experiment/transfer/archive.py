"""The file: a zip whose ``manifest.json`` lists size and digest of every member, equal bytes for equal runs.

Reading trusts nothing: names, sizes and digests are checked before anything is kept, so a file that was changed on its
way, that names paths outside itself or that unpacks to more than it says is refused as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import IntegrityError, UsageError, storage_errors

FORMAT = "workbench.runs.v1"
MANIFEST = "manifest.json"
MAX_MEMBERS = 200_000
MAX_MANIFEST = 64 << 20
MAX_BYTES = 64 << 30
MAX_RATIO = 200
"""Larger only for files that are made to fill disks; text of metrics comes to 20."""
_RATIO_FROM = 64 << 20
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MEMBER = re.compile(r"runs/[0-9a-f]{32}/(run\.json|artifacts/.+|models/m-[0-9a-f]{32}/.+)", re.DOTALL)
_HINT = "ask for the file again; nothing of it was imported"


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        path: Where it stands in the archive.
        source: File to take it from, or the bytes themselves.
    """

    path: str
    source: Path | bytes


def write_archive(path: Path, runs: tuple[str, ...], members: Iterable[Member]) -> None:
    """Write an archive beside its place and move it there in one step.

    Args:
        path: The file; it does not exist yet.
        runs: Ids of the runs in it.
        members: Everything in it, in the order in which it is to stand there.

    Raises:
        StorageError: The disk is full or the folder is not writable; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.part")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as stream:
                with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
                    listed = [_write(file, member) for member in members]
                    text = canonical_json({"format": FORMAT, "runs": list(runs), "members": listed})
                    _write(file, Member(MANIFEST, text))
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[tuple[str, ...]]:
    """Unpack a verified archive into a folder for the time of the block, and yield the ids of its runs.

    Args:
        path: The archive.
        folder: Where to unpack; it is emptied before and after.

    Raises:
        UsageError: ``archive-missing``, ``archive-invalid`` or ``archive-too-large``.
        IntegrityError: ``archive-changed``: bytes are not what the manifest says.
        StorageError: The disk is full.
    """
    if not path.is_file():
        raise UsageError("archive-missing", f"There is no file {path}", "mlops runs export <path> <run>")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with storage_errors(folder), zipfile.ZipFile(path) as file:
            manifest = _manifest(file)
            _check_members(path, file, manifest)
            folder.mkdir(parents=True)
            for entry in manifest["members"]:
                _unpack(file, entry, folder / PurePosixPath(entry["path"]))
            yield tuple(manifest["runs"])
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise IntegrityError("archive-changed", f"{path} is damaged or no zip: {error}", _HINT) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(file: zipfile.ZipFile, member: Member) -> dict[str, Any]:
    """Write one member and return its line of the manifest; what is written is what is hashed."""
    info = zipfile.ZipInfo(member.path, _EPOCH)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    hasher, size = hashlib.sha256(), 0
    with file.open(info, "w", force_zip64=True) as target:
        for chunk in _chunks(member.source):
            hasher.update(chunk)
            size += len(chunk)
            target.write(chunk)
    return {"path": member.path, "size": size, "digest": f"sha256:{hasher.hexdigest()}"}


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _manifest(file: zipfile.ZipFile) -> dict[str, Any]:
    try:
        info = file.getinfo(MANIFEST)
        if info.file_size > MAX_MANIFEST:
            raise _invalid("its manifest is too large")
        with file.open(info) as stream:
            manifest = json.loads(stream.read(MAX_MANIFEST))
        members = [(str(m["path"]), int(m["size"]), str(m["digest"])) for m in manifest["members"]]
        runs = [str(run) for run in manifest["runs"]]
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise _invalid("it has no readable manifest.json") from error
    if manifest.get("format") != FORMAT:
        raise _invalid(f"its format is {str(manifest.get('format'))[:40]!r}, not {FORMAT}")
    if not all(re.fullmatch(r"[0-9a-f]{32}", run) for run in runs) or len(set(runs)) != len(runs):
        raise _invalid("it names runs that are none")
    return {"runs": runs, "members": [{"path": p, "size": s, "digest": d} for p, s, d in members]}


def _check_members(path: Path, file: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
    """Look at names and sizes before a byte is unpacked."""
    infos = file.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _too_large(f"{len(infos)} members")
    named = sorted(info.filename for info in infos)
    listed = sorted([MANIFEST, *(entry["path"] for entry in manifest["members"])])
    if named != listed or len(set(named)) != len(named):
        raise IntegrityError("archive-changed", "Its members are not those that its manifest lists", _HINT)
    runs = set(manifest["runs"])
    for info in infos:
        parts = info.filename.split("/")
        mode = info.external_attr >> 16
        is_odd = "\\" in info.filename or "\0" in info.filename or any(part in ("", ".", "..") for part in parts)
        if info.filename != MANIFEST and (is_odd or not _MEMBER.fullmatch(info.filename) or parts[1] not in runs):
            raise _invalid(f"it holds {info.filename[:80]!r}, which is no file of a run")
        if info.flag_bits & 1 or stat.S_ISLNK(mode):
            raise _invalid(f"{info.filename[:80]!r} is a link or encrypted")
    sizes = {info.filename: info.file_size for info in infos}
    for entry in manifest["members"]:
        if sizes[entry["path"]] != entry["size"]:
            raise IntegrityError("archive-changed", f"{entry['path'][:80]!r} is not as large as it was", _HINT)
    total, packed = sum(sizes.values()), path.stat().st_size
    if sum(info.compress_size for info in infos) > packed:
        raise _invalid("its members overlap")
    if total > MAX_BYTES or (total > _RATIO_FROM and total > MAX_RATIO * packed):
        raise _too_large(f"{packed:,} bytes that unpack to {total:,}")
    for run in runs:
        if f"runs/{run}/run.json" not in sizes:
            raise _invalid(f"run {run[:12]} has no run.json")


def _unpack(file: zipfile.ZipFile, entry: dict[str, Any], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open(entry["path"]) as source, target.open("xb") as stream:
        if _copied(source, stream, entry["size"]) != entry["digest"]:
            raise IntegrityError("archive-changed", f"{entry['path'][:80]!r} is not what was exported", _HINT)


def _copied(source: IO[bytes], target: IO[bytes], size: int) -> str:
    """Copy no more than was announced and return the digest."""
    hasher, left = hashlib.sha256(), size
    while left > 0 and (chunk := source.read(min(_CHUNK, left))):
        hasher.update(chunk)
        target.write(chunk)
        left -= len(chunk)
    return f"sha256:{hasher.hexdigest()}" if not source.read(1) else "more than was announced"


def _invalid(why: str) -> UsageError:
    return UsageError(
        "archive-invalid", f"This is no archive of runs: {why}", "make one: mlops runs export <path> <run>"
    )


def _too_large(what: str) -> UsageError:
    return UsageError("archive-too-large", f"The archive is refused: {what}", "export fewer runs into one file")
