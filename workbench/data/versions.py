"""Dataset versions: record files, list what was recorded, bring old bytes back, tell what a file is.

A version is an ordinary ``.dvc`` file with its bytes in DVC's cache; the journal's record ``dataset`` keeps the text of
that ``.dvc`` file, so an older version comes back exactly as Git would bring it, with or without Git. What only plain
``dvc add`` has recorded is found in the ``.dvc`` files that lie there and in those that Git's history has.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from workbench.contract.data import CachedVersion, DatasetVersion
from workbench.data.care.card import data_class_within
from workbench.data.catalogue import (
    NOUN,
    RECORDED,
    all_versions,
    find_version,
    parents_of,
    pointer_of,
    readable_pointer,
    version_from,
    version_of,
)
from workbench.data.content import (
    current_digest,
    digest_of,
    find_fault,
    is_cached,
    make_writable,
    member_digests,
    put_back,
)
from workbench.data.deposit import Deposit, deposited, oddity_of
from workbench.data.dvc import store as dvc_store
from workbench.data.dvc.pointers import Pointer, pointer_file
from workbench.data.dvc.repo_lock import LOCK_TIMEOUT_S, hold_repo_lock
from workbench.data.dvc.repository import begin_repo, cache_settings, join_git
from workbench.data.intent import take_back
from workbench.data.paths import data_path, relative_path
from workbench.data.scan import scan
from workbench.data.state import State
from workbench.data.table import shape_of
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

__all__ = ["NOUN", "list_versions", "log_versions", "restore", "snapshot", "unlock", "verify_versions", "version_of"]


def list_versions(project: Project) -> tuple[DatasetVersion, ...]:
    """List dataset versions, the newest first, with those that plain ``dvc add`` has recorded.

    Args:
        project: The project.
    """
    known = all_versions(project)
    now = {path: current_digest(project, path) for path in {version.path for version in known}}
    return tuple(replace(version, is_current=now[version.path] == version.digest) for version in known)


def log_versions(project: Project, dataset: str) -> tuple[DatasetVersion, ...]:
    """List the versions of one dataset, the newest first: who recorded it, when, and what they said.

    Args:
        project: The project.
        dataset: Its path; a file in a versioned folder belongs to the folder.

    Raises:
        NotFoundError: ``version-unknown``.
        UsageError: ``path-outside-project``.
    """
    name = relative_path(project, dataset.removesuffix(".dvc"))
    known = all_versions(project)
    paths = {version.path for version in known}
    owner = next((p for p in (name, *parents_of(name)) if p in paths), None)
    if owner is None:
        raise NotFoundError("version-unknown", f"No version of {dataset} was ever recorded", did_you_mean(name, paths))
    now = current_digest(project, owner)
    return tuple(replace(v, is_current=now == v.digest) for v in known if v.path == owner)


def verify_versions(project: Project, paths: tuple[str, ...] = ()) -> tuple[CachedVersion, ...]:
    """Hash again what the cache has of every version, and say which ones could be brought back now.

    Args:
        project: The project.
        paths: Datasets or version ids to look at; by default all.

    Raises:
        NotFoundError: ``version-unknown``.
    """
    known = all_versions(project)
    wanted = [v for v in known if not paths or any(v.path == p or v.id.startswith(p) for p in paths)]
    for path in paths:
        if not any(v.path == path or v.id.startswith(path) for v in wanted):
            raise NotFoundError("version-unknown", f"There is no '{path}'", did_you_mean(path, {v.path for v in known}))
    found = []
    for version in wanted:
        fault = find_fault(project, version.digest, version.id)
        state = {None: "whole", "data-cache-missing": "missing"}.get(fault.code if fault else None, "damaged")
        found.append(CachedVersion(version.id, state, fault.message if fault else "", fault.hint if fault else ""))
    return tuple(found)


def snapshot(
    project: Project, paths: tuple[str, ...], message: str = "", accept: str = ""
) -> tuple[DatasetVersion, ...]:
    """Record files or folders as dataset versions, all or none; unchanged bytes give the version they already have.

    A file inside a folder that is versioned as a whole gives a new version of that folder. Data of 64 MiB and more is
    not stored twice: where the file system cannot share blocks, the files become read-only and one with the cache's
    (``link`` says ``hardlink``; ``mlops data unlock`` makes them writable again). DVC's ``cache.type`` decides
    otherwise.

    Args:
        project: The project.
        paths: Files or folders inside the project.
        message: What you want to remember of them.
        accept: Why data that breaks its declared checks is recorded all the same.

    Raises:
        NotFoundError: ``data-missing``.
        UsageError: ``path-outside-project``, ``path-not-data``, ``path-special``, ``data-special``, ``data-ignored``,
            ``data-linked-folder``, ``dvcignore-inside`` or ``no-paths``.
        ConflictError: ``data-overlaps``, ``data-changing`` or ``data-in-git``.
        DeniedError: ``data-checks-failed``.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    if not paths:
        raise UsageError("no-paths", "Nothing was named to record", "mlops data snapshot data/readings.csv")
    names = list(dict.fromkeys(_owner(project, data_path(project, str(path))) for path in paths))
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=LOCK_TIMEOUT_S):
        _take_back(project)
        join_git(project)
        known = [_known_now(project, name) for name in names]
        if all(known):
            return tuple(version for version in known if version)
        looked_at = _refuse_failing(project, names, accept)
        begin_repo(project)
        settings = cache_settings(project)
        if oddity_of(project, names, settings):
            return _record_by_dvc(project, names, message, looked_at)
        with hold_repo_lock(project, names), deposited(project, names, settings) as deposits:
            _refuse_other(project, [deposit.pointer for deposit in deposits], looked_at)
            return _record(project, deposits, message)


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
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=LOCK_TIMEOUT_S):
        _take_back(project)
        versions = list_versions(project)
        wanted = find_version(versions, version)
        pointer = pointer_of(project, wanted)
        now = current_digest(project, wanted.path)
        if now == wanted.digest and readable_pointer(project, wanted.path) == pointer:
            return wanted
        known = {v.digest for v in versions if v.path == wanted.path}
        if now not in known and (now is not None or (project.root / wanted.path).exists()):
            message = f"{wanted.path} holds changes that no version has"
            raise ConflictError("data-unsaved", message, f"keep them first: mlops data snapshot {wanted.path}")
        with hold_repo_lock(project, [wanted.path]):
            if now != wanted.digest:
                put_back(project, pointer)
            write_atomic(pointer_file(project, wanted.path), pointer.text.encode())
            with project.journal.transaction() as transaction:
                data = {"path": wanted.path, "digest": wanted.digest}
                transaction.append("data.restored", f"{NOUN}:{wanted.id}", data)
    return replace(wanted, is_current=True)


