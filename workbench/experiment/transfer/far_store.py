"""MLflow's file of another machine: what a job logged there, read without mlflow, and taken into the project's store.

Parameters, metrics and tags go the way of all that is logged, through a run's append log. What only MLflow's newer
tables have (datasets, logged models) is copied row by row where both files are of the same revision, so a model keeps
its id; elsewhere MLflow's client makes it anew and a tag names the original. Doing it again changes nothing.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.client import experiment_id, tracking_client, tracking_errors
from workbench.experiment.store.connections import writing
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.refusals import translated
from workbench.experiment.store.writer_sql import SqlWriter
from workbench.foundation.errors import IntegrityError, storage_errors
from workbench.foundation.project import Project

FAR_MODEL_TAG = "workbench.far_model"
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_PARENT = "mlflow.parentRunId"
_DATASETS = "datasets"
_MODEL_TABLES = ("logged_model_params", "logged_model_tags", "logged_model_metrics")


@dataclass(frozen=True)
class FarRun:
    """One run of the far machine.

    Attributes:
        id: Its id there.
        status: MLflow's word.
        tags: All tags.
        params: All parameters.
    """

    id: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]


class FarStore:
    """MLflow's SQLite file as it came back.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Its name in the job's folder."""
        return self._path.name

    def runs(self) -> tuple[FarRun, ...]:
        """Return all runs in the order of their making.

        Raises:
            IntegrityError: ``result-damaged``: it is no MLflow store, or is torn or half made; so for all that reads.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active' ORDER BY rowid"
            ).fetchall()
            return tuple(
                FarRun(str(run), str(status), _pairs(connection, "tags", run), _pairs(connection, "params", run))
                for run, status in rows
            )

    def metrics(self, run: str) -> Iterator[tuple[str, float, int, int]]:
        """Yield name, value, step and time of each value of a run."""
        with self._reading() as connection:
            query = "SELECT key, value, is_nan, step, timestamp FROM metrics WHERE run_uuid = ? ORDER BY rowid"
            for key, value, is_nan, step, at_ms in connection.execute(query, (run,)):
                yield str(key), float("nan") if is_nan else float(value), int(step), int(at_ms)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a whole table; nothing where this version of MLflow has none of that name."""
        with self._reading() as connection:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
            if known.fetchone() is None:
                return []
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - one of our own words
            names = [column[0] for column in cursor.description]
            if not all(name.isidentifier() for name in names):  # they become part of a statement
                raise ValueError(f"a column of {table} has no name of MLflow's")
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @property
    def revision(self) -> str:
        """Revision of its tables."""
        return str((self.rows("alembic_version") or [{"version_num": ""}])[0]["version_num"])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # The far side left no journal behind; a copy may stand where only reading is allowed.
        uri = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
        with _damage_of(self._path.name), closing(sqlite3.connect(uri, uri=True)) as connection:
            yield connection


def damaged_result(name: str, why: str) -> IntegrityError:
    """Return the refusal of something that a far job left: it will not be better the next time it is looked at."""
    hint = "fetch it again while the far machine has it: mlops fetch JOB"
    return IntegrityError("result-damaged", f"The result {name} cannot be taken in: {why}", hint)


@contextmanager
def _damage_of(name: str) -> Iterator[None]:
    """Say whatever is amiss with what was read: pages that SQLite cannot read, rows that no MLflow has written."""
    try:
        yield
    except (sqlite3.Error, LookupError, TypeError, ValueError, OverflowError) as error:
        raise damaged_result(name, f"{type(error).__name__}: {error}") from error


def own_run(runs: tuple[FarRun, ...]) -> str:
    """Return the run that is the job's own: the first that is no part of another; empty where there is none."""
    return next((run.id for run in runs if _PARENT not in run.tags), "")


