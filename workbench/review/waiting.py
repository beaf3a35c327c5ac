"""Which reviews wait for somebody, and which were asked for again since.

Asked at every glance of every panel: it reads records as they lie there, and imports no signatures and no checks.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.contract.status import ReviewState
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.review.policies.rules import POLICY_PATH

_NOUN = "review"  # as in workbench.review.record, which brings signatures
_WAITING = (ReviewState.CHECKING, ReviewState.OPEN, ReviewState.CHANGES_REQUESTED)


def asked_again(records: Iterable[Record]) -> dict[str, str]:
    """Return, by review, the newest one that was asked for later for the same bytes and the same stage.

    Two reviews of the same bytes differ in the policy that they were asked for under, or one was rejected.
    """
    newest: dict[tuple[str, ...], str] = {}
    found: dict[str, str] = {}
    for record in sorted(records, key=lambda record: str(record.body["requested_at"]), reverse=True):
        last = newest.setdefault(tuple(record.body[name] for name in ("model", "stage", "model_digest")), record.id)
        if last != record.id:
            found[record.id] = last
    return found


def count_waiting(project: Project) -> int:
    """Count the reviews that wait for somebody: one that is stale and was asked for again waits for nobody.

    Args:
        project: The project.
    """
    waiting = [record for state in _WAITING for record in project.journal.records(_NOUN, state=state)]
    path = project.root / POLICY_PATH
    policy = digest_bytes(path.read_bytes()) if path.is_file() else ""
    stale = [record for record in waiting if record.body["policy_digest"] != policy]
    again = asked_again(project.journal.records(_NOUN)) if stale else {}
    return len(waiting) - sum(record.id in again for record in stale)
