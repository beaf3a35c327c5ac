"""From the record to the card that people see, with what is still needed in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from workbench.contract.review import CheckReport, ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project
from workbench.review.approving import approvers, asks_for_changes, lacking_groups
from workbench.review.assurance import assurance_of, signed_checks
from workbench.review.checking import is_checker_dead
from workbench.review.decision import build_grant
from workbench.review.naming import names_of, signed_request
from workbench.review.overridden import OVERRIDE, is_owed, override_grant, override_until, standing_override
from workbench.review.policies.policy import Policy, StageRule
from workbench.review.policies.rules import NEVER_WAIVED
from workbench.review.record import Review
from workbench.review.staleness import RUN_DELETED, why_stale
from workbench.review.standing import WAIVE, standing_waivers, unwaived


def card_of(
    project: Project,
    review: Review,
    policy: Policy | None,
    *,
    is_thorough: bool,
    find_again: Callable[[str], str | None] = lambda _: None,
) -> ReviewCard:
    """Return the card.

    Args:
        project: The project.
        review: The review.
        policy: The policy; None where it is at fault, and then it allows nothing.
        is_thorough: Also look at the bytes again.
        find_again: Finds the review in which the same was asked for later; asked where this one is stale.
    """
    stale = why_stale(project, review, policy, is_thorough=is_thorough)
    again = find_again(review.id) if stale else None
    rule = policy.stages.get(review.stage) if policy else None
    shown = _with_unknown(project, review, rule)
    waived = set() if stale else _waived(project, review, rule)
    is_decided = stale or review.state in (ReviewState.APPROVED, ReviewState.REJECTED)
    asked = None if is_decided else rule
    until = _overridden_until(project, review, rule)
    assurance = _assurance(project, review, rule) if is_thorough and not stale else ""
    return ReviewCard(
        id=review.id,
        model=review.model,
        stage=review.stage,
        state=ReviewState.STALE.value if stale else review.state,
        run=review.run,
        model_digest=review.model_digest,
        policy_digest=review.policy_digest,
        evidence_digest=review.evidence_digest,
        dataset_version=", ".join(review.dataset_versions),
        commit=review.commit,
        notebook_digest=review.notebook_digest,
        environment_digest=review.environment_digest,
        requester=review.requester,
        author=review.author,
        requested_at=review.requested_at,
        checks=tuple(
            sorted((_as_waived(report, waived) for report in shown.checks), key=lambda report: not report.is_required)
        ),
        decisions=review.decisions,
        needed=_owed(project, review) if again else _needed(project, shown, rule, stale),
        metrics=review.metrics,
        comments=review.comments,
        follows=review.follows,
        overridden_until=until,
        owes_post_review=is_owed(project, review),
        remarks=(
            *((f"It was asked for again: {again}",) if again else ()),
            *_undescribed(review, rule),
            *review.remarks,
        ),
        checked_by=tuple(dict.fromkeys(d.principal for d, _ in signed_checks(project, review))) if is_thorough else (),
        assurance=assurance,
        names=names_of(project, *signed_request(project, review)) if assurance else "",
        waivable=_waivable(review, asked, waived) if asked else (),
        break_glass=tuple(asked.break_glass.members) if asked and not until else (),
    )


def _assurance(project: Project, review: Review, rule: StageRule | None) -> str:
    """Return how much a release of it would prove now; empty where nothing lets it through yet."""
    if rule is None:
        return ""
    try:
        if review.state == ReviewState.APPROVED:
            return assurance_of(project, build_grant(project, review))
        decision = standing_override(project, review, rule)
        return assurance_of(project, override_grant(project, review, decision)) if decision else ""
    except WorkbenchError:
        return ""


def _waivable(review: Review, rule: StageRule, waived: set[str]) -> tuple[str, ...]:
    blocking = review.blocking(rule.required) if review.state != ReviewState.CHECKING else ()
    return tuple(name for name in blocking if name in rule.waivable and name not in NEVER_WAIVED and name not in waived)


def _undescribed(review: Review, rule: StageRule | None) -> tuple[str, ...]:
    """Say of which inputs no class is known, where the stage asks anybody by classes."""
    asked = [name for name, group in rule.groups.items() if group.classes] if rule else []
    if not asked:
        return ()
    return tuple(
        f"no class is known of {path}, so group {', '.join(asked)} is asked: describe it with "
        f"mlops data describe '{path}' --data-class …, then request the review again"
        for path in review.undescribed
    )


def _overridden_until(project: Project, review: Review, rule: StageRule | None) -> str:
    """Return when the override that stands now ends; empty without one."""
    if rule is None or all(decision.verdict != OVERRIDE for decision in review.decisions):
        return ""
    decision = standing_override(project, review, rule)
    return override_until(project, decision).isoformat(timespec="seconds") if decision else ""


def _waived(project: Project, review: Review, rule: StageRule | None) -> set[str]:
    """Return the checks that a waiver stands for; a policy that cannot be read waives nothing."""
    if rule is None or all(decision.verdict != WAIVE for decision in review.decisions):
        return set()
    return set(standing_waivers(project, review, rule)) & set(review.blocking(rule.required))


def _as_waived(report: CheckReport, waived: set[str]) -> CheckReport:
    """Show a waived check as waived; its sentence still says what was found."""
    if report.name not in waived:
        return report
    return replace(report, result=CheckResult.WAIVED.value, summary=f"Waived; was {report.result}: {report.summary}")


def _with_unknown(project: Project, review: Review, rule: StageRule | None) -> Review:
    """Show required checks as unknown where the process that should have found out is dead."""
    if review.state != ReviewState.CHECKING or not is_checker_dead(project, review):
        return review
    reports = tuple(
        CheckReport(name, CheckResult.UNKNOWN.value, True, "The checking process died before it was done", "", 0.0, "")
        for name in (rule.required if rule else ())
    )
    return review.changed(checks=reports)


def _needed(project: Project, review: Review, rule: StageRule | None, stale: tuple[str, ...]) -> tuple[str, ...]:
    again = f"mlops review request {review.asked_as}"
    if stale:
        if stale == (RUN_DELETED,):  # a request would find nothing; with the run everything is as it was
            back = f"the run back, which was deleted: mlops runs undelete {review.run[:8]}"
            return (back, *_owed(project, review))
        return (*(f"a new review, because {reason}: {again}" for reason in stale), *_owed(project, review))
    if review.state == ReviewState.REJECTED:
        return ("another model: this one was rejected", *_owed(project, review))
    if review.state == ReviewState.APPROVED:
        return _owed(project, review)
    if review.state == ReviewState.CHECKING and not review.checks:
        return ("the checks to finish",)
    assert rule is not None  # else it would be stale
    summaries = {report.name: report.summary for report in review.checks}
    words = []
    blocking = unwaived(review.blocking(rule.required), standing_waivers(project, review, rule))
    for name, result in blocking.items():
        if result == CheckResult.UNKNOWN:
            words.append(f"a result of check {name}, which is unknown: {again}")
        else:
            waive = f", or a waiver: mlops review waive {review.id} {name}" if name in rule.waivable else ""
            words.append(f"check {name} to pass: {summaries[name]}{waive}")
    words += [
        f"an answer to the changes that {name} asked for, or their approval"
        for name in asks_for_changes(project, review)
    ]
    missing = rule.approvals - len(approvers(project, review, rule))
    if missing > 0:
        who = "one reviewer" if missing == 1 else f"{missing} reviewers"
        others = sorted(set(review.involved) - {""})
        whose = "" if rule.allow_self else f" other than {', '.join(others)}"
        words.append(f"approval by {who}{whose}: mlops review approve {review.id}")
    for name, count in lacking_groups(project, review, rule).items():
        words.append(f"approval by {count} of group {name} ({', '.join(rule.groups[name].members)})")
    return (*words, *_owed(project, review))


def _owed(project: Project, review: Review) -> tuple[str, ...]:
    if not is_owed(project, review):
        return ()
    return (f"somebody to look at what was overridden: mlops review post-review {review.id}",)
