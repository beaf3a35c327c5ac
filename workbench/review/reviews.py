"""Reviews: ask for a model to be let through, look at what was found, decide, and hand out the proof.

A review's state is CHECKING until the checks are done, then OPEN, and APPROVED or REJECTED by signatures; it is shown
as STALE where policy or bytes changed meanwhile. Checks run in a process of their own that outlives the caller; where
that process died, what it had not found is unknown, and asking again starts it again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from workbench.contract.review import ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    PendingError,
    UnknownResultError,
    UsageError,
)
from workbench.foundation.project import Project
from workbench.review.approving import EXPIRED, asks_for_changes, is_live, why_lapsed
from workbench.review.candidate import Candidate, freeze_candidate
from workbench.review.card import card_of
from workbench.review.checking import is_checker_dead, run_checks_here, start_checks
from workbench.review.decision import (
    build_grant,
    check_evidence,
    check_is_genuine,
    decide,
)
from workbench.review.naming import check_may_request, sign_request
from workbench.review.notices.delivery import announce
from workbench.review.overridden import override_grant, standing_override
from workbench.review.policies.adoption import adopt_policy
from workbench.review.policies.check_rules import HERE
from workbench.review.policies.policy import Policy, load_policy, readable_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.promotion import rest_on_stage_before
from workbench.review.proof.grant import Grant
from workbench.review.proof.request import Request, build_request
from workbench.review.proof.statement import Verdict
from workbench.review.proof.verification import verify_grant
from workbench.review.record import NOUN, Review, find_review, read, review_id, save
from workbench.review.staleness import are_bytes_intact, why_stale
from workbench.review.standing import standing_waivers, unwaived
from workbench.review.waiting import asked_again

_WAITING = (ReviewState.OPEN, ReviewState.CHANGES_REQUESTED)


def request_review(project: Project, model: str, to: str = "production", wait: bool = False) -> ReviewCard:
    """Ask for a model to be let through to a stage: freeze its bytes and start the checks.

    Asking again for the same bytes, stage and policy gives the same review, and starts its checks again where a
    required one has no result.

    Args:
        project: The project.
        model: A model's name (its newest finished run), a run id or the beginning of one; ``run/model`` where a run
            logged several.
        to: The stage, as ``policy/gate.toml`` names it.
        wait: Return when the checks are done instead of at once.

    Raises:
        UsageError: ``author-unknown``.
        DeniedError: ``name-unlisted``, ``request-not-own`` or what your key lacks, where the stage asks for signed
            names.
    """
    rule = load_policy(project).rule(to)
    if rule.checks.target != HERE:
        from workbench.review.elsewhere.sending import require_target

        require_target(project, rule)
    candidate = freeze_candidate(project, model)
    if not candidate.author:
        raise UsageError(
            "author-unknown",
            f"Run {candidate.run[:8]} does not say who ran it, so nobody could be kept from approving their own work",
            "run it again: mlops run",
        )
    involved = (candidate.commit_author, *candidate.provenance.producers)
    check_may_request(project, rule, candidate.author, involved, candidate.run)
    policy = adopt_policy(project)  # only now: a request that is refused changes nothing
    review, is_new = _find_or_open(project, candidate, to, policy)
    if is_new:
        start = True
    elif review.state == ReviewState.CHECKING:
        start = is_checker_dead(project, review)
    else:
        blocking = unwaived(review.blocking(rule.required), standing_waivers(project, review, rule))
        start = review.state in _WAITING and CheckResult.UNKNOWN in blocking.values()
    if start and not is_new:
        review = _reopen(project, review)
    if is_new or start:
        announce(project)
    if wait:
        run_checks_here(project, review.id)
    elif start:
        start_checks(project, review.id)
    return show_review(project, review.id)


def list_reviews(project: Project) -> tuple[ReviewCard, ...]:
    """List reviews, the last changed first.

    The bytes of a review that waits for a decision are looked at again; those of the others only when shown.
    """
    records = project.journal.records(NOUN)
    waiting, again = (ReviewState.CHECKING, *_WAITING), asked_again(records)
    policy = readable_policy(project)
    return tuple(
        card_of(project, review, policy, is_thorough=review.state in waiting, find_again=again.get)
        for review in map(read, records)
    )


def show_review(project: Project, review: str) -> ReviewCard:
    """Show everything a reviewer looks at, and what is still needed.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
    """
    found, policy = find_review(project, review), readable_policy(project)
    find_again = lambda id_: asked_again(project.journal.records(NOUN)).get(id_)  # noqa: E731 - reads them all
    return card_of(project, found, policy, is_thorough=True, find_again=find_again)


def approve(project: Project, review: str, reason: str = "", at: str = "", shown: str = "") -> ReviewCard:
    """Approve a model, signed with your SSH key. Nobody approves what they asked for, trained or wrote.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What you looked at; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.
    """
    found = find_review(project, review)
    decide(project, found, Verdict.APPROVE, reason, at, shown=shown)
    return show_review(project, found.id)


def request_changes(project: Project, review: str, reason: str, at: str = "", shown: str = "") -> ReviewCard:
    """Ask for changes, signed with your SSH key. Nothing is let through until you approve, or new bytes are reviewed.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What has to change; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.
    """
    found = find_review(project, review)
    _check_reason(reason, f'mlops review request-changes {found.id} -m "…"')
    decide(project, found, Verdict.CHANGES_REQUESTED, reason, at, shown=shown)
    return show_review(project, found.id)


def reject(project: Project, review: str, reason: str, at: str = "", shown: str = "") -> ReviewCard:
    """Reject a model, signed with your SSH key. A rejection is final: changed bytes need a new review.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What has to change; it becomes part of what you sign.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.
    """
    found = find_review(project, review)
    _check_reason(reason, f'mlops review reject {found.id} -m "…"')
    decide(project, found, Verdict.REJECT, reason, at, shown=shown)
    return show_review(project, found.id)


def _check_reason(reason: str, command: str) -> None:
    if not reason.strip():
        raise UsageError("reason-missing", "It needs a reason, or the model's author cannot act on it", command)


def release_grant(project: Project, review: str) -> Grant:
    """Return the proof that a model may be released, verified as a runner will verify it.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.

    Raises:
        PendingError: ``checks-running`` or ``approvals-missing``.
        DeniedError: ``review-rejected``, ``policy-changed``, ``checks-failed`` or what a signature lacks.
        UnknownResultError: ``check-unknown``.
        IntegrityError: Bytes, record or signatures are not what was approved.
    """
    found = find_review(project, review)
    again = f"request a review of what is there now: mlops review request {found.asked_as}"
    if found.state == ReviewState.REJECTED:
        raise DeniedError("review-rejected", f"{found.id} was rejected: {found.decisions[-1].reason}", again)
    if not are_bytes_intact(project, found):
        raise IntegrityError("bytes-changed", f"The frozen bytes of {found.id} were changed", again)
    policy = load_policy(project)
    if policy.digest != found.policy_digest:
        raise DeniedError("policy-changed", f"{found.id} was requested under another policy", again)
    if lapsed := why_lapsed(project, found, policy.rule(found.stage)):
        if lapsed == EXPIRED:
            raise DeniedError("approval-expired", f"An approval of {found.id} has expired", again)
        raise DeniedError("approvals-missing", f"{found.id} was approved, and {lapsed}", again)
    if reasons := why_stale(project, found, policy):
        raise IntegrityError("run-changed", f"{found.id} is stale: {reasons[0]}", again)
    check_is_genuine(project, found)
    override = standing_override(project, found, policy.rule(found.stage))
    try:
        return _approved_grant(project, found, policy)
    except (DeniedError, PendingError, UnknownResultError):
        if override is None:
            raise
    grant = override_grant(project, found, override)
    verify_grant(grant, project.store, load_reviewers(project), policy)
    return grant


def renewed_grant(project: Project, grant: Grant) -> Grant:
    """Return the proof that a release goes back to: approvals, where they came after the override it rested on.

    Otherwise it is the one it rested on, which whoever goes back verifies again. The run is not asked: going back must
    not take a tracking server.

    Raises:
        DeniedError: ``review-rejected``: what somebody let through past the gate was looked at and refused since.
    """
    if not grant.override:
        return grant
    found = find_review(project, grant.review)
    if found.state == ReviewState.REJECTED:
        raise DeniedError(
            "review-rejected",
            f"{found.id} was rejected: {found.decisions[-1].reason}",
            f"request a review of what is there now: mlops review request {found.asked_as}",
        )
    try:
        return _approved_grant(project, found, load_policy(project))
    except (DeniedError, PendingError, UnknownResultError):
        return grant


def _approved_grant(project: Project, found: Review, policy: Policy) -> Grant:
    """Return the proof that rests on approvals; it goes before any override, which is only for want of them."""
    rule = policy.rule(found.stage)
    if found.state == ReviewState.CHECKING:
        raise PendingError("checks-running", f"{found.id} is being checked", f"mlops review show {found.id}")
    check_evidence(project, found, rule)
    if changes := asks_for_changes(project, found):
        again = f"request a review of what is there now: mlops review request {found.asked_as}"
        raise PendingError(
            "changes-requested",
            f"{changes[0]} asked for changes on {found.id}",
            f"answer with new bytes ({again}), or ask {changes[0]} to approve",
        )
    if found.state == ReviewState.OPEN:
        needed = "; ".join(card_of(project, found, policy, is_thorough=False).needed)
        raise PendingError("approvals-missing", f"{found.id} needs {needed}", f"mlops review approve {found.id}")
    grant = rest_on_stage_before(project, build_grant(project, found), rule, policy)
    verify_grant(grant, project.store, load_reviewers(project), policy)
    return grant


def _find_or_open(project: Project, candidate: Candidate, stage: str, policy: Policy) -> tuple[Review, bool]:
    """Return the live review of this run's bytes, or a new one; two callers at once get the same.

    Another run that made the same bytes has another author and may change, so it has a review of its own; and data that
    was described since asks other people.
    """
    for number in count():
        id_ = review_id(candidate.model, candidate.model_digest, stage, policy.digest, number)
        if record := project.journal.record(NOUN, id_):
            found = read(record)
            is_described = set(found.undescribed) - set(candidate.provenance.undescribed)
            if found.run == candidate.run and is_live(project, found, policy.rule(stage)) and not is_described:
                return found, False
            continue
        try:
            return _open(project, candidate, stage, policy, id_), True
        except ConflictError:  # somebody else opened it between our look and our write
            return find_review(project, id_), False
    raise AssertionError  # count() does not end


def _open(project: Project, candidate: Candidate, stage: str, policy: Policy, id_: str) -> Review:
    now = _now()
    found = candidate.provenance
    request = Request(
        model=candidate.model,
        model_digest=candidate.model_digest,
        requester=project.actor,
        at=now,
        stage=stage,
        review=id_,
        policy_digest=policy.digest,
        run=candidate.run,
        author=candidate.author,
        commit=candidate.commit,
        commit_author=candidate.commit_author,
        changes_digest=found.changes_digest,
        notebook_digest=candidate.notebook_digest,
        executed_digest=found.executed_digest,
        environment_digest=candidate.environment_digest,
        follows=_answered(project, candidate.model, stage, id_),
        producers=found.producers,
        traits=found.traits,
        dataset_versions=candidate.dataset_versions,
        params=candidate.params,
        seeds=found.seeds,
    )
    data = build_request(request)
    review = Review(
        id=id_,
        state=ReviewState.CHECKING.value,
        revision=0,
        model=candidate.model,
        stage=stage,
        run=candidate.run,
        model_digest=candidate.model_digest,
        policy_digest=policy.digest,
        dataset_versions=candidate.dataset_versions,
        commit=candidate.commit,
        commit_author=candidate.commit_author,
        notebook_digest=candidate.notebook_digest,
        environment_digest=candidate.environment_digest,
        requester=project.actor,
        author=candidate.author,
        requested_at=now,
        checking_since=now,
        params=candidate.params,
        metrics=candidate.metrics,
        request_digest=project.store.put_bytes(data),
        producers=request.producers,
        traits=request.traits,
        follows=request.follows,
        undescribed=found.undescribed,
        remarks=found.remarks,
    )
    _save_requested(project, review, sign_request(project, policy.rule(stage), data))
    return review.changed(revision=1)


def _reopen(project: Project, review: Review) -> Review:
    again = review.changed(state=ReviewState.CHECKING.value, checking_since=_now())
    _save_requested(project, again)
    return again.changed(revision=review.revision + 1)


def _answered(project: Project, model: str, stage: str, id_: str) -> str:
    """Return the last review of this model for this stage that was rejected or sent back: what this one answers."""
    for record in project.journal.records(NOUN):
        other = read(record)
        is_closed = other.state in (ReviewState.REJECTED, ReviewState.CHANGES_REQUESTED)
        if (other.model, other.stage) == (model, stage) and is_closed and other.id != id_:
            return other.id
    return ""


def _save_requested(project: Project, review: Review, signature: str = "") -> None:
    names = ("model", "stage", "run", "model_digest", "policy_digest", "request_digest")
    event = {name: getattr(review, name) for name in names} | {"signature_digest": signature}
    with project.journal.transaction() as transaction:
        transaction.append("review.requested", review.subject, event)
        save(transaction, review)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
