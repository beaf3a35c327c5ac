"""The one file that imports mlflow: create the store, write runs, carry artifacts, register versions.

mlflow costs seconds to import, so it is imported on the first write and never on a read of a SQLite store. Its client
is used rather than its fluent API, because the fluent API keeps one active run per thread in the process, which is
where "run is already active" comes from.

MLflow creates its tables with a chain of migrations on first contact; four processes that do so at once crash each
other. Here the file is made under a lock beside its final place and renamed into it, so a store that exists is whole.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.contract.status import RunState
from workbench.experiment.store.rows import STATE_TAG
from workbench.foundation.errors import (
    ConflictError,
    NotFoundError,
    StorageError,
    UnavailableError,
    UsageError,
    WorkbenchError,
    did_you_mean,
    storage_errors,
)
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_SQLITE = "sqlite:///"
_MAX_BATCH = 100
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


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


def tracking_client(project: Project) -> Any:
    """Return MLflow's client for the project's store, which exists afterwards.

    Raises:
        StorageError: ``tracking-outdated``: the store was written by another version of MLflow.
    """
    ensure_store(project)
    with tracking_errors(project):
        return _client(project.tracking_uri)


def start_run(
    project: Project,
    *,
    name: str = "",
    source: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Begin a run in the project's experiment and return its id.

    Args:
        project: The project.
        name: Run name; empty lets MLflow invent one.
        source: Notebook it comes from, relative to the project.
        params: Parameters to log at once.
        tags: Tags beside ``workbench.actor`` and ``workbench.source``.
    """
    project.journal.head()  # a journal that is damaged refuses before MLflow has a run that nobody would end
    client = tracking_client(project)
    all_tags = {
        "mlflow.user": project.actor,
        "mlflow.source.name": source,
        "mlflow.source.type": "NOTEBOOK" if source.endswith(".ipynb") else "LOCAL",
        "workbench.actor": project.actor,
        "workbench.source": source,
        **(tags or {}),
    }
    with tracking_errors(project):
        experiment = _experiment_id(client, project)
        created = client.create_run(experiment, tags={k: v for k, v in all_tags.items() if v}, run_name=name or None)
    run: str = created.info.run_id
    if params:
        log_params(project, run, params)
    with project.journal.transaction() as transaction:
        transaction.append("run.started", f"run:{run}", {"source": source, "job": all_tags.get("workbench.job", "")})
    return run


def finish_run(project: Project, run: str, state: str, error: str = "") -> bool:
    """End a run once; a second end, from here or from another process, changes nothing.

    A run that was taken for lost may still come back and end well: LOST is the one end that can be replaced. An end
    that plain mlflow wrote (``with mlflow.start_run()`` in a notebook that goes on, and may fail) is replaced too.

    Args:
        project: The project.
        run: Its id.
        state: FINISHED, FAILED, KILLED or LOST; MLflow, which lacks the last, holds it as KILLED.
        error: ``ename: evalue`` of what failed it.

    Returns:
        Whether this call ended it.
    """
    word = RunState(state)
    client = tracking_client(project)
    with hold_lock(project.state_dir / "leases" / ".ending", timeout_s=60), tracking_errors(project):
        now = client.get_run(run)
        was_lost = now.data.tags.get(STATE_TAG) == RunState.LOST
        is_ended = now.info.status not in ("RUNNING", "SCHEDULED") and _is_end_known(project, run)
        if is_ended and not (was_lost and word is not RunState.LOST):
            return False
        if error:
            client.set_tag(run, "workbench.error", error[:5000])
        if word is RunState.LOST:
            client.set_tag(run, STATE_TAG, word.value)
        elif was_lost:
            client.delete_tag(run, STATE_TAG)
        client.set_terminated(run, "KILLED" if word is RunState.LOST else word.value)
        duration_s = max(0.0, time.time() - now.info.start_time / 1000)
        with project.journal.transaction() as transaction:
            data = {"state": word.value, "duration_s": round(duration_s, 3)}
            transaction.append("run.ended", f"run:{run}", data)
    return True


