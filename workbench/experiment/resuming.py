"""Going on from a run that has ended: which one is meant, and the offer to do so after a kernel has died.

What has ended is never opened again: a run that goes on is a new one, with the old one's name and parameters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from workbench.contract.run import RunDetail
from workbench.contract.status import RunState
from workbench.experiment.store import delivery
from workbench.experiment.store.connections import reading
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.liveness import lease_path
from workbench.foundation.errors import ConflictError, UsageError
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

CELL_TAG = "workbench.cell"
"""Id of the notebook cell that began a run; none where the front end names no cells."""

_WHOLE = 'NOT parent ~ ""'
"""A run that is no part of another."""
_LAST = """
SELECT runs.run_uuid, runs.name, runs.status FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
WHERE tags.key = 'workbench.source' AND tags.value = ? AND runs.lifecycle_stage = 'active'
AND NOT EXISTS (SELECT 1 FROM tags AS other WHERE other.run_uuid = runs.run_uuid
                AND other.key IN ('workbench.job', 'mlflow.parentRunId'))
ORDER BY runs.start_time DESC LIMIT 1
"""
"""The last run that the notebook itself began: none of a job's, and no part of another run."""


def run_to_resume(
    project: Project, resume: str | bool, *, source: str, name: str, cell: str, is_open: Collection[str]
) -> RunDetail:
    """Return the run to go on from, with everything that it has logged.

    Args:
        project: The project.
        resume: Id of a run; or True for the newest of the notebook that has the name, else that the cell began, else
            that there is.
        source: Notebook or script, relative to the project.
        name: Name that the new run is given; empty where none.
        cell: Id of the cell that asks; empty where unknown.
        is_open: Runs that are open in this process, which cannot be meant.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``nothing-to-resume``.
        ConflictError: ``run-not-ended``.
    """
    from workbench.experiment.runs import show_run  # reading runs imports SQLAlchemy; loading must not

    run = resume if isinstance(resume, str) else _newest(project, source, name, cell, is_open)
    run = show_run(project, run).card.id
    delivery.drain(project, run)  # what a killed kernel logged last may still lie in its log
    found = show_run(project, run)
    if found.card.state == RunState.RUNNING:
        raise ConflictError(
            "run-not-ended", f"Run {run[:8]} still runs", f"wait for its end: mlops runs show {run[:8]}"
        )
    return found


def _newest(project: Project, source: str, name: str, cell: str, is_open: Collection[str]) -> str:
    from workbench.experiment.runs import list_runs

    wanted = [f"name = {_quoted(name)}"] if name else [f'tags."{CELL_TAG}" = {_quoted(cell)}', ""] if cell else [""]
    for query in wanted:
        asked = f"{query} AND {_WHOLE}" if query else _WHOLE
        for card in list_runs(project, asked, source=source, limit=len(is_open) + 1):
            if card.id not in is_open:
                return card.id
    what = f"run '{name}'" if name else "run"
    message = f"There is no {what} of {source or 'this process'} to go on from"
    raise UsageError("nothing-to-resume", message, "name one: workbench.run(resume='<id>') (mlops runs)")


def offer(project: Project, source: str) -> str:
    """Return the line that offers to go on from a notebook's last run, if that was killed; empty where there is none.

    Asked when a kernel starts, so it takes one look into SQLite and imports nothing; where the runs lie on a server,
    the panel and ``mlops runs show`` offer the same.

    Args:
        project: The project.
        source: Notebook or script, relative to the project.
    """
    path = sqlite_path(project)
    if not source or path is None or not path.is_file():
        return ""
    try:
        with reading(path) as connection:
            found = connection.execute(_LAST, (source,)).fetchone()
    except sqlite3.Error:
        return ""
    if found is None:
        return ""
    run, name, status = found
    if status == "RUNNING":  # nobody has written its end yet, if it has ended
        lease = inspect_lease(lease_path(project, run))
        status = "KILLED" if lease.was_held and not lease.is_alive else ""
    if status != "KILLED":
        return ""
    go_on = f'%%mlops track --continue, or workbench.run(resume="{run[:12]}")'
    return f"Run {run[:8]} '{name}' of this notebook was killed; what it logged is kept. Go on from it: {go_on}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
