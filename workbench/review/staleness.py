"""Why a review no longer holds: the rules, the frozen bytes or the run's own bytes are not what they were."""

from __future__ import annotations

from workbench.contract.status import ReviewState
from workbench.foundation.errors import IntegrityError, NotFoundError, StorageError
from workbench.foundation.project import Project
from workbench.review.approving import why_lapsed
from workbench.review.candidate import is_deleted, is_unchanged
from workbench.review.policies.policy import Policy
from workbench.review.record import Review

RUN_DELETED = "the run that made it was deleted"


def why_stale(project: Project, review: Review, policy: Policy | None, *, is_thorough: bool = True) -> tuple[str, ...]:
    """Return the reasons, in words; none where the review holds.

    Args:
        project: The project.
        review: The review; a rejected one is final and cannot become stale.
        policy: The policy; None where it is at fault.
        is_thorough: Also read and digest the frozen bytes and the run's own.
    """
    if review.state == ReviewState.REJECTED:
        return ()
    reasons = []
    if policy is None or policy.digest != review.policy_digest:
        reasons.append("policy/gate.toml is not what it was requested under")
    elif lapsed := why_lapsed(project, review, policy.rule(review.stage)):
        reasons.append(lapsed)
    if is_thorough and not are_bytes_intact(project, review):
        reasons.append("the frozen bytes in the store were changed")
    if is_thorough and not is_unchanged(project, review.run, review.model, review.model_digest):
        is_gone = is_deleted(project, review.run)
        reasons.append(RUN_DELETED if is_gone else "the run's model folder is not what was frozen")
    return tuple(reasons)


def are_bytes_intact(project: Project, review: Review) -> bool:
    """Tell whether every frozen file is there and is what its digest says."""
    try:
        for entry in project.store.tree(review.model_digest):
            project.store.read(entry.digest)
    except (IntegrityError, NotFoundError, StorageError):
        return False
    return True
