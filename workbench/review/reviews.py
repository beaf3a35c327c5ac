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
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, PendingError, UsageError
from workbench.foundation.project import Project
from workbench.review.candidate import Candidate, freeze_candidate
from workbench.review.card import card_of
from workbench.review.checking import is_checker_dead, run_checks_here, start_checks
from workbench.review.decision import build_grant, check_evidence, check_is_genuine, decide
from workbench.review.people import load_reviewers
from workbench.review.policy import POLICY_PATH, Policy, load_policy, read_policy
from workbench.review.record import NOUN, Review, find_review, is_live, read, review_id, save
from workbench.review.staleness import are_bytes_intact, why_stale
from workbench.review.standing import standing_waivers, unwaived
from workbench.review.statement import Grant, Verdict, verify_grant


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
    """
    policy, policy_data = read_policy(project.root / POLICY_PATH)
    rule = policy.rule(to)
    candidate = freeze_candidate(project, model)
    if not candidate.author:
        raise UsageError(
            "author-unknown",
            f"Run {candidate.run[:8]} does not say who ran it, so nobody could be kept from approving their own work",
            "run it again: mlops run",
        )
    project.store.put_bytes(policy_data)
    review, is_new = _find_or_open(project, candidate, to, policy)
    if is_new:
        start = True
    elif review.state == ReviewState.CHECKING:
        start = is_checker_dead(project, review)
    else:
        blocking = unwaived(review.blocking(rule.required), standing_waivers(project, review, rule))
        start = review.state == ReviewState.OPEN and CheckResult.UNKNOWN in blocking.values()
    if start and not is_new:
        review = _reopen(project, review)
    if wait:
        run_checks_here(project, review.id)
    elif start:
        start_checks(project, review.id)
    return show_review(project, review.id)


def list_reviews(project: Project) -> tuple[ReviewCard, ...]:
    """List reviews, the last changed first.

    The bytes of a review that waits for a decision are looked at again; those of the others only when shown.
    """
    reviews = [read(record) for record in project.journal.records(NOUN)]
    waiting = (ReviewState.CHECKING, ReviewState.OPEN)
    return tuple(card_of(project, review, is_thorough=review.state in waiting) for review in reviews)


def show_review(project: Project, review: str) -> ReviewCard:
    """Show everything a reviewer looks at, and what is still needed.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
    """
    return card_of(project, find_review(project, review), is_thorough=True)


def approve(project: Project, review: str, reason: str = "") -> ReviewCard:
    """Approve a model, signed with your SSH key. Nobody approves what they asked for, trained or wrote.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What you looked at; it becomes part of what you sign.
    """
    found = find_review(project, review)
    decide(project, found, Verdict.APPROVE, reason)
    return show_review(project, found.id)


def reject(project: Project, review: str, reason: str) -> ReviewCard:
    """Reject a model, signed with your SSH key. A rejection is final: changed bytes need a new review.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        reason: What has to change; it becomes part of what you sign.
    """
    found = find_review(project, review)
    if not reason.strip():
        raise UsageError(
            "reason-missing",
            "A rejection needs a reason, or its author cannot act on it",
            f'mlops review reject {found.id} -m "…"',
        )
    decide(project, found, Verdict.REJECT, reason)
    return show_review(project, found.id)


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
    again = f"request a review of what is there now: mlops review request {found.run}"
    if found.state == ReviewState.REJECTED:
        raise DeniedError("review-rejected", f"{found.id} was rejected: {found.decisions[-1].reason}", again)
    if not are_bytes_intact(project, found):
        raise IntegrityError("bytes-changed", f"The frozen bytes of {found.id} were changed", again)
    policy = load_policy(project)
    if policy.digest != found.policy_digest:
        raise DeniedError("policy-changed", f"{found.id} was requested under another policy", again)
    if reasons := why_stale(project, found):
        raise IntegrityError("run-changed", f"{found.id} is stale: {reasons[0]}", again)
    if found.state == ReviewState.CHECKING:
        raise PendingError("checks-running", f"{found.id} is being checked", f"mlops review show {found.id}")
    check_is_genuine(project, found)
    check_evidence(project, found, policy.rule(found.stage))
    if found.state == ReviewState.OPEN:
        needed = "; ".join(card_of(project, found, is_thorough=False).needed)
        raise PendingError("approvals-missing", f"{found.id} needs {needed}", f"mlops review approve {found.id}")
    grant = build_grant(project, found)
    verify_grant(grant, project.store, load_reviewers(project), policy)
    return grant


def _find_or_open(project: Project, candidate: Candidate, stage: str, policy: Policy) -> tuple[Review, bool]:
    """Return the live review of these bytes, or a new one; two callers at once get the same."""
    for number in count():
        id_ = review_id(candidate.model, candidate.model_digest, stage, policy.digest, number)
        if record := project.journal.record(NOUN, id_):
            if is_live(read(record)):
                return read(record), False
            continue
        try:
            return _open(project, candidate, stage, policy, id_), True
        except ConflictError:  # somebody else opened it between our look and our write
            return find_review(project, id_), False
    raise AssertionError  # count() does not end


def _open(project: Project, candidate: Candidate, stage: str, policy: Policy, id_: str) -> Review:
    now = _now()
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
    )
    _save_requested(project, review)
    return review.changed(revision=1)


def _reopen(project: Project, review: Review) -> Review:
    again = review.changed(state=ReviewState.CHECKING.value, checking_since=_now())
    _save_requested(project, again)
    return again.changed(revision=review.revision + 1)


def _save_requested(project: Project, review: Review) -> None:
    event = {name: getattr(review, name) for name in ("model", "stage", "run", "model_digest", "policy_digest")}
    with project.journal.transaction() as transaction:
        transaction.append("review.requested", review.subject, event)
        save(transaction, review)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
