"""Deciding: who may, on what, and how the signature and the record become one change.

Refusals are events too: an attempt to approve one's own model is in the journal whether or not it worked.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.contract.review import CheckReport, Decision
from workbench.contract.status import Assurance, CheckResult, ReviewState
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    PendingError,
    UnknownResultError,
    UsageError,
)
from workbench.foundation.identity import PublicKey, read_public_key, sign
from workbench.foundation.journal import Event
from workbench.foundation.project import Project
from workbench.review.approving import asks_for_changes, is_enough, is_fresh, standing_approvals
from workbench.review.naming import signed_request
from workbench.review.notices.delivery import announce
from workbench.review.people import who_said
from workbench.review.policies.policy import StageRule, load_policy, readable_policy
from workbench.review.policies.reviewers import is_only_one, load_reviewers
from workbench.review.proof.grant import Grant, check_is_other, waiver_list
from workbench.review.proof.names import check_names
from workbench.review.proof.persons import person_of
from workbench.review.proof.statement import Statement, Verdict, build_statement, verify_decision
from workbench.review.record import NOUN, Review, evidence_bytes, read, record_refusal, save
from workbench.review.signing import check_is_in_force, how_to_be_let_sign, own_key
from workbench.review.staleness import why_stale
from workbench.review.standing import standing_waivers, unwaived

_DECIDING = (Verdict.APPROVE.namespace, Verdict.REJECT.namespace)
_KINDS = {
    Verdict.APPROVE: "review.approved",
    Verdict.CHANGES_REQUESTED: "review.changes-requested",
    Verdict.REJECT: "review.rejected",
}
_SIGNED = (*_KINDS.values(), "review.waived", "review.overridden", "review.post-reviewed")
_LONGEST_READING = timedelta(hours=1)
_CLOSED = (ReviewState.APPROVED, ReviewState.REJECTED)


@dataclass(frozen=True)
class Signer:
    """Who may decide here and now.

    Attributes:
        key_path: Their private key.
        key: Their public key.
        assurance: How much their signature proves.
    """

    key_path: Path
    key: PublicKey
    assurance: Assurance


def decide(project: Project, review: Review, verdict: Verdict, reason: str, at: str = "", *, shown: str = "") -> None:
    """Sign a decision and record it; a refused attempt is recorded too.

    Args:
        project: The project.
        review: What it is about.
        verdict: What is said.
        reason: Why.
        at: UTC time of signing, where the statement was shown before; now by default.
        shown: Digest of the statement that was shown; another is not signed.

    Raises:
        DeniedError: ``self-approval``, ``reviewer-unknown``, ``identity-missing``, ``checks-failed``, ``review-stale``,
            or of an approval ``request-unsigned``, ``name-unlisted`` or ``request-not-own``.
        PendingError: ``checks-running``.
        UnknownResultError: ``check-unknown``.
        ConflictError: ``review-closed`` or ``statement-changed``.
        IntegrityError: The review is not what the journal's chain says.
    """
    try:
        _decide(project, review, verdict, reason, signing_time(at), shown=shown)
    except (DeniedError, IntegrityError, UnknownResultError) as error:
        record_refusal(project, review, verdict.value, error)
        raise


def signing_time(shown: str = "") -> str:
    """Return when a statement is signed: when it was shown, where that is no longer ago than people read.

    Raises:
        UsageError: ``signing-time``.
    """
    now = datetime.now(UTC)
    if not shown:
        return now.isoformat(timespec="seconds")
    try:
        moment = datetime.fromisoformat(shown)
        is_near = moment.utcoffset() == timedelta(0) and abs(now - moment) <= _LONGEST_READING
    except ValueError:
        is_near = False
    if not is_near:
        raise UsageError(
            "signing-time", f"'{shown[:40]}' is no UTC time of the last hour", "look again at what you sign"
        )
    return shown


def check_as_shown(data: bytes, shown: str) -> None:
    """Refuse to sign other bytes than somebody was shown, such as where a check ran again in between.

    Raises:
        ConflictError: ``statement-changed``.
    """
    if shown and digest_bytes(data) != shown:
        said = "What would be signed now is not what you were shown"
        raise ConflictError("statement-changed", said, "look again at what you sign: mlops review draft")


def _decide(project: Project, review: Review, verdict: Verdict, reason: str, at: str, *, shown: str) -> None:
    rule = load_policy(project).rule(review.stage)
    check_is_genuine(project, review)
    check_is_open(project, review)
    signer = check_signer(project, review, rule, namespaces_of(verdict))
    if _has_decided(project, review, rule, verdict):
        return
    if verdict is Verdict.APPROVE:
        check_evidence(project, review, rule)
        _check_names(project, review, rule, signer)
    statement = draft_statement(project, review, rule, verdict, reason=reason, at=at)
    check_as_shown(build_statement(statement), shown)
    _record(project, review, rule, statement, signer)


def _check_names(project: Project, review: Review, rule: StageRule, signer: Signer) -> None:
    """Refuse an approval that no runner would believe, because names in the request are only claimed."""
    if rule.wants_signed_names:
        allowed = load_reviewers(project)
        asked = check_names(build_grant(project, review), allowed)
        if not rule.allow_self:
            check_is_other(person_of(allowed, name=project.actor, key=signer.key.blob), allowed, asked)


def namespaces_of(verdict: Verdict) -> tuple[str, ...]:
    """Return the purposes that a key must be allowed for to say this."""
    return _DECIDING if verdict is not Verdict.CHANGES_REQUESTED else (*_DECIDING, verdict.namespace)


def draft_statement(
    project: Project, review: Review, rule: StageRule, verdict: Verdict, *, reason: str, at: str
) -> Statement:
    """Return what the actor would sign; its bytes are exactly what is shown before and verified after."""
    return Statement(
        verdict=verdict.value,
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
        reason=reason,
        waivers=waiver_list(item.digest for item in standing_waivers(project, review, rule).values()),
        request_digest=review.request_digest,
    )


def _record(project: Project, review: Review, rule: StageRule, statement: Statement, signer: Signer) -> None:
    """Sign, verify what was signed, keep the bytes, then change state and journal in one transaction."""
    verdict = Verdict(statement.verdict)
    data = build_statement(statement)
    signature = sign(signer.key_path, data, namespace=verdict.namespace)
    verify_decision(data.decode(), signature, load_reviewers(project), verdict)
    decision = Decision(
        verdict=verdict.value,
        principal=statement.principal,
        fingerprint=signer.key.fingerprint,
        assurance=signer.assurance.value,
        at=statement.at,
        reason=statement.reason,
        statement_digest=project.store.put_bytes(data),
        signature_digest=project.store.put_bytes(signature.encode()),
    )
    decided = review.changed(decisions=(*review.decisions, decision))
    decided = decided.changed(state=_state_after(project, decided, rule))
    event = {
        "model_digest": review.model_digest,
        "stage": review.stage,
        "policy_digest": review.policy_digest,
        "evidence_digest": review.evidence_digest,
        "statement_digest": decision.statement_digest,
        "signature_digest": decision.signature_digest,
        "fingerprint": decision.fingerprint,
        "assurance": decision.assurance,
        "state": decided.state,
    }
    with project.journal.transaction() as transaction:
        transaction.append(_KINDS[verdict], review.subject, event)
        save(transaction, decided)
    announce(project)


def _state_after(project: Project, review: Review, rule: StageRule) -> str:
    if any(decision.verdict == Verdict.REJECT for decision in review.decisions):
        return ReviewState.REJECTED.value
    if asks_for_changes(project, review):
        return ReviewState.CHANGES_REQUESTED.value
    return (ReviewState.APPROVED if is_enough(project, review, rule) else ReviewState.OPEN).value


def check_is_genuine(project: Project, review: Review) -> None:
    """Refuse a record that says something else than the chained events: who asked for what, what was found and said.

    Raises:
        IntegrityError: ``review-changed``.
    """
    events = project.journal.events(subject=review.subject)
    requested = next((e for e in events if e.kind == "review.requested"), None)
    checked = next((e for e in reversed(events) if e.kind == "review.checked"), None)
    found = {"evidence_digest": "", **((checked.data or {}) if checked else {})}
    said = (requested.data or {}) if requested else {}
    is_genuine = (
        requested is not None
        and requested.actor == review.requester
        and all(said.get(name) == getattr(review, name) for name in ("model_digest", "policy_digest", "stage", "run"))
        and said.get("request_digest", "") == review.request_digest
        and found["evidence_digest"] == review.evidence_digest
        and _holds_all(project, review, events)
    )
    if not is_genuine:
        raise IntegrityError(
            "review-changed",
            f"{review.id} is not what the journal's events say",
            f"mlops audit verify, then: mlops review request {review.asked_as}",
        )


def _holds_all(project: Project, review: Review, events: list[Event]) -> bool:
    """Tell whether the record still holds what was signed, a rejection above all.

    It is read again after the events: one that somebody else has just added is in both.
    """
    record = project.journal.record(NOUN, review.id)
    if record is None:
        return False
    kept = read(record)
    digests = {decision.statement_digest for decision in kept.decisions}
    told = {
        str(e.data["statement_digest"]) for e in events if e.kind in _SIGNED and e.data and "statement_digest" in e.data
    }
    is_rejected = any(event.kind == _KINDS[Verdict.REJECT] for event in events)
    return told <= digests and (not is_rejected or kept.state == ReviewState.REJECTED)


def check_is_current(project: Project, review: Review, closed: Collection[str] = _CLOSED) -> None:
    """Refuse to go on with a review that has come to its end, or is about what is no longer so.

    Raises:
        ConflictError: ``review-closed``: it is in one of these states.
        DeniedError: ``review-stale``.
    """
    again = f"request it again: mlops review request {review.asked_as}"
    if review.state in closed:
        raise ConflictError("review-closed", f"{review.id} is {review.state} already", again)
    if reasons := why_stale(project, review, readable_policy(project)):
        raise DeniedError("review-stale", f"{review.id} is stale: {reasons[0]}", again)


def check_is_open(project: Project, review: Review) -> None:
    """Refuse a decision on a review that is not open.

    Raises:
        ConflictError: ``review-closed``.
        DeniedError: ``review-stale``.
        PendingError: ``checks-running``.
    """
    check_is_current(project, review)
    if review.state == ReviewState.CHECKING:
        raise PendingError("checks-running", f"{review.id} is still being checked", f"mlops review show {review.id}")


def check_signer(project: Project, review: Review, rule: StageRule, namespaces: tuple[str, ...] = _DECIDING) -> Signer:
    """Refuse whoever may not decide on this review, or not sign for these purposes."""
    key_path = own_key(project)
    key = read_public_key(key_path)
    allowed = load_reviewers(project)
    now = datetime.now(UTC)
    if not all(project.actor in allowed.principals_of(key, namespace, now) for namespace in namespaces):
        check_is_in_force(project, key)
        raise DeniedError(
            "reviewer-unknown",
            f"{project.actor} with key {key.fingerprint} is no reviewer here",
            how_to_be_let_sign(allowed, project.actor, key_path, namespaces[-1]),
        )
    try:
        person = person_of(allowed, name=project.actor, key=key.blob)
        check_is_other(person, allowed, *review.involved)
    except DeniedError as error:
        if not rule.allow_self:
            raise _for_lone(project, error) from None
        return Signer(key_path, key, Assurance.LOCAL_SELF)
    return Signer(key_path, key, Assurance.LOCAL_SIGNED)


def _for_lone(project: Project, error: DeniedError) -> DeniedError:
    """Tell whoever is alone what to do, since there is no other reviewer to ask."""
    if error.code != "self-approval" or not is_only_one(project):
        return error
    hint = 'alone here: allow_self = true for the stage in policy/gate.toml, then: mlops policy propose -m "…"'
    return DeniedError(error.code, error.message, hint)


def check_evidence(project: Project, review: Review, rule: StageRule) -> None:
    """Refuse unless every required check passed or is waived, as the evidence that will be signed says.

    Raises:
        UnknownResultError: ``check-unknown``: unknown is not pass.
        DeniedError: ``checks-failed``.
        IntegrityError: ``evidence-changed``, or the evidence's bytes are not those of its digest.
    """
    data = project.store.read(review.evidence_digest)
    if data != evidence_bytes(review.checks):
        raise IntegrityError("evidence-changed", f"The checks of {review.id} were edited", "request a new review")
    kept = review.changed(checks=tuple(CheckReport(**report) for report in json.loads(data)))
    blocking = unwaived(kept.blocking(rule.required), standing_waivers(project, review, rule))
    unknown = [name for name, result in blocking.items() if result == CheckResult.UNKNOWN]
    if unknown:
        raise UnknownResultError(
            "check-unknown",
            f"Required check {', '.join(unknown)} has no result; unknown is not pass",
            f"run the checks again: mlops review request {review.asked_as}",
        )
    if blocking:
        raise DeniedError(
            "checks-failed",
            f"Required check {', '.join(blocking)} did not pass",
            f"see why: mlops review show {review.id}",
        )


def _has_decided(project: Project, review: Review, rule: StageRule, verdict: Verdict) -> bool:
    """Tell whether this is what the person said last, and it still counts: saying it twice changes nothing."""
    allowed = load_reviewers(project)
    key = read_public_key(project.key_path).blob if project.key_path else b""
    me = person_of(allowed, name=project.actor, key=key)
    mine = [
        decision
        for decision in review.decisions
        if decision.verdict in _KINDS and me.is_same(who_said(project, decision, allowed))
    ]
    if not mine or mine[-1].verdict != verdict or not is_fresh(mine[-1], rule):
        return False
    return verdict is not Verdict.APPROVE or mine[-1] in standing_approvals(project, review, rule)


def build_grant(project: Project, review: Review) -> Grant:
    """Collect what proves a review; of approvals nothing is verified here beyond the bytes' own digests."""
    rule = load_policy(project).rule(review.stage)
    waivers = standing_waivers(project, review, rule)
    request, request_signature = signed_request(project, review)
    return Grant(
        review=review.id,
        model=review.model,
        stage=review.stage,
        channel=f"{review.model}@{review.stage}",
        model_digest=review.model_digest,
        policy_digest=review.policy_digest,
        evidence_digest=review.evidence_digest,
        requester=review.requester,
        author=review.author,
        statements=tuple(
            (project.store.read(d.statement_digest).decode(), project.store.read(d.signature_digest).decode())
            for d in standing_approvals(project, review, rule)
        ),
        commit_author=review.commit_author,
        waivers=tuple((item.text, item.signature) for item in waivers.values()),
        request=request,
        request_signature=request_signature,
    )
