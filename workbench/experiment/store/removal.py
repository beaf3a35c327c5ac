"""Take tags off a run, delete it, bring it back.

By SQL where the store is one that :mod:`~workbench.experiment.store.writer_sql` may write, so that a star costs
milliseconds and no import of mlflow; through MLflow's client elsewhere. Both leave what MLflow itself would leave.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.connections import writing
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.refusals import translated
from workbench.experiment.store.writer_sql import SqlWriter
from workbench.foundation.errors import storage_errors
from workbench.foundation.project import Project


def remove_tags(project: Project, run: str, keys: tuple[str, ...]) -> None:
    """Remove tags of a run; one that is not there is no error."""
    path = _writable(project)
    if path:
        with _writing(project, path) as connection:
            connection.executemany("DELETE FROM tags WHERE run_uuid = ? AND key = ?", [(run, key) for key in keys])
        return
    client = tracking_client(project)
    with tracking_errors(project):
        there = client.get_run(run).data.tags
        for key in keys:
            if key in there:
                client.delete_tag(run, key)


def set_deleted(project: Project, run: str, *, is_deleted: bool) -> None:
    """Move a run to MLflow's deleted runs, or back; repeating it changes nothing."""
    path = _writable(project)
    if path:
        stage, now = ("deleted", int(time.time() * 1000)) if is_deleted else ("active", None)
        with _writing(project, path) as connection:
            connection.execute(
                "UPDATE runs SET lifecycle_stage = ?1, deleted_time = ?2 WHERE run_uuid = ?3 AND lifecycle_stage != ?1",
                (stage, now, run),
            )
        return
    client = tracking_client(project)
    with tracking_errors(project):
        is_now_deleted = client.get_run(run).info.lifecycle_stage == "deleted"
        if is_now_deleted != is_deleted:
            (client.delete_run if is_deleted else client.restore_run)(run)


def _writable(project: Project) -> Path | None:
    ensure_store(project)
    path = sqlite_path(project)
    return path if path and SqlWriter(path).can_write() else None


@contextmanager
def _writing(project: Project, path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with storage_errors(path), writing(path) as connection:
            yield connection
    except (sqlite3.Error, FileNotFoundError) as error:
        raise translated(project, str(error)) from error
