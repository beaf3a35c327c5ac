"""Overrides that were signed: which stands now, what it proves, and which still wait for somebody to look at them."""

from __future__ import annotations

from datetime import datetime

from workbench.contract.review import Decision
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.project import Project
from workbench.review.naming import signed_request
from workbench.review.people import who_said
from workbench.review.policies.policy import StageRule
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.deed import DeedKind, parse_deed, verify_deed
from workbench.review.proof.grant import Grant, check_is_other
from workbench.review.proof.override import override_end, verify_override
from workbench.review.proof.persons import Person, signer_of
from workbench.review.record import NOUN, Review, read

OVERRIDE, POST_REVIEW = DeedKind.OVERRIDE.value, DeedKind.POST_REVIEW.value
OVERRIDDEN = "review.overridden"


def owed_reviews(project: Project) -> tuple[Review, ...]:
    """Return the reviews that somebody overrode and nobody has looked at since."""
    subjects = {event.subject for event in project.journal.events(kind=OVERRIDDEN)}
    reviews = (read(record) for record in project.journal.records(NOUN))
    return tuple(
        review for review in reviews if (review.subject in subjects or _overrides(review)) and is_owed(project, review)
    )


def is_owed(project: Project, review: Review) -> bool:
    """Tell whether an override of a review still waits for its post-review."""
    return bool(unseen_overrides(project, review))


def unseen_overrides(project: Project, review: Review) -> tuple[str, ...]:
    """Return the digests of the override statements that nobody has looked at, the oldest first.

    Which there are the chain says, beside the record; each needs a post-review of its own, which counts where its
    signature holds, it names that override and nobody signed it who overrode or whose work the model is.
    """
    events = project.journal.events(kind=OVERRIDDEN, subject=review.subject)
    chained = [str((event.data or {}).get("statement_digest", "")) for event in events]
    overrides = tuple(dict.fromkeys((*chained, *_overrides(review))))
    if not overrides:
        return ()
    allowed = load_reviewers(project)
    said = [decision for decision in review.decisions if decision.verdict == POST_REVIEW]
    return tuple(
        digest for digest in overrides if not any(_is_about(project, review, each, digest, allowed) for each in said)
    )


def overriders(project: Project, review: Review, override: str, allowed: AllowedSigners) -> tuple[str | Person, ...]:
    """Return who signed an override, by the name in its statement and by the key that signed it."""
    principal = parse_deed(project.store.read(override), DeedKind.OVERRIDE).principal
    kept = (decision for decision in review.decisions if decision.statement_digest == override)
    return (principal, *(who_said(project, decision, allowed) for decision in kept))


def _overrides(review: Review) -> tuple[str, ...]:
    return tuple(decision.statement_digest for decision in review.decisions if decision.verdict == OVERRIDE)


def _is_about(project: Project, review: Review, decision: Decision, override: str, allowed: AllowedSigners) -> bool:
    try:
        text, signature = _texts(project, decision)
        deed = verify_deed(text, signature, allowed, DeedKind.POST_REVIEW)
        if (deed.fact("override"), deed.fact("review"), deed.digest) != (override, review.id, review.model_digest):
            return False
        person = signer_of(allowed, deed.principal, signature)
        check_is_other(person, allowed, *review.involved, *overriders(project, review, override, allowed))
    except (DeniedError, IntegrityError, NotFoundError, UsageError, UnicodeDecodeError):
        return False
    return True


def standing_override(project: Project, review: Review, rule: StageRule) -> Decision | None:
    """Return the override that lets a review through now; one that does not verify counts for nothing."""
    allowed = load_reviewers(project)
    for decision in reversed(review.decisions):
        if decision.verdict != OVERRIDE:
            continue
        try:
            text, signature = _texts(project, decision)
            deed = verify_override(text, signature, allowed, (rule,))
        except (DeniedError, IntegrityError, NotFoundError):
            continue
        if deed.fact("review") == review.id and deed.digest == review.model_digest:
            return decision
    return None


def override_until(project: Project, decision: Decision) -> datetime:
    """Return when an override ends."""
    return override_end(parse_deed(project.store.read(decision.statement_digest), DeedKind.OVERRIDE))


def override_grant(project: Project, review: Review, decision: Decision) -> Grant:
    """Collect what proves an override."""
    deed = parse_deed(project.store.read(decision.statement_digest), DeedKind.OVERRIDE)
    request, request_signature = signed_request(project, review)
    return Grant(
        review=review.id,
        model=review.model,
        stage=review.stage,
        channel=f"{review.model}@{review.stage}",
        model_digest=review.model_digest,
        policy_digest=deed.fact("policy_digest"),
        evidence_digest=deed.fact("evidence_digest"),
        requester=review.requester,
        author=review.author,
        statements=(),
        commit_author=review.commit_author,
        request=request,
        override=(_texts(project, decision),),
        request_signature=request_signature,
    )


def _texts(project: Project, decision: Decision) -> tuple[str, str]:
    statement = project.store.read(decision.statement_digest)
    return statement.decode("utf-8", "surrogateescape"), project.store.read(decision.signature_digest).decode("ascii")
