"""Erase somebody's rows from every version of a dataset, as data-protection law asks: first shown, then done for good.

Every version is made again without the rows and takes the old one's place, in the cache, on the remotes and in the work
tree; the journal keeps which became which. The steps are written down before they are taken
(:mod:`workbench.data.care.erasure_record`), each can be repeated, and the next call goes on where a process died.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.quality import ErasedVersion, ErasureReport
from workbench.data import git, history
from workbench.data.care.erasure_record import NOUN as ERASURE
from workbench.data.care.erasure_record import (
    Change,
    Erasure,
    ErasureState,
    finished,
    is_of,
    plan,
    unfinished,
)
from workbench.data.care.leftovers import files_with, has_any
from workbench.data.care.remotes import replace_objects
from workbench.data.care.rewriting import Put, Rewriter, Rewritten
from workbench.data.care.rows import Wanted, patterns_of, wanted_of
from workbench.data.catalogue import ERASED, NOUN, RECORDED
from workbench.data.content import digest_of, find_object, put_back, read_listing
from workbench.data.dvc.cache import CacheWriter, object_names
from workbench.data.dvc.hashing import new_md5
from workbench.data.dvc.pointers import Pointer, all_pointers, parse_pointer, pointer_file
from workbench.data.dvc.repository import cache_settings, has_repo
from workbench.data.paths import relative_path
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    UsageError,
    WorkbenchError,
    read_errors,
)
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project, expanded

_LOCK_TIMEOUT_S = 120.0
_DERIVED = ("tables", "checks")
"""Folders of ``.workbench/`` with figures taken from data; they are worked out anew when asked for."""


def erase_rows(
    project: Project,
    paths: tuple[str, ...],
    *,
    column: str = "",
    value_file: str = "",
    values_env: str = "",
    yes: bool = False,
) -> ErasureReport:
    """Erase rows that hold given values from every version of a dataset; without ``--yes``, only show what would go.

    The values are read from a file or an environment variable, one a line, so that they stand in no command line, log
    or journal. Erasing cannot be undone. What it cannot reach is named: other files that hold a value, remotes that do
    not answer; backups and clones elsewhere are yours to follow up.

    Args:
        project: The project.
        paths: Datasets.
        column: Column that names the person.
        value_file: File with the values, one a line.
        values_env: Environment variable with the values, one a line.
        yes: Do it. Without a column, finish an erasure that stopped half way.

    Raises:
        UsageError: ``no-paths``, ``erase-values-missing``, ``erase-column-missing`` or ``erase-unclear``: a value is in
            a file where rows cannot be told apart.
        NotFoundError: ``dataset-unknown``: nothing was ever recorded there.
        ConflictError: ``data-unsaved``: the work tree holds bytes that no version has; ``erase-shared``: another
            dataset has the same bytes.
        IntegrityError: ``data-cache-missing``: a version cannot be looked into.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``; repeat, and it goes on where it was.
    """
    if yes and paths and not (column or value_file or values_env):
        return _continued(project, paths)
    wanted = _wanted(project, column, value_file, values_env)
    if not paths:
        raise UsageError("no-paths", "Nothing was named to erase from", "mlops data erase data/customers.csv --help")
    with _alone(project):
        waiting = unfinished(project, ErasureState.REWRITTEN) if yes else []
        erasure = [_remove(project, erasure, wanted) for erasure in waiting][-1] if waiting else None
        pointers = _versions(project, paths)
        datasets = tuple(sorted({pointer.path for pointer in pointers}))
        _refuse_unsaved(project, pointers)
        found = _rewritten(project, pointers, wanted, is_preview=True)
        _refuse_shared(project, datasets, found)
        if not yes:
            return _preview(datasets, wanted, found, len(pointers))
        if found or _strays(project, wanted):
            erasure = _planned(project, datasets, wanted)
            found = _rewritten(project, pointers, wanted, is_preview=False)
            erasure = _record(project, erasure, found, len(pointers) - len(found))
            erasure = _remove(project, erasure, wanted)
    return _reported(project, erasure, wanted, erasure.untouched if erasure else len(pointers), datasets)


def _continued(project: Project, paths: tuple[str, ...]) -> ErasureReport:
    """Finish what stopped after the new versions stood; for that, the values are not needed."""
    with _alone(project):
        waiting = [e for e in unfinished(project, ErasureState.REWRITTEN) if set(paths) & {*e.paths}]
        if not waiting:
            hint = "name the column and the values: mlops data erase --help"
            raise UsageError("erase-values-missing", "No erasure of this data waits to be finished", hint)
        done = [_remove(project, erasure) for erasure in waiting][-1]
    return _reported(project, done, None, done.untouched, done.paths)


def _wanted(project: Project, column: str, value_file: str, values_env: str) -> Wanted:
    if not column:
        raise UsageError("erase-column-missing", "The column that names the person is missing", "--column customer_id")
    if bool(value_file) == bool(values_env):
        hint = "--value-file FILE or --values-env VARIABLE, one value a line"
        raise UsageError("erase-values-missing", "The values come from a file or from an environment variable", hint)
    if values_env:
        text = os.environ.get(values_env, "")
    else:
        given = expanded(value_file)
        file = given if given.is_absolute() or given.is_file() else project.root / given
        try:
            with read_errors(file):
                text = file.read_text(encoding="utf-8-sig")
        except (FileNotFoundError, UnicodeDecodeError):
            text = ""
    values = [line.strip() for line in text.splitlines() if line.strip()]
    if not values:
        hint = "write one value a line, in UTF-8"
        raise UsageError("erase-values-missing", "There are no values to erase", hint)
    return wanted_of(column, values)


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Keep snapshots and restores of this package out until all is done."""
    with hold_lock(project.state_dir / "leases" / ".data", timeout_s=_LOCK_TIMEOUT_S):
        yield


