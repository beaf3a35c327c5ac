"""Export runs into a file; import them into this project's store, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from workbench.contract.run import RunArchive
from workbench.contract.status import RunState
from workbench.experiment.levels.record import TAG as LEVEL_TAG
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import MAX_LIMIT, list_runs, rows_of, show_run
from workbench.experiment.store.creation import ensure_store
from workbench.experiment.store.rows import RunRow
from workbench.experiment.store.tracking import set_tags
from workbench.experiment.transfer import history
from workbench.experiment.transfer.archive import Member, opened, write_archive
from workbench.foundation.canonical import canonical_json, digest_file
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, read_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_NAMING = (history.PARENT_TAG, *history.FOLLOWED_TAGS)
_NOT_CARRIED = (history.FROM_TAG, history.WHOLE_TAG, LEVEL_TAG)


def export_runs(project: Project, path: Path, runs: tuple[str, ...] = (), query: str = "") -> RunArchive:
    """Write runs into one file, whole: parameters, every metric value, tags, inputs, artifacts and models.

    The same runs give the same bytes. Another project takes them in with ``mlops runs import``.

    Args:
        project: The project.
        path: The file to write, such as ``runs.zip``.
        runs: Run ids, or unique beginnings of them.
        query: Runs that this query asks for, beside those that are named.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``, ``query-invalid`` or ``nothing-to-export``.
        ConflictError: ``file-exists`` or ``run-running``.
        StorageError: The disk is full or the folder is not writable.
    """
    target = path if path.is_absolute() else Path.cwd() / path
    if target.exists():
        raise ConflictError("file-exists", f"{path} is there already", "choose another name")
    found = [row.id for row in rows_of(project, runs)]
    found += [card.id for card in list_runs(project, query, limit=MAX_LIMIT)] if query else []
    ids = tuple(sorted(set(found)))
    if not ids:
        raise UsageError("nothing-to-export", "No run was named", "name one: mlops runs export runs.zip <run>")
    reap_dead_runs(project)  # MLflow takes a run for one that runs until somebody writes its end
    for run in ids:
        if show_run(project, run).card.state == RunState.RUNNING:
            raise ConflictError("run-running", f"Run {run[:12]} is still running", "wait for its end")
    scratch = project.state_dir / "staging" / f"export-{target.name}"
    try:
        write_archive(target, ids, _members(project, rows_of(project, ids), scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    digest = digest_file(target)
    with project.journal.transaction() as transaction:
        transaction.append("run.exported", f"archive:{digest}", {"runs": list(ids)})
    return RunArchive(str(path), digest, target.stat().st_size, ids)


def import_runs(project: Project, path: Path) -> RunArchive:
    """Bring runs in from a file that ``mlops runs export`` has written; a run that is here already stays as it is.

    Every digest is verified before anything is written. Times, values and parents are those of the original; the
    original id stays in the tag ``workbench.imported_from``.

    Args:
        project: The project.
        path: The file.

    Raises:
        UsageError: ``archive-missing``, ``archive-invalid`` or ``archive-too-large``.
        IntegrityError: ``archive-changed``.
        StorageError: The disk is full or the store is not writable.
    """
    source = path if path.is_absolute() else Path.cwd() / path
    ensure_store(project)
    folder = project.state_dir / "staging" / "import"
    lock = hold_lock(project.state_dir / "leases" / ".importing", timeout_s=600)
    with lock, read_errors(source), opened(source, folder) as ids:
        digest = digest_file(source)
        added = _take_in(project, folder, ids, digest)
    return RunArchive(str(path), digest, source.stat().st_size, ids, added)


def _members(project: Project, rows: list[RunRow], scratch: Path) -> Iterator[Member]:
    for row in rows:
        record = history.run_as_json(project, row.id)
        yield Member(f"runs/{row.id}/run.json", canonical_json(record))
        for name, file in history.artifacts_of(project, row.id, row.artifact_uri, scratch / row.id):
            yield Member(f"runs/{row.id}/artifacts/{name}", file)
        for name, file in history.models_of(project, row.id, scratch / f"{row.id}-models"):
            yield Member(f"runs/{row.id}/models/{name}", file)


def _take_in(project: Project, folder: Path, ids: tuple[str, ...], digest: str) -> tuple[str, ...]:
    """Write the runs of an unpacked archive and return the ids of those that are new here."""
    records = {}
    for run in ids:
        records[run] = history.checked(json.loads((folder / "runs" / run / "run.json").read_bytes()))
        if records[run]["id"] != run:
            raise UsageError("archive-invalid", f"Run {run[:12]} calls itself another", "export it again")
    before = history.imported_runs(project)
    here = {origin: run for origin, (run, is_whole) in before.items() if is_whole}
    here |= {run: run for run in ids if _is_here(project, run)}
    begun = {origin: run for origin, (run, is_whole) in before.items() if not is_whole}
    added = []
    for origin in _parents_first(records):
        if origin in here:
            continue
        record = records[origin]
        run = begun.get(origin) or history.begin_import(project, record)
        tags = _tags(record["tags"], here, origin)
        history.fill_import(project, run, record, folder / "runs" / origin, tags)
        if not project.journal.events(kind="run.imported", subject=f"run:{run}", limit=1):
            with project.journal.transaction() as transaction:
                transaction.append("run.imported", f"run:{run}", {"from": origin, "archive": digest})
        set_tags(project, run, {history.WHOLE_TAG: datetime.now(UTC).isoformat(timespec="seconds")})
        here[origin] = run
        added.append(run)
    _adopt(project, here)
    return tuple(added)


def _is_here(project: Project, run: str) -> bool:
    try:
        return bool(rows_of(project, (run,)))
    except NotFoundError:
        return False


def _parents_first(records: dict[str, dict[str, object]]) -> list[str]:
    ordered: list[str] = []

    def visit(run: str, depth: int) -> None:
        tags = records[run]["tags"]
        named = [tags.get(name, "") for name in _NAMING] if isinstance(tags, dict) else []
        for other in named:
            if other in records and other not in ordered and depth < len(records):
                visit(other, depth + 1)
        if run not in ordered:
            ordered.append(run)

    for run in sorted(records):
        visit(run, 0)
    return ordered


def _tags(original: dict[str, str], here: dict[str, str], origin: str) -> dict[str, str]:
    """Return the tags of an imported run: runs that it names are those that they are here, or are waited for.

    Its level is not among them: what proves it stands in the journal of the project that it comes from.
    """
    tags = {key: value for key, value in original.items() if key not in _NOT_CARRIED}
    tags[history.FROM_TAG] = origin
    for name in history.FOLLOWED_TAGS:
        if name in tags:
            tags[name] = here.get(tags[name], tags[name])
    if parent := tags.pop(history.PARENT_TAG, ""):
        tags[history.PARENT_TAG if parent in here else history.WAITING_PARENT_TAG] = here.get(parent, parent)
    return tags


def _adopt(project: Project, here: dict[str, str]) -> None:
    """Give runs that name one which came with a later archive the id that it has here."""
    for card in list_runs(project, f"tags.{history.WAITING_PARENT_TAG} != ''", limit=MAX_LIMIT):
        waiting = show_run(project, card.id).tags[history.WAITING_PARENT_TAG]
        if not card.parent and waiting in here:
            set_tags(project, card.id, {history.PARENT_TAG: here[waiting]})
    for name in history.FOLLOWED_TAGS:
        for card in list_runs(project, f"tags.{history.FROM_TAG} != '' AND tags.{name} != ''", limit=MAX_LIMIT):
            followed = show_run(project, card.id).tags[name]
            if here.get(followed, followed) != followed:
                set_tags(project, card.id, {name: here[followed]})
