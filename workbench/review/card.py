"""From the record to the card that people see, with what is still needed in words."""

from __future__ import annotations

from workbench.contract.review import CheckReport, ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.errors import DeniedError
from workbench.foundation.project import Project
from workbench.review.checking import is_checker_dead
from workbench.review.decision import approvers
from workbench.review.policy import load_policy
from workbench.review.record import Review, required_checks
from workbench.review.staleness import why_stale


def card_of(project: Project, review: Review, *, is_thorough: bool) -> ReviewCard:
    """Return the card; ``is_thorough`` also looks at the bytes again."""
    stale = why_stale(project, review, is_thorough=is_thorough)
    shown = _with_unknown(project, review)
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
        checks=tuple(sorted(shown.checks, key=lambda report: not report.is_required)),
        decisions=review.decisions,
        needed=_needed(project, shown, stale),
        metrics=review.metrics,
    )


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
    for name, result in review.blocking(rule.required).items():
        if result == CheckResult.UNKNOWN:
            words.append(f"a result of check {name}, which is unknown: {again}")
        else:
            words.append(f"check {name} to pass: {summaries[name]}")
    missing = rule.approvals - len(approvers(project, review))
    if missing > 0:
        who = "one reviewer" if missing == 1 else f"{missing} reviewers"
        whose = "" if rule.allow_self else f" other than {', '.join(sorted({review.requester, review.author}))}"
        words.append(f"approval by {who}{whose}: mlops review approve {review.id}")
    return tuple(words)