def _versions(project: Project, paths: tuple[str, ...]) -> list[Pointer]:
    """Return every version of the datasets that is known: to the journal, to a ``.dvc`` file, or to Git's history."""
    names = [relative_path(project, str(path)) for path in paths]
    found: dict[str, Pointer] = {}
    for pointer in _known(project):
        if any(_overlap(pointer.path, name) for name in names):
            found.setdefault(pointer.version, pointer)
    for name in names:
        if not any(_overlap(pointer.path, name) for pointer in found.values()):
            raise NotFoundError("dataset-unknown", f"{name} was never recorded as a dataset", "mlops data")
    return list(found.values())


def _known(project: Project) -> Iterator[Pointer]:
    records = project.journal.records(NOUN)
    erased = {record.id for record in records if record.state == ERASED}
    for record in records:
        pointer = parse_pointer(record.body["path"], record.body["pointer"])
        if pointer and record.id not in erased:
            yield pointer
    yield from (pointer for pointer in all_pointers(project) if pointer.version not in erased)
    yield from (pointer for pointer, _ in history.pointers(project) if pointer.version not in erased)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _refuse_unsaved(project: Project, pointers: list[Pointer]) -> None:
    known = {(pointer.path, pointer.digest) for pointer in pointers}
    for path in sorted({pointer.path for pointer in pointers}):
        now = digest_of(project, path)
        if now is not None and (path, now) not in known:
            message = f"{path} holds changes that no version has"
            raise ConflictError("data-unsaved", message, f"record them first: mlops data snapshot '{path}'")


def _rewritten(project: Project, pointers: list[Pointer], wanted: Wanted, *, is_preview: bool) -> list[Rewritten]:
    settings = cache_settings(project)
    if is_preview:
        rewriter = Rewriter(settings.folder, wanted, lambda data, suffix: new_md5(data).hexdigest() + suffix)
        return [found for pointer in pointers if (found := rewriter.rewrite(pointer))]
    with CacheWriter(settings) as writer:
        put: Put = writer.put_bytes
        rewriter = Rewriter(settings.folder, wanted, put)
        found_all = [found for pointer in pointers if (found := rewriter.rewrite(pointer))]
        writer.commit()
    return found_all


