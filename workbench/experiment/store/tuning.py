"""Make an MLflow database fast and safe to share, without touching its schema: WAL, and statistics that are kept fresh.

MLflow leaves SQLite's rollback journal, where every reader waits for every writer, and never runs ``ANALYZE``, so that
sqlite plans the top 100 of 10,000 runs by metric in seconds instead of a tenth of one. Both are mended in place and
while others use the file; ``mlops doctor`` says where they are missing and ``mlops store tune`` mends them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from workbench.contract.store import TunedStore
from workbench.experiment.store.connections import BUSY_S
from workbench.foundation.errors import NotFoundError, StorageError, UsageError
from workbench.foundation.project import Project

_ANALYZE = "PRAGMA analysis_limit = 400; ANALYZE"
_WATCHED = ("runs", "metrics")
_WORTH_IT = 32
"""Rows below which sqlite needs no statistics."""
_GROWTH = 4
"""How many times larger the tables may be than the statistics tell, which with a limit are right to a factor of two."""
_MAX_DEPTH = 3
_WAIT_S, _PAUSE_S = 20.0, 0.003
_SKIPPED = frozenset(("node_modules", "__pycache__", "site-packages", "mlartifacts", "mlruns"))


@dataclass(frozen=True)
class StoreHealth:
    """What is known of an MLflow database file.

    Attributes:
        revision: MLflow's schema revision.
        journal_mode: SQLite's word: ``wal`` is the good one.
        is_fresh: Whether sqlite's statistics tell of tables as large as they are.
        runs: How many runs it holds, deleted ones too.
    """

    revision: str
    journal_mode: str
    is_fresh: bool
    runs: int


def keep_fresh(path: Path) -> bool:
    """Renew sqlite's statistics where the runs or metrics have outgrown them; never raises.

    The last size is what the statistics themselves tell (``sqlite_stat1``); the present one is the largest rowid,
    which costs no scan. With ``analysis_limit`` the renewal takes 0.09 s at 10,000 runs.

    Returns:
        Whether they were renewed.
    """
    try:
        connection = _connect(path, timeout_s=5)
        try:
            if _is_fresh(connection):
                return False
            connection.executescript(_ANALYZE)
            return True
        finally:
            connection.close()
    except sqlite3.Error:  # busy, read-only or full: the next run's end tries again
        return False


def store_health(path: Path) -> StoreHealth:
    """Look at an MLflow database, without changing it.

    Raises:
        UsageError: ``not-an-mlflow-store``.
        StorageError: ``tracking-unreadable`` or ``tracking-locked``.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_S)
        try:
            return _health(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _failed(path, error) from error


def find_stores(project: Project) -> tuple[Path, ...]:
    """Return every ``mlflow.db`` among the project's own files, such as plain MLflow leaves beside notebooks."""
    return tuple(sorted(_databases(project.root, _MAX_DEPTH)))


def tune_store(project: Project, path: str = "") -> TunedStore:
    """Make an MLflow database fast and safe to share: WAL, and statistics for sqlite; safe while others use it.

    Its tables and indexes stay MLflow's own, so that every MLflow goes on reading and upgrading it.

    In the project's own store, what dead processes have logged and MLflow does not have yet is delivered too.

    Args:
        project: The project.
        path: The database file; the project's own where empty.

    Raises:
        NotFoundError: ``store-missing``.
        UsageError: ``not-an-mlflow-store``.
        StorageError: ``tracking-locked``, ``tracking-unreadable`` or ``folder-not-writable``.
    """
    file = _file(project, path)
    before = store_health(file)
    begun, done = time.monotonic(), []
    try:
        connection = _connect(file, timeout_s=BUSY_S)
        try:
            if before.journal_mode != "wal":
                _use_wal(connection, file)
                done.append(f"journal mode {before.journal_mode} → wal")
            if not before.is_fresh:
                connection.executescript(_ANALYZE)
                done.append("statistics renewed")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _failed(file, error) from error
    if not path:
        done.extend(_deliver(project))
    after = store_health(file)
    return TunedStore(
        path=str(file),
        revision=after.revision,
        runs=after.runs,
        journal_mode=after.journal_mode,
        is_analyzed=after.is_fresh,
        changes=tuple(done),
        duration_s=round(time.monotonic() - begun, 3),
    )


def _use_wal(connection: sqlite3.Connection, file: Path) -> None:
    """Switch to WAL, which takes a moment in which nobody else uses the file; sqlite does not wait for it by itself."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            break
    if mode != "wal":
        message = f"{file} stays in mode '{mode}': its file system has no shared memory"
        raise StorageError("tracking-locked", message, "move it to a local disk")


def _deliver(project: Project) -> list[str]:
    from workbench.experiment.store.delivery import drain_orphans, undelivered  # delivery writes through tracking

    before = undelivered(project)
    drain_orphans(project)
    delivered = before.keys() - undelivered(project).keys()
    return [f"values of {len(delivered)} runs delivered"] if delivered else []


def _file(project: Project, path: str) -> Path:
    from workbench.experiment.store.creation import sqlite_path  # tracking keeps stores fresh

    file = (Path(path) if Path(path).is_absolute() else Path.cwd() / path) if path else sqlite_path(project)
    if file is None:
        raise UsageError(
            "not-an-mlflow-store", "The project's runs lie on a server", "name a file: mlops store tune <path>"
        )
    if path and not file.is_file() and (project.root / path).is_file():
        file = project.root / path
    if not file.is_file():
        raise NotFoundError("store-missing", f"There is no database {file}", "see which there are: mlops doctor")
    return file


def _failed(file: Path, error: sqlite3.Error) -> StorageError:
    if "locked" in str(error):
        hint = f"see who does, wait for its end, then repeat: lsof '{file}'"
        return StorageError("tracking-locked", f"{file} stayed locked: somebody writes to it", hint)
    if "readonly" in str(error) or "unable to open" in str(error):
        return StorageError("folder-not-writable", f"Cannot write {file}", f"ls -ld '{file.parent}'")
    if "full" in str(error):
        return StorageError("disk-full", f"No space left to write {file}", "free some space, then repeat")
    return StorageError("tracking-unreadable", f"{file}: {error}", "restore it from a backup where it is damaged")


def _health(connection: sqlite3.Connection, path: Path) -> StoreHealth:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"alembic_version", *_WATCHED} <= tables:
        raise UsageError("not-an-mlflow-store", f"{path} is no MLflow database", "name one: mlops store tune <path>")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    return StoreHealth(revision[0] if revision else "", mode, _is_fresh(connection), runs)


def _is_fresh(connection: sqlite3.Connection) -> bool:
    has_any = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
    for table in _WATCHED:
        (rows,) = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()  # noqa: S608 - our names
        query = "SELECT stat FROM sqlite_stat1 WHERE tbl = ? LIMIT 1"
        stat = connection.execute(query, (table,)).fetchone() if has_any else None
        known = int(stat[0].split(" ")[0]) if stat else 0
        if rows >= max(_WORTH_IT, _GROWTH * known):
            return False
    return True


def _connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=timeout_s, isolation_level=None)


def _databases(folder: Path, depth: int) -> Iterable[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name == "mlflow.db" and entry.is_file():
            yield entry
        elif depth and entry.is_dir() and not _is_skipped(entry):
            yield from _databases(entry, depth - 1)


def _is_skipped(folder: Path) -> bool:
    return folder.is_symlink() or folder.name.startswith(".") or folder.name in _SKIPPED
