"""From the record to the card that people see, with what is still needed in words."""

from __future__ import annotations

from dataclasses import replace

from workbench.contract.review import CheckReport, ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.errors import DeniedError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review.checking import is_checker_dead
from workbench.review.decision import approvers
from workbench.review.policy import load_policy
from workbench.review.record import Review, required_checks
from workbench.review.staleness import why_stale
from workbench.review.standing import WAIVE, standing_waivers, unwaived


def card_of(project: Project, review: Review, *, is_thorough: bool) -> ReviewCard:
    """Return the card; ``is_thorough`` also looks at the bytes again."""
    stale = why_stale(project, review, is_thorough=is_thorough)
    shown = _with_unknown(project, review)
    waived = set() if stale else _waived(project, review)
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
        needed=_needed(project, shown, stale),
        metrics=review.metrics,
        comments=review.comments,
    )


def _waived(project: Project, review: Review) -> set[str]:
    """Return the checks that a waiver stands for; a policy that cannot be read waives nothing."""
    if all(decision.verdict != WAIVE for decision in review.decisions):
        return set()
    try:
        rule = load_policy(project).rule(review.stage)
    except WorkbenchError:
        return set()
    return set(standing_waivers(project, review, rule)) & set(review.blocking(rule.required))


def _as_waived(report: CheckReport, waived: set[str]) -> CheckReport:
    """Show a waived check as waived; its sentence still says what was found."""
    if report.name not in waived:
        return report
    return replace(report, result=CheckResult.WAIVED.value, summary=f"Waived; was {report.result}: {report.summary}")


def _with_unknown(project: Project, review: Review) -> Review:
    """Show required checks as unknown where the process that should have found out is dead."""
    if review.state != ReviewState.CHECKING or not is_checker_dead(project, review):
        return review
    reports = tuple(
        CheckReport(name, CheckResult.UNKNOWN.value, True, "The checking process died before it was done", "", 0.0, "")
        for name in _required(project, review)
    )
    return review.changed(checks=reports)


def _required(project: Project, review: Review) -> tuple[str, ...]:
    try:
        return required_checks(load_policy(project), review.stage)
    except DeniedError:
        return ()


def _needed(project: Project, review: Review, stale: tuple[str, ...]) -> tuple[str, ...]:
    again = f"mlops review request {review.run[:8]}"
    if stale:
        return tuple(f"a new review, because {reason}: {again}" for reason in stale)
    if review.state == ReviewState.REJECTED:
        return ("another model: this one was rejected",)
    if review.state == ReviewState.APPROVED:
        return ()
    if review.state == ReviewState.CHECKING and not review.checks:
        return ("the checks to finish",)
    rule = load_policy(project).rule(review.stage)
    summaries = {report.name: report.summary for report in review.checks}
    words = []
    blocking = unwaived(review.blocking(rule.required), standing_waivers(project, review, rule))
    for name, result in blocking.items():
        if result == CheckResult.UNKNOWN:
            words.append(f"a result of check {name}, which is unknown: {again}")
        else:
            waive = f", or a waiver: mlops review waive {review.id} {name}" if name in rule.waivable else ""
            words.append(f"check {name} to pass: {summaries[name]}{waive}")
    missing = rule.approvals - len(approvers(project, review))
    if missing > 0:
        who = "one reviewer" if missing == 1 else f"{missing} reviewers"
        whose = "" if rule.allow_self else f" other than {', '.join(sorted({review.requester, review.author}))}"
        words.append(f"approval by {who}{whose}: mlops review approve {review.id}")
    return tuple(words)
