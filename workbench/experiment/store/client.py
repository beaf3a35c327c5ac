"""MLflow's own client for the project's store: for whatever SQL of ours does not do.

Not its fluent API, which keeps one active run per thread in the process: that is where "run is already active" comes
from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from workbench.experiment.store import delivery
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.mlflow_import import import_mlflow
from workbench.experiment.store.refusals import translated
from workbench.foundation.errors import ConflictError
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project


def tracking_client(project: Project) -> Any:
    """Return MLflow's client for the project's store, which exists afterwards.

    Raises:
        StorageError: ``tracking-outdated``: the store was written by another version of MLflow.
    """
    delivery.catch_up()
    return open_client(project)


def open_client(project: Project) -> Any:
    """Return the client without delivering first what this process has logged: for delivery itself."""
    ensure_store(project)
    with tracking_errors(project):
        return _client(project.tracking_uri)


def is_our_client(project: Project, tracking_service: Any) -> bool:
    """Tell whether a client inside mlflow is the one that we write with, so that nobody diverts it into our own log."""
    return _client.cache_info().currsize > 0 and _client(project.tracking_uri)._tracking_client is tracking_service


def experiment_id(project: Project) -> str:
    """Return the id of the project's experiment, which exists afterwards.

    Raises:
        ConflictError: ``experiment-deleted``.
    """
    client = tracking_client(project)
    with tracking_errors(project):
        return _experiment_id(client, project)


@contextmanager
def tracking_errors(project: Project) -> Iterator[None]:
    """Turn MLflow's one exception into the family that says what to do.

    Raises:
        WorkbenchError: ``run-unknown``, ``param-changed``, ``tracking-refused``, ``tracking-locked``,
            ``tracking-outdated``, ``disk-full``, ``folder-not-writable`` or ``tracking-unavailable``.
    """
    import_mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        raise translated(project, error.message, error.error_code) from error
    except SQLAlchemyError as error:
        raise translated(project, str(error)) from error


@lru_cache(maxsize=8)
def _client(uri: str) -> Any:
    return import_mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)


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
