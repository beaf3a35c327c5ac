"""Which reviews wait for somebody, and which were asked for again since.

Asked at every glance of every panel, so it reads no signatures and imports no checks.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.contract.status import ReviewState
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project
from workbench.review.policies.change import POLICY_PATH
from workbench.review.record import NOUN, Review, read

_WAITING = (ReviewState.CHECKING, ReviewState.OPEN, ReviewState.CHANGES_REQUESTED)


def asked_again(reviews: Iterable[Review]) -> dict[str, str]:
    """Return, by review, the newest one that was asked for later for the same bytes and the same stage.

    Two reviews of the same bytes differ in the policy that they were asked for under, or one was rejected.
    """
    newest: dict[tuple[str, str, str], str] = {}
    found: dict[str, str] = {}
    for review in sorted(reviews, key=lambda review: review.requested_at, reverse=True):
        last = newest.setdefault((review.model, review.stage, review.model_digest), review.id)
        if last != review.id:
            found[review.id] = last
    return found


def count_waiting(project: Project) -> int:
    """Count the reviews that wait for somebody: one that is stale and was asked for again waits for nobody.

    Args:
        project: The project.
    """
    waiting = [read(record) for state in _WAITING for record in project.journal.records(NOUN, state=state)]
    path = project.root / POLICY_PATH
    policy = str(digest_bytes(path.read_bytes())) if path.is_file() else ""
    if all(review.policy_digest == policy for review in waiting):
        return len(waiting)
    again = asked_again(read(record) for record in project.journal.records(NOUN))
    return sum(review.policy_digest == policy or review.id not in again for review in waiting)