def _is_end_known(project: Project, run: str) -> bool:
    """Tell whether the journal has the end of a run, so that it was one of us who ended it."""
    return bool(project.journal.events(kind="run.ended", subject=f"run:{run}", limit=1))


def leave_fluent_run(project: Project, run: str) -> None:
    """Make MLflow's fluent API forget a run that plain ``mlflow.log_metric`` has joined; imports nothing.

    MLflow writes FINISHED as it forgets; :func:`finish_run` then writes what is true.
    """
    mlflow = sys.modules.get("mlflow")
    active = mlflow.active_run() if mlflow else None
    if mlflow and active and active.info.run_id == run:
        with tracking_errors(project):
            mlflow.end_run()


def write_mlmodel(onnx_model: Any, folder: Path, width: int) -> None:
    """Write an MLflow model folder around an ONNX model; requirements are given, since inferring them costs seconds.

    The signature is one unnamed float64 tensor: that is what JSON becomes, MLflow's ONNX flavour casts it to float32,
    and with named columns it would flatten the probabilities, which have two dimensions.
    """
    _quiet_mlflow()
    from importlib.metadata import version

    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.onnx import save_model
    from mlflow.types import Schema, TensorSpec

    save_model(
        onnx_model,
        str(folder),
        signature=ModelSignature(inputs=Schema([TensorSpec(np.dtype("float64"), (-1, width))])),
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "onnx", "onnxruntime")],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def log_params(project: Project, run: str, params: Mapping[str, Any]) -> None:
    """Record parameters; a parameter keeps its first value.

    Raises:
        UsageError: ``param-changed``: it was logged with another value before.
    """
    client = tracking_client(project)
    from mlflow.entities import Param

    with tracking_errors(project):
        for batch in _batches([Param(key, str(value)) for key, value in params.items()]):
            client.log_batch(run, params=batch)


def log_metrics(project: Project, run: str, metrics: Mapping[str, float], step: int | None = None) -> None:
    """Record metric values at one step, 0 where none is given.

    Raises:
        UsageError: ``metric-not-a-number``.
    """
    client = tracking_client(project)
    from mlflow.entities import Metric

    at_ms = int(time.time() * 1000)
    values = [Metric(key, _number(key, value), at_ms, step or 0) for key, value in metrics.items()]
    with tracking_errors(project):
        for batch in _batches(values):
            client.log_batch(run, metrics=batch)


def set_tags(project: Project, run: str, tags: Mapping[str, str]) -> None:
    """Set tags; an older value is replaced."""
    client = tracking_client(project)
    from mlflow.entities import RunTag

    with tracking_errors(project):
        for batch in _batches([RunTag(key, value) for key, value in tags.items()]):
            client.log_batch(run, tags=batch)


def log_artifacts(project: Project, run: str, folder: Path, artifact_path: str) -> None:
    """Copy the files of a folder into the run's artifacts, below ``artifact_path``."""
    client = tracking_client(project)
    with tracking_errors(project), storage_errors(folder):
        client.log_artifacts(run, str(folder), artifact_path)


def download_model(project: Project, run: str, name: str, folder: Path) -> Path:
    """Copy a run's model folder to below ``folder`` and return where it lies.

    Raises:
        NotFoundError: ``model-unknown``: the run has no such model.
    """
    client = tracking_client(project)
    with tracking_errors(project), storage_errors(folder):
        models = [Path(entry.path).name for entry in client.list_artifacts(run, "models")]
        if name not in models:
            raise NotFoundError("model-unknown", f"Run {run} has no model '{name}'", did_you_mean(name, models))
        folder.mkdir(parents=True, exist_ok=True)
        return Path(client.download_artifacts(run, f"models/{name}", str(folder)))


def register_version(project: Project, run: str, model: str) -> str:
    """Register a run's model in MLflow's registry and return its version; the same run gives the same version.

    Raises:
        NotFoundError: ``run-unknown``.
    """
    client = tracking_client(project)
    with tracking_errors(project), hold_lock(project.state_dir / "leases" / ".registering"):
        source = f"{client.get_run(run).info.artifact_uri}/models/{model}"
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        for known in client.search_model_versions(f"name = '{model}' and run_id = '{run}'"):
            return str(known.version)
        return str(client.create_model_version(model, source, run_id=run).version)


