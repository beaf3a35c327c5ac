"""Dataset versions: record files, list what was recorded, bring old bytes back, tell what a file is.

A version is an ordinary ``.dvc`` file with its bytes in DVC's cache; the journal's record ``dataset`` keeps the text of
that ``.dvc`` file, so an older version comes back exactly as Git would bring it, with or without Git.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.contract.data import DatasetVersion
from workbench.data import dvc_store
from workbench.data.content import digest_of, file_md5, is_cached, member_digest, put_back
from workbench.data.paths import data_path, relative_path
from workbench.data.pointers import Pointer, all_pointers, parse_pointer, pointer_file, read_pointer, version_id
from workbench.data.table import shape_of
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

NOUN = "dataset"
RECORDED = "RECORDED"


def list_versions(project: Project) -> tuple[DatasetVersion, ...]:
    """List dataset versions, the newest first; what plain ``dvc add`` recorded comes last.

    Args:
        project: The project.
    """
    known = [_version(record.body) for record in project.journal.records(NOUN)]
    known.sort(key=lambda version: version.created_at, reverse=True)
    ids = {version.id for version in known}
    known += [_foreign(pointer) for pointer in all_pointers(project) if pointer.version not in ids]
    now = {path: digest_of(project, path) for path in {version.path for version in known}}
    return tuple(replace(version, is_current=now[version.path] == version.digest) for version in known)


def snapshot(project: Project, paths: tuple[str, ...], message: str = "") -> tuple[DatasetVersion, ...]:
    """Record files or folders as dataset versions, all or none; unchanged bytes give the version they already have.

    A file inside a folder that is versioned as a whole gives a new version of that folder.

    Args:
        project: The project.
        paths: Files or folders inside the project.
        message: What you want to remember of them.

    Raises:
        NotFoundError: ``data-missing``.
        UsageError: ``path-outside-project``, ``path-not-data``, ``path-special`` or ``no-paths``.
        ConflictError: ``data-overlaps`` or ``data-changing``.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    if not paths:
        raise UsageError("no-paths", "Nothing was named to record", "mlops data snapshot data/readings.csv")
    names = list(dict.fromkeys(_owner(project, data_path(project, str(path))) for path in paths))
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=dvc_store.LOCK_TIMEOUT_S):
        known = [_known_now(project, name) for name in names]
        if all(known):
            return tuple(version for version in known if version)
        with _pointers_kept(project, names):
            pointers = dvc_store.add(project, names)
            for pointer in pointers:
                if digest_of(project, pointer.path) != pointer.digest:
                    hint = "wait until it is written, then repeat"
                    raise ConflictError("data-changing", f"{pointer.path} changed while it was recorded", hint)
            return _record(project, pointers, message)


