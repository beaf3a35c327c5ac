"""Notice commits of other connections to a SQLite file for a few microseconds a look.

``PRAGMA data_version`` on an open connection changes if, and only if, somebody else committed. File times are no
substitute: readers of a WAL database create and remove its side files, and a panel woken by them reads again, and so
on for ever.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from workbench.foundation.log_hold import LogHold


class CommitWatch:
    """Tell whether a SQLite file was committed to since the last look.

    Belongs to one thread. The file may appear, vanish or be replaced at any time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._hold: LogHold | None = None
        self._identity: tuple[int, int] | None = None
        self._version = -1

    def has_changed(self) -> bool:
        """Tell whether something was committed, or the file came, went or was replaced, since the last call."""
        identity = _identity(self._path)
        if identity != self._identity:
            self.close()
            self._identity = identity
            if identity is not None:
                self._version = self._read_version()
            return True
        if identity is None:
            return False
        version = self._read_version()
        has_changed = version != self._version
        self._version = version
        return has_changed

    def query(self, statement: str, parameters: tuple[int, ...]) -> list[tuple[object, ...]]:
        """Return the rows of a SELECT; none where there is no such file or table yet, or it is locked just now."""
        try:
            return self._open().execute(statement, parameters).fetchall() if self._identity else []
        except sqlite3.OperationalError:
            self._version = -1  # look again next time
            return []

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._hold = None  # after the connection: it closes files

    def _read_version(self) -> int:
        try:
            (version,) = self._open().execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError:
            return -1  # locked by a writer, or being created: unequal to whatever comes next
        return int(version)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # timeout=0: a look never waits for a writer. It is made and used by the watching thread alone.
            connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
            if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                with contextlib.suppress(FileNotFoundError):  # it vanished: the next look notices
                    self._hold = LogHold(self._path)
            self._connection = connection
        return self._connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