def set_alias(project: Project, model: str, alias: str, version: str) -> None:
    """Point an alias of the registry at a version."""
    client = tracking_client(project)
    with tracking_errors(project):
        client.set_registered_model_alias(model, alias, version)


@contextmanager
def tracking_errors(project: Project) -> Iterator[None]:
    """Turn MLflow's one exception into the family that says what to do.

    Raises:
        WorkbenchError: ``run-unknown``, ``param-changed``, ``tracking-refused``, ``tracking-locked``,
            ``tracking-outdated``, ``disk-full``, ``folder-not-writable`` or ``tracking-unavailable``.
    """
    _quiet_mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        raise _translated(project, error.message, error.error_code) from error
    except SQLAlchemyError as error:
        raise _translated(project, str(error), "") from error


def _translated(project: Project, message: str, code: str) -> WorkbenchError:
    uri, first = project.tracking_uri, message.strip().split("\n", 1)[0]
    if "database is locked" in message:
        return StorageError("tracking-locked", f"{uri} stayed locked", "another process writes; repeat")
    if "disk is full" in message or "disk full" in message:
        return StorageError("disk-full", f"No space left to write {uri}", "free some space, then repeat")
    if "readonly database" in message or "unable to open database" in message:
        return StorageError("folder-not-writable", f"Cannot write {uri}", f"ls -ld '{project.state_dir}'")
    if "out-of-date database schema" in message or "Can't locate revision" in message:
        hint = f"copy the file, then: mlflow db upgrade '{uri}'"
        return StorageError("tracking-outdated", f"{uri} was written by another version of MLflow", hint)
    if "is not a database" in message or "malformed" in message:
        return StorageError("tracking-unreadable", f"{uri} is damaged or no database", "restore it from a backup")
    if "Changing param values is not allowed" in message:
        return UsageError("param-changed", first, "start another run for other parameters: with workbench.run(): …")
    if message.startswith("Registered Model"):
        return NotFoundError("model-unknown", first, "register it first: mlops review request <model>")
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFoundError("run-unknown", first, "see which there are: mlops runs")
    if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"):
        return UsageError("tracking-refused", f"MLflow refused it: {first}", "change the name or the value")
    return UnavailableError("tracking-unavailable", f"MLflow at {uri} failed: {first}", "mlops doctor")


@lru_cache(maxsize=8)
def _client(uri: str) -> Any:
    return _quiet_mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)


def _quiet_mlflow() -> Any:
    """Import mlflow without telemetry, migration logs and links with emoji."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in ("alembic", "mlflow.store.db.utils", "mlflow.utils.environment"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _create_store(path: Path, experiment: str) -> None:
    _quiet_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    new = path.with_name(f"{path.name}.new")
    _discard(new)
    artifacts = path.parent / "artifacts"
    with storage_errors(path):
        store = SqlAlchemyStore(f"{_SQLITE}{new}", str(artifacts))
        store.create_experiment(experiment, artifact_location=str(artifacts))
        store.engine.dispose()
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


def _experiment_id(client: Any, project: Project) -> str:
    name = project.config.project.name
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        path = sqlite_path(project)
        with hold_lock(project.state_dir / "leases" / ".registering"):
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                where = str(path.parent / "artifacts") if path else None
                return str(client.create_experiment(name, artifact_location=where))
    if experiment.lifecycle_stage != "active":
        number = experiment.experiment_id
        hint = f"mlflow experiments restore --experiment-id {number}"
        raise ConflictError("experiment-deleted", f"Experiment '{name}' was deleted in MLflow", hint)
    return str(experiment.experiment_id)


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _MAX_BATCH):
        yield values[start : start + _MAX_BATCH]


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        hint = f"log it as a parameter: workbench.log_params({key}=…)"
        raise UsageError("metric-not-a-number", f"Metric '{key}' is {value!r}, not a number", hint) from None
