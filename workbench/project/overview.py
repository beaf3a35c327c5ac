"""The project at a glance, and the doctor.

The glance is what every open panel asks for again and again: counts only, no library beyond SQLAlchemy. The doctor
(:mod:`workbench.project.doctor`) may take its time.
"""

from __future__ import annotations

from workbench import __version__
from workbench.contract.project import Finding, ProjectStatus
from workbench.contract.status import AlertState, JobState, ReleaseState
from workbench.experiment.runs import count_runs
from workbench.foundation.project import Project
from workbench.review.waiting import count_waiting


def project_status(project: Project) -> ProjectStatus:
    """Show the project at a glance: how much there is and what waits for somebody.

    Args:
        project: The project.
    """
    journal = project.journal
    section = project.config.project
    return ProjectStatus(
        name=section.name,
        description=section.description,
        root=str(project.root),
        actor=project.actor,
        version=__version__,
        runs=count_runs(project),
        datasets=journal.count("dataset"),
        open_jobs=journal.count("job", states=[state for state in JobState if not state.is_terminal]),
        open_reviews=count_waiting(project),
        channels=journal.count("release", states=[ReleaseState.CURRENT]),
        open_alerts=journal.count("alert", states=[AlertState.OPEN, AlertState.ACKNOWLEDGED]),
        journal_seq=journal.head().seq,
    )


def examine(project: Project) -> tuple[Finding, ...]:
    """Look for what is wrong, over configuration, security, network, data and automation, and say what mends it.

    A part that is broken is reported, not raised: the report is always whole.

    Args:
        project: The project.
    """
    from workbench.project.doctor import find_faults

    return find_faults(project)
