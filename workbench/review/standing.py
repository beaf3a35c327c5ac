"""Which waivers of a review stand now: signed by somebody who may, and bound to what lies there now.

A waiver that no longer holds (its signer was removed, the checks ran again, the policy lists the check no longer) is
not an error: it counts for nothing, and the check it was for blocks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError
from workbench.foundation.project import Project
from workbench.review.policies.policy import StageRule
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.grant import check_is_other
from workbench.review.proof.persons import signer_of
from workbench.review.proof.waiver import Waiver, check_is_waivable, verify_waiver
from workbench.review.record import Review

WAIVE = "waive"
_BOUND = (
    "model",
    "model_digest",
    "stage",
    "policy_digest",
    "evidence_digest",
    "requester",
    "author",
    "commit_author",
)


@dataclass(frozen=True)
class StandingWaiver:
    """A waiver that was verified just now.

    Attributes:
        waiver: What was signed.
        digest: Digest of the signed text.
        text: The signed text.
        signature: Its armoured signature.
    """

    waiver: Waiver
    digest: str
    text: str
    signature: str


def standing_waivers(project: Project, review: Review, rule: StageRule) -> dict[str, StandingWaiver]:
    """Return the waivers that stand, one for each check."""
    found: dict[str, StandingWaiver] = {}
    for decision in review.decisions:
        if decision.verdict != WAIVE or decision.check in found:
            continue
        try:
            text = project.store.read(decision.statement_digest).decode()
            signature = project.store.read(decision.signature_digest).decode()
            waiver = _verified(project, review, rule, text, signature)
        except (DeniedError, IntegrityError, NotFoundError, UnicodeDecodeError):
            continue
        if waiver and waiver.check == decision.check:
            found[waiver.check] = StandingWaiver(waiver, decision.statement_digest, text, signature)
    return found


def unwaived(blocking: Mapping[str, str], waivers: Mapping[str, StandingWaiver]) -> dict[str, str]:
    """Return the checks that still block."""
    return {name: result for name, result in blocking.items() if name not in waivers}


def _verified(project: Project, review: Review, rule: StageRule, text: str, signature: str) -> Waiver | None:
    """Return a waiver that holds; nothing where it is about another review, or about this one as it was before."""
    allowed = load_reviewers(project)
    waiver = verify_waiver(text, signature, allowed)
    is_bound = waiver.review == review.id and all(getattr(waiver, n) == getattr(review, n) for n in _BOUND)
    if not is_bound:
        return None
    check_is_waivable(rule, waiver.check)
    if not rule.allow_self:
        person = signer_of(allowed, waiver.principal, signature)
        check_is_other(person, allowed, *review.involved)
    return waiver