def take_in_models(project: Project, far: FarStore, runs: Mapping[str, str], folders: Mapping[str, Path]) -> None:
    """Copy datasets and logged models of a far store into the project's.

    Args:
        project: The project.
        far: The store.
        runs: Run of the project by run of the far store.
        folders: Folder here with the artifacts of each logged model, by the model's id.

    Raises:
        IntegrityError: ``result-damaged``: the far store is not what MLflow writes.
        WorkbenchError: The store cannot be written.
    """
    datasets, models = far.rows(_DATASETS), far.rows("logged_models")
    if not (datasets or models):
        return
    ensure_store(project)
    path = sqlite_path(project)
    if path and SqlWriter(path).can_write() and _revision_of(path) == far.revision:
        _by_sql(project, path, far, runs, folders)
    else:
        _by_client(project, far, runs, folders)


def _by_sql(project: Project, path: Path, far: FarStore, runs: Mapping[str, str], folders: Mapping[str, Path]) -> None:
    try:
        with storage_errors(path), writing(path) as connection, _refused_rows(far):
            copy = _Copy(connection, far, runs)
            copy.take_datasets()
            copy.take_models()
            copy.take_links()
    except sqlite3.Error as error:
        raise translated(project, str(error)) from error
    here = local_folder(copy.location)
    if here is not None:
        with storage_errors(here):
            for model in copy.models & folders.keys():
                shutil.copytree(folders[model], here / "models" / model / "artifacts", dirs_exist_ok=True)
    elif folders:
        client = tracking_client(project)
        with tracking_errors(project):
            for model in copy.models & folders.keys():
                client.log_model_artifacts(model, str(folders[model]))


@contextmanager
def _refused_rows(far: FarStore) -> Iterator[None]:
    """Tell rows that no store would take from a store that takes none just now."""
    try:
        yield
    except (sqlite3.IntegrityError, LookupError, TypeError, ValueError) as error:
        raise damaged_result(far.name, f"{type(error).__name__}: {error}") from error
    except sqlite3.OperationalError as error:
        if "has no column named" not in str(error):
            raise
        raise damaged_result(far.name, str(error)) from error


class _Copy:
    """Copy rows of a far store into the project's, in one transaction.

    A notebook writes its store and may write any id into it: a row counts where its runs, datasets and models are the
    job's own, so that nothing is added to another's, and no file takes the place of another's.
    """

    def __init__(self, connection: sqlite3.Connection, far: FarStore, runs: Mapping[str, str]) -> None:
        self._connection, self._far, self._runs = connection, far, runs
        self._datasets: dict[str, str] = {}
        self.models: set[str] = set()
        self._number, location = connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments WHERE experiment_id ="
            " (SELECT experiment_id FROM runs WHERE run_uuid = ?)",
            (next(iter(runs.values())),),
        ).fetchone()
        self.location = str(location)

    def take_datasets(self) -> None:
        """Copy datasets and note the id that each has here; equal name and digest are one dataset to MLflow."""
        for row in self._far.rows(_DATASETS):
            self._insert(_DATASETS, {**row, "experiment_id": self._number})
            self._datasets[row["dataset_uuid"]] = self._connection.execute(
                "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
                (self._number, row["name"], row["digest"]),
            ).fetchone()[0]

    def take_models(self) -> None:
        """Copy logged models with what belongs to each."""
        for row in self._far.rows("logged_models"):
            model, source = (
                str(row["model_id"]),
                self._runs.get(row["source_run_id"]) or next(iter(self._runs.values())),
            )
            known = self._connection.execute("SELECT source_run_id FROM logged_models WHERE model_id = ?", (model,))
            if not _MODEL_ID.fullmatch(model) or any(owner not in self._runs.values() for (owner,) in known):
                raise damaged_result(self._far.name, f"'{model[:40]}' is no model that this job has made")
            self.models.add(model)
            place = f"{self.location}/models/{model}/artifacts"
            self._insert(
                "logged_models",
                {**row, "experiment_id": self._number, "artifact_location": place, "source_run_id": source},
            )
        for table in _MODEL_TABLES:
            for row in self._far.rows(table):
                if row["model_id"] not in self.models:
                    continue
                moved: dict[str, Any] = {
                    name: self._here(row[name]) for name in ("run_id", "dataset_uuid") if name in row
                }
                self._insert(table, {**row, **moved, "experiment_id": self._number})

    def take_links(self) -> None:
        """Copy which run read which dataset and made which model."""
        labels = self._far.rows("input_tags")
        for row in self._far.rows("inputs"):
            if not all(row[end] in self._own for end in ("source_id", "destination_id")):
                continue
            moved = {**row, **{end: self._here(row[end]) for end in ("source_id", "destination_id")}}
            self._insert("inputs", moved)
            key = ("source_type", "source_id", "destination_type", "destination_id")
            (own,) = self._connection.execute(
                f"SELECT input_uuid FROM inputs WHERE {' = ? AND '.join(key)} = ?",  # noqa: S608 - our own words
                tuple(moved[name] for name in key),
            ).fetchone()
            for label in labels:
                if label["input_uuid"] == row["input_uuid"]:
                    self._insert("input_tags", {**label, "input_uuid": own})

    @property
    def _own(self) -> set[str]:
        return {*self._runs, *self._datasets, *self.models}

    def _here(self, far_id: str) -> str:
        """Return the id that a run or dataset has here; a model keeps its own."""
        return self._runs.get(far_id) or self._datasets.get(far_id) or far_id

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        statement = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - of a known revision
        self._connection.execute(statement, tuple(row.values()))


