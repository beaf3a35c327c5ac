"""The project at a glance, the doctor, and the journal as people read it.

The glance is what every open panel asks for again and again: counts only, no library beyond SQLAlchemy. The doctor
(:mod:`workbench.monitor.doctor`) may take its time.
"""

from __future__ import annotations

from workbench import __version__
from workbench.contract.project import AuditReport, Finding, JournalEvent, ProjectStatus
from workbench.contract.status import AlertState, JobState, ReleaseState, ReviewState
from workbench.experiment.runs import count_runs
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

MAX_EVENTS = 10_000


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
        open_reviews=journal.count("review", states=[ReviewState.CHECKING, ReviewState.OPEN]),
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
    from workbench.monitor.doctor import find_faults

    return find_faults(project)


def verify_journal(project: Project) -> AuditReport:
    """Walk the journal's chain from its first event to its last; write the head down elsewhere as a checkpoint.

    Args:
        project: The project.

    Raises:
        IntegrityError: ``journal-broken``, with the first event that is not what was written.
    """
    head = project.journal.verify()
    first = project.journal.events(limit=1)
    last = project.journal.events(after=head.seq - 1, limit=1) if head.seq else []
    return AuditReport(head.seq, head.hash, first[0].at if first else "", last[0].at if last else "")


def list_events(project: Project, limit: int = 50, after: int = 0) -> tuple[JournalEvent, ...]:
    """List what happened, the newest last.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.
        after: Only events behind this number, the oldest of them first; 0 shows the last ones.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    if not 1 <= limit <= MAX_EVENTS:
        message = f"Limit {limit} is not between 1 and {MAX_EVENTS}"
        raise UsageError("limit-out-of-range", message, "mlops audit log -n 50")
    start = after or max(0, project.journal.head().seq - limit)
    events = project.journal.events(after=start, limit=limit)
    return tuple(JournalEvent(e.seq, e.at, e.actor, e.kind, e.subject) for e in events)
