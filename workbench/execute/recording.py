"""What a job leaves in MLflow: its run, how far it is, what was captured, its executed notebook and its end.

The kernel of a job writes down what only it can see (files it read, seeds, packages) in the job's folder; code, source
and the executed cells are known here. Together they are the facts that an interactive run has.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder, Progress, read_json
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState, RunState
from workbench.execute.ledger import UNREACHABLE
from workbench.experiment import lifecycle
from workbench.experiment.capture import facts
from workbench.experiment.capture.document import notebook_bytes
from workbench.experiment.capture.facts import Facts
from workbench.experiment.capture.git import git_state
from workbench.experiment.capture.quiet import quietly
from workbench.experiment.kernel import CAPTURED_FOLDER, INPUTS_FILE, TAGS_FILE
from workbench.experiment.lifecycle import Origin, add_facts
from workbench.experiment.runs import list_runs
from workbench.experiment.store.tags import split_tag
from workbench.experiment.store.tracking import finish_run, log_artifacts, set_tags
from workbench.foundation.project import Project

_RUN_STATES = {JobState.SUCCEEDED: RunState.FINISHED, JobState.FAILED: RunState.FAILED}


def begin_run(project: Project, job: str, spec: Mapping[str, Any]) -> str:
    """Make the MLflow run of a job and return its id.

    A fresh checkout is of its commit by construction, whatever Git says of the data files put beside it.
    """
    origin = Origin(
        source=spec["notebook"],
        notebook_digest=spec["notebook_digest"],
        commit=spec["commit"] or git_state(project),
        job=job,
        target=spec["target"],
        attempt=spec["attempt"],
        replay_of=spec["replay_of"],
        parent=spec.get("parent", ""),
        sweep=spec.get("sweep", ""),
        trial=str(spec["trial"]) if spec.get("sweep") else "",
    )
    return lifecycle.begin_run(project, origin, name=spec["name"], params=spec["recorded_params"])


def running_run(project: Project, job: str) -> str:
    """Return the run of a job that MLflow holds as RUNNING, of somebody who died before noting it down; or nothing."""
    return next((card.id for card in list_runs(project, state=RunState.RUNNING) if card.job == job), "")


def note_begin(project: Project, folder: JobFolder, run: str, spec: Mapping[str, Any]) -> None:
    """Add what is known when the job begins; apart, because finding it out takes a moment.

    This machine and its packages say nothing of a far job; its own kernel does, where it can.
    """
    found = Facts() if spec.get("is_far") else facts.machine_facts()
    found |= Facts(files={facts.SOURCE_FILE: notebook_bytes(folder.input)})
    if not spec["commit"]:
        with quietly("the state of the job's code"):
            found |= Facts(files=facts.code_facts(project).files)
    add_facts(project, run, found)


def note_progress(project: Project, run: str, progress: Progress) -> None:
    """Write the share of cells that are done, 0 to 1."""
    share = progress.cell / progress.cells if progress.cells else 0.0
    set_tags(project, run, {"workbench.progress": f"{share:.3f}"})


def end_run(project: Project, folder: JobFolder, run: str, end: TargetStatus) -> None:
    """Leave the executed notebook and what was captured with the run, and end it.

    A notebook in a job that was lost is as far as it came; it is kept all the same.
    """
    if folder.output.exists():
        artifact = folder.path / "artifacts" / "notebook"
        artifact.mkdir(parents=True, exist_ok=True)
        copy = artifact / "output.ipynb"
        copy.unlink(missing_ok=True)
        try:
            os.link(folder.output, copy)
        except OSError:  # a file system without hard links
            shutil.copyfile(folder.output, copy)
        log_artifacts(project, run, artifact, "notebook")
    add_facts(project, run, captured_facts(folder.path, notebook_bytes(folder.output)))
    if (read_json(folder.spec) or {}).get("is_far"):
        from workbench.execute.results import end_children

        end_children(project, run, RunState.LOST if end.reason == UNREACHABLE else RunState.KILLED)
    state = RunState.LOST if end.reason == UNREACHABLE else _RUN_STATES.get(end.state, RunState.KILLED)
    finish_run(project, run, state, end.error or (end.reason if state is not RunState.FINISHED else ""))


def captured_facts(folder: Path, executed: bytes) -> Facts:
    """Return what the kernel of a job wrote down, with the chain of its cells.

    Args:
        folder: Where the file that names the run lies.
        executed: The executed notebook; empty where there is none.
    """
    found = Facts()
    with quietly("files that the job read"):
        inputs = folder / INPUTS_FILE
        if inputs.exists():
            found |= Facts(split_tag("workbench.inputs", inputs.read_text(encoding="utf-8")))
    with quietly("what the job's kernel saw"):
        files = {path.name: path.read_bytes() for path in (folder / CAPTURED_FOLDER).glob("*") if path.is_file()}
        tags = json.loads(files.pop(TAGS_FILE, b"{}"))
        found |= Facts({str(key): str(value) for key, value in tags.items()}, files)
    with quietly("the executed cells"):
        found |= facts.executed_notebook_facts(executed) if executed else Facts()
    return found
