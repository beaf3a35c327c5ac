"""Runs, written: begun, given parameters, metrics, tags and artifacts, and ended once.

Where the store is a SQLite file of the installed MLflow's own revision, that is done by SQL
(:mod:`~workbench.experiment.store.writer_sql`) and mlflow, which costs seconds to import, is not imported for it. Any
other store goes through MLflow's client (:mod:`~workbench.experiment.store.client`), with the same rows.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.contract.status import RunState
from workbench.experiment.store import delivery
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.client import experiment_id, open_client, tracking_client, tracking_errors
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.refusals import number, translated
from workbench.experiment.store.rows import STATE_TAG
from workbench.experiment.store.tuning import keep_fresh
from workbench.experiment.store.writer_sql import MetricValue, SqlWriter, UnknownStoreError
from workbench.foundation.errors import storage_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_MAX_BATCH = 100
_MAX_METRICS = 1000


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
    all_tags = {
        "mlflow.user": project.actor,
        "mlflow.source.name": source,
        "mlflow.source.type": "NOTEBOOK" if source.endswith(".ipynb") else "LOCAL",
        "workbench.actor": project.actor,
        "workbench.source": source,
        **(tags or {}),
    }
    all_tags = {key: value for key, value in all_tags.items() if value}
    texts = {key: str(value) for key, value in (params or {}).items()}
    run = _start_by_sql(project, name, all_tags, texts) or _start_by_client(project, name, all_tags, texts)
    with project.journal.transaction() as transaction:
        transaction.append("run.started", f"run:{run}", {"source": source, "job": all_tags.get("workbench.job", "")})
    _announce(project)
    return run


def _start_by_sql(project: Project, name: str, tags: dict[str, str], params: dict[str, str]) -> str:
    """Return the new run's id; empty where only the client can begin one."""
    writer = _writer(project)
    if writer is None:
        return ""
    try:
        with _sql_errors(project):
            artifacts = str(writer.path.parent / "artifacts")
            return writer.start_run(project.config.project.name, artifacts, name=name, tags=tags, params=params)
    except UnknownStoreError:
        return ""


def _start_by_client(project: Project, name: str, tags: dict[str, str], params: dict[str, str]) -> str:
    client = tracking_client(project)
    with tracking_errors(project):
        created = client.create_run(experiment_id(project), tags=tags, run_name=name or None)
    run: str = created.info.run_id
    if params:
        log_params(project, run, params)
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
    delivery.drain(project, run, close=True)
    with hold_lock(project.state_dir / "leases" / ".ending", timeout_s=60):
        writer = _writer(project)
        status, started_ms, tags = _state_by_client(project, run) if writer is None else _state_by_sql(project, run)
        was_lost = tags.get(STATE_TAG) == RunState.LOST
        is_ended = status not in ("RUNNING", "SCHEDULED") and _is_end_known(project, run)
        if is_ended and not (was_lost and word is not RunState.LOST):
            return False
        new = {"workbench.error": error[:5000]} if error else {}
        if word is RunState.LOST:
            new[STATE_TAG] = word.value
        drop = STATE_TAG if was_lost and word is not RunState.LOST else ""
        held = "KILLED" if word is RunState.LOST else word.value
        if writer is None:
            _end_by_client(project, run, held, new, drop)
        else:
            with _sql_errors(project):
                writer.end_run(run, held, tags=new, drop_tag=drop)
        duration_s = max(0.0, time.time() - started_ms / 1000)
        with project.journal.transaction() as transaction:
            data = {"state": word.value, "duration_s": round(duration_s, 3)}
            transaction.append("run.ended", f"run:{run}", data)
    if writer is not None:
        from workbench.experiment.store.indexes import ensure_indexes  # brings SQLAlchemy, which loading must not

        ensure_indexes(writer.path)
        keep_fresh(writer.path)
    _announce(project)
    return True


def _announce(project: Project) -> None:
    """Tell whoever follows lineage, where the project has set one; the run neither waits for it nor fails of it."""
    if project.config.lineage.openlineage:
        from workbench.experiment.lineage.delivery import announce

        announce(project)


def _state_by_sql(project: Project, run: str) -> tuple[str, int, dict[str, str]]:
    writer = _writer(project)
    assert writer is not None
    with _sql_errors(project):
        found = writer.state_of(run)
    return found.status, found.started_ms, found.tags


