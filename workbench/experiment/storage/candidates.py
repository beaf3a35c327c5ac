"""Per kind of thing: what of it nothing needs. What is younger than asked, or cannot be decided, is not named."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workbench.contract.status import JobState, RunState
from workbench.experiment.runs import reader_of
from workbench.experiment.storage.needed import needed_blobs, needed_runs
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.liveness import dead_runs
from workbench.experiment.store.rows import RunQuery, RunRow, state_of
from workbench.foundation.canonical import digest_file
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_ALL = 1_000_000
_MIN_AGE_S = 86_400.0
"""Blobs, folders and leases younger than a day may belong to something that is being written."""


@dataclass(frozen=True)
class Candidate:
    """Something that nothing needs.

    Attributes:
        path: File or folder.
        changed_at: Its modification time when this was decided; a later one means that somebody needs it after all.
    """

    path: Path
    changed_at: float


def deleted_runs(project: Project, age_s: float) -> Iterator[Candidate]:
    """Artifacts of runs that were deleted longer ago than ``age_s``, and that nothing rests on."""
    needed = needed_runs(project)
    deleted_at = _deletions(project)
    for row in reader_of(project).search(RunQuery(limit=_ALL, is_deleted=True)):
        folder = _own_folder(project, row)
        if folder and row.id not in needed and time.time() - deleted_at.get(row.id, time.time()) > age_s:
            yield _candidate(folder)


def orphan_artifacts(project: Project, age_s: float) -> Iterator[Candidate]:
    """Artifact folders named like a run that the store does not have, in any experiment, deleted or not."""
    path, root = sqlite_path(project), artifact_root(project)
    if path is None or not path.is_file() or not root.is_dir():
        return
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
    try:
        known = {run for (run,) in connection.execute("SELECT run_uuid FROM runs")}
    finally:
        connection.close()
    for folder in sorted(root.iterdir()):
        if _RUN_ID.fullmatch(folder.name) and folder.name not in known and folder.is_dir() and not folder.is_symlink():
            found = _candidate(folder)
            if time.time() - found.changed_at > max(age_s, _MIN_AGE_S):
                yield found


def ended_jobs(project: Project, age_s: float) -> Iterator[Candidate]:
    """Directories of jobs that ended longer ago than ``age_s`` and whose notebook lies in MLflow, byte by byte."""
    reader = reader_of(project)
    for record in project.journal.records("job"):
        folder = project.state_dir / "jobs" / record.id
        ended_at = str(record.body.get("ended_at", ""))
        if not JobState(record.state).is_terminal or not ended_at or not folder.is_dir():
            continue
        if record.body.get("is_run_open") or time.time() - datetime.fromisoformat(ended_at).timestamp() <= age_s:
            continue
        if inspect_lease(project.state_dir / "leases" / f"job-{record.id}").is_alive:
            continue
        run = str(record.body.get("run", ""))
        rows = reader.search(RunQuery(limit=1, ids=(run,))) if run else []
        kept = local_folder(rows[0].artifact_uri) if rows else None
        if kept and _is_same(folder / "output.ipynb", kept / "notebook" / "output.ipynb"):
            yield _candidate(folder)


def unneeded_blobs(project: Project, age_s: float) -> Iterator[Candidate]:
    """Blobs of the store that neither journal, run, channel, policy nor another blob names."""
    blobs = project.store.root / "blobs" / "sha256"
    if not blobs.is_dir():
        return
    needed = needed_blobs(project)
    for path in sorted(blobs.glob("??/*")):
        if path.is_file() and path.name not in needed:
            found = _candidate(path)
            if time.time() - found.changed_at > max(age_s, _MIN_AGE_S):
                yield found
    for path in sorted((project.store.root / "staging").glob("*")):
        if time.time() - (found := _candidate(path)).changed_at > _MIN_AGE_S:
            yield found


def stale_leases(project: Project, age_s: float) -> Iterator[Candidate]:
    """Lease files of runs that have ended, which nobody holds; a run never begins twice."""
    reader = reader_of(project)
    dead = dead_runs(project, reader)
    for path in sorted((project.state_dir / "leases").glob("run-*")):
        lease = inspect_lease(path)
        if lease.is_alive or not lease.is_certain or lease.age_s <= max(age_s, _MIN_AGE_S):
            continue
        run = path.name.removeprefix("run-")
        rows = reader.search(RunQuery(limit=1, ids=(run,)))
        if not rows or (rows[0].id not in dead and state_of(rows[0], dead) is not RunState.RUNNING):
            yield _candidate(path)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links count nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file() and not each.is_symlink())


def _candidate(path: Path) -> Candidate:
    return Candidate(path, path.stat().st_mtime)


def artifact_root(project: Project) -> Path:
    """Return where the runs of a store that is a file keep their artifacts: beside it, which may be elsewhere."""
    path = sqlite_path(project)
    return (path.parent if path else project.state_dir) / "artifacts"


def _own_folder(project: Project, row: RunRow) -> Path | None:
    """Return the run's folder where it lies in the project's own artifacts; nobody else's is touched."""
    folder, root = local_folder(row.artifact_uri), artifact_root(project)
    if folder is None or folder.name != "artifacts" or folder.parent.name != row.id:
        return None
    own = folder.parent
    is_inside = own.is_dir() and not own.is_symlink() and own.resolve().parent == root.resolve()
    return own if is_inside else None


def _deletions(project: Project) -> dict[str, float]:
    """Return when runs were deleted, Unix seconds; a run that nobody knows the time of is missing."""
    path = sqlite_path(project)
    if path and path.is_file():
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            query = "SELECT run_uuid, deleted_time FROM runs WHERE lifecycle_stage = 'deleted' AND deleted_time > 0"
            return {run: at_ms / 1000 for run, at_ms in connection.execute(query)}
        finally:
            connection.close()
    events = project.journal.events(kind="run.deleted")
    return {event.subject.removeprefix("run:"): datetime.fromisoformat(event.at).timestamp() for event in events}


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and digest_file(one) == digest_file(other)
    except FileNotFoundError:
        return False
