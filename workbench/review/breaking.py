"""Breaking the glass: letting a model through for a day without the approvals, and looking at it afterwards.

What an override leaves behind is a debt: it is red in the doctor, the panel and the report until somebody else has
looked at what was done and signed for that; nobody overrides that model at that stage again before.
"""

from __future__ import annotations

from workbench.contract.review import CheckReport, Decision, ReviewCard
from workbench.contract.status import Assurance, CheckResult
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.card import card_of
from workbench.review.checking import champion_of, input_of
from workbench.review.checks.registry import run_check
from workbench.review.decision import check_as_shown, check_is_current, check_is_genuine, check_signer, signing_time
from workbench.review.notices.delivery import announce
from workbench.review.overridden import (
    OVERRIDDEN,
    OVERRIDE,
    POST_REVIEW,
    overriders,
    owed_reviews,
    standing_override,
    unseen_overrides,
)
from workbench.review.policies.change import read_stages
from workbench.review.policies.policy import StageRule, load_policy, readable_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.deed import Deed, DeedKind, build_deed, verify_deed
from workbench.review.proof.grant import check_is_other
from workbench.review.proof.override import BOUND, check_may_override
from workbench.review.proof.persons import person_of
from workbench.review.proof.waiver import MINIMUM_REASON
from workbench.review.record import Review, evidence_bytes, find_review, record_refusal, save
from workbench.review.signing import own_key

_TRIES = 5


def override(project: Project, review: str, reason: str, at: str = "", shown: str = "") -> ReviewCard:
    """Break the glass: let a model through for 24 hours without the approvals, signed with your SSH key.

    For people whom ``policy/gate.toml`` names under ``break_glass``. It ends by itself, and stays red until somebody
    else has looked at it: ``mlops review post-review``. ``format`` must pass all the same.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: Why it cannot wait, in at least 20 characters; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.

    Raises:
        UsageError: ``reason-short``.
        DeniedError: ``override-denied``, ``override-owed``, ``identity-missing``, ``reviewer-unknown``,
            ``review-stale`` or ``checks-failed``.
        ConflictError: ``review-closed`` or ``statement-changed``.
        IntegrityError: The review is not what the journal's chain says.
    """
    found = find_review(project, review)
    _check_reason(reason, f'mlops review override {found.id} -m "…"')
    try:
        _override(project, found, reason, signing_time(at), shown)
    except (DeniedError, IntegrityError) as error:
        record_refusal(project, found, OVERRIDE, error)
        raise
    return card_of(project, find_review(project, found.id), readable_policy(project), is_thorough=True)


def post_review(project: Project, review: str, reason: str, at: str = "", shown: str = "") -> ReviewCard:
    """Look afterwards at what an override let through, and sign for what you found; until then it stays red.

    Not by who overrode it, asked for it, trained or wrote it.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What you found, in at least 20 characters; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.

    Raises:
        UsageError: ``reason-short``.
        NotFoundError: ``override-none``.
        DeniedError: ``self-approval``, ``reviewer-unknown`` or ``identity-missing``.
        ConflictError: ``statement-changed``.
        IntegrityError: The review is not what the journal's chain says.
    """
    found = find_review(project, review)
    _check_reason(reason, f'mlops review post-review {found.id} -m "…"')
    try:
        _post_review(project, found, reason, signing_time(at), shown)
    except (DeniedError, IntegrityError) as error:
        record_refusal(project, found, POST_REVIEW, error)
        raise
    return card_of(project, find_review(project, found.id), readable_policy(project), is_thorough=True)


def _override(project: Project, review: Review, reason: str, at: str, shown: str) -> None:
    rule = load_policy(project).rule(review.stage)
    check_is_genuine(project, review)
    check_is_current(project, review)
    allowed = load_reviewers(project)
    person = person_of(allowed, name=project.actor, key=read_public_key(own_key(project)).blob)
    check_may_override(rule, allowed, person)
    if standing_override(project, review, rule):
        return  # saying it twice changes nothing
    _check_nothing_owed(project, review)
    reports = _seen(project, review, rule)
    deed = draft_override(project, review, reports, reason=reason, at=at)
    check_as_shown(build_deed(deed), shown)
    project.store.put_bytes(evidence_bytes(reports))
    try:
        check_is_other(person, allowed, *review.involved)
        assurance = Assurance.LOCAL_SIGNED
    except DeniedError:
        assurance = Assurance.LOCAL_SELF
    _sign(project, review, deed, assurance)


