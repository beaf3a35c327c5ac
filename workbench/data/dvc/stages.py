"""Stages of ``dvc.yaml`` through DVC: add one, say which are stale and why, run the stale ones.

The second of the two files that import dvc (:mod:`workbench.data.dvc.store` is the first); held by tests that run the
real ``dvc repro`` over what we wrote.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.dvc.repository import begin_repo
from workbench.data.dvc.store import _dvc_errors as dvc_errors
from workbench.data.dvc.store import _open_repo as open_repo
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import UsageError, read_errors, storage_errors
from workbench.foundation.project import Project

PIPELINE_FILE = "dvc.yaml"


@dataclass(frozen=True)
class Stage:
    """A stage as DVC sees it.

    Attributes:
        name: Its name.
        command: What DVC runs, by way of a shell.
        inputs: Paths it depends on, relative to the project.
        outputs: Paths it makes.
        params: Keys of parameter files it depends on.
        is_new: Whether it never ran.
        reasons: What changed since it ran; empty where nothing did.
    """

    name: str
    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[str, ...]
    is_new: bool
    reasons: tuple[str, ...]


def has_pipeline(project: Project) -> bool:
    """Tell whether the project has stages."""
    return (project.root / PIPELINE_FILE).is_file()


def add(project: Project, *, name: str, command: str, inputs: list[str], outputs: list[str], params: list[str]) -> None:
    """Write a stage into ``dvc.yaml``; one of the same name is replaced, comments and order are kept.

    The file is written here and then read by DVC, whose own ``stage add`` knows only the working directory.

    Raises:
        UsageError: ``pipeline-unreadable``: ``dvc.yaml`` is no YAML.
        ConflictError: ``data-overlaps``: another stage or ``.dvc`` file makes one of the outputs.
        UnavailableError: ``dvc-failed``: DVC refuses the stage.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    begin_repo(project)
    path = project.root / PIPELINE_FILE
    with read_errors(path):
        before = path.read_bytes() if path.is_file() else None
    yaml = YAML()
    yaml.width = 4096  # a command stays on one line
    try:
        document = yaml.load(before or b"") or {}
        known = document.setdefault("stages", {})
        known[name] = {
            "cmd": command,
            "deps": inputs,
            **({"params": params} if params else {}),
            "outs": outputs,
        }
    except (YAMLError, AttributeError, TypeError) as error:
        message = f"{PIPELINE_FILE} is no pipeline: {error}"
        raise UsageError("pipeline-unreadable", message, f"mend it: git diff {PIPELINE_FILE}") from None
    text = io.BytesIO()
    yaml.dump(document, text)
    with storage_errors(path):
        write_atomic(path, text.getvalue())
    try:
        with dvc_errors(project), open_repo(project) as repo:
            repo.check_graph(stages=())
    except BaseException:
        put_back(path, before)
        raise


def put_back(path: Path, before: bytes | None) -> None:
    """Give a file the content it had, or none."""
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, before)


def stages(project: Project) -> tuple[Stage, ...]:
    """Return the stages in the order in which they run."""
    if not has_pipeline(project):
        return ()
    with dvc_errors(project), open_repo(project) as repo:
        import networkx

        index = repo.index
        ours = [stage for stage in networkx.dfs_postorder_nodes(index.graph) if not stage.is_data_source]
        with repo.lock:
            return tuple(_stage(stage) for stage in ours)


def reproduce(project: Project, names: list[str]) -> tuple[str, ...]:
    """Run the stale ones of the named stages (of all, where none is named) and what they depend on.

    Returns:
        Names of the stages that were carried out or taken from the run cache.

    Raises:
        UnavailableError: ``dvc-failed``: a stage failed.
    """
    with dvc_errors(project), open_repo(project) as repo:
        done = repo.reproduce(names or None, all_pipelines=not names)
    return tuple(stage.name for stage in done if not stage.is_data_source)


def _stage(stage: Any) -> Stage:
    inputs = [dep for dep in stage.deps if not hasattr(dep, "params")]
    params = [key for dep in stage.deps if hasattr(dep, "params") for key in dep.params]
    is_new = not any(out.hash_info for out in stage.outs) and not any(dep.hash_info for dep in inputs)
    return Stage(
        name=stage.name,
        command=str(stage.cmd),
        inputs=tuple(_path(dep) for dep in inputs),
        outputs=tuple(_path(out) for out in stage.outs),
        params=tuple(params),
        is_new=is_new,
        reasons=() if is_new else tuple(_reasons(stage)),
    )


def _path(item: Any) -> str:
    return str(item.def_path)


def _reasons(stage: Any) -> Iterator[str]:
    """Say what changed: ``data/x.csv modified``, ``train.depth modified``.

    Each part is asked for itself, since DVC names paths as seen from the working directory.
    """
    if stage.cmd_changed:
        yield "command changed"
    for item in (*stage.deps, *stage.outs):
        for how in item.status().values():
            if isinstance(how, dict):  # a parameter file: the keys that changed
                yield from (f"{key} {word}" for key, word in how.items())
            else:
                yield f"{_path(item)} {how}"
