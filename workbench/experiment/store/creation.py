"""Where the project's MLflow store lies, and making it where it is missing.

MLflow creates its tables with a chain of migrations on first contact; four processes that do so at once crash each
other. Here the file is made under a lock beside its final place, from a prepared schema, and renamed into it, so a
store that exists is whole.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from workbench.experiment.store.mlflow_import import import_mlflow
from workbench.experiment.store.schema import fill_from_schema, prepared_schema
from workbench.foundation.errors import storage_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_SQLITE = "sqlite:///"


def sqlite_path(project: Project) -> Path | None:
    """Return MLflow's SQLite file, or None where the runs lie elsewhere."""
    uri = project.tracking_uri
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def ensure_store(project: Project) -> None:
    """Create MLflow's SQLite store where it is missing; safe from any number of processes at once.

    Args:
        project: The project; a store that is not SQLite is somebody else's to create.

    Raises:
        StorageError: The folder is not writable, the disk is full, or the file is no database.
    """
    path = sqlite_path(project)
    if path is None or path.is_file():
        return
    with hold_lock(path.with_name(f"{path.name}.lock"), timeout_s=300):
        if not path.is_file():
            _create_store(path, project.config.project.name)


def migrate_store(path: Path, experiment: str, artifacts: str) -> None:
    """Make a store as MLflow itself does, by all its migrations; seconds.

    Args:
        path: The file; it does not exist yet.
        experiment: Name of the project's experiment.
        artifacts: Where its runs keep their artifacts.
    """
    import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{_SQLITE}{path}", artifacts)
    if experiment != "Default":
        store.create_experiment(experiment, artifact_location=artifacts)
    store.engine.dispose()


def _create_store(path: Path, experiment: str) -> None:
    new = path.with_name(f"{path.name}.new")
    _discard(new)
    artifacts = str(path.parent / "artifacts")
    with storage_errors(path):
        schema = prepared_schema()
        if not (schema and fill_from_schema(new, schema, experiment, artifacts)):
            migrate_store(new, experiment, artifacts)
        connection = sqlite3.connect(new)
        try:
            # Readers never wait for writers; the mode is kept in the file. (https://sqlite.org/wal.html)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        new.replace(path)


def _discard(new: Path) -> None:
    """Remove what a creation that was killed has left."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
