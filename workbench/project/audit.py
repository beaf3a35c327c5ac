"""The journal as people read it: the chain walked from end to end, and what happened, in order."""

from __future__ import annotations

from workbench.contract.project import AuditReport, JournalEvent
from workbench.foundation.errors import check_limit
from workbench.foundation.project import Project
from workbench.project.checkpoints import Signed, verify_checkpoints


def verify_journal(project: Project, checkpoint: str = "", signers: str = "") -> AuditReport:
    """Walk the journal's chain from its first event to its last, and through what was signed of it before.

    The chain alone shows an edit, a deletion or a swap; a checkpoint also shows a journal that was cut off or
    rewritten as a whole.

    Args:
        project: The project.
        checkpoint: One checkpoint's file, or where they are kept: ``git``, a folder or a URL.
        signers: An ``allowed_signers`` file that says who may sign checkpoints; ``policy/reviewers`` by default.

    Raises:
        IntegrityError: ``journal-broken``, with the first event that is not what was written; ``journal-truncated``;
            ``checkpoint-gone`` or ``checkpoint-malformed``.
        DeniedError: ``signer-unknown``: a checkpoint was signed by somebody who may not.
        NotFoundError: ``checkpoint-missing``.
    """
    signed: tuple[Signed, ...] = ()
    if checkpoint:
        head, signed = verify_checkpoints(project, checkpoint, signers)
    else:
        head = project.journal.verify()
    first = project.journal.events(limit=1)
    last = project.journal.events(after=head.seq - 1, limit=1) if head.seq else []
    return AuditReport(
        events=head.seq,
        head=head.hash,
        since=first[0].at if first else "",
        until=last[0].at if last else "",
        checkpoints=len(signed),
        proved_events=signed[-1].head.seq if signed else 0,
        proved_at=signed[-1].at if signed else "",
        proved_by=signed[-1].principal if signed else "",
    )


def list_events(project: Project, limit: int = 50, after: int = 0) -> tuple[JournalEvent, ...]:
    """List what happened, the newest last.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.
        after: Only events behind this number, the oldest of them first; 0 shows the last ones.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    check_limit(limit, "mlops audit log -n 50")
    start = after or max(0, project.journal.head().seq - limit)
    events = project.journal.events(after=start, limit=limit)
    return tuple(JournalEvent(e.seq, e.at, e.actor, e.kind, e.subject) for e in events)
