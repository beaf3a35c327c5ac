"""A run as JSON, whole: every value of every metric with its time, and back into MLflow.

Goes through MLflow's client on both sides, so any store can give and any can take. Writing may be repeated: MLflow's
key of a metric is its whole row, a parameter keeps its value, an artifact is replaced by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.experiment.store.artifacts import lies_at, local_folder
from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.far_artifacts import download
from workbench.foundation.errors import NotFoundError, UsageError, storage_errors
from workbench.foundation.project import Project

FROM_TAG = "workbench.imported_from"
WHOLE_TAG = "workbench.imported_at"
PARENT_TAG = "mlflow.parentRunId"
FOLLOWED_TAGS = ("workbench.replay_of", "workbench.resumes")
"""They name another run, which may have another id here."""
WAITING_PARENT_TAG = "workbench.imported_parent"
_BATCH = 100
_METRICS = 1_000
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
MODEL_TAG = "workbench.imported_model"
_DATASET = ("name", "digest", "source_type", "source", "schema", "profile")


def run_as_json(project: Project, run: str) -> dict[str, Any]:
    """Return everything that MLflow knows of a run, but the artifacts' bytes."""
    client = tracking_client(project)
    with tracking_errors(project):
        found = client.get_run(run)
        keys = sorted(found.data.metrics)
        metrics = [_point(point) for key in keys for point in client.get_metric_history(run, key)]
        inputs = found.inputs.dataset_inputs if found.inputs else []
        models = [_model(model, step) for model, step in _models(client, found)]
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
        **({"models": models} if models else {}),
    }


