"""The stages of a project: list them with what is stale and why, add a notebook as one."""

from __future__ import annotations

import io
import re
import shlex
from typing import Any

from workbench.contract.pipeline import StageCard
from workbench.data.dvc import stages as dvc_stages
from workbench.data.paths import relative_path
from workbench.execute.ledger import NOUN as JOB
from workbench.execute.notebook import Notebook, find_notebook
from workbench.execute.parameters import bind_parameters
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import UsageError, read_errors, storage_errors
from workbench.foundation.project import Project

PARAMS_FILE = "params.yaml"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_JOBS_LOOKED_AT = 500


def list_stages(project: Project) -> tuple[StageCard, ...]:
    """List the stages of the pipeline in the order they run, with what makes one stale.

    Args:
        project: The project.

    Raises:
        UnavailableError: ``dvc-failed``: ``dvc.yaml`` cannot be read.
    """
    jobs = last_jobs(project)
    return tuple(_card(stage, jobs.get(stage.name, "")) for stage in dvc_stages.stages(project))


def add_stage(
    project: Project,
    notebook: str,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    *,
    params: dict[str, str] | None = None,
    name: str = "",
) -> StageCard:
    """Make a notebook a stage of the pipeline: it runs again when something it depends on has changed.

    Adding the same stage again replaces it.

    Args:
        project: The project.
        notebook: The notebook, inside the project.
        inputs: Files and folders it reads.
        outputs: Files and folders it writes; at least one.
        params: Values for its parameters; they are kept in ``params.yaml``, where people change them.
        name: Name of the stage; by default the notebook's.

    Raises:
        NotFoundError: ``notebook-missing``.
        UsageError: ``stage-invalid``, ``parameter-unknown``, ``parameter-wrong-type`` or ``path-outside-project``.
        ConflictError: ``data-overlaps``: another stage or dataset version owns an output.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    source = find_notebook(project.root, notebook)
    name = name or _fitting_name(source.path.stem)
    if not name:
        message = f"'{source.path.stem}' has no letter that the name of a stage may have"
        raise UsageError("stage-invalid", message, "give it one, of letters, digits, '-' and '_': --name train")
    if not _NAME.fullmatch(name):
        raise UsageError("stage-invalid", f"'{name}' cannot name a stage", "use letters, digits, '-' and '_'")
    if not outputs:
        message = f"Stage '{name}' names no output, so nobody could tell whether it is stale"
        raise UsageError("stage-invalid", message, "--outputs data/clean.parquet")
    bind_parameters(source, params or {})
    path = source.path.relative_to(project.root.resolve()).as_posix()
    words = ["mlops", "run", path, "--name", name]
    if params:
        words += ["--params-file", f"{PARAMS_FILE}:{name}"]
    read = [relative_path(project, each) for each in inputs]
    made = [relative_path(project, each) for each in outputs]
    before = _keep_params(project, source, name, params or {})
    try:
        dvc_stages.add(
            project,
            name=name,
            command=shlex.join(words),
            inputs=[path, *read],
            outputs=made,
            params=[f"{name}.{key}" for key in params or {}],
        )
    except BaseException:
        dvc_stages.put_back(project.root / PARAMS_FILE, before)
        raise
    with project.journal.transaction() as transaction:
        transaction.append("pipeline.added", f"stage:{name}", {"notebook": path, "inputs": read, "outputs": made})
    return next(card for card in list_stages(project) if card.name == name)


def last_jobs(project: Project) -> dict[str, str]:
    """Return the last job of each stage, of the jobs changed last."""
    found: dict[str, str] = {}
    for record in project.journal.records(JOB, limit=_JOBS_LOOKED_AT):
        stage = record.body.get("stage", "")
        if stage and stage not in found:
            found[stage] = record.id
    return found


def _card(stage: dvc_stages.Stage, job: str) -> StageCard:
    notebook = notebook_of(stage.command)
    return StageCard(
        name=stage.name,
        command=stage.command,
        notebook=notebook,
        state="NEW" if stage.is_new else "STALE" if stage.reasons else "FRESH",
        reasons=stage.reasons,
        inputs=tuple(path for path in stage.inputs if path != notebook),
        outputs=stage.outputs,
        params=stage.params,
        job=job,
    )


def notebook_of(command: str) -> str:
    """Return the notebook that a stage's command runs; empty where it is another kind of command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return words[2] if words[:2] == ["mlops", "run"] and len(words) > 2 else ""


def _fitting_name(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")


def _keep_params(project: Project, source: Notebook, name: str, params: dict[str, str]) -> bytes | None:
    """Write the stage's parameters into ``params.yaml`` and return what that file held before."""
    path = project.root / PARAMS_FILE
    with read_errors(path):
        before = path.read_bytes() if path.is_file() else None
    if not params:
        return before
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()  # keeps people's comments and order
    try:
        known: Any = yaml.load(before or b"") or {}
    except YAMLError as error:
        raise UsageError("parameters-unreadable", f"{PARAMS_FILE} is no YAML: {error}", "mend the file") from None
    if not isinstance(known, dict):
        raise UsageError("parameters-unreadable", f"{PARAMS_FILE} holds no table", "write: stage: {name: value}")
    values = {key: _plain(value) for key, value in bind_parameters(source, params).items()}
    known[name] = {**(known.get(name) or {}), **values}
    text = io.BytesIO()
    yaml.dump(known, text)
    with storage_errors(path):
        write_atomic(path, text.getvalue())
    return before


def _plain(value: Any) -> Any:
    """Return a value as YAML has it: a tuple is a list."""
    return list(value) if isinstance(value, tuple) else value
