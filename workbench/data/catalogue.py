"""Every dataset version that is known here, and which one a path, an id or some bytes belong to.

Three places know versions: the journal, the ``.dvc`` files that lie in the work tree, and those of Git's history.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.contract.data import DatasetVersion
from workbench.data import history
from workbench.data.content import current_digest, file_md5, member_digest
from workbench.data.dvc.pointers import Pointer, all_pointers, parse_pointer, read_pointer, stage_outputs, version_id
from workbench.data.paths import relative_path
from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project

NOUN = "dataset"
RECORDED = "RECORDED"
ERASED = "ERASED"
"""Somebody's rows were taken out of it (:mod:`workbench.data.care.erasure`): another version stands in its place."""


def all_versions(project: Project) -> list[DatasetVersion]:
    """Return every version that journal, work tree or Git's history knows, the newest first."""
    records = project.journal.records(NOUN)
    known = {record.id: version_from(record.body) for record in records}
    for pointer, commit in history.pointers(project):
        known.setdefault(
            pointer.version,
            replace(_foreign(pointer), actor=commit.actor, created_at=commit.at, message=commit.subject),
        )
    for pointer in all_pointers(project):
        known.setdefault(pointer.version, _foreign(pointer))
    for erased in (record.id for record in records if record.state == ERASED):
        del known[erased]
    return sorted(known.values(), key=lambda version: version.created_at, reverse=True)


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
    versions = [version_from(record.body) for record in project.journal.records(NOUN, state=RECORDED)]
    known = {version.id for version in versions}
    for folder in (name, *parents_of(name)):
        pointer = readable_pointer(project, folder)
        if pointer and pointer.version not in known:
            versions.append(_foreign(pointer))
    made = stage_outputs(project, (name, *parents_of(name)))
    versions += [_foreign(pointer) for pointer in made if pointer.version not in known]
    own = [version for version in versions if version.path == name]
    outer = [version for version in versions if name.startswith(f"{version.path}/")]
    if not own and not outer:
        return None
    is_elsewhere = lies_at is not None and lies_at != project.root / name
    digest = f"md5:{file_md5(lies_at)}" if lies_at and is_elsewhere else current_digest(project, name)
    found = next((version for version in own if version.digest == digest), None)
    return found or _member_of(project, name, digest, outer)


def find_version(versions: tuple[DatasetVersion, ...], wanted: str) -> DatasetVersion:
    """Return the version that an id, or the beginning of one, names.

    Raises:
        NotFoundError: ``version-unknown``.
        UsageError: ``version-ambiguous``.
    """
    matches = [version for version in versions if version.id.startswith(wanted) and "@" in wanted]
    exact = [version for version in matches if version.id == wanted] or matches
    if len(exact) == 1:
        return exact[0]
    ids = [version.id for version in versions]
    if exact:
        known = ", ".join(version.id for version in exact)
        raise UsageError("version-ambiguous", f"'{wanted}' is the beginning of several versions", f"known: {known}")
    of_path = [known for known in ids if known.rpartition("@")[0] == wanted.rpartition("@")[0] or wanted in known]
    raise NotFoundError(
        "version-unknown", f"There is no dataset version '{wanted}'", did_you_mean(wanted, of_path or ids)
    )


def pointer_of(project: Project, version: DatasetVersion) -> Pointer:
    """Return the ``.dvc`` file of a version: from the journal, the work tree or Git's history.

    Raises:
        IntegrityError: ``pointer-malformed``.
    """
    record = project.journal.record(NOUN, version.id)
    pointer = parse_pointer(version.path, record.body["pointer"]) if record else readable_pointer(project, version.path)
    if pointer is None or pointer.digest != version.digest:
        pointer = next((found for found, _ in history.pointers(project) if found.version == version.id), None)
    if pointer is None or pointer.digest != version.digest:
        raise IntegrityError("pointer-malformed", f"The record of {version.id} is not usable", "mlops audit verify")
    return pointer


def parents_of(name: str) -> list[str]:
    """Return the folders that a path lies in, the nearest first."""
    return [parent.as_posix() for parent in PurePosixPath(name).parents[:-1]]


def readable_pointer(project: Project, name: str) -> Pointer | None:
    """Return what a ``.dvc`` file says; None where there is none or it is broken."""
    try:
        return read_pointer(project, name)
    except IntegrityError:
        return None


def version_from(body: dict[str, Any]) -> DatasetVersion:
    """Return the version that a record of the journal describes."""
    values = {key: value for key, value in body.items() if key != "pointer"}
    return DatasetVersion(id=version_id(body["path"], body["digest"]), **values)


def _member_of(project: Project, name: str, digest: str | None, outer: list[DatasetVersion]) -> DatasetVersion | None:
    for version in outer:
        if digest and member_digest(project, version, name) == digest:
            return version
    return None


def _foreign(pointer: Pointer) -> DatasetVersion:
    """Return a version that plain ``dvc add`` recorded, of which the journal knows nothing."""
    return DatasetVersion(pointer.version, pointer.path, pointer.digest, pointer.size, pointer.files, rows=None)
