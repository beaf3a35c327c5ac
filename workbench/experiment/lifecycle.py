"""One kind of run: how every door begins one, adds facts to it and ends it.

A tracked cell, ``with workbench.run()``, plain ``mlflow.start_run()``, a job and papermill's engine differ in who
notices the end; the run they leave is the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.experiment.capture.facts import ARTIFACTS, Facts
from workbench.experiment.capture.inputs import paused
from workbench.experiment.resuming import CELL_TAG
from workbench.experiment.store import tracking
from workbench.foundation.project import Project


@dataclass(frozen=True)
class Origin:
    """Where a run comes from.

    Attributes:
        source: Notebook or script, relative to the project where it lies inside.
        notebook_digest: Digest of its bytes.
        commit: Git commit, with ``+dirty``; empty where it is found out while the run goes on.
        job: Job that it is the run of.
        target: Target that it runs on.
        attempt: Which attempt at the job it is.
        replay_of: Run that this is a replay of.
        resumes: Run that this goes on from.
        cell: Id of the notebook cell that began it.
        parent: Run that this is a part of.
        sweep: Sweep that it is a trial of, or that it sums up.
        trial: Number of that trial.
    """

    source: str = ""
    notebook_digest: str = ""
    commit: str = ""
    job: str = ""
    target: str = ""
    replay_of: str = ""
    resumes: str = ""
    cell: str = ""
    parent: str = ""
    sweep: str = ""
    trial: str = ""
    attempt: int = 1

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say so; what is unknown has none."""
        tags = {
            "workbench.source": self.source,
            "workbench.notebook_digest": self.notebook_digest,
            "workbench.commit": self.commit,
            "workbench.job": self.job,
            "workbench.target": self.target,
            "workbench.attempt": str(self.attempt) if self.attempt > 1 else "",
            "workbench.replay_of": self.replay_of,
            "workbench.resumes": self.resumes,
            CELL_TAG: self.cell,
            "mlflow.parentRunId": self.parent,
            "workbench.sweep": self.sweep,
            "workbench.trial": self.trial,
        }
        return {key: value for key, value in tags.items() if value}


def begin_run(project: Project, origin: Origin, *, name: str = "", params: Mapping[str, Any] | None = None) -> str:
    """Begin a run and return its id.

    Args:
        project: The project.
        origin: Where it comes from.
        name: Its name; empty invents one.
        params: Parameters that are known from the start.

    Raises:
        WorkbenchError: What cannot be recorded is not begun.
    """
    with paused():
        return tracking.start_run(project, name=name, source=origin.source, params=params, tags=origin.tags)


def add_facts(project: Project, run: str, facts: Facts) -> None:
    """Add facts to a run; those it has already are replaced.

    Raises:
        WorkbenchError: The store cannot be written.
    """
    with paused():
        if facts.files:
            with tempfile.TemporaryDirectory(prefix="wb-facts-") as folder:
                for name, data in facts.files.items():
                    (Path(folder) / name).write_bytes(data)
                tracking.log_artifacts(project, run, Path(folder), ARTIFACTS)
        if facts.tags:
            tracking.set_tags(project, run, facts.tags)


def end_run(project: Project, run: str, state: str, error: str = "") -> bool:
    """End a run once and return whether this call did; see :func:`workbench.experiment.store.tracking.finish_run`."""
    with paused():
        return tracking.finish_run(project, run, state, error)