def _state_by_client(project: Project, run: str) -> tuple[str, int, dict[str, str]]:
    client = tracking_client(project)
    with tracking_errors(project):
        found = client.get_run(run)
    return found.info.status, found.info.start_time or 0, dict(found.data.tags)


def _end_by_client(project: Project, run: str, status: str, tags: Mapping[str, str], drop_tag: str) -> None:
    client = tracking_client(project)
    with tracking_errors(project):
        for key, value in tags.items():
            client.set_tag(run, key, value)
        if drop_tag:
            client.delete_tag(run, drop_tag)
        client.set_terminated(run, status)


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


def log_params(project: Project, run: str, params: Mapping[str, Any]) -> None:
    """Record parameters, at once and for good; a parameter keeps its first value.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``param-changed``: it was logged with another value before.
    """
    write_batch(project, run, params={key: str(value) for key, value in params.items()})


def log_metrics(project: Project, run: str, metrics: Mapping[str, float], step: int | None = None) -> None:
    """Record metric values at one step, 0 where none is given; returns when MLflow has them.

    Where that takes too long, in a training loop, :func:`~workbench.experiment.store.append_log.append` is for it.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``metric-not-a-number`` or ``tracking-refused``.
    """
    at_ms = int(time.time() * 1000)
    write_batch(
        project, run, metrics=[MetricValue(key, number(key, value), step or 0, at_ms) for key, value in metrics.items()]
    )


def set_tags(project: Project, run: str, tags: Mapping[str, str]) -> None:
    """Set tags; an older value is replaced."""
    write_batch(project, run, tags=tags)


def write_batch(
    project: Project,
    run: str,
    *,
    metrics: Sequence[MetricValue] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write metrics, parameters and tags of a run: in one transaction by SQL, in batches through the client.

    Writing the same again changes nothing, so a batch whose fate is unknown may be written again.

    Raises:
        WorkbenchError: As :func:`tracking_errors` says.
    """
    writer = _writer(project)
    if writer is not None:
        with _sql_errors(project):
            writer.log_batch(run, metrics=metrics, params=params, tags=tags)
        return
    client = open_client(project)  # not the one that delivers logs first: delivery itself comes through here
    from mlflow.entities import Metric, Param, RunTag

    values = [Metric(metric.key, metric.value, metric.at_ms, metric.step) for metric in metrics]
    with tracking_errors(project):
        for some_params in _batches([Param(key, value) for key, value in (params or {}).items()], _MAX_BATCH):
            client.log_batch(run, params=some_params)
        for some_values in _batches(values, _MAX_METRICS):
            client.log_batch(run, metrics=some_values)
        for some_tags in _batches([RunTag(key, value) for key, value in (tags or {}).items()], _MAX_BATCH):
            client.log_batch(run, tags=some_tags)


def log_artifacts(project: Project, run: str, folder: Path, artifact_path: str) -> None:
    """Copy the files of a folder into the run's artifacts, below ``artifact_path``.

    Where they lie in a folder of this machine, that is a plain copy, for which mlflow is not imported.
    """
    if (here := _artifact_folder(project, run)) is not None:
        with storage_errors(here):
            shutil.copytree(folder, here / artifact_path, dirs_exist_ok=True)
        return
    client = tracking_client(project)
    with tracking_errors(project), storage_errors(folder):
        client.log_artifacts(run, str(folder), artifact_path)


def _artifact_folder(project: Project, run: str) -> Path | None:
    """Return the folder of a run's artifacts; None where only MLflow's client can say or reach it."""
    writer = _writer(project)
    if writer is None:
        return None
    with _sql_errors(project):
        return local_folder(writer.artifact_uri(run))


@contextmanager
def _sql_errors(project: Project) -> Iterator[None]:
    """Turn what SQLite and the file system say into the same family as :func:`tracking_errors`, without mlflow."""
    try:
        with storage_errors(project.state_dir):
            yield
    except (sqlite3.Error, FileNotFoundError) as error:
        raise translated(project, str(error)) from error


def _writer(project: Project) -> SqlWriter | None:
    """Return the writer that needs no mlflow, or None where the store is not one that may be written by SQL."""
    ensure_store(project)
    path = sqlite_path(project)
    writer = SqlWriter(path) if path else None
    return writer if writer and writer.can_write() else None


def _batches(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
