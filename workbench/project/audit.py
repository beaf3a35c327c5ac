"""The journal as people read it: the chain walked from end to end, and what happened, in order."""

from __future__ import annotations

from workbench.contract.project import AuditReport, JournalEvent
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

MAX_EVENTS = 10_000


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