def _gone(found: list[Rewritten]) -> frozenset[str]:
    return frozenset(name for one in found for name in one.gone)


def _refuse_shared(project: Project, datasets: tuple[str, ...], found: list[Rewritten]) -> None:
    """Refuse to take bytes away that another dataset has, too: it holds the same rows."""
    gone = _gone(found)
    cache = cache_settings(project).folder
    for pointer in _known(project):
        if pointer.path not in datasets and gone & _objects(cache, pointer):
            hint = f"erase from both: mlops data erase {' '.join(datasets)} '{pointer.path}' …"
            raise ConflictError("erase-shared", f"{pointer.version} has the same bytes", hint)


def _objects(cache: Path, pointer: Pointer) -> set[str]:
    name = pointer.digest.removeprefix("md5:")
    if not name.endswith(".dir"):
        return {name}
    try:
        return {name, *read_listing(cache, name, pointer.version).values()}
    except WorkbenchError:
        return {name}


def _planned(project: Project, datasets: tuple[str, ...], wanted: Wanted) -> Erasure:
    """Write the plan, or take up the one that a dead process wrote for the same data."""
    for erasure in unfinished(project, ErasureState.PLANNED):
        if (erasure.paths, erasure.column) == (datasets, wanted.column) and is_of(project, erasure, wanted.values):
            return erasure
    return plan(project, datasets, wanted.column, wanted.values)


def _record(project: Project, erasure: Erasure, found: list[Rewritten], untouched: int) -> Erasure:
    """Let the new versions take the place of the old ones in the journal, all at once."""
    changes = tuple(
        Change(
            one.before.version,
            one.after.version,
            one.before.path,
            one.after.text,
            one.before.digest.removeprefix("md5:"),
            one.after.digest.removeprefix("md5:"),
            one.rows,
            one.kept,
        )
        for one in found
    )
    gone = tuple(sorted(_gone(found)))
    done = replace(erasure, state=ErasureState.REWRITTEN, changes=changes, untouched=untouched, gone=gone)
    with project.journal.transaction() as transaction:
        data = {"versions": {change.before: change.after for change in changes}}
        transaction.append("data.rewritten", f"{ERASURE}:{done.id}", data)
        for one in found:
            old = transaction.get(NOUN, one.before.version)
            body = old.body if old else _foreign(one.before, project.actor)
            rows = body["rows"]
            new = {
                **body,
                "digest": one.after.digest,
                "size": one.after.size,
                "files": one.after.files,
                "rows": rows - one.rows if isinstance(rows, int) else rows,
                "pointer": one.after.text,
            }
            now = transaction.get(NOUN, one.after.version)
            if now is None or now.state == ERASED:
                transaction.put(NOUN, one.after.version, RECORDED, new)
            transaction.put(NOUN, one.before.version, ERASED, body)
        transaction.put(ERASURE, done.id, done.state, asdict(done))
    return done


def _foreign(pointer: Pointer, actor: str) -> dict[str, Any]:
    """Return what the journal has to know of a version that only plain ``dvc add`` recorded."""
    return {
        "path": pointer.path,
        "digest": pointer.digest,
        "size": pointer.size,
        "files": pointer.files,
        "rows": None,
        "actor": actor,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "pointer": pointer.text,
    }


