"""A run's artifacts where they do not lie on this machine, read with as few requests as it takes.

``MlflowClient.list_artifacts`` and ``download_artifacts`` ask for the run twice and search all models of its experiment
each time: four requests for one, and a server with accounts digests a password for each. A run's row names the place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.foundation.project import Project


def list_folder(project: Project, artifact_uri: str, folder: str) -> list[Any]:
    """Return MLflow's ``FileInfo`` of what lies in a folder of a run's artifacts; nothing where there is none."""
    tracking_client(project)  # what this process has logged is there first
    with tracking_errors(project):
        return list(_repository(project, artifact_uri).list_artifacts(folder or None))


def list_files(project: Project, artifact_uri: str, folder: str = "") -> Iterator[str]:
    """Yield the paths of all files in a folder and below."""
    for entry in list_folder(project, artifact_uri, folder):
        if entry.is_dir:
            yield from list_files(project, artifact_uri, entry.path)
        else:
            yield entry.path


def download(project: Project, artifact_uri: str, path: str, folder: Path) -> Path:
    """Copy a file or a folder of a run's artifacts to below ``folder``, which exists, and return where it lies."""
    tracking_client(project)
    with tracking_errors(project):
        return Path(_repository(project, artifact_uri).download_artifacts(path, str(folder)))


def _repository(project: Project, artifact_uri: str) -> Any:
    """Return MLflow's access to the place; a new one each time, since each keeps the threads that it downloads with."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(artifact_uri, tracking_uri=project.tracking_uri)
