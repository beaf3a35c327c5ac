"""End the MLflow run of a job whose supervisor could not: ``python -m workbench.execute.close_run <project> <job>``.

A process of its own, because reading a list of jobs must not import mlflow. It may be started any number of times.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.compute.folder import JobFolder
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState, RunState
from workbench.execute.ledger import find_record, record_run_closed
from workbench.foundation.errors import ConflictError
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project


def close_run(project: Project, job: str) -> None:
    """End a job's run the way the job ended."""
    from workbench.execute.recording import end_run

    record = find_record(project, job)
    folder = JobFolder.of(project, record.id)
    run = record.body.get("run") or folder.read_run() or _run_of_job(project, record.id)
    if run:
        end = TargetStatus(JobState(record.state), record.body.get("reason", ""), record.body.get("error", ""))
        end_run(project, folder, run, end)
    record_run_closed(project, record.id)


def _run_of_job(project: Project, job: str) -> str:
    """Find the run of a supervisor that died between making it and noting it down."""
    from workbench.experiment.runs import list_runs

    return next((card.id for card in list_runs(project, state=RunState.RUNNING) if card.job == job), "")


def main(root: Path, job: str) -> int:
    """Close one run, unless somebody else is at it."""
    project = Project.open(root)
    try:
        lease = Lease(project.state_dir / "leases" / f"closing-{job}")
    except ConflictError:
        return 0
    try:
        close_run(project, job)
    finally:
        lease.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
