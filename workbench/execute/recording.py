"""What a job leaves in MLflow: its run, how far it is, its executed notebook and its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from workbench.compute.folder import JobFolder, Progress
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState, RunState
from workbench.experiment.capture.environment import environment
from workbench.experiment.capture.git import git_state
from workbench.experiment.store.tags import split_tag
from workbench.experiment.store.tracking import finish_run, log_artifacts, set_tags, start_run
from workbench.foundation.project import Project

_RUN_STATES = {JobState.SUCCEEDED: RunState.FINISHED, JobState.FAILED: RunState.FAILED}


def begin_run(project: Project, job: str, spec: Mapping[str, Any]) -> str:
    """Make the MLflow run of a job and return its id.

    A fresh checkout is of its commit by construction, whatever Git says of the data files put beside it.
    """
    tags = {
        "workbench.commit": spec["commit"] or git_state(project),
        "workbench.job": job,
        "workbench.target": spec["target"],
        "workbench.notebook_digest": spec["notebook_digest"],
        "workbench.replay_of": spec["replay_of"],
    }
    return start_run(
        project,
        name=spec["name"],
        source=spec["notebook"],
        params=spec["recorded_params"],
        tags={key: value for key, value in tags.items() if value},
    )


def note_environment(project: Project, run: str) -> None:
    """Write which Python and packages the job runs with; apart, because listing them takes a moment."""
    digest, python, _ = environment()
    set_tags(project, run, {"workbench.environment_digest": digest, "workbench.python": python})


def note_progress(project: Project, run: str, progress: Progress) -> None:
    """Write the share of cells that are done, 0 to 1."""
    share = progress.cell / progress.cells if progress.cells else 0.0
    set_tags(project, run, {"workbench.progress": f"{share:.3f}"})


def end_run(project: Project, folder: JobFolder, run: str, end: TargetStatus) -> None:
    """Leave the executed notebook with the run and end it.

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
    if folder.inputs.exists():
        set_tags(project, run, split_tag("workbench.inputs", folder.inputs.read_text(encoding="utf-8")))
    state = _RUN_STATES.get(end.state, RunState.KILLED)
    finish_run(project, run, state, end.error or (end.reason if state is not RunState.FINISHED else ""))
