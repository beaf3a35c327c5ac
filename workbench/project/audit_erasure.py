"""Erasing what an event says, for data-protection law, without breaking the chain, which binds its digest alone.

Names of people stand in ``policy/reviewers`` and nowhere else by design; a free text (a comment) may hold one all the
same. What the gate verifies releases from is never erased: without it nothing could be proved any more.
"""

from __future__ import annotations

from workbench.contract.project import ErasedPayload
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, storage_errors
from workbench.foundation.journal import ERASED, KEPT_KINDS
from workbench.foundation.project import Project


def erase_payload(project: Project, seq: int, reason: str) -> ErasedPayload:
    """Erase what one event says; that it happened, when and by whom, and the digest of what it said, stay in the chain.

    Of a comment, the text in the review and its statement in the store go as well.

    Args:
        project: The project.
        seq: Number of the event: ``mlops audit log``.
        reason: Why; kept in the store, not in the journal.

    Raises:
        UsageError: ``reason-missing``.
        NotFoundError: ``event-unknown``.
        ConflictError: ``payload-needed`` or ``payload-erased``.
    """
    if not reason.strip():
        raise UsageError("reason-missing", "An erasure needs a reason", f'mlops audit erase {seq} -m "…"')
    found = project.journal.events(after=seq - 1, limit=1)
    if not found or found[0].seq != seq:
        raise NotFoundError("event-unknown", f"There is no event {seq}", "see which there are: mlops audit log")
    event = found[0]
    if event.kind.startswith(KEPT_KINDS):
        raise ConflictError("payload-needed", f"Releases are verified from '{event.kind}'", "mlops audit log")
    if event.data is None:
        raise ConflictError("payload-erased", f"Event {seq} was erased already", "mlops audit verify")
    told = {"seq": seq, "kind": event.kind, "reason_digest": project.store.put_bytes(reason.encode())}
    with project.journal.transaction() as change:
        change.append(ERASED, f"event:{seq}", told)
        change.erase(seq)
        noun, _, name = event.subject.partition(":")
        record = change.get(noun, name) if event.kind == "review.commented" else None
        if record is not None:
            comments = [
                {**each, "text": ""} if each["id"] == event.data.get("comment") else each
                for each in record.body.get("comments", [])
            ]
            change.put(noun, name, record.state, {**record.body, "comments": comments}, expect=record.revision)
        statement = str(event.data.get("statement_digest", "")) if event.kind == "review.commented" else ""
        if statement:  # The comment's own statement says it again. Within: afterwards nothing would know it by name.
            path = project.store.path_of(statement)
            with storage_errors(path):
                path.unlink(missing_ok=True)
    return ErasedPayload(seq, event.kind, event.subject, event.data_digest)
