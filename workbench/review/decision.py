"""Deciding: who may, on what, and how the signature and the record become one change.

Refusals are events too: an attempt to approve one's own model is in the journal whether or not it worked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.contract.review import CheckReport, Decision
from workbench.contract.status import Assurance, CheckResult, ReviewState
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, PendingError, UnknownResultError
from workbench.foundation.identity import PublicKey, read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.people import load_reviewers
from workbench.review.persons import Person, person_of
from workbench.review.policy import StageRule, load_policy
from workbench.review.record import Review, evidence_bytes, save
from workbench.review.staleness import why_stale
from workbench.review.standing import standing_waivers, unwaived
from workbench.review.statement import (
    Grant,
    Statement,
    Verdict,
    build_statement,
    check_is_other,
    verify_decision,
    waiver_list,
)

_DECIDING = tuple(verdict.namespace for verdict in Verdict)
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


def decide(project: Project, review: Review, verdict: Verdict, reason: str) -> None:
    """Sign a decision and record it; a refused attempt is recorded too.

    Raises:
        DeniedError: ``self-approval``, ``reviewer-unknown``, ``identity-missing``, ``checks-failed``, ``review-stale``.
        PendingError: ``checks-running``.
        UnknownResultError: ``check-unknown``.
        ConflictError: ``review-closed``.
        IntegrityError: The review is not what the journal's chain says.
    """
    try:
        _decide(project, review, verdict, reason)
    except (DeniedError, IntegrityError, UnknownResultError) as error:
        data = {"code": error.code, "verdict": verdict.value, "model_digest": review.model_digest}
        with project.journal.transaction() as transaction:
            transaction.append("review.refused", review.subject, data)
        raise


def _decide(project: Project, review: Review, verdict: Verdict, reason: str) -> None:
    rule = load_policy(project).rule(review.stage)
    check_is_genuine(project, review)
    check_is_open(project, review)
    signer = check_signer(project, review, rule)
    if _has_decided(project, review, verdict):
        return
    if verdict is Verdict.APPROVE:
        check_evidence(project, review, rule)
    statement = Statement(
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
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        reason=reason,
        waivers=waiver_list(item.digest for item in standing_waivers(project, review, rule).values()),
    )
    _record(project, review, rule, statement, signer)


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
    kind = "review.approved" if verdict is Verdict.APPROVE else "review.rejected"
    with project.journal.transaction() as transaction:
        transaction.append(kind, review.subject, event)
        save(transaction, decided)


def _state_after(project: Project, review: Review, rule: StageRule) -> str:
    if any(decision.verdict == Verdict.REJECT for decision in review.decisions):
        return ReviewState.REJECTED.value
    is_enough = len(approvers(project, review)) >= rule.approvals
    return (ReviewState.APPROVED if is_enough else ReviewState.OPEN).value


def approvers(project: Project, review: Review) -> tuple[str, ...]:
    """Return who approved, one name a person."""
    allowed = load_reviewers(project)
    people: list[tuple[str, Person]] = []
    for decision in review.decisions:
        person = person_of(allowed, name=decision.principal)
        if decision.verdict == Verdict.APPROVE and not any(person.is_same(other) for _, other in people):
            people.append((decision.principal, person))
    return tuple(name for name, _ in people)


def check_is_genuine(project: Project, review: Review) -> None:
    """Refuse a record that says something else than the chained events about who asked for what, and what was found.

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
        and found["evidence_digest"] == review.evidence_digest
    )
    if not is_genuine:
        raise IntegrityError(
            "review-changed",
            f"{review.id} is not what the journal's events say",
            f"mlops audit verify, then: mlops review request {review.run}",
        )


def check_is_open(project: Project, review: Review) -> None:
    """Refuse a decision on a review that is not open."""
    again = f"request it again: mlops review request {review.run}"
    if review.state in _CLOSED:
        raise ConflictError("review-closed", f"{review.id} is {review.state} already", again)
    if reasons := why_stale(project, review):
        raise DeniedError("review-stale", f"{review.id} is stale: {reasons[0]}", again)
    if review.state == ReviewState.CHECKING:
        raise PendingError("checks-running", f"{review.id} is still being checked", f"mlops review show {review.id}")


def check_signer(project: Project, review: Review, rule: StageRule, namespaces: tuple[str, ...] = _DECIDING) -> Signer:
    """Refuse whoever may not decide on this review, or not sign for these purposes."""
    if project.key_path is None:
        raise DeniedError("identity-missing", f"{project.actor} has no SSH key here", "mlops identity create")
    key = read_public_key(project.key_path)
    allowed = load_reviewers(project)
    now = datetime.now(UTC)
    if not all(project.actor in allowed.principals_of(key, namespace, now) for namespace in namespaces):
        raise DeniedError(
            "reviewer-unknown",
            f"{project.actor} with key {key.fingerprint} is no reviewer here",
            f"an owner adds them: mlops reviewers add {project.actor} <id_….pub>"
            if namespaces == _DECIDING
            else f"an owner writes {namespaces[-1]} into their line's namespaces in policy/reviewers",
        )
    try:
        person = person_of(allowed, name=project.actor, key=key.blob)
        check_is_other(person, allowed, review.requester, review.author, review.commit_author)
    except DeniedError:
        if not rule.allow_self:
            raise
        return Signer(project.key_path, key, Assurance.LOCAL_SELF)
    return Signer(project.key_path, key, Assurance.LOCAL_SIGNED)


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
            f"run the checks again: mlops review request {review.run}",
        )
    if blocking:
        raise DeniedError(
            "checks-failed",
            f"Required check {', '.join(blocking)} did not pass",
            f"see why: mlops review show {review.id}",
        )


def _has_decided(project: Project, review: Review, verdict: Verdict) -> bool:
    """Tell whether this person said the same before: saying it twice changes nothing."""
    allowed = load_reviewers(project)
    me = person_of(allowed, name=project.actor)
    return any(
        decision.verdict == verdict and me.is_same(person_of(allowed, name=decision.principal))
        for decision in review.decisions
    )


def build_grant(project: Project, review: Review) -> Grant:
    """Collect what proves a review; of approvals nothing is verified here beyond the bytes' own digests."""
    waivers = standing_waivers(project, review, load_policy(project).rule(review.stage))
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
            for d in review.decisions
            if d.verdict == Verdict.APPROVE
        ),
        commit_author=review.commit_author,
        waivers=tuple((item.text, item.signature) for item in waivers.values()),
    )
