"""Confirming checks: somebody else, a CI machine above all, runs a review's checks again and signs what came out.

The signature goes under the very results that reviewers see, where what was found here agrees with them
(:mod:`~workbench.review.equivalence`): so no approval and no waiver becomes void, whenever the machine comes by. What
it found itself is kept and named beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.contract.review import CheckReport, ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.errors import DeniedError, IntegrityError, UnknownResultError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.assurance import CONFIRMED, signed_checks
from workbench.review.checking import check_statement, reports_of, run_checks_here
from workbench.review.decision import check_is_current, check_is_genuine
from workbench.review.equivalence import first_difference
from workbench.review.notices.delivery import announce
from workbench.review.policies.policy import StageRule, load_policy
from workbench.review.proof.deed import DeedKind
from workbench.review.record import Review, evidence_bytes, find_review, record_refusal
from workbench.review.reviews import show_review
from workbench.review.signing import check_is_in_force, may_sign, own_key


def check_review(project: Project, review: str) -> ReviewCard:
    """Run a review's checks here and sign what they found; a machine named under ``ci`` makes it ``ci-verified``.

    Checks that nobody has run yet become the review's own. Those that ran are run again, and the signature goes under
    them where they come out the same, word and figures; approvals stay what they are. Doing it twice changes nothing.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.

    Raises:
        DeniedError: ``identity-missing``, ``reviewer-waiting``, ``purpose-missing``, ``review-stale`` or
            ``checks-differ``.
        UnknownResultError: ``check-unknown``: a check that has a result has none here.
        ConflictError: ``review-closed``: it was rejected.
        IntegrityError: The review is not what the journal's chain says.
    """
    found = find_review(project, review)
    _check_may_confirm(project, found)
    run_checks_here(project, found.id)
    found = find_review(project, found.id)
    check_is_genuine(project, found)
    if not any(deed.principal == project.actor for deed, _ in signed_checks(project, found)):
        try:
            _confirm(project, found)
        except (DeniedError, UnknownResultError, IntegrityError) as error:
            record_refusal(project, found, DeedKind.CHECK.value, error)
            raise
    return show_review(project, found.id)


def _check_may_confirm(project: Project, review: Review) -> None:
    """Refuse before anything is run where nobody could believe what came out."""
    key_path = own_key(project)
    if not may_sign(project, DeedKind.CHECK):
        key = read_public_key(key_path)
        check_is_in_force(project, key)
        raise DeniedError(
            "purpose-missing",
            f"{project.actor} with key {key.fingerprint} may not sign checks",
            f"an owner adds it: mlops reviewers add {project.actor} {key_path}.pub --only check",
        )
    check_is_current(project, review, closed=(ReviewState.REJECTED,))


def _confirm(project: Project, review: Review) -> None:
    """Run the checks as they were run, against what was served then, and sign where they come out the same."""
    rule = load_policy(project).rule(review.stage)
    reports = reports_of(project, review, rule, review.champion_digest)
    _check_same(project, review, reports, rule)
    own = project.store.put_bytes(evidence_bytes(reports))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    data, told = check_statement(project, review, reports, at, own_evidence=own)
    signature = project.store.put_bytes(sign(own_key(project), data, namespace=DeedKind.CHECK.namespace).encode())
    with project.journal.transaction() as transaction:
        transaction.append(CONFIRMED, review.subject, {**told, "signature_digest": signature})
    announce(project)


def _check_same(project: Project, review: Review, reports: tuple[CheckReport, ...], rule: StageRule) -> None:
    """Refuse results that are not those of the review: of what policy asks for all of it, of the rest what both found.

    Raises:
        UnknownResultError: ``check-unknown``: what policy asks for was not found out here.
        DeniedError: ``checks-differ``.
    """
    there = {report.name: report for report in review.checks}
    here = {report.name: report for report in reports}
    for name in rule.required:
        is_known = name in there and there[name].result != CheckResult.UNKNOWN
        if name not in here or (is_known and here[name].result == CheckResult.UNKNOWN):
            said = here[name].summary if name in here else "it was not run"
            message = f"Check {name} has no result here: {said}"
            raise UnknownResultError("check-unknown", message, "mend that, then repeat")
    for name, report in here.items():
        other = there.get(name)
        is_known = other is not None and CheckResult.UNKNOWN not in (other.result, report.result)
        if name not in rule.required and not is_known:
            continue
        differs = first_difference(project.store, other, report, rule) if other else "it was not run"
        if differs:
            raise DeniedError(
                "checks-differ",
                f"Check {name} does not come out as in {review.id}: {differs} there",
                f"compare both, then have everything checked anew: mlops review show {review.id}",
            )
