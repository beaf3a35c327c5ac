"""The verbs of jobs: submit, list, show, read events, cancel, try again, fetch, wait.

``submit`` looks at everything that could be wrong before it writes anything, and returns as soon as the target has
taken the job over. Nothing in this file, or imported by it, imports mlflow or papermill.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

from workbench.compute.hosts.archive import matching_files
from workbench.compute.needs import read_resources
from workbench.compute.targets import LOCAL, require_ready
from workbench.contract.job import JobCard, JobEvent, JobFiles
from workbench.contract.status import JobState
from workbench.execute.follow import ensure_follower
from workbench.execute.ledger import (
    NOUN,
    card_of,
    execution_of_record,
    expected_seconds,
    find_record,
    folder_of,
    require_here,
)
from workbench.execute.parameters_file import read_parameters_file
from workbench.execute.reconcile import reconcile_jobs, target_of
from workbench.execute.submission import Order, start, submit_order, write_next_attempt
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, NotFoundError, PendingError, UsageError, check_limit
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

_POLL_S = 0.1
_CANCEL_S = 30.0
_EARLIER = 200
"""Jobs of the past that tell how long the next will take."""
_RECONCILE_S = 1.0


def submit(
    project: Project,
    notebook: str,
    params: dict[str, str] | None = None,
    target: str = LOCAL,
    name: str = "",
    *,
    params_file: str = "",
    cpus: int = 0,
    memory: str = "",
    gpus: int = 0,
    time_limit: str = "",
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
        cpus: Processors that it asks for and may use at most; 0 does not ask.
        memory: Memory that it asks for and may use at most: ``8GiB``.
        gpus: GPUs that it asks for.
        time_limit: After this long it is interrupted and saved: ``2h30m``.

    Raises:
        NotFoundError: ``notebook-missing``, ``kernel-missing``, ``parameters-missing`` or ``target-unknown``.
        UsageError: ``notebook-invalid``, ``notebook-outside-project``, ``parameter-unknown``, ``parameter-wrong-type``,
            ``parameters-unreadable``, ``resources-unreadable``, ``target-cannot``, ``target-too-small``,
            ``bundle-too-large``, ``data-not-pushed`` or a wrong option of the target.
        DeniedError: ``data-checks-failed``: a parameter names data that breaks its declared checks.
        UnavailableError: ``target-not-ready``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    given = {**(read_parameters_file(project, params_file) if params_file else {}), **(params or {})}
    resources = read_resources(cpus=cpus, memory=memory, gpus=gpus, time_limit=time_limit)
    return submit_order(project, Order(notebook, project.root, given, target, name, resources=resources))


def list_jobs(project: Project, limit: int = 50) -> tuple[JobCard, ...]:
    """List jobs, the last changed first.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    check_limit(limit, "mlops jobs --limit 50")
    reconcile_jobs(project)
    known = project.journal.records(NOUN, limit=max(limit, _EARLIER))
    return tuple(card_of(project, record, expected_seconds(known, record)) for record in known[:limit])


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
    record = find_record(project, job)
    return card_of(project, record, expected_seconds(project.journal.records(NOUN, limit=_EARLIER), record))


def job_events(project: Project, job: str, after: int = 0) -> tuple[JobEvent, ...]:
    """Show what a job has said.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.
        after: Only events with a larger number, so that a reader can go on where it stopped.

    Raises:
        NotFoundError: ``job-unknown``.
    """
    record = find_record(project, job)
    if record.body.get("is_far"):
        ensure_follower(project)
    return folder_of(project, record).read_events(after)


def cancel(project: Project, job: str) -> JobCard:
    """Cancel a job: its cell is interrupted, its notebook saved, every process it started is ended.

    A job that has already ended stays as it is. Where a far target does not answer, the wish is kept and carried out as
    soon as it does.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``job-unknown`` or ``target-unknown``.
        ConflictError: ``job-elsewhere``: it was submitted on another machine of the team.
    """
    record = find_record(project, job)
    if JobState(record.state).is_terminal:
        return show_job(project, record.id)
    require_here(project, record, "cancel")
    if not record.body.get("is_far"):
        target_of(project, record).cancel(execution_of_record(record))
        return show_job(project, record.id)
    write_atomic(folder_of(project, record).cancel, canonical_json({}))
    ensure_follower(project, at_once=True)
    with suppress(PendingError):
        return wait(project, record.id, timeout_s=_CANCEL_S)
    return show_job(project, record.id)


def retry(project: Project, job: str) -> JobCard:
    """Try a job again that did not succeed: the same notebook, parameters and target, as its next attempt.

    Whatever the attempt before it may still bring is refused from then on.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``job-unknown`` or ``target-unknown``.
        ConflictError: ``job-not-ended``, ``job-succeeded`` or ``job-elsewhere``.
        UnavailableError: ``target-not-ready``.
    """
    record = find_record(project, job)
    if not JobState(record.state).is_terminal:
        raise ConflictError("job-not-ended", f"{record.id} is {record.state}", f"mlops cancel {record.id}")
    if record.state == JobState.SUCCEEDED:
        hint = f"run it anew: mlops run '{record.body['notebook']}'"
        raise ConflictError("job-succeeded", f"{record.id} has succeeded; there is nothing to try again", hint)
    require_here(project, record, "retry")
    target = target_of(project, record)
    require_ready(target)
    execution = _next_attempt(project, record)
    start(project, target, execution)
    return show_job(project, record.id)


def _next_attempt(project: Project, record: Record) -> str:
    """Write the next attempt of what is still the same end; what a follower notes of it meanwhile refuses nobody."""
    while True:
        try:
            return write_next_attempt(project, record)
        except ConflictError as error:
            now = find_record(project, record.id)
            is_same = (now.state, now.body["attempt"]) == (record.state, record.body["attempt"])
            if error.code != "record-changed" or not is_same:
                raise
            record = now


def fetch(project: Project, job: str, patterns: tuple[str, ...]) -> JobFiles:
    """Bring files of a job's directory here, also while it runs.

    Args:
        project: The project.
        job: Its id, or a unique beginning of it.
        patterns: Which files: ``output.ipynb``, ``artifacts/*``, ``work/out/**``, at any depth.

    Raises:
        NotFoundError: ``job-unknown``, ``target-unknown``, or ``job-files-missing``: nothing matches.
        UsageError: ``pattern-outside-job``.
        ConflictError: ``job-elsewhere``.
        UnavailableError: The target does not answer.
    """
    record = find_record(project, job)
    for pattern in patterns:
        if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
            message = f"'{pattern}' does not lie in the job's directory"
            raise UsageError("pattern-outside-job", message, "name files relative to it: artifacts/*")
    require_here(project, record, "fetch")
    folder = folder_of(project, record)
    found = set(matching_files(folder.path, patterns))
    if not JobState(record.state).is_terminal or not found:
        found |= set(target_of(project, record).fetch(execution_of_record(record), patterns))
    if not found:
        named = " ".join(f"'{pattern}'" for pattern in patterns)
        message = f"No file of {record.id} matches {named or 'nothing'}"
        raise NotFoundError("job-files-missing", message, f"ls '{folder.path}'")
    paths = sorted(path.relative_to(project.root).as_posix() for path in found)
    return JobFiles(record.id, tuple(paths), sum(path.stat().st_size for path in found))


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
    record = find_record(project, job)
    job, folder, seen = record.id, folder_of(project, record), 0
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