def _by_client(project: Project, far: FarStore, runs: Mapping[str, str], folders: Mapping[str, Path]) -> None:
    client, number = tracking_client(project), experiment_id(project)
    with tracking_errors(project), _refused_rows(far):
        _datasets_by_client(client, far, runs)
        for row in far.rows("logged_models"):
            known = f"tags.`{FAR_MODEL_TAG}` = '{row['model_id']}'"
            if not client.search_logged_models([number], filter_string=known):
                _model_by_client(client, number, far, row, runs.get(row["source_run_id"], ""), folders)


def _datasets_by_client(client: Any, far: FarStore, runs: Mapping[str, str]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    datasets = {row["dataset_uuid"]: row for row in far.rows(_DATASETS)}
    labels = far.rows("input_tags")
    for link in far.rows("inputs"):
        row = datasets.get(link["source_id"])
        if row is None or link["destination_id"] not in runs:
            continue
        dataset = Dataset(
            name=row["name"],
            digest=row["digest"],
            source_type=row["dataset_source_type"],
            source=row["dataset_source"],
            schema=row["dataset_schema"],
            profile=row["dataset_profile"],
        )
        tags = [InputTag(each["name"], each["value"]) for each in labels if each["input_uuid"] == link["input_uuid"]]
        client.log_inputs(runs[link["destination_id"]], [DatasetInput(dataset, tags)])


def _model_by_client(  # noqa: PLR0917 - all that a model is
    client: Any, number: str, far: FarStore, row: Mapping[str, Any], run: str, folders: Mapping[str, Path]
) -> None:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    def of_model(table: str, key: str, value: str) -> dict[str, str]:
        return {each[key]: each[value] for each in far.rows(table) if each["model_id"] == row["model_id"]}

    tags = of_model("logged_model_tags", "tag_key", "tag_value")
    params = of_model("logged_model_params", "param_key", "param_value")
    made = client.create_logged_model(number, row["name"], run or None, tags, params, row["model_type"] or None)
    if row["model_id"] in folders:
        client.log_model_artifacts(made.model_id, str(folders[row["model_id"]]))
    if run:
        client.log_outputs(run, [LoggedModelOutput(made.model_id, 0)])
    words = {status.to_int(): status for status in LoggedModelStatus if status is not LoggedModelStatus.UNSPECIFIED}
    client.finalize_logged_model(made.model_id, words.get(row["status"], LoggedModelStatus.FAILED))
    client.set_logged_model_tags(made.model_id, {FAR_MODEL_TAG: row["model_id"]})


def _pairs(connection: sqlite3.Connection, table: str, run: str) -> dict[str, str]:
    query = f"SELECT key, value FROM {table} WHERE run_uuid = ?"  # noqa: S608 - one of our own words
    return {str(key): str(value or "") for key, value in connection.execute(query, (run,))}


def _revision_of(path: Path) -> str:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