def draft_override(project: Project, review: Review, reports: tuple[CheckReport, ...], *, reason: str, at: str) -> Deed:
    """Return what the actor would sign, for checks that found this; exactly what is shown before and verified after."""
    told = {
        "review": review.id,
        "evidence_digest": digest_bytes(evidence_bytes(reports)),
        "reason": reason.strip(),
    }
    facts = {name: getattr(review, name) for name in BOUND if name not in told} | told
    return Deed(DeedKind.OVERRIDE, review.model, review.model_digest, project.actor, at, facts)


def draft_post_review(project: Project, review: Review, *, reason: str, at: str) -> Deed:
    """Return what the actor would sign about the oldest override that nobody has looked at.

    Raises:
        NotFoundError: ``override-none``.
    """
    unseen = unseen_overrides(project, review)
    if not unseen:
        raise NotFoundError(
            "override-none", f"{review.id} has no override to look at", f"mlops review show {review.id}"
        )
    facts = {"review": review.id, "stage": review.stage, "override": unseen[0], "reason": reason.strip()}
    return Deed(DeedKind.POST_REVIEW, review.model, review.model_digest, project.actor, at, facts)


def _rule_of(project: Project, review: Review) -> StageRule:
    """Return the stage's rule; of a stage that is gone since, the one that was overridden, or its debt would stay."""
    try:
        return load_policy(project).rule(review.stage)
    except NotFoundError:
        return read_stages(project.store, review.policy_digest)[review.stage]


def _post_review(project: Project, review: Review, reason: str, at: str, shown: str) -> None:
    rule = _rule_of(project, review)
    check_is_genuine(project, review)
    deed = draft_post_review(project, review, reason=reason, at=at)
    signer = check_signer(project, review, rule, (DeedKind.POST_REVIEW.namespace,))
    seen = next(decision for decision in review.decisions if decision.statement_digest == deed.fact("override"))
    allowed = load_reviewers(project)
    person = person_of(allowed, name=project.actor, key=signer.key.blob)
    check_is_other(person, allowed, *review.involved, *overriders(project, review, seen.statement_digest, allowed))
    check_as_shown(build_deed(deed), shown)
    _sign(project, review, deed, signer.assurance)


def _check_nothing_owed(project: Project, review: Review) -> None:
    """Refuse another override of a model at a stage before somebody has looked at the last one."""
    for owed in owed_reviews(project):
        if (owed.model, owed.stage) == (review.model, review.stage):
            raise DeniedError(
                "override-owed",
                f"{owed.id} was overridden, and nobody has looked at it since",
                f"have somebody else look first: mlops review post-review {owed.id}",
            )


def _seen(project: Project, review: Review, rule: StageRule) -> tuple[CheckReport, ...]:
    """Return what checks have found by now; ``format`` is run on the spot where it is not among it, and must pass."""
    reports = {report.name: report for report in review.checks}
    if "format" not in reports:
        given = input_of(project, review, rule, champion_of(project, f"{review.model}@{review.stage}"))
        reports["format"] = run_check("format", given, is_required=True)
    if reports["format"].result != CheckResult.PASS:
        raise DeniedError(
            "checks-failed",
            f"Check format did not pass, and nobody overrides it: {reports['format'].summary}",
            f"see why: mlops review show {review.id}",
        )
    return tuple(reports.values())


def _sign(project: Project, review: Review, deed: Deed, assurance: Assurance) -> None:
    """Sign, verify what was signed, keep the bytes, then change record and journal in one transaction."""
    key_path = own_key(project)
    kind, data = deed.kind, build_deed(deed)
    armour = sign(key_path, data, namespace=kind.namespace)
    verify_deed(data.decode(), armour, load_reviewers(project), kind)
    decision = Decision(
        verdict=kind.value,
        principal=project.actor,
        fingerprint=read_public_key(key_path).fingerprint,
        assurance=assurance.value,
        at=deed.at,
        reason=deed.fact("reason"),
        statement_digest=project.store.put_bytes(data),
        signature_digest=project.store.put_bytes(armour.encode()),
    )
    kept = ("statement_digest", "signature_digest", "fingerprint", "assurance")
    event = {"model_digest": review.model_digest, "stage": review.stage, **{n: getattr(decision, n) for n in kept}}
    event_kind = OVERRIDDEN if kind is DeedKind.OVERRIDE else "review.post-reviewed"
    for attempt in range(_TRIES):
        now = find_review(project, review.id)
        try:
            with project.journal.transaction() as transaction:
                transaction.append(event_kind, review.subject, event)
                save(transaction, now.changed(decisions=(*now.decisions, decision)))
            announce(project)
            return
        except ConflictError:  # checks or comments were written in the same moment; neither contradicts this
            if attempt == _TRIES - 1:
                raise


def _check_reason(reason: str, command: str) -> None:
    if len(reason.strip()) < MINIMUM_REASON:
        raise UsageError("reason-short", f"It needs a reason of at least {MINIMUM_REASON} characters", command)
