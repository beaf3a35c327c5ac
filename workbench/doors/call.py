"""Carry out a parsed call: open the project, call the verb, follow what it started.

Shared by the ``mlops`` command and the magics, which differ only in how they show the result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.contract.job import JobCard, JobEvent
from workbench.contract.status import JobState
from workbench.doors.commandline import Call
from workbench.foundation.errors import FailedError, NotFoundError, UsageError, path_errors
from workbench.foundation.project import Project
from workbench.verbs import Follows


def carry_out(call: Call, *, folder: Path | None = None, progress: Callable[[JobEvent], None] | None = None) -> Any:
    """Call the verb and, unless detached, wait for what it started.

    Args:
        call: What :func:`workbench.doors.commandline.parse` returned.
        folder: Where the caller stands; the project is found upwards from ``call.project`` or from here.
        progress: Gets a followed job's events.

    Raises:
        WorkbenchError: Whatever the verb says; ``job-failed`` where a followed job ends badly; ``path-refused``.
    """
    try:
        with path_errors():
            return _called(call, folder, progress)
    except (UsageError, NotFoundError) as error:
        error.hint = call.better_hint(error)
        raise


def _called(call: Call, folder: Path | None, progress: Callable[[JobEvent], None] | None) -> Any:
    function = call.verb.load()
    if not call.verb.needs_project:
        return function(**call.arguments)
    project = Project.open(call.project or folder)
    is_followed = not call.is_detached
    if call.verb.follows is Follows.WAIT and is_followed:
        return function(project, **{"wait": True, **call.arguments})
    if call.verb.follows is Follows.LOG and is_followed:
        return follow_log(project, progress, **call.arguments)
    result = function(project, **call.arguments)
    if call.verb.follows is Follows.JOB and is_followed:
        return follow_job(project, result, progress)
    if call.verb.follows is Follows.SWEEP and is_followed:
        from workbench.execute.sweeps.sweeps import wait_for_sweep

        return wait_for_sweep(project, result.id, on_trial=getattr(progress, "tell_trial", None))
    return result


def follow_log(project: Project, say: Callable[[JobEvent], None] | None, job: str, after: int = 0) -> JobCard:
    """Tell what a job has said and goes on saying until its end; however that is, following it succeeded."""
    from workbench.execute.jobs import wait

    return wait(project, job, on_event=lambda event: say(event) if say and event.seq > after else None)


def follow_job(project: Project, job: JobCard, progress: Callable[[JobEvent], None] | None) -> JobCard:
    """Wait for a job's end; interrupting the wait leaves the job running.

    Raises:
        FailedError: It ended, but not well.
    """
    from workbench.execute.jobs import wait

    ended = wait(project, job.id, on_event=progress)
    close = getattr(progress, "close", None)
    if close:
        close(ended)
    if ended.state != JobState.SUCCEEDED:
        reason = ended.error or ended.reason or "no reason known"
        raise FailedError("job-failed", f"Job {job.id} is {ended.state}: {reason}", f"mlops logs {job.id}")
    return ended
