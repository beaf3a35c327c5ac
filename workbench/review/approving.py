"""Which approvals of a review count now, whose they are, and what is still missing.

An approval counts as long as a runner would believe it: it has not expired, its signer may still sign, and it was given
on the evidence and beside the waivers that lie there now. One that counts no more is not an error here: it stands in
nobody's way, and its signer, or somebody else, may approve again. Only a signature that is not what was signed still
counts, so that opening the model finds it and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from workbench.contract.review import Decision
from workbench.contract.status import ReviewState
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError
from workbench.foundation.project import Project
from workbench.review.people import who_said
from workbench.review.policies.policy import StageRule
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.demands import end_of_approval, missing_groups
from workbench.review.proof.grant import waiver_list
from workbench.review.proof.persons import Person
from workbench.review.proof.statement import Verdict, verify_decision
from workbench.review.record import Review
from workbench.review.standing import standing_waivers

EXPIRED = "an approval has expired"
_PASSES_BY_ITSELF = "signed-in-future"
"""A clock that is behind takes no approval back: asked again later it is as good as before."""


def standing_approvals(project: Project, review: Review, rule: StageRule) -> tuple[Decision, ...]:
    """Return the approvals that count now; several may be one person's."""
    return tuple(
        decision
        for decision in review.decisions
        if decision.verdict == Verdict.APPROVE
        and is_fresh(decision, rule)
        and _is_believed(project, review, rule, decision)
    )


def approvers(project: Project, review: Review, rule: StageRule) -> tuple[str, ...]:
    """Return whose approval counts now, one name a person."""
    return tuple(name for name, _ in _approving(project, review, rule))


def lacking_groups(project: Project, review: Review, rule: StageRule) -> dict[str, int]:
    """Return how many approvals each group that policy asks still lacks."""
    return _lacking(project, review, rule, [person for _, person in _approving(project, review, rule)])


def asks_for_changes(project: Project, review: Review) -> tuple[str, ...]:
    """Return who asked for changes and has not approved since, one name a person."""
    allowed = load_reviewers(project)
    last: list[tuple[str, Person, str]] = []
    for decision in review.decisions:
        if decision.verdict in (Verdict.APPROVE, Verdict.CHANGES_REQUESTED):
            person = who_said(project, decision, allowed)
            last = [item for item in last if not person.is_same(item[1])]
            last.append((decision.principal, person, decision.verdict))
    return tuple(name for name, _, verdict in last if verdict == Verdict.CHANGES_REQUESTED)


def is_enough(project: Project, review: Review, rule: StageRule) -> bool:
    """Tell whether as many people and groups approve now as policy asks for."""
    people = [person for _, person in _approving(project, review, rule)]
    return len(people) >= rule.approvals and not _lacking(project, review, rule, people)


def why_lapsed(project: Project, review: Review, rule: StageRule) -> str:
    """Return why an approved review lets nothing through any more, in words; empty where it does, or was not approved.

    Nobody decides on what was approved, so nothing but a new review comes after it.
    """
    if review.state != ReviewState.APPROVED or is_enough(project, review, rule):
        return ""
    given = [decision for decision in review.decisions if decision.verdict == Verdict.APPROVE]
    if any(not is_fresh(decision, rule) for decision in given):
        return EXPIRED
    standing = standing_approvals(project, review, rule)
    lost = next((decision.principal for decision in given if decision not in standing), "")
    return f"the approval of {lost} counts no more" if lost else "its approvals are not enough any more"


def is_live(project: Project, review: Review, rule: StageRule) -> bool:
    """Whether something can still come of it: not where it was rejected, or its approvals count no more."""
    return review.state != ReviewState.REJECTED and not why_lapsed(project, review, rule)


def is_fresh(decision: Decision, rule: StageRule) -> bool:
    """Whether a decision counts still, by the policy's expiry."""
    end = end_of_approval(rule, datetime.fromisoformat(decision.at))
    return end is None or datetime.now(UTC) < end


def _lacking(project: Project, review: Review, rule: StageRule, people: list[Person]) -> dict[str, int]:
    traits = review.traits if review.request_digest else None
    return missing_groups(rule, traits, people, load_reviewers(project)) if rule.groups else {}


def _approving(project: Project, review: Review, rule: StageRule) -> Iterator[tuple[str, Person]]:
    allowed = load_reviewers(project)
    people: list[Person] = []
    for decision in standing_approvals(project, review, rule):
        person = who_said(project, decision, allowed)
        if not any(person.is_same(other) for other in people):
            people.append(person)
            yield decision.principal, person


def _is_believed(project: Project, review: Review, rule: StageRule, decision: Decision) -> bool:
    """Tell whether its signer may still sign it, and what it was given on and beside is what lies there."""
    try:
        text = project.store.read(decision.statement_digest).decode()
        armour = project.store.read(decision.signature_digest).decode()
        said = verify_decision(text, armour, load_reviewers(project), Verdict.APPROVE)
    except DeniedError as error:
        return error.code == _PASSES_BY_ITSELF
    except (IntegrityError, NotFoundError, UnicodeDecodeError):
        return True
    waivers = waiver_list(item.digest for item in standing_waivers(project, review, rule).values())
    return (said.evidence_digest, said.waivers) == (review.evidence_digest, waivers)
