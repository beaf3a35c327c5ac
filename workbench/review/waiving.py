"""Waiving a check: for a check that policy lists as waivable, by somebody who may decide, with a reason."""

from __future__ import annotations

from workbench.contract.review import Decision, ReviewCard
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, UsageError, did_you_mean
from workbench.foundation.identity import sign
from workbench.foundation.project import Project
from workbench.review.decision import check_as_shown, check_is_genuine, check_is_open, check_signer, signing_time
from workbench.review.policies.policy import CHECK_NAMES, load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.rules import is_check_name
from workbench.review.proof.waiver import (
    MINIMUM_REASON,
    WAIVE_NAMESPACE,
    Waiver,
    build_waiver,
    check_is_waivable,
    verify_waiver,
)
from workbench.review.record import Review, find_review, record_refusal, save
from workbench.review.reviews import show_review
from workbench.review.standing import WAIVE, standing_waivers


def waive(project: Project, review: str, check: str, reason: str, at: str = "", *, shown: str = "") -> ReviewCard:
    """Waive a required check of one review, signed with your SSH key; the check shows as waived and lets pass.

    It holds for these bytes, this policy and these results; checks that run again make it void. ``format`` is never
    waived. Nobody waives a check on what they asked for, trained or wrote.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        check: The check; ``policy/gate.toml`` lists which may be, under ``waivable``.
        reason: Why, in at least 20 characters; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.

    Raises:
        UsageError: ``check-unknown-name`` or ``reason-short``.
        DeniedError: ``not-waivable``, ``self-approval``, ``reviewer-unknown``, ``identity-missing`` or
            ``review-stale``.
        ConflictError: ``review-closed``, ``not-blocking`` or ``statement-changed``.
        PendingError: ``checks-running``.
        IntegrityError: The review is not what the journal's chain says.
    """
    found = find_review(project, review)
    if not is_check_name(check):
        raise UsageError("check-unknown-name", f"There is no check '{check}'", did_you_mean(check, CHECK_NAMES))
    if len(reason.strip()) < MINIMUM_REASON:
        raise UsageError(
            "reason-short",
            f"A waiver needs a reason of at least {MINIMUM_REASON} characters",
            f'mlops review waive {found.id} {check} -m "…"',
        )
    try:
        _waive(project, found, draft_waiver(project, found, check, reason, signing_time(at)), shown)
    except (DeniedError, IntegrityError) as error:
        record_refusal(project, found, WAIVE, error, check=check)
        raise
    return show_review(project, found.id)


def draft_waiver(project: Project, review: Review, check: str, reason: str, at: str) -> Waiver:
    """Return what the actor would sign; its bytes are exactly what is shown before and verified after."""
    return Waiver(
        check=check,
        model=review.model,
        model_digest=review.model_digest,
        stage=review.stage,
        review=review.id,
        policy_digest=review.policy_digest,
        evidence_digest=review.evidence_digest,
        requester=review.requester,
        author=review.author,
        commit_author=review.commit_author,
        principal=project.actor,
        at=at,
        reason=reason.strip(),
    )


def _waive(project: Project, review: Review, waiver: Waiver, shown: str) -> None:
    check = waiver.check
    rule = load_policy(project).rule(review.stage)
    check_is_genuine(project, review)
    check_is_open(project, review)
    check_is_waivable(rule, check)
    signer = check_signer(project, review, rule, (WAIVE_NAMESPACE,))
    if check in standing_waivers(project, review, rule):
        return  # saying it twice changes nothing
    if check not in review.blocking(rule.required):
        raise ConflictError("not-blocking", f"Check '{check}' stands in nobody's way", f"mlops review show {review.id}")
    data = build_waiver(waiver)
    check_as_shown(data, shown)
    signature = sign(signer.key_path, data, namespace=WAIVE_NAMESPACE)
    verify_waiver(data.decode(), signature, load_reviewers(project))
    decision = Decision(
        verdict=WAIVE,
        principal=waiver.principal,
        fingerprint=signer.key.fingerprint,
        assurance=signer.assurance.value,
        at=waiver.at,
        reason=waiver.reason,
        statement_digest=project.store.put_bytes(data),
        signature_digest=project.store.put_bytes(signature.encode()),
        check=check,
    )
    kept = ("statement_digest", "signature_digest", "fingerprint", "assurance")
    event = {name: getattr(review, name) for name in ("model_digest", "stage", "policy_digest", "evidence_digest")}
    with project.journal.transaction() as transaction:
        said = {"check": check, **event, **{name: getattr(decision, name) for name in kept}}
        transaction.append("review.waived", review.subject, said)
        save(transaction, review.changed(decisions=(*review.decisions, decision)))
