"""Digests that are known already, so that only what has changed is read again.

A small SQLite file beside DVC's own notes (``.dvc/tmp``, never in Git). It may be deleted at any time: that costs a
second of hashing and nothing else. A digest is remembered for a file's :class:`~workbench.data.scan.Mark`, and only
if the file had *settled* when it was read: otherwise a change within one tick of the clock would go unseen (Git calls
such an entry racy).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.data.scan import Mark, Scan
from workbench.foundation.project import Project

FILE = Path(".dvc") / "tmp" / "workbench.db"
_BUSY_S = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, md5 TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY, fingerprint BLOB, md5 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS complete (md5 TEXT PRIMARY KEY, mark TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (refs TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
"""


class State:
    """The notes of one project, open for a while. Whatever fails in here is forgotten: notes are no data."""

    def __init__(self, project: Project) -> None:
        """Open the notes; without a DVC repository, or where they cannot be opened, there are none."""
        self._file = project.root / FILE
        self._database: sqlite3.Connection | None = None
        if not self._file.parent.is_dir():
            return
        try:
            self._database = self._open()
        except sqlite3.OperationalError:
            return  # busy, or a folder that cannot be written
        except sqlite3.DatabaseError:
            self._begin_again()

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database:
            self._database.close()

    def folder(self, scan: Scan) -> str | None:
        """Return the digest of a file or folder that is exactly as it was."""
        found = self._rows("SELECT md5 FROM folders WHERE path = ? AND fingerprint = ?", scan.path, scan.fingerprint)
        return found[0][0] if found else None

    def members(self, scan: Scan) -> dict[str, str]:
        """Return the digests of those files that are exactly as they were, by name."""
        if scan.is_folder:
            low, high = f"{scan.path}/", f"{scan.path}0"  # the character after the slash
            rows = self._rows("SELECT * FROM files WHERE path > ? AND path < ?", low, high)
        else:
            rows = self._rows("SELECT * FROM files WHERE path = ?", scan.path)
        known: dict[str, tuple[Any, str]] = {row[0]: (row[1:5], row[5]) for row in rows}
        digests: dict[str, str] = {}
        for member in scan.members:
            entry = known.get(f"{scan.path}/{member.name}" if scan.is_folder else scan.path)
            if entry and entry[0] == member[1:5]:
                digests[member.name] = entry[1]
        return digests

    def remember(self, scan: Scan, md5: str, members: Mapping[str, str], since_ns: int) -> None:
        """Note the digests of a file or folder.

        Args:
            scan: What was looked at.
            md5: Digest of the whole.
            members: Digests of its files by name.
            since_ns: Time when reading began; a file that had not settled by then is not noted.
        """
        prefix = f"{scan.path}/" if scan.is_folder else scan.path
        settled = [member for member in scan.members if member.mark.is_settled(since_ns)]
        rows = [(prefix + m.name, *m[1:5], members[m.name]) for m in settled if m.name in members]
        self._write("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)
        if len(settled) == len(scan.members):
            self._write("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", [(scan.path, scan.fingerprint, md5)])

    def file(self, path: str, mark: Mark) -> str | None:
        """Return the digest of one file that is exactly as it was."""
        known = "size = ? AND mtime_ns = ? AND ctime_ns = ? AND inode = ?"
        found = self._rows(f"SELECT md5 FROM files WHERE path = ? AND {known}", path, *mark)  # noqa: S608 - a constant
        return found[0][0] if found else None

    def is_complete(self, md5: str, mark: str) -> bool:
        """Tell whether the cache had every object of a version, and neither lost nor got one since."""
        return bool(self._rows("SELECT md5 FROM complete WHERE md5 = ? AND mark = ?", md5, mark))

    def remember_complete(self, md5: str, mark: str) -> None:
        """Note that the cache has every object of a version."""
        self._write("INSERT OR REPLACE INTO complete VALUES (?, ?)", [(md5, mark)])

    def history(self, refs: str) -> str | None:
        """Return what was noted of Git's history in this state."""
        found = self._rows("SELECT body FROM history WHERE refs = ?", refs)
        return found[0][0] if found else None

    def remember_history(self, refs: str, body: str) -> None:
        """Note what Git's history says, in place of what it said before."""
        self._write("DELETE FROM history WHERE refs != ?", [(refs,)])
        self._write("INSERT OR REPLACE INTO history VALUES (?, ?)", [(refs, body)])

    def _rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []
        except (sqlite3.DatabaseError, UnicodeError):
            self._begin_again()
            return []

    def _write(self, query: str, rows: Iterable[tuple[object, ...]]) -> None:
        if self._database is None:
            return
        try:
            with self._database:
                self._database.executemany(query, rows)
        except (sqlite3.DatabaseError, UnicodeError):
            # Full disk, busy, damaged, or a name that is no text: then it is not remembered.
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=_BUSY_S)
        try:
            # WAL: readers never wait. NORMAL: a power cut may lose the last notes and never mixes them up.
            if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise sqlite3.OperationalError("no write-ahead log here")
            database.execute("PRAGMA synchronous = NORMAL")
            if database.execute("PRAGMA user_version").fetchone()[0] == 0:
                database.executescript(_SCHEMA + "PRAGMA user_version = 1;")
        except BaseException:
            database.close()
            raise
        return database

    def _begin_again(self) -> None:
        """Throw damaged notes away."""
        if self._database:
            self._database.close()
        self._database = None
        with contextlib.suppress(OSError, sqlite3.Error):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._file}{suffix}").unlink(missing_ok=True)
            self._database = self._open()


def now_ns() -> int:
    """Return the time that settled files are measured against."""
    return time.time_ns()
