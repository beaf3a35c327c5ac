"""Connections to SQLite files, one per thread and file, kept open, since opening one and reading its schema costs 1 ms.

A connection is thrown away when another file has taken the place of its own (a backup was put back) and is never used
in a forked child, which SQLite forbids.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from workbench.foundation.errors import storage_errors
from workbench.foundation.log_hold import LogHold

BUSY_S = 60.0
"""How long a writer waits for others. MLflow's own clients wait 20 s."""

_local = threading.local()
_holds: dict[Path, LogHold] = {}
"""For the life of the process: MLflow's own connections to a file may outlive ours."""


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the one write transaction of a file inside the block; it commits unless the block raises.

    ``BEGIN IMMEDIATE`` takes the lock at once and waits for it. A transaction that reads first and writes later would
    be refused with "database is locked", without waiting, as soon as another has written in between.

    Raises:
        sqlite3.Error: Whatever SQLite says; the file is as before.
    """
    connection = _connection(path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold one read transaction inside the block, so that all queries see the same moment."""
    connection = _connection(path)
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _connection(path: Path) -> sqlite3.Connection:
    known: dict[Path, tuple[tuple[int, int, int], sqlite3.Connection]] = _local.__dict__.setdefault("known", {})
    stat = path.stat()
    identity = (os.getpid(), stat.st_dev, stat.st_ino)
    found = known.get(path)
    if found and found[0] == identity:
        return found[1]
    if found and found[0][0] == os.getpid():
        found[1].close()
    # mode=rw: SQLite must not make an empty file where the store was removed.
    uri = f"file:{quote(str(path))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        with storage_errors(path):
            _holds[path] = LogHold(path)
    known[path] = (identity, connection)
    return connection
