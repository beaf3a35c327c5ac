"""``workbench.log_dataset``: say which data a run has used, by its whole content."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from workbench.data.versions import version_of
from workbench.experiment.capture.inputs import paused
from workbench.experiment.datasets.digest import columns_of, digest_of_columns, digest_of_path
from workbench.experiment.datasets.rows import CONTEXT_TAG, DatasetRow, log_dataset_row
from workbench.experiment.datasets.schema import array_schema, table_schema
from workbench.experiment.session import current_run, current_source
from workbench.experiment.store.append_log import TAG, append
from workbench.experiment.store.tags import split_tag
from workbench.foundation.errors import UsageError, WorkbenchError
from workbench.foundation.project import Project

VERSION_TAG = "workbench.dataset_version"
DATASET_TAG = "workbench.dataset"
_MAX_TEXT = 500

_logged: dict[str, list[dict[str, Any]]] = {}


def log_dataset(data: Any, name: str = "", context: str = "training") -> str:
    """Record which data the current run uses, with a digest over all of it.

    Logging the same again changes nothing. It lands in MLflow's own tables, where ``mlflow ui`` shows it.

    Args:
        data: pandas or polars frame, numpy array, Arrow table, mapping of names to arrays, or the path of a file or
            folder.
        name: What people call it; by default the file's name, or ``dataset``.
        context: What it is used for: ``training``, ``validation``, ``test``.

    Returns:
        The digest: 36 characters, equal for equal content.

    Raises:
        UsageError: ``no-active-run``, ``dataset-kind-unknown``, ``dataset-column-unreadable`` or
            ``dataset-name-too-long``.
        NotFoundError: ``dataset-missing``.
    """
    project, run = current_run()
    for what, text in (("name", name), ("context", context)):
        if len(text) > _MAX_TEXT:
            message = f"The {what} of a dataset has {len(text)} characters, and MLflow keeps {_MAX_TEXT}"
            raise UsageError(
                "dataset-name-too-long", message, f"choose a shorter one: workbench.log_dataset(…, {what}=…)"
            )
    row, entry = _of_path(project, Path(data), name) if isinstance(data, str | Path) else _of_frame(project, data, name)
    row.tags[CONTEXT_TAG] = context
    log_dataset_row(project, run, row)
    entries = _logged.setdefault(run, [])
    entry = {"name": row.name, "digest": row.digest, "context": context, **entry}
    if entry not in entries:
        entries.append(entry)
        for key, text in split_tag(DATASET_TAG, json.dumps(entries, ensure_ascii=False)).items():
            append(project, run, TAG, key, text)
    return row.digest


def _of_path(project: Project, path: Path, name: str) -> tuple[DatasetRow, dict[str, Any]]:
    with paused():  # what we read to hash is not what the run reads
        digest = digest_of_path(path)
    full = path.resolve()
    inside = full.relative_to(project.root).as_posix() if full.is_relative_to(project.root) else ""
    version = _version(project, inside)
    source = json.dumps({"uri": inside or full.as_posix()})
    row = DatasetRow(name or path.name, digest, "local", source, None, None, {VERSION_TAG: version} if version else {})
    return row, {"path": inside or full.as_posix(), "dataset_version": version}


def _of_frame(project: Project, data: Any, name: str) -> tuple[DatasetRow, dict[str, Any]]:
    columns = columns_of(data)
    digest = digest_of_columns(columns)  # first: the schema asks what hashing has seen
    shape = tuple(int(length) for length in getattr(data, "shape", ()))
    profile: dict[str, Any]
    schema: str | None
    if shape and hasattr(data, "nbytes") and hasattr(data, "tobytes"):
        profile = {"features_shape": list(shape), "features_size": math.prod(shape), "features_nbytes": data.nbytes}
        schema = array_schema(data)
    else:
        rows = max((column.rows for column in columns), default=0)
        shape = shape or (rows, len(columns))
        profile = {"num_rows": shape[0], "num_elements": math.prod(shape)}
        schema = table_schema(columns)
    notebook = current_source()
    kind = "NOTEBOOK" if notebook.endswith(".ipynb") else "LOCAL"
    tags = {"mlflow.user": project.actor, "mlflow.source.name": notebook, "mlflow.source.type": kind}
    row = DatasetRow(name or "dataset", digest, "code", json.dumps({"tags": tags}), schema, json.dumps(profile), {})
    return row, {"rows": shape[0], "columns": shape[1] if len(shape) > 1 else 1}


def _version(project: Project, inside: str) -> str:
    """Return the dataset version that a file of the project is now; empty where it is none."""
    if not inside:
        return ""
    try:
        found = version_of(project, Path(inside))
    except (WorkbenchError, OSError):
        return ""
    return found.id if found else ""
