"""See what changed in one project since the last look; a look at an idle project costs about a tenth of a millisecond.

Four things are looked at: the journal (every verb that acts writes there), MLflow's database, the progress files of
jobs that have not ended, and the few files that people and runners write by themselves. Whatever lies on another
machine (a journal in PostgreSQL, a team's MLflow server) is not seen here; the panel's own slow poll covers it.
"""

from __future__ import annotations

import os
from pathlib import Path

from workbench.contract.change import Change, ChangedNoun
from workbench.doors.server.databases import CommitWatch
from workbench.foundation.config import FILE_NAME
from workbench.foundation.project import Project

_EVENTS_AFTER = "SELECT seq, kind FROM events WHERE seq > ? ORDER BY seq"
_LAST_EVENT = "SELECT seq FROM events WHERE seq > ? ORDER BY seq DESC LIMIT 1"
_NOUNS = {noun.value: noun for noun in ChangedNoun}

Stamp = tuple[int, int, int]
"""Inode, time of change in nanoseconds and size of a file."""


class Observation:
    """Look at one project again and again; belongs to one thread.

    Raises:
        sqlite3.DatabaseError: A database of the project is damaged.
    """

    def __init__(self, project: Project) -> None:
        state = project.state_dir
        self._root = project.root
        self._journal = _commit_watch(project.journal_address)
        self._runs = _commit_watch(project.tracking_address)
        self._jobs = _OpenJobs(state / "jobs")
        self._files = {
            project.root / FILE_NAME: ChangedNoun.PROJECT,
            project.root / "policy" / "gate.toml": ChangedNoun.REVIEW,
            project.root / "policy" / "reviewers": ChangedNoun.REVIEWER,
        }
        self._runners = state / "runners"
        self._stamps: dict[str, Stamp] = {}
        self._runner_stamps: dict[str, Stamp] = {}
        self._seq = 0
        try:
            self.look()  # what is there already is no change
            self._seq = self._last_seq()
        except BaseException:
            self.close()
            raise

    def look(self, *, also: frozenset[ChangedNoun] = frozenset()) -> Change | None:
        """Return what changed since the last call, or None; ``also`` was noticed by somebody else."""
        nouns = {*also, *self._journal_nouns(), *self._file_nouns(), *self._runner_nouns()}
        if self._runs and self._runs.has_changed():
            nouns.add(ChangedNoun.RUN)
        if self._jobs.have_changed():
            nouns |= {ChangedNoun.JOB, ChangedNoun.RUN}  # a run's progress is its job's
        return Change(str(self._root), tuple(sorted(nouns)), self._seq) if nouns else None

    def close(self) -> None:
        """Close the databases."""
        for database in (self._journal, self._runs):
            if database:
                database.close()

    def _last_seq(self) -> int:
        rows = self._journal.query(_LAST_EVENT, (0,)) if self._journal else []
        return int(str(rows[0][0])) if rows else 0

    def _journal_nouns(self) -> set[ChangedNoun]:
        if not self._journal or not self._journal.has_changed():
            return set()
        if self._last_seq() < self._seq:  # the journal was replaced by a younger one
            self._seq = 0
        rows = self._journal.query(_EVENTS_AFTER, (self._seq,))
        if rows:
            self._seq = int(str(rows[-1][0]))
        return {_NOUNS.get(str(kind).partition(".")[0], ChangedNoun.PROJECT) for _, kind in rows}

    def _file_nouns(self) -> set[ChangedNoun]:
        stamps = {str(path): stamp for path in self._files if (stamp := _stamp(path))}
        nouns = {noun for path, noun in self._files.items() if stamps.get(str(path)) != self._stamps.get(str(path))}
        self._stamps = stamps
        return nouns

    def _runner_nouns(self) -> set[ChangedNoun]:
        stamps = _folder_stamps(self._runners)
        has_changed, self._runner_stamps = stamps != self._runner_stamps, stamps
        return {ChangedNoun.RUNNER} if has_changed else set()


_LIVE = ("events.jsonl", "view.json")
"""Files of a job's directory that change while it goes on: what it says, and how a far one looks."""


class _OpenJobs:
    """Progress of the jobs that have not ended: they have no ``exit.json`` yet.

    The folder of jobs is listed only when its own time changes, so that a thousand old jobs cost nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder_stamp: Stamp | None = None
        self._progress: dict[str, tuple[Stamp | None, ...]] = {}

    def have_changed(self) -> bool:
        stamp = _stamp(self._folder)
        has_changed = False
        if stamp != self._folder_stamp:
            self._folder_stamp = stamp
            for job in _names(self._folder):
                if job not in self._progress and not self._has_ended(job):
                    self._progress[job] = ()
                    has_changed = True
        for job, before in list(self._progress.items()):
            after = tuple(_stamp(self._folder / job / name) for name in _LIVE)
            if after != before:
                self._progress[job] = after
                has_changed = True
            if self._has_ended(job):
                del self._progress[job]
                has_changed = True
        return has_changed

    def _has_ended(self, job: str) -> bool:
        folder = self._folder / job
        return _stamp(folder / "exit.json") is not None or _stamp(folder) is None


def _commit_watch(url: str) -> CommitWatch | None:
    """Watch the file behind a SQLite URL; None for whatever lies elsewhere."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return CommitWatch(Path(parsed.database))


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _folder_stamps(folder: Path) -> dict[str, Stamp]:
    return {name: stamp for name in _names(folder) if (stamp := _stamp(folder / name))}


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError:
        return []
