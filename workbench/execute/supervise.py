"""Look after one job on this machine: ``python -m workbench.execute.supervise <project> <job>``, detached.

The runner is started first, with nothing but the standard library imported; while it imports papermill and starts
the kernel, this process imports mlflow and makes the run, so that tracking costs a job no time. Then it follows the
events until the runner ends and writes the end down: MLflow first, the journal last, so that a job that has ended is
recorded everywhere. Its lease tells everybody that the job is looked after.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from workbench.compute.folder import JobFolder, read_json
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

_KEYS = ("SSH_AUTH_SOCK", "WORKBENCH_SIGNING_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""What a replay is not handed: it runs somebody else's code for whoever checks it, and needs nobody's signature."""


class RunnerProcess:
    """The runner, and whether somebody asked for its end."""

    def __init__(self, project: Project, job: str, folder: JobFolder) -> None:
        spec = read_json(folder.spec) or {}
        self.was_stopped = False
        signal.signal(signal.SIGTERM, self._note)
        self.process = subprocess.Popen(
            [sys.executable, str(folder.runner), str(folder.path)],
            stdin=subprocess.DEVNULL,
            cwd=folder.path,
            env={**os.environ, **kernel_environment(project, job, folder, spec.get("checkout", ""))},
        )
        signal.signal(signal.SIGTERM, self._on_sigterm)
        if self.was_stopped:  # while the runner was being started: nobody asks twice
            self.stop()

    def stop(self) -> None:
        """Let the runner interrupt its kernel and save."""
        self.process.terminate()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.was_stopped = True

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        self.was_stopped = True
        self.stop()


def kernel_environment(project: Project, job: str, folder: JobFolder, checkout: str) -> dict[str, str]:
    """Return what code in the kernel is told; the rest it inherits, and nothing of it is ever written down."""
    return {
        "MLFLOW_TRACKING_URI": project.tracking_uri,
        "MLFLOW_EXPERIMENT_NAME": project.config.project.name,
        "WORKBENCH_PROJECT": str(project.root),
        "WORKBENCH_CHECKOUT": checkout,
        "WORKBENCH_ACTOR": project.actor,
        "WORKBENCH_JOB": job,
        "WORKBENCH_RUN_FILE": str(folder.run),
        **(dict.fromkeys(_KEYS, "") if checkout else {}),
        **_moved_python_path(project, checkout),
    }


def _moved_python_path(project: Project, checkout: str) -> dict[str, str]:
    """Let a replay import the checkout's modules where ``PYTHONPATH`` names the project's."""
    path = os.environ.get("PYTHONPATH", "")
    if not checkout or not path:
        return {}
    entries = [Path(entry) for entry in path.split(os.pathsep)]
    root = project.root
    moved = [Path(checkout) / entry.relative_to(root) if entry.is_relative_to(root) else entry for entry in entries]
    return {"PYTHONPATH": os.pathsep.join(str(entry) for entry in moved)}


def main(root: Path, job: str) -> int:
    """Run a job to its end and write it down."""
    project = Project.open(root)
    folder = JobFolder.of(project, job)
    lease = Lease(project.state_dir / "leases" / f"job-{job}")
    runner = RunnerProcess(project, job, folder)
    # Only now what takes seconds to import: the runner is busy importing, too.
    from workbench.execute.supervision import Supervision

    try:
        Supervision(project, job, folder, runner).run()
    finally:
        lease.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
