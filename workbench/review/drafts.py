"""Drafts: exactly what somebody would sign, byte for byte, before they sign it.

Whatever is signed here is drawn up by the same functions that the signing verbs use. A door shows the text, then hands
moment and digest back (``at``, ``shown``), and the verb signs these bytes or none. Drafting refuses nobody: who may
sign is asked when they do.
"""

from __future__ import annotations

from workbench.contract.review import CheckReport, StatementDraft
from workbench.contract.status import ReviewState
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import PendingError, UsageError, did_you_mean
from workbench.foundation.project import Project
from workbench.review.breaking import draft_override, draft_post_review
from workbench.review.comments import draft_comment
from workbench.review.decision import draft_statement, signing_time
from workbench.review.overridden import OVERRIDE, POST_REVIEW
from workbench.review.policies.policy import CHECK_NAMES, load_policy
from workbench.review.policies.rules import is_check_name
from workbench.review.proof.deed import DeedKind, build_deed
from workbench.review.proof.statement import Verdict, build_statement
from workbench.review.proof.waiver import WAIVE_NAMESPACE, build_waiver
from workbench.review.record import Review, find_review
from workbench.review.standing import WAIVE
from workbench.review.waiving import draft_waiver

COMMENT = DeedKind.COMMENT.value
_VERDICTS = (*tuple(Verdict), WAIVE, OVERRIDE, POST_REVIEW, COMMENT)


def show_draft(
    project: Project, review: str, verdict: str = "approve", reason: str = "", check: str = "", *, on: str = ""
) -> StatementDraft:
    """Show exactly what you would sign: the statement, byte for byte.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        verdict: ``approve``, ``changes-requested``, ``reject``, ``waive``, ``override``, ``post-review`` or
            ``comment``.
        reason: What you would say.
        check: The check that you would waive.
        on: What you would comment on; the whole by default.

    Raises:
        UsageError: ``verdict-unknown``, ``check-unknown-name``, or what a comment may not be.
        NotFoundError: ``override-none``: there is nothing to look at afterwards.
        PendingError: ``checks-running``: what an override would be about is not known yet.
    """
    if verdict not in _VERDICTS:
        raise UsageError("verdict-unknown", f"'{verdict}' is no decision", did_you_mean(verdict, _VERDICTS))
    if verdict == WAIVE and not is_check_name(check):
        raise UsageError("check-unknown-name", f"There is no check '{check}'", did_you_mean(check, CHECK_NAMES))
    found, at = find_review(project, review), signing_time()
    if verdict == COMMENT:
        deed = draft_comment(project, found, reason, on, at)
        namespace, data = deed.kind.namespace, build_deed(deed)
    else:
        namespace, data = _draw_up(project, found, verdict, reason, check=check, at=at)
    return StatementDraft(found.id, verdict, namespace, at, digest_bytes(data), data.decode())


def _draw_up(project: Project, review: Review, verdict: str, reason: str, *, check: str, at: str) -> tuple[str, bytes]:
    """Return the purpose of the signature, and the bytes under it."""
    if verdict == WAIVE:
        return WAIVE_NAMESPACE, build_waiver(draft_waiver(project, review, check, reason, at))
    if verdict == OVERRIDE:
        deed = draft_override(project, review, _found(review), reason=reason, at=at)
        return DeedKind.OVERRIDE.namespace, build_deed(deed)
    if verdict == POST_REVIEW:
        return DeedKind.POST_REVIEW.namespace, build_deed(draft_post_review(project, review, reason=reason, at=at))
    rule, said = load_policy(project).rule(review.stage), Verdict(verdict)
    return said.namespace, build_statement(draft_statement(project, review, rule, said, reason=reason, at=at))


def _found(review: Review) -> tuple[CheckReport, ...]:
    """Return what the checks have found: what an override is about."""
    if review.state == ReviewState.CHECKING or not review.checks:
        raise PendingError(
            "checks-running", f"{review.id} is still being checked", f'mlops review override {review.id} -m "…"'
        )
    return review.checks
