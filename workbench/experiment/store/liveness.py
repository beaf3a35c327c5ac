"""Tell which runs that MLflow holds as RUNNING are dead, from their leases.

A run of ours gets the tag ``workbench.heartbeat`` once its lease is taken; a run without that tag (plain mlflow,
another tool) has no lease to judge by and is left alone. A run with a job, and one that sums up a sweep, belong to
reconcilers of their own in ``execute``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from workbench.contract.status import RunState
from workbench.experiment.store.rows import RunQuery, RunReader, RunRow
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

HEARTBEAT_TAG = "workbench.heartbeat"
_MAX_RUNNING = 10_000
_START_S = 60.0
"""A run whose lease was not taken within this time died while it started."""


def lease_path(project: Project, run: str) -> Path:
    """Return the lease file of a run."""
    return project.state_dir / "leases" / f"run-{run}"


def dead_runs(project: Project, reader: RunReader) -> dict[str, RunState]:
    """Return the runs that are dead although the store says RUNNING: KILLED where certain, LOST where not."""
    running = reader.search(RunQuery(limit=_MAX_RUNNING, state=RunState.RUNNING))
    return dict(_judged(project, running))


def _judged(project: Project, rows: Iterable[RunRow]) -> Iterable[tuple[str, RunState]]:
    for row in rows:
        is_looked_after = "workbench.job" in row.tags or "workbench.sweep" in row.tags
        if is_looked_after or "workbench.actor" not in row.tags:
            continue
        lease = inspect_lease(lease_path(project, row.id))
        has_lease = HEARTBEAT_TAG in row.tags or lease.was_held
        is_starting = not has_lease and time.time() - row.started_ms / 1000 < _START_S
        if not lease.is_alive and not is_starting:
            yield row.id, RunState.KILLED if lease.is_certain else RunState.LOST
