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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.compute.consent import check_consent
from workbench.compute.folder import JobFolder, execution_of
from workbench.compute.needs import require_capabilities, require_room
from workbench.compute.targets import LOCAL, SANDBOX, Capability, Target, TargetStatus, find_target, require_ready
from workbench.contract.job import JobCard, Resources
from workbench.contract.status import JobState
from workbench.execute.follow import ensure_follower
from workbench.execute.ledger import (
    card_of,
    find_record,
    folder_of,
    record_ended,
    record_retried,
    record_submitted,
)
from workbench.execute.notebook import Notebook, find_notebook, require_kernel
from workbench.execute.parameters import bind_parameters, default_values
from workbench.execute.secrets import OF_ONE_MACHINE, validate_sources
from workbench.execute.travelling import travelling_files
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, UnavailableError, UsageError, storage_errors
from workbench.foundation.journal import Record
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_WAIT_FOR_RUN_S = 300.0
"""Importing mlflow took 70 s on two cores under a load of ten; a run that is not made by then never will be."""

_NOTHING_ASKED = Resources()


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
        notebook_data: The notebook's bytes where they are not those of its file: as a sweep found it, or a cell.
        files: What else lies in the job directory, by path relative to it.
        sweep: Sweep that this is a trial of; empty where it is none.
        trial: Number of that trial.
        parent: MLflow run that this one's is a child of.
        resources: What it asks for and may use at most.
        data: Where its data lies, where that is known already; else what notebook and parameters name is looked for.
        isolation: ``required`` or ``if-possible`` where it is confined; empty leaves it to the target.
    """

    notebook: str
    files_root: Path
    params: Mapping[str, str] = field(default_factory=dict)
    target: str = LOCAL
    name: str = ""
    replay_of: str = ""
    commit: str = ""
    notebook_data: bytes | None = None
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    sweep: str = ""
    trial: int = -1
    parent: str = ""
    resources: Resources = _NOTHING_ASKED
    data: list[dict[str, Any]] | None = None
    isolation: str = ""


def submit_order(project: Project, order: Order) -> JobCard:
    """Check an order, write its job and start it.

    Raises:
        WorkbenchError: As :func:`workbench.execute.jobs.submit` says; then nothing was written.
    """
    project.tracking_uri  # noqa: B018 - a server that nobody agreed to is refused here, not by the supervisor
    source = find_notebook(order.files_root, order.notebook, order.notebook_data)
    bound = bind_parameters(source, order.params)
    target = find_target(project, order.target)
    is_far = Capability.REMOTE in target.capabilities
    if not is_far:
        if order.isolation:
            message = f"Target '{target.name}' runs jobs in the project's own folder, where nothing is kept from them"
            raise UsageError("target-cannot", message, f"leave it to the sandbox: --target {SANDBOX}")
        require_kernel(source)
    require_capabilities(target, order.resources)
    require_ready(target)
    require_room(target, order.resources)
    if not order.replay_of:  # a replay takes the data as it was, whatever is asked of it today
        _refuse_failing_data(project, source, bound)
    job = f"jb-{secrets.token_hex(4)}"
    spec, files = _spec(project, order, source, bound, job), order.files
    if is_far:
        from workbench.execute.departure import BUNDLE, pack

        values = {**default_values(source), **bound}
        far, bundle = pack(
            project, target, source, order.files_root, values, data=order.data, isolation=order.isolation
        )
        spec, files = spec | far, {**files, BUNDLE: bundle.data}
    else:
        spec["env"] = validate_sources(target.name, getattr(target, "env", {}), OF_ONE_MACHINE)
        check_consent(project, f"targets.{target.name}")
    files = {**travelling_files(is_far=is_far), **files}
    folder = _write_folder(project, job, source, spec | {"files": sorted(files)}, files)
    try:
        record_submitted(project, job, spec, order.params)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    start(project, target, job)
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
        "sweep": order.sweep,
        "trial": order.trial,
        "parent": order.parent,
        "resources": asdict(order.resources),
        "wait_for_run_s": _WAIT_FOR_RUN_S,
        "grace_s": 5.0,
    }


def _write_folder(
    project: Project, job: str, source: Notebook, spec: dict[str, Any], files: Mapping[str, bytes | Path]
) -> JobFolder:
    folder = JobFolder.of(project, job)
    new = JobFolder(folder.path.with_name(f".new-{job}"))
    with storage_errors(new.path):
        try:
            new.path.mkdir(parents=True)
            new.spec.write_text(json.dumps(spec, indent=1, ensure_ascii=False), encoding="utf-8")
            new.input.write_bytes(source.data)
            for name, content in files.items():
                _put(new.path / name, content)
            new.path.rename(folder.path)
        except BaseException:
            shutil.rmtree(new.path, ignore_errors=True)
            raise
    return folder


def _put(path: Path, content: bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content)


def write_next_attempt(project: Project, record: Record) -> str:
    """Write the directory and the record of a job's next attempt, and return the execution; it is not started yet.

    Raises:
        ConflictError: ``record-changed``: somebody else tries it again already.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    with hold_lock(project.state_dir / "leases" / ".retrying"):
        before, attempt = folder_of(project, record), record.body["attempt"] + 1
        if find_record(project, record.id).revision != record.revision:
            raise ConflictError("record-changed", f"{record.id} was changed meanwhile", f"mlops jobs show {record.id}")
        after = JobFolder.of(project, execution_of(record.id, attempt))
        new = JobFolder(after.path.with_name(f".new-{after.path.name}"))
        for left in (new.path, after.path):  # of a caller that died before the journal knew
            shutil.rmtree(left, ignore_errors=True)
        with storage_errors(new.path):
            new.path.mkdir(parents=True)
            spec = json.loads(before.spec.read_bytes()) | {"attempt": attempt}
            if "tracking" in spec:
                spec["tracking"].pop("run", None)  # each attempt has a run of its own
            new.spec.write_text(json.dumps(spec, indent=1, ensure_ascii=False), encoding="utf-8")
            for name in ("input.ipynb", *spec["files"]):
                _put(new.path / name, before.path / name)
            new.path.rename(after.path)
        record_retried(project, record)
    return after.path.name


def start(project: Project, target: Target, execution: str) -> None:
    """Start an execution that the journal knows; one on a far target is sent by the follower.

    Raises:
        UnavailableError: ``target-refused``; the job has then ended FAILED.
    """
    if Capability.REMOTE in target.capabilities:
        ensure_follower(project, at_once=True)
        return
    try:
        target.submit(execution)
    except OSError as error:
        end = TargetStatus(JobState.FAILED, "target-refused", str(error))
        record_ended(project, execution, end, JobFolder.of(project, execution).read_progress(), is_run_open=False)
        message = f"Target '{target.name}' could not start {execution}: {error}"
        hint = f"mend what it says (mlops targets), then: mlops retry {execution.partition('.')[0]}"
        raise UnavailableError("target-refused", message, hint) from error