def restore(project: Project, version: str) -> DatasetVersion:
    """Bring back the bytes of a dataset version, in one step; unsaved changes are never overwritten.

    Args:
        project: The project.
        version: Id of a version (``data/readings.csv@0123456789ab``); the digits may be cut short.

    Raises:
        NotFoundError: ``version-unknown``.
        UsageError: ``version-ambiguous``.
        ConflictError: ``data-unsaved``: the file holds bytes that no version has.
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=dvc_store.LOCK_TIMEOUT_S):
        versions = list_versions(project)
        wanted = _find(versions, version)
        pointer = _pointer_of(project, wanted)
        now = digest_of(project, wanted.path)
        if now == wanted.digest and _readable_pointer(project, wanted.path) == pointer:
            return wanted
        if now is not None and now not in {v.digest for v in versions if v.path == wanted.path}:
            message = f"{wanted.path} holds changes that no version has"
            raise ConflictError("data-unsaved", message, f"keep them first: mlops data snapshot {wanted.path}")
        if now != wanted.digest:
            put_back(project, pointer)
        write_atomic(pointer_file(project, wanted.path), pointer.text.encode())
        with project.journal.transaction() as transaction:
            transaction.append("data.restored", f"{NOUN}:{wanted.id}", {"path": wanted.path, "digest": wanted.digest})
    return replace(wanted, is_current=True)


def version_of(project: Project, path: Path, *, lies_at: Path | None = None) -> DatasetVersion | None:
    """Return the version whose bytes a file or folder holds now, by its own content; None where no version does.

    A file inside a versioned folder belongs to the folder's version.

    Args:
        project: The project.
        path: File or folder; relative paths are looked for in the project.
        lies_at: Where the bytes are, for a copy of a file elsewhere (a fresh checkout).
    """
    try:
        name = path.as_posix() if lies_at else relative_path(project, str(path))
    except UsageError:
        return None
    versions = [_version(record.body) for record in project.journal.records(NOUN)]
    known = {version.id for version in versions}
    for folder in (name, *(parent.as_posix() for parent in PurePosixPath(name).parents[:-1])):
        pointer = _readable_pointer(project, folder)
        if pointer and pointer.version not in known:
            versions.append(_foreign(pointer))
    own = [version for version in versions if version.path == name]
    outer = [version for version in versions if name.startswith(f"{version.path}/")]
    if not own and not outer:
        return None
    digest = f"md5:{file_md5(lies_at)}" if lies_at else digest_of(project, name)
    found = next((version for version in own if version.digest == digest), None)
    return found or _member_of(project, name, digest, outer)


def _member_of(project: Project, name: str, digest: str | None, outer: list[DatasetVersion]) -> DatasetVersion | None:
    for version in outer:
        if digest and member_digest(project, version, name) == digest:
            return version
    return None


def _owner(project: Project, name: str) -> str:
    """Return the versioned folder that a path lies in, or the path itself."""
    outer = (parent.as_posix() for parent in reversed(PurePosixPath(name).parents[:-1]))
    return next((folder for folder in outer if _readable_pointer(project, folder)), name)


def _known_now(project: Project, name: str) -> DatasetVersion | None:
    """Return the version a path already is, where pointer, bytes, cache and journal all agree."""
    pointer = _readable_pointer(project, name)
    if pointer is None or digest_of(project, name) != pointer.digest:
        return None
    record = project.journal.record(NOUN, pointer.version)
    if record is None or not is_cached(project, pointer.digest):
        return None
    return _version(record.body)


def _record(project: Project, pointers: list[Pointer], message: str) -> tuple[DatasetVersion, ...]:
    """Write records and events of all new versions in one transaction."""
    shapes = {pointer.path: shape_of(project.root / pointer.path) for pointer in pointers}
    versions = []
    with project.journal.transaction() as transaction:
        for pointer in pointers:
            known = transaction.get(NOUN, pointer.version)
            if known:
                versions.append(_version(known.body))
                continue
            body = {
                "path": pointer.path,
                "digest": pointer.digest,
                "size": pointer.size,
                "files": pointer.files,
                "rows": shapes[pointer.path].rows,
                "columns": shapes[pointer.path].columns,
                "message": message,
                "actor": project.actor,
                "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "pointer": pointer.text,
            }
            data = {key: body[key] for key in ("path", "digest", "size", "files", "rows")}
            transaction.append("data.snapshot", f"{NOUN}:{pointer.version}", data)
            transaction.put(NOUN, pointer.version, RECORDED, body)
            versions.append(_version(body))
    return tuple(versions)


@contextmanager
def _pointers_kept(project: Project, names: list[str]) -> Iterator[None]:
    """Put the ``.dvc`` files back as they were if the block fails; cache objects may stay, they harm nothing."""
    before = {file: file.read_bytes() if file.is_file() else None for file in (pointer_file(project, n) for n in names)}
    try:
        yield
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            elif file.read_bytes() != content:
                write_atomic(file, content)
        raise


def _find(versions: tuple[DatasetVersion, ...], wanted: str) -> DatasetVersion:
    matches = [version for version in versions if version.id.startswith(wanted) and "@" in wanted]
    exact = [version for version in matches if version.id == wanted] or matches
    if len(exact) == 1:
        return exact[0]
    ids = [version.id for version in versions]
    if exact:
        raise UsageError("version-ambiguous", f"'{wanted}' is the beginning of several versions", f"known: {exact}")
    of_path = [known for known in ids if known.rpartition("@")[0] == wanted.rpartition("@")[0] or wanted in known]
    raise NotFoundError(
        "version-unknown", f"There is no dataset version '{wanted}'", did_you_mean(wanted, of_path or ids)
    )


def _pointer_of(project: Project, version: DatasetVersion) -> Pointer:
    record = project.journal.record(NOUN, version.id)
    pointer = parse_pointer(version.path, record.body["pointer"]) if record else read_pointer(project, version.path)
    if pointer is None or pointer.digest != version.digest:
        raise IntegrityError("pointer-malformed", f"The record of {version.id} is not usable", "mlops audit verify")
    return pointer


def _readable_pointer(project: Project, name: str) -> Pointer | None:
    try:
        return read_pointer(project, name)
    except IntegrityError:
        return None


def _version(body: dict[str, Any]) -> DatasetVersion:
    values = {key: value for key, value in body.items() if key != "pointer"}
    return DatasetVersion(id=version_id(body["path"], body["digest"]), **values)


def _foreign(pointer: Pointer) -> DatasetVersion:
    """Return a version that plain ``dvc add`` recorded, of which the journal knows nothing."""
    return DatasetVersion(pointer.version, pointer.path, pointer.digest, pointer.size, pointer.files, rows=None)
