"""A project with a Slurm target, and job directories made by hand: what the target does, without all that calls it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.targets.slurm_cluster import SlurmCluster
from workbench.compute.folder import JobFolder
from workbench.compute.slurm import SlurmTarget
from workbench.compute.targets import Sighting
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.execute.travelling import travelling_files
from workbench.foundation.project import Project


@dataclass
class Desk:
    """Where jobs are sent from.

    Attributes:
        project: The project.
        cluster: The cluster.
        base: Folder of job directories over there.
        options: Options of the target.
    """

    project: Project
    cluster: SlurmCluster
    base: Path
    options: dict[str, Any] = field(default_factory=dict)

    def target(self, **options: Any) -> SlurmTarget:
        """Return a target that knows nothing of earlier ones."""
        given = {"folder": str(self.base), "python": sys.executable, "bin": str(self.cluster.bin), "grace_s": 5.0}
        return SlurmTarget(self.project, "cluster", {**given, **self.options, **options})

    def write_job(self, job: str, *cells: str, resources: dict[str, int] | None = None) -> None:
        """Write the directory of a job with these cells."""
        folder = JobFolder.of(self.project, job)
        folder.path.mkdir(parents=True)
        files = travelling_files(is_far=False)  # without bundle and store, which are others' affair
        for name, content in files.items():
            (folder.path / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
        code = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
            for n, text in enumerate(cells)
        ]
        notebook = {"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        folder.input.write_text(json.dumps(notebook))
        spec = {
            "job": job,
            "attempt": 1,
            "notebook": "notebooks/work.ipynb",
            "params": {},
            "kernel": "python3",
            "language": "python",
            "is_far": False,
            "channel": "files",
            "cwd": ".",
            "files": sorted(files),
            "resources": resources or {},
            "grace_s": 2.0,
            "wait_for_run_s": 0,
        }
        folder.spec.write_text(json.dumps(spec))

    def follow(
        self, target: SlurmTarget, *jobs: str, timeout_s: float = 60
    ) -> dict[str, tuple[Sighting, list[JobEvent]]]:
        """Poll until all have ended, and return each one's last sighting and all its events."""
        events: dict[str, list[JobEvent]] = {job: [] for job in jobs}
        deadline = time.monotonic() + timeout_s
        while True:
            seen = target.poll({job: len(events[job]) for job in jobs})
            for job in jobs:
                events[job] += seen[job].events
            if all(sighting.status.state.is_terminal for sighting in seen.values()):
                for job in jobs:
                    assert [event.seq for event in events[job]] == list(range(1, len(events[job]) + 1))
                return {job: (seen[job], events[job]) for job in jobs}
            assert time.monotonic() < deadline, f"{seen}\n{self.cluster.log()}"
            time.sleep(0.2)

    def until(self, is_so: Callable[[], object], what: str, timeout_s: float = 40) -> None:
        """Wait for something to come true."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.cluster.log()}"
            time.sleep(0.2)

    def until_state(self, target: SlurmTarget, job: str, state: JobState) -> None:
        """Wait for a state."""
        self.until(lambda: target.status(job).state is state, f"{job} is {state}: {target.status(job)}")

    def until_said(self, target: SlurmTarget, job: str, text: str) -> None:
        """Wait until a cell has printed something."""
        self.until(lambda: text in said(target.events(job)), f"{job} says {text}")


def said(events: Any) -> str:
    """Return what the cells printed."""
    return "".join(str(event.data["text"]) for event in events if event.kind == "out")