def artifacts_of(project: Project, run: str, uri: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield the relative path and a local file of each artifact, sorted; links are left out."""
    folder = local_folder(uri)
    if folder is None:
        client = tracking_client(project)
        scratch.mkdir(parents=True, exist_ok=True)
        with tracking_errors(project), storage_errors(scratch):
            folder = Path(client.download_artifacts(run, "", str(scratch)))
    yield from _files(folder)


def models_of(project: Project, run: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield ``<model id>/<relative path>`` and a local file of each model that MLflow keeps beside a run, sorted."""
    client = tracking_client(project)
    with tracking_errors(project):
        found = [model for model, _ in _models(client, client.get_run(run))]
    for model in found:
        folder = _folder_of(project, model)
        if folder is None:
            with storage_errors(scratch):
                (scratch / model.model_id).mkdir(parents=True, exist_ok=True)
                folder = download(project, model.artifact_location, "", scratch / model.model_id)
        elif str(model.status) == "READY" and not folder.is_dir():
            message = f"The files of model '{model.name}' of run {run[:12]} are gone"
            raise NotFoundError("model-unknown", message, f"they should lie in {folder}")
        for name, file in _files(folder):
            yield f"{model.model_id}/{name}", file


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
        models = [_checked_model(model) for model in record.get("models", [])]
        is_sound = all(isinstance(text, str) for text in texts) and record["status"] in ("FINISHED", "FAILED", "KILLED")
        times = (int(record["started_ms"]), int(record["ended_ms"] or record["started_ms"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UsageError("archive-invalid", f"A run of it cannot be read: {error!r}", "export it again") from error
    if not is_sound:
        raise UsageError("archive-invalid", "A run of it has not ended, or is not made of text", "export it again")
    read = {"metrics": points, "inputs": inputs, "models": models, "started_ms": times[0], "ended_ms": times[1]}
    return {**record, **read}


def begin_import(project: Project, record: dict[str, Any]) -> str:
    """Make the run that an imported one becomes, marked with its origin, and return its id."""
    client = tracking_client(project)
    with tracking_errors(project):
        experiment = client.get_experiment_by_name(project.config.project.name)
        number = experiment.experiment_id if experiment else client.create_experiment(project.config.project.name)
        tags = {FROM_TAG: record["id"]}
        made = client.create_run(number, record["started_ms"], tags, record["name"] or None)
    return str(made.info.run_id)


def fill_import(project: Project, run: str, record: dict[str, Any], folder: Path, tags: dict[str, str]) -> None:
    """Write everything into the run, its end and its tags last; repeating it after a crash completes it.

    Args:
        project: The project.
        run: The run here.
        record: What :func:`checked` gave.
        folder: What the archive has of it, with ``artifacts`` and ``models``.
        tags: Its tags here.
    """
    artifacts = folder / "artifacts"
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
        for model in record["models"]:
            _take_in_model(client, run, model, folder / "models" / model["id"])
        client.set_terminated(run, record["status"], record["ended_ms"])
        labels = [RunTag(key, value) for key, value in tags.items()]
        for start in range(0, len(labels), _BATCH):
            client.log_batch(run, tags=labels[start : start + _BATCH])


def _files(folder: Path) -> list[tuple[str, Path]]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted((path.relative_to(folder).as_posix(), path) for path in files)


def _folder_of(project: Project, model: Any) -> Path | None:
    """Return where a model's files lie on this machine, though the project was moved; None where they are elsewhere."""
    place, database = str(model.artifact_location), sqlite_path(project)
    if database is not None:
        place = lies_at(place, str(model.model_id), database.parent / "artifacts" / "models")
    return local_folder(place)


def _models(client: Any, found: Any) -> list[tuple[Any, int]]:
    """Return the models that MLflow 3 keeps beside a run, which made them, with their steps."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    models = {}
    for output in (found.outputs and found.outputs.model_outputs) or ():
        try:
            model = client.get_logged_model(output.model_id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            continue  # it was deleted, which leaves the line that names it
        if model.source_run_id == found.info.run_id:
            models[model.model_id] = (model, output.step)
    return [models[name] for name in sorted(models)]


def _model(model: Any, step: int) -> dict[str, Any]:
    metrics = [[*_point(each), each.dataset_name, each.dataset_digest] for each in model.metrics or ()]
    return {
        "id": model.model_id,
        "name": model.name,
        "type": model.model_type or "",
        "status": str(model.status),
        "step": step,
        "tags": dict(sorted(model.tags.items())),
        "params": dict(sorted(model.params.items())),
        "metrics": sorted(metrics, key=repr),
    }


def _checked_model(model: Any) -> dict[str, Any]:
    """Return a model's JSON where it has the shape that :func:`_model` gives; anything else raises."""
    texts = [model["name"], model["type"], model["status"], *model["tags"].values(), *model["params"].values()]
    if not _MODEL_ID.fullmatch(model["id"]) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{str(model['id'])[:40]!r} is no model")
    points = [(str(k), int(s), int(a), float(v), n, d) for k, s, a, v, n, d in model["metrics"]]
    return {**model, "step": int(model["step"]), "metrics": points}


def _take_in_model(client: Any, run: str, model: dict[str, Any], folder: Path) -> None:
    """Make a model anew beside its run; MLflow gives it an id of its own, and a tag names the original."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

    found = client.get_run(run)
    number = found.info.experiment_id
    known = {each.tags.get(MODEL_TAG): each for each, _ in _models(client, found)}
    made = known.get(model["id"])
    if made is None:
        tags = {**model["tags"], MODEL_TAG: model["id"]}
        made = client.create_logged_model(number, model["name"], run, tags, model["params"], model["type"] or None)
        client.log_outputs(run, [LoggedModelOutput(made.model_id, model["step"])])
    points = [
        Metric(key, value, at_ms, step, model_id=made.model_id, dataset_name=name, dataset_digest=digest, run_id=run)
        for key, step, at_ms, value, name, digest in model["metrics"]
    ]
    for start in range(0, len(points), _METRICS):
        client.log_batch(run, metrics=points[start : start + _METRICS])
    if folder.is_dir():
        client.log_model_artifacts(made.model_id, str(folder))
    words = {str(status): status for status in LoggedModelStatus if status is not LoggedModelStatus.UNSPECIFIED}
    client.finalize_logged_model(made.model_id, words.get(model["status"], LoggedModelStatus.FAILED))


def _point(point: Any) -> list[Any]:
    value = "NaN" if math.isnan(point.value) else point.value
    return [point.key, point.step, point.timestamp, value]
