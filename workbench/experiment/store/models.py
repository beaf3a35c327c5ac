"""Models in MLflow: the folder around an ONNX file, a run's models, versions and aliases of the registry."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from workbench.experiment.store.artifacts import local_folder, within
from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.far_artifacts import download, list_folder
from workbench.experiment.store.mlflow_import import import_mlflow
from workbench.foundation.errors import NotFoundError, did_you_mean, storage_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project


def write_mlmodel(onnx_model: Any, folder: Path, width: int) -> None:
    """Write an MLflow model folder around an ONNX model; requirements are given, since inferring them costs seconds.

    The signature is one unnamed float64 tensor: that is what JSON becomes, MLflow's ONNX flavour casts it to float32,
    and with named columns it would flatten the probabilities, which have two dimensions.
    """
    import_mlflow()
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


def download_model(project: Project, run: str, name: str, folder: Path, artifact_uri: str = "") -> Path:
    """Copy a run's model folder to below ``folder`` and return where it lies; a link in it stays a link.

    Args:
        project: The project.
        run: Id of the run.
        name: The model's name.
        folder: Where the copy goes.
        artifact_uri: Where the run's artifacts lie, from whoever knows it; asked for otherwise.

    Raises:
        NotFoundError: ``model-unknown``: the run has no such model.
    """
    client = tracking_client(project)
    with tracking_errors(project):
        place = artifact_uri or client.get_run(run).info.artifact_uri
    models = [Path(entry.path).name for entry in list_folder(project, place, "models")]
    if name not in models:
        raise NotFoundError("model-unknown", f"Run {run} has no model '{name}'", did_you_mean(name, models))
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        local = local_folder(place)
        if local is not None:  # MLflow would copy what a link leads to, also out of the home of whoever copies
            source = within(local, f"models/{name}")
            if source is None:
                raise NotFoundError("model-unknown", f"models/{name} of run {run} lies elsewhere", "mlops runs show")
            return Path(shutil.copytree(source, folder / "models" / name, symlinks=True))
        return download(project, place, f"models/{name}", folder)


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
