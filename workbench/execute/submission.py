"""Turn an order into a job: look at everything first, then write the directory, the journal, and start it.

The directory is built under another name and renamed, so a job directory that exists is whole; the journal takes the
job only after that, so a job that is listed can run.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder
from workbench.compute.targets import LOCAL, Target, TargetStatus, find_target, require_ready
from workbench.contract.job import JobCard
from workbench.contract.status import JobState
from workbench.execute.ledger import card_of, find_record, record_ended, record_submitted
from workbench.execute.notebook import Notebook, read_notebook, require_kernel
from workbench.execute.parameters import bind_parameters, default_values
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import UnavailableError, UsageError, read_errors, storage_errors
from workbench.foundation.project import Project

_WAIT_FOR_RUN_S = 300.0
"""Importing mlflow took 70 s on two cores under a load of ten; a run that is not made by then never will be."""
_RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True)
class Order:
    """What somebody wants to be run.

    Attributes:
        notebook: Path of the notebook: absolute, or relative to ``files_root`` or to the working directory.
        params: Values as they were typed.
        target: Name of a target.
        name: Name of the run; empty takes the notebook's.
        files_root: Folder the notebook belongs to: the project, or a checkout of it that is replayed.
        replay_of: MLflow run that this is a replay of; empty for a run of its own.
        commit: Commit that ``files_root`` is a fresh checkout of; empty where it is the project itself.
    """

    notebook: str
    files_root: Path
    params: Mapping[str, str] = field(default_factory=dict)
    target: str = LOCAL
    name: str = ""
    replay_of: str = ""
    commit: str = ""


def submit_order(project: Project, order: Order) -> JobCard:
    """Check an order, write its job and start it.

    Raises:
        WorkbenchError: As :func:`workbench.execute.jobs.submit` says; then nothing was written.
    """
    source = find_notebook(order.files_root, order.notebook)
    bound = bind_parameters(source, order.params)
    require_kernel(source)
    target = find_target(project, order.target)
    require_ready(target)
    if not order.replay_of:  # a replay takes the data as it was, whatever is asked of it today
        _refuse_failing_data(project, source, bound)
    job = f"jb-{secrets.token_hex(4)}"
    spec = _spec(project, order, source, bound, job)
    folder = _write_folder(project, job, source, spec)
    try:
        record_submitted(project, job, spec, order.params)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    _start(project, target, job)
    return card_of(project, find_record(project, job))


def _refuse_failing_data(project: Project, source: Notebook, bound: Mapping[str, Any]) -> None:
    """Refuse to start on data that a parameter names and that breaks its declared checks."""
    folder = source.path.parent
    texts = [value for value in {**default_values(source), **bound}.values() if isinstance(value, str) and value]
    # os.path.exists: a text may be too long for a name, which Path.exists raises
    named = [text for text in texts if any(os.path.exists(root / text) for root in (project.root, folder))]  # noqa: PTH110
    if named:
        from workbench.data.quality.checks import refuse_failing_inputs

        refuse_failing_inputs(project, named, folder)


def find_notebook(files_root: Path, notebook: str) -> Notebook:
    """Return the notebook that is meant: below ``files_root`` first, else seen from the working directory.

    Raises:
        UsageError: ``notebook-outside-project``: a run must be able to name its source.
    """
    path = files_root / notebook
    with read_errors(path):  # a name may be too long to be asked for
        if not path.is_file() and Path(notebook).is_file():
            path = Path(notebook)
        path = path.resolve()
    if not path.is_relative_to(files_root.resolve()):
        message = f"{path} does not lie in the project {files_root}"
        raise UsageError("notebook-outside-project", message, f"copy it: cp '{path}' '{files_root}'")
    return read_notebook(path)


def _spec(project: Project, order: Order, source: Notebook, bound: dict[str, Any], job: str) -> dict[str, Any]:
    """Return what goes into ``spec.json``: never a value of the environment, since those may be secrets."""
    everything = {**default_values(source), **bound}
    return {
        "job": job,
        "attempt": 1,
        "notebook": source.path.relative_to(order.files_root.resolve()).as_posix(),
        "notebook_digest": digest_bytes(source.data),
        "name": order.name or source.path.stem,
        "target": order.target,
        "params": bound,
        "recorded_params": {key: str(value) for key, value in everything.items()},
        "kernel": source.kernel,
        "language": source.language,
        "cwd": str(source.path.parent),
        "checkout": str(order.files_root) if order.files_root != project.root else "",
        "replay_of": order.replay_of,
        "stage": os.environ.get("DVC_STAGE", ""),  # dvc tells its commands which stage they are
        "commit": order.commit,
        "wait_for_run_s": _WAIT_FOR_RUN_S,
        "grace_s": 5.0,
    }


def _write_folder(project: Project, job: str, source: Notebook, spec: dict[str, Any]) -> JobFolder:
    folder = JobFolder.of(project, job)
    new = JobFolder(folder.path.with_name(f".new-{job}"))
    with storage_errors(new.path):
        try:
            new.path.mkdir(parents=True)
            new.spec.write_text(json.dumps(spec, indent=1, ensure_ascii=False), encoding="utf-8")
            new.input.write_bytes(source.data)
            shutil.copyfile(_RUNNER, new.runner)
            new.path.rename(folder.path)
        except BaseException:
            shutil.rmtree(new.path, ignore_errors=True)
            raise
    return folder


def _start(project: Project, target: Target, job: str) -> None:
    try:
        target.submit(job)
    except OSError as error:
        end = TargetStatus(JobState.FAILED, "target-refused", str(error))
        record_ended(project, job, end, JobFolder.of(project, job).read_progress(), is_run_open=False)
        message = f"Target '{target.name}' could not start {job}: {error}"
        raise UnavailableError("target-refused", message, "mlops targets") from error
