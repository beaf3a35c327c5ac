"""End runs whose process is dead, so that MLflow's own pages do not show them RUNNING for ever."""

from __future__ import annotations

from workbench.contract.status import RunState
from workbench.experiment.runs import reader_of
from workbench.experiment.store.delivery import drain_orphans
from workbench.experiment.store.liveness import dead_runs, lease_path
from workbench.experiment.store.tracking import finish_run
from workbench.foundation.project import Project


def reap_dead_runs(project: Project) -> tuple[str, ...]:
    """Write the end of every dead run into MLflow and the journal; safe from several processes at once.

    What such a run logged before it died and MLflow does not have yet is delivered first. A run that answers no more
    from another host becomes LOST, and FINISHED after all should it come back.

    Args:
        project: The project.

    Returns:
        Ids of the runs that this call ended.
    """
    ended = []
    for run, state in dead_runs(project, reader_of(project)).items():
        if finish_run(project, run, state):
            ended.append(run)
        if state is RunState.KILLED:
            lease_path(project, run).unlink(missing_ok=True)
    drain_orphans(project)
    return tuple(ended)
