"""The verbs of jobs: submit, list, show, read events, cancel, wait.

``submit`` looks at everything that could be wrong before it writes anything, and returns as soon as the target has
taken the job over. Nothing in this file, or imported by it, imports mlflow or papermill.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from workbench.compute.folder import JobFolder
from workbench.compute.targets import LOCAL
from workbench.contract.job import JobCard, JobEvent
from workbench.contract.status import JobState
from workbench.execute.ledger import NOUN, card_of, find_record
from workbench.execute.parameters_file import read_parameters_file
from workbench.execute.reconcile import reconcile_jobs, target_of
from workbench.execute.submission import Order, submit_order
from workbench.foundation.errors import PendingError
from workbench.foundation.project import Project

_POLL_S = 0.1
_RECONCILE_S = 1.0


def submit(
    project: Project,
    notebook: str,
    params: dict[str, str] | None = None,
    target: str = LOCAL,
    name: str = "",
    *,
    params_file: str = "",
) -> JobCard:
    """Run a notebook on a target, as a job that outlives this kernel, terminal or browser.

    Args:
        project: The project.
        notebook: Path of the notebook, relative to the project or to the working directory.
        params: Values for parameters that the notebook declares in its cell tagged ``parameters``.
        target: Name of a target in workbench.toml; ``local`` is always there.
        name: Name of the run; by default the notebook's.
        params_file: YAML, JSON or TOML file with values for parameters; ``params.yaml:train`` takes a part of it.
            Values given with ``params`` go before those of the file.

    Raises:
        NotFoundError: ``notebook-missing``, ``kernel-missing``, ``parameters-missing`` or ``target-unknown``.
        UsageError: ``notebook-invalid``, ``notebook-outside-project``, ``parameter-unknown``, ``parameter-wrong-type``,
            ``parameters-unreadable`` or a wrong option of the target.
        DeniedError: ``data-checks-failed``: a parameter names data that breaks its declared checks.
        UnavailableError: ``target-not-ready``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    given = {**(read_parameters_file(project, params_file) if params_file else {}), **(params or {})}
    return submit_order(project, Order(notebook, project.root, given, target, name))


def list_jobs(project: Project, limit: int = 50) -> tuple[JobCard, ...]:
    """List jobs, the last changed first.

    Args:
        project: The project.
        limit: At most so many.
    """
    reconcile_jobs(project)
    return tuple(card_of(project, record) for record in project.journal.records(NOUN, limit=limit))


def show_job(project: Project, job: str) -> JobCard:
    """Show a job.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``job-unknown``.
        UsageError: ``job-ambiguous``.
    """
    reconcile_jobs(project)
    return card_of(project, find_record(project, job))


def job_events(project: Project, job: str, after: int = 0) -> tuple[JobEvent, ...]:
    """Show what a job has said.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.
        after: Only events with a larger number, so that a reader can go on where it stopped.

    Raises:
        NotFoundError: ``job-unknown``.
    """
    return JobFolder.of(project, find_record(project, job).id).read_events(after)


def cancel(project: Project, job: str) -> JobCard:
    """Cancel a job: its cell is interrupted, its notebook saved, every process it started is ended.

    A job that has already ended stays as it is.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``job-unknown`` or ``target-unknown``.
    """
    record = find_record(project, job)
    if not JobState(record.state).is_terminal:
        target_of(project, record).cancel(record.id)
    return show_job(project, record.id)


def wait(
    project: Project,
    job: str,
    on_event: Callable[[JobEvent], None] | None = None,
    timeout_s: float | None = None,
) -> JobCard:
    """Wait for a job's end.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.
        on_event: Called with each event, once, in order.
        timeout_s: Give up after so many seconds; the job goes on.

    Raises:
        NotFoundError: ``job-unknown``.
        PendingError: ``job-running``: the time is up.
    """
    job, seen = find_record(project, job).id, 0
    folder = JobFolder.of(project, job)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    reconciled_at = 0.0
    while True:
        if time.monotonic() - reconciled_at >= _RECONCILE_S:
            reconcile_jobs(project)
            reconciled_at = time.monotonic()
        record = find_record(project, job)
        for event in folder.read_events(seen) if on_event else ():
            seen = event.seq
            if on_event:
                on_event(event)
        if JobState(record.state).is_terminal:
            return card_of(project, record)
        if deadline is not None and time.monotonic() >= deadline:
            raise PendingError("job-running", f"{job} still runs after {timeout_s:g} s", f"mlops logs {job}")
        time.sleep(_POLL_S)
