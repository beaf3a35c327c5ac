"""End the MLflow run of a job whose supervisor could not: ``python -m workbench.execute.close_run <project> <job>``.

A process of its own, because reading a list of jobs must not import mlflow. It may be started any number of times.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState
from workbench.execute.ledger import find_record, folder_of, record_run_closed
from workbench.foundation.errors import ConflictError
from workbench.foundation.journal import Record
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project


def log_of(project: Project, record: Record) -> Path:
    """Return what the process writes into; beside the jobs where the job's own directory was deleted."""
    folder = folder_of(project, record).path
    return folder / "close.txt" if folder.is_dir() else _log_without_folder(project, record.id)


def close_run(project: Project, job: str) -> None:
    """End a job's run the way the job ended."""
    from workbench.execute.recording import end_run, running_run
    from workbench.execute.results import end_children

    record = find_record(project, job)
    folder = folder_of(project, record)
    run = record.body.get("run") or folder.read_run() or running_run(project, record.id)
    if run:
        end = TargetStatus(JobState(record.state), record.body.get("reason", ""), record.body.get("error", ""))
        if record.body.get("is_far") and not folder.path.is_dir():  # what tells that it is far went with the directory
            end_children(project, run)
        end_run(project, folder, run, end)
    record_run_closed(project, record.id)
    _log_without_folder(project, record.id).unlink(missing_ok=True)


def _log_without_folder(project: Project, job: str) -> Path:
    return project.state_dir / f"closing-{job}.txt"


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
