"""The verbs of watched folders: list, add, take what has arrived.

The order makes a kill harmless at any moment: files are copied under their final names in one step each, the folder
becomes a version, and only then does the record say that they were taken. What was copied but not recorded is taken
again, with the same bytes and so the same version.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.ingest import IngestReport, WatchCard
from workbench.data.ingest.declaration import (
    Declaration,
    declaration_file,
    names,
    read_declaration,
    text_of,
)
from workbench.data.ingest.inbox import (
    Arrival,
    arrivals,
    columns_of,
    folder_of,
    merged,
    schema_difference,
    use_of_folder,
)
from workbench.data.paths import relative_path
from workbench.data.table import shape_of
from workbench.data.versions import snapshot
from workbench.foundation.agreement import agree
from workbench.foundation.canonical import digest_file
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, UsageError, WorkbenchError, storage_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

NOUN = "watch"
RECORDED = "RECORDED"


def list_watches(project: Project) -> tuple[WatchCard, ...]:
    """List watched folders: what waits, what is still being written, how far behind they are.

    Args:
        project: The project.
    """
    return tuple(_card(project, name) for name in names(project))


def add_watch(
    project: Project, folder: str, name: str, into: str = "", *, pattern: str = "*", settle_s: float = 5.0
) -> WatchCard:
    """Declare a folder whose new files become dataset versions.

    Args:
        project: The project.
        folder: Folder to watch: inside the project, or absolute (a share).
        name: Name of the watch.
        into: Folder of the project that takes the files; by default ``data/<name>``.
        pattern: Which files: ``*.csv``, or ``**/*.csv`` for folders below, too.
        settle_s: Seconds a file must have been left alone before it is taken.

    Raises:
        UsageError: ``watch-name-invalid``, ``watch-invalid`` or ``path-outside-project``.
        ConflictError: ``watch-exists``: there is another one of that name.
    """
    path = declaration_file(project, name)
    declaration = Declaration(folder, relative_path(project, into or f"data/{name}"), pattern, settle_s)
    if not pattern.strip() or settle_s < 0 or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise UsageError("watch-invalid", "A watch needs a relative pattern and no negative time", "--pattern '*.csv'")
    watched, target = folder_of(project, declaration).resolve(), (project.root / declaration.into).resolve()
    if watched == target or target.is_relative_to(watched) or watched.is_relative_to(target):
        message = f"{declaration.into} and {folder} lie in each other"
        raise UsageError("watch-invalid", message, "--into data/another")
    text = text_of(declaration)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        message = f"There is another watch '{name}' already"
        raise ConflictError("watch-exists", message, f"choose another name, or change {path.name}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode())
    if uses := tuple(use_of_folder(project, name, declaration)):
        agree(uses, project.root)  # whoever adds it says so; anybody else who has the repository is asked
    return _card(project, name)


def ingest(project: Project, name: str = "", accept_schema: bool = False) -> tuple[IngestReport, ...]:
    """Take the files that have arrived in watched folders; each folder's become one dataset version.

    Args:
        project: The project.
        name: Only this watch; by default all.
        accept_schema: Take files whose columns differ from those before, and expect the new ones from now on.

    Raises:
        NotFoundError: ``watch-unknown``.
        DeniedError: ``secrets-untrusted``: its folder is outside the project, and you have not agreed that it is read.
        UnavailableError: ``watch-folder-missing``.
        ConflictError: ``ingest-schema-changed``, with the difference; nothing of that folder was taken.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    return tuple(_ingest_one(project, each, accept_schema) for each in ([name] if name else names(project)))


def _ingest_one(project: Project, name: str, accept_schema: bool) -> IngestReport:
    declaration = read_declaration(project, name)
    with hold_lock(project.state_dir / "leases" / f".watch-{name}", timeout_s=60):
        state = _state(project, name)
        found = arrivals(project, name, declaration, state["files"])
        new = [arrival for arrival in found if arrival.is_settled]
        settling = tuple(arrival.name for arrival in found if not arrival.is_settled)
        if not new:
            return IngestReport(name, state["version"], (), (), settling, 0, 0, 0.0)
        try:
            columns = _agreed_columns(name, new, {} if accept_schema else dict(state["columns"]))
        except ConflictError as stop:
            _record_stop(project, name, state, stop.message)
            raise
        taken = {arrival.name: _copy(project, declaration, arrival) for arrival in new}
        message = f"{len(new)} files from {declaration.folder}"
        (version,) = snapshot(project, (declaration.into,), message)
        report = IngestReport(
            name=name,
            version=version.id,
            taken=tuple(taken),
            changed=tuple(each for each in taken if each in state["files"]),
            settling=settling,
            rows=sum(shape_of(project.root / declaration.into / each).rows or 0 for each in taken),
            size=sum(arrival.size for arrival in new),
            lag_s=round(max(arrival.age_s for arrival in new), 3),
        )
        _record(
            project, name, {**state, "columns": list(columns.items()), "files": {**state["files"], **taken}}, report
        )
        return report


def _agreed_columns(name: str, new: list[Arrival], expected: dict[str, str]) -> dict[str, str]:
    """Return the columns that all files share; the first file decides where nothing came before."""
    columns = expected
    for arrival in new:
        found = columns_of(arrival.path)
        if columns and (difference := schema_difference(columns, found)):
            message = f"{arrival.name} does not look like the files before: {difference}"
            hint = f"mend or remove the file, or take it so: mlops ingest {name} --accept-schema"
            raise ConflictError("ingest-schema-changed", message, hint)
        columns = merged(columns, found)
    return columns


def _copy(project: Project, declaration: Declaration, arrival: Arrival) -> dict[str, Any]:
    """Copy a file under its final name in one step, and make sure that it was not written to meanwhile."""
    target = project.root / declaration.into / arrival.name
    temporary = target.with_name(f".{target.name}.part")
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(arrival.path, temporary)
        status = arrival.path.stat()
        if (status.st_size, status.st_mtime_ns) != (arrival.size, arrival.mtime_ns):
            temporary.unlink()
            message = f"{arrival.name} was written to while it was taken"
            raise ConflictError("data-changing", message, "repeat once it is whole: mlops ingest")
        temporary.replace(target)
    return {"size": arrival.size, "mtime_ns": arrival.mtime_ns, "digest": digest_file(target)}


def _record_stop(project: Project, name: str, state: dict[str, Any], problem: str) -> None:
    """Leave word for those who were not there when an ingest stopped; once, however often it is tried."""
    if state["problem"] == problem:
        return
    with project.journal.transaction() as transaction:
        transaction.append("data.ingest-stopped", f"{NOUN}:{name}", {"problem": problem})
        transaction.put(NOUN, name, RECORDED, {**state, "problem": problem})


def _record(project: Project, name: str, body: dict[str, Any], report: IngestReport) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    body = {**body, "version": report.version, "last_at": now, "last_lag_s": report.lag_s, "problem": ""}
    facts = {
        "version": report.version,
        "files": len(report.taken),
        "rows": report.rows,
        "size": report.size,
        "lag_s": report.lag_s,
    }
    with project.journal.transaction() as transaction:
        transaction.append("data.ingested", f"{NOUN}:{name}", facts)
        transaction.put(NOUN, name, RECORDED, body)


def _state(project: Project, name: str) -> dict[str, Any]:
    record = project.journal.record(NOUN, name)
    # Columns are pairs: the journal's canonical JSON sorts keys, and their order is part of a schema.
    empty = {"columns": [], "files": {}, "version": "", "last_at": "", "last_lag_s": 0.0, "problem": ""}
    return empty if record is None else {**empty, **record.body}


def _card(project: Project, name: str) -> WatchCard:
    state = _state(project, name)
    try:
        declaration = read_declaration(project, name)
        found = arrivals(project, name, declaration, state["files"])
        problem = str(state["problem"])
    except WorkbenchError as error:
        declaration, found, problem = Declaration("", ""), [], error.message
    waiting = [arrival for arrival in found if arrival.is_settled]
    return WatchCard(
        name=name,
        folder=declaration.folder,
        into=declaration.into,
        pattern=declaration.pattern,
        settle_s=declaration.settle_s,
        files=len(state["files"]),
        waiting=len(waiting),
        settling=len(found) - len(waiting),
        lag_s=round(max((arrival.age_s for arrival in waiting), default=0.0), 1),
        last_at=state["last_at"],
        last_lag_s=state["last_lag_s"],
        version=state["version"],
        problem=problem,
    )


def main(root: Path) -> int:
    """Take what waits in every watched folder of a project; one that stops does not keep the others waiting."""
    project = Project.open(root)
    for name in names(project):
        try:
            ingest(project, name)
        except WorkbenchError as error:
            sys.stderr.write(f"{name}: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