def _remove(project: Project, erasure: Erasure, wanted: Wanted | None = None) -> Erasure:
    """Bring the work tree to the new versions, then take the old bytes off the remotes and out of the cache."""
    _replace_in_tree(project, erasure)
    for name in _DERIVED:
        shutil.rmtree(project.state_dir / name, ignore_errors=True)
    roots = {change.root: change.new_root for change in erasure.changes}
    gone = sorted(set(erasure.gone) - _needed(project, {change.before for change in erasure.changes}))
    outcomes = replace_objects(project, roots, gone)
    cache = cache_settings(project).folder
    removed = 0
    for name in [*gone, *(_strays(project, wanted) if wanted else ())]:
        while path := find_object(cache, name):
            path.chmod(0o644)
            path.unlink()
            removed += 1
    return finished(
        project,
        replace(
            erasure,
            removed=erasure.removed + removed + sum(outcome.removed for outcome in outcomes),
            remotes=tuple(outcome.name for outcome in outcomes),
            unreached=tuple(outcome.name for outcome in outcomes if outcome.fault),
        ),
    )


def _replace_in_tree(project: Project, erasure: Erasure) -> None:
    for change in erasure.changes:
        new = parse_pointer(change.path, change.pointer)
        if new is None:
            continue
        if digest_of(project, change.path) == f"md5:{change.root}":
            put_back(project, new)
        file = pointer_file(project, change.path)
        try:
            now = parse_pointer(change.path, file.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError, IntegrityError):
            continue
        if now and now.digest == f"md5:{change.root}":
            write_atomic(file, new.text.encode(), mode=file.stat().st_mode & 0o777)


def _needed(project: Project, erased: set[str]) -> set[str]:
    """Return the objects that living versions have; they stay, whatever an old version shared with them."""
    cache = cache_settings(project).folder
    return {name for pointer in _known(project) if pointer.version not in erased for name in _objects(cache, pointer)}


def _strays(project: Project, wanted: Wanted) -> list[str]:
    """Return objects of no version that hold a value: what plain ``dvc add`` stored and nobody recorded.

    Only in the project's own cache: in a shared one they may be another project's.
    """
    cache = cache_settings(project).folder
    if not cache.is_relative_to(project.root):
        return []
    patterns = patterns_of(wanted.values)
    strays = object_names(cache) - _needed(project, set())
    return [name for name in sorted(strays) if (path := find_object(cache, name)) and has_any(path, patterns)]


def _preview(datasets: tuple[str, ...], wanted: Wanted, found: list[Rewritten], versions: int) -> ErasureReport:
    gone = _gone(found)
    return ErasureReport(
        id="",
        state="preview",
        paths=datasets,
        column=wanted.column,
        values=len(wanted.values),
        versions=tuple(ErasedVersion(one.before.version, "", one.rows, one.kept) for one in found),
        untouched=versions - len(found),
        objects=len(gone),
        hint="repeat with --yes to erase for good" if found else "nothing is to be erased",
    )


def _reported(
    project: Project, erasure: Erasure | None, wanted: Wanted | None, untouched: int, datasets: tuple[str, ...]
) -> ErasureReport:
    remains = tuple(files_with(project.root, patterns_of(wanted.values))) if wanted else ()
    hints = []
    if erasure and erasure.unreached:
        hints.append(f"repeat when the remotes answer: mlops data erase {' '.join(datasets)} --yes")
    if remains:
        hints.append("look at the files under remains; rows of other people may name this one")
    if erasure and has_repo(project) and git.is_inside(project.root):
        hints.append("commit the changed .dvc files")
    return ErasureReport(
        id=erasure.id if erasure else "",
        state=erasure.state.lower() if erasure else "done",
        paths=datasets,
        column=wanted.column if wanted else (erasure.column if erasure else ""),
        values=len(wanted.values) if wanted else len(erasure.digests if erasure else ()),
        versions=tuple(ErasedVersion(c.before, c.after, c.rows, c.kept) for c in erasure.changes) if erasure else (),
        untouched=untouched,
        objects=erasure.removed if erasure else 0,
        remotes=erasure.remotes if erasure else (),
        unreached=erasure.unreached if erasure else (),
        remains=remains,
        hint="; ".join(hints),
    )