def _owner(project: Project, name: str) -> str:
    """Return the versioned folder that a path lies in, or the path itself."""
    return next((folder for folder in reversed(parents_of(name)) if readable_pointer(project, folder)), name)


def unlock(project: Project, paths: tuple[str, ...]) -> tuple[DatasetVersion, ...]:
    """Make large data writable again that is one with the cache's copy (``link: hardlink``); it takes its space twice.

    Args:
        project: The project.
        paths: Datasets, or files in them.

    Raises:
        NotFoundError: ``data-missing``.
        UsageError: ``path-outside-project`` or ``no-paths``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    if not paths:
        raise UsageError("no-paths", "Nothing was named to unlock", "mlops data unlock data/readings.csv")
    names = [data_path(project, str(path)) for path in paths]
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=LOCK_TIMEOUT_S), hold_repo_lock(project, names):
        for name in names:
            make_writable(project.root / name)
    owners = {_owner(project, name) for name in names}
    return tuple(version for version in list_versions(project) if version.path in owners and version.is_current)


def _known_now(project: Project, name: str) -> DatasetVersion | None:
    """Return the version a path already is, where pointer, bytes, cache and journal all agree; nothing is hashed."""
    pointer = readable_pointer(project, name)
    record = project.journal.record(NOUN, pointer.version) if pointer else None
    if pointer is None or record is None:
        return None
    found = scan(project.root, name)
    with State(project) as state:
        if found is None or f"md5:{state.folder(found)}" != pointer.digest:
            return None
        return version_from(record.body) if is_cached(project, pointer.digest, state) else None


def _take_back(project: Project) -> None:
    """Take back what a snapshot left half done that was killed."""
    take_back(project, lambda version: project.journal.record(NOUN, version) is not None)


def _refuse_failing(project: Project, names: list[str], accept: str) -> dict[str, str]:
    from workbench.data.quality.checks import refuse_failing  # checks are data's too, and ask for versions themselves

    return refuse_failing(project, names, accept)


def _refuse_other(project: Project, pointers: list[Pointer], looked_at: dict[str, str]) -> None:
    """Refuse to record other bytes than those that were checked."""
    for path, digest in looked_at.items():
        for pointer in pointers:
            is_it = path == pointer.path and digest != pointer.digest
            if is_it or (path.startswith(f"{pointer.path}/") and digest not in member_digests(project, pointer)):
                hint = "wait until it is written, then repeat"
                raise ConflictError("data-changing", f"{path} changed after it was checked", hint)


def _record_by_dvc(
    project: Project, names: list[str], message: str, looked_at: dict[str, str]
) -> tuple[DatasetVersion, ...]:
    """Let DVC itself record what is unusual, and then see that it recorded what lies there."""
    with dvc_store.pointers_kept(project, names):
        pointers = dvc_store.add(project, names)
        for pointer in pointers:
            if digest_of(project, pointer.path) != pointer.digest:
                hint = "wait until it is written, then repeat"
                raise ConflictError("data-changing", f"{pointer.path} changed while it was recorded", hint)
        _refuse_other(project, pointers, looked_at)
        return _record(project, [Deposit(pointer, "") for pointer in pointers], message)


def _record(project: Project, deposits: list[Deposit], message: str) -> tuple[DatasetVersion, ...]:
    """Write records and events of all new versions in one transaction."""
    classes = {deposit.pointer.path: data_class_within(project, deposit.pointer.path) for deposit in deposits}
    shapes = {deposit.pointer.path: shape_of(project.root / deposit.pointer.path) for deposit in deposits}
    versions = []
    with project.journal.transaction() as transaction:
        for deposit in deposits:
            pointer = deposit.pointer
            known = transaction.get(NOUN, pointer.version)
            if known and known.state == RECORDED:
                versions.append(version_from(known.body))
                continue
            body = {
                "path": pointer.path,
                "digest": pointer.digest,
                "size": pointer.size,
                "files": pointer.files,
                "rows": shapes[pointer.path].rows,
                "columns": shapes[pointer.path].columns,
                "data_class": classes[pointer.path],
                "message": message,
                "actor": project.actor,
                "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "link": deposit.link,
                "pointer": pointer.text,
            }
            data = {key: body[key] for key in ("path", "digest", "size", "files", "rows", "data_class")}
            transaction.append("data.snapshot", f"{NOUN}:{pointer.version}", data)
            transaction.put(NOUN, pointer.version, RECORDED, body)
            versions.append(version_from(body))
    return tuple(versions)
