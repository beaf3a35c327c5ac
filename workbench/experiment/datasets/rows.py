"""Write which dataset a run has used into MLflow's tables ``datasets``, ``inputs`` and ``input_tags``.

By SQL, in one transaction, where the store is SQLite of the revision that the writer knows; by MLflow's client
elsewhere. A contract test compares the rows. A dataset is one row per experiment, name and digest, however many runs
use it.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.connections import writing
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.refusals import run_deleted, run_unknown, translated
from workbench.experiment.store.writer_sql import SqlWriter
from workbench.foundation.errors import storage_errors
from workbench.foundation.project import Project

CONTEXT_TAG = "mlflow.data.context"


@dataclass(frozen=True)
class DatasetRow:
    """A dataset as MLflow keeps it.

    Attributes:
        name: At most 500 characters.
        digest: At most 36 characters.
        source_type: MLflow's word: ``code``, ``local``.
        source: JSON that the type explains.
        schema: JSON; None where there is none.
        profile: JSON with the number of rows.
        tags: Of this use of it: its context, its dataset version.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None
    tags: dict[str, str]


def log_dataset_row(project: Project, run: str, row: DatasetRow) -> None:
    """Record that a run has used a dataset; recording it again changes nothing.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``tracking-refused``: the run was deleted.
        StorageError: The store cannot be written.
    """
    ensure_store(project)
    path = sqlite_path(project)
    if path is None or not SqlWriter(path).can_write():
        _by_client(project, run, row)
        return
    try:
        with storage_errors(project.state_dir):
            _by_sql(path, run, row)
    except sqlite3.Error as error:
        raise translated(project, str(error)) from error


def _by_sql(path: Path, run: str, row: DatasetRow) -> None:
    with writing(path) as connection:
        found = connection.execute(
            "SELECT experiment_id, lifecycle_stage FROM runs WHERE run_uuid = ?", (run,)
        ).fetchone()
        if found is None:
            raise run_unknown(run)
        if found[1] != "active":
            raise run_deleted(run)
        connection.execute(
            "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source,"
            " dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (uuid.uuid4().hex, found[0], row.name, row.digest, row.source_type, row.source, row.schema, row.profile),
        )
        query = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
        dataset = connection.execute(query, (found[0], row.name, row.digest)).fetchone()[0]
        edge = uuid.uuid4().hex
        done = connection.execute(
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)"
            " VALUES (?, 'DATASET', ?, 'RUN', ?) ON CONFLICT DO NOTHING",
            (edge, dataset, run),
        )
        if done.rowcount:
            tags = [(edge, key, value) for key, value in row.tags.items()]
            connection.executemany("INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)", tags)


def _by_client(project: Project, run: str, row: DatasetRow) -> None:
    client = tracking_client(project)
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(row.name, row.digest, row.source_type, row.source, row.schema, row.profile)
    tags = [InputTag(key, value) for key, value in row.tags.items()]
    with tracking_errors(project):
        client.log_inputs(run, [DatasetInput(dataset, tags)])
