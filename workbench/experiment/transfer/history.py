"""A run as JSON, whole: every value of every metric with its time, and back into MLflow.

Goes through MLflow's client on both sides, so any store can give and any can take. Writing may be repeated: MLflow's
key of a metric is its whole row, a parameter keeps its value, an artifact is replaced by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.foundation.errors import UsageError, storage_errors
from workbench.foundation.project import Project

FROM_TAG = "workbench.imported_from"
WHOLE_TAG = "workbench.imported_at"
PARENT_TAG = "mlflow.parentRunId"
WAITING_PARENT_TAG = "workbench.imported_parent"
_BATCH = 100
_METRICS = 1_000
_DATASET = ("name", "digest", "source_type", "source", "schema", "profile")


def run_as_json(project: Project, run: str) -> dict[str, Any]:
    """Return everything that MLflow knows of a run, but the artifacts' bytes."""
    client = tracking_client(project)
    with tracking_errors(project):
        found = client.get_run(run)
        keys = sorted(found.data.metrics)
        metrics = [_point(point) for key in keys for point in client.get_metric_history(run, key)]
        inputs = found.inputs.dataset_inputs if found.inputs else []
    return {
        "id": run,
        "name": found.info.run_name or "",
        "status": found.info.status,
        "started_ms": found.info.start_time,
        "ended_ms": found.info.end_time,
        "tags": dict(sorted(found.data.tags.items())),
        "params": dict(sorted(found.data.params.items())),
        "metrics": sorted(metrics, key=repr),
        "inputs": [
            {
                "dataset": {name: getattr(each.dataset, name) for name in _DATASET},
                "tags": {tag.key: tag.value for tag in each.tags},
            }
            for each in inputs
        ],
    }


def artifacts_of(project: Project, run: str, uri: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield the relative path and a local file of each artifact, sorted; links are left out."""
    folder = local_folder(uri)
    if folder is None:
        client = tracking_client(project)
        scratch.mkdir(parents=True, exist_ok=True)
        with tracking_errors(project), storage_errors(scratch):
            folder = Path(client.download_artifacts(run, "", str(scratch)))
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    yield from sorted((path.relative_to(folder).as_posix(), path) for path in files)


def imported_runs(project: Project) -> dict[str, tuple[str, bool]]:
    """Return what was imported before: by original id the run's id here, and whether it is whole."""
    from workbench.experiment.runs import reader_of
    from workbench.experiment.search.expression import Field
    from workbench.experiment.search.parser import parse_query
    from workbench.experiment.store.rows import RunQuery

    fields = (Field("tags", FROM_TAG), Field("tags", WHOLE_TAG))
    found = {}
    for is_deleted in (True, False):
        asked = RunQuery(1, where=parse_query(f"tags.{FROM_TAG} != ''"), is_deleted=is_deleted)
        for run, origin, whole in reader_of(project).values(asked, fields):
            found[str(origin)] = (str(run), bool(whole))
    return found


def checked(record: Any) -> dict[str, Any]:
    """Return a run's JSON where it has the shape that :func:`run_as_json` gives.

    Raises:
        UsageError: ``archive-invalid``.
    """
    try:
        texts = [record["id"], record["name"], record["status"], *record["tags"].values(), *record["params"].values()]
        points = [(str(k), int(s), int(a), float(v)) for k, s, a, v in record["metrics"]]
        inputs = [({n: i["dataset"][n] for n in _DATASET}, dict(i["tags"])) for i in record["inputs"]]
        is_sound = all(isinstance(text, str) for text in texts) and record["status"] in ("FINISHED", "FAILED", "KILLED")
        times = (int(record["started_ms"]), int(record["ended_ms"] or record["started_ms"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UsageError("archive-invalid", f"A run of it cannot be read: {error!r}", "export it again") from error
    if not is_sound:
        raise UsageError("archive-invalid", "A run of it has not ended, or is not made of text", "export it again")
    return {**record, "metrics": points, "inputs": inputs, "started_ms": times[0], "ended_ms": times[1]}


def begin_import(project: Project, record: dict[str, Any]) -> str:
    """Make the run that an imported one becomes, marked with its origin, and return its id."""
    client = tracking_client(project)
    with tracking_errors(project):
        experiment = client.get_experiment_by_name(project.config.project.name)
        number = experiment.experiment_id if experiment else client.create_experiment(project.config.project.name)
        tags = {FROM_TAG: record["id"]}
        made = client.create_run(number, record["started_ms"], tags, record["name"] or None)
    return str(made.info.run_id)


def fill_import(project: Project, run: str, record: dict[str, Any], artifacts: Path, tags: dict[str, str]) -> None:
    """Write everything into the run, its end and its tags last; repeating it after a crash completes it."""
    client = tracking_client(project)
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    metrics = [Metric(key, value, at_ms, step) for key, step, at_ms, value in record["metrics"]]
    params = [Param(key, value) for key, value in record["params"].items()]
    inputs = [
        DatasetInput(Dataset(**dataset), [InputTag(key, value) for key, value in labels.items()])
        for dataset, labels in record["inputs"]
    ]
    with tracking_errors(project), storage_errors(artifacts):
        for start in range(0, len(params), _BATCH):
            client.log_batch(run, params=params[start : start + _BATCH])
        for start in range(0, len(metrics), _METRICS):
            client.log_batch(run, metrics=metrics[start : start + _METRICS])
        if inputs:
            client.log_inputs(run, inputs)
        if artifacts.is_dir():
            client.log_artifacts(run, str(artifacts))
        client.set_terminated(run, record["status"], record["ended_ms"])
        labels = [RunTag(key, value) for key, value in tags.items()]
        for start in range(0, len(labels), _BATCH):
            client.log_batch(run, tags=labels[start : start + _BATCH])


def _point(point: Any) -> list[Any]:
    value = "NaN" if math.isnan(point.value) else point.value
    return [point.key, point.step, point.timestamp, value]
