"""Comments: what people say about a candidate while it is reviewed. They are in the journal and decide nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.contract.review import Comment, ReviewCard
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import ConflictError, UsageError, did_you_mean
from workbench.foundation.project import Project
from workbench.review.decision import check_as_shown, signing_time
from workbench.review.notebook import cells_of
from workbench.review.policies.policy import CHECK_NAMES
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.review.record import Review, find_review, save
from workbench.review.reviews import show_review
from workbench.review.signing import signature_of

MAX_TEXT = 4000
KINDS = ("check", "metric", "cell")
_TRIES = 5


def comment(project: Project, review: str, text: str, on: str = "", at: str = "", *, shown: str = "") -> ReviewCard:
    """Say something about a candidate: to its author, or to the next reviewer. It decides nothing.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        text: What you say, at most 4,000 characters.
        on: What it is about: ``check:<name>``, ``metric:<name>`` or ``cell:<id>``; the whole by default.
        at: UTC time of signing, as ``review draft`` showed it; now by default.
        shown: Digest of the statement, as ``review draft`` showed it; another is not signed.

    Raises:
        UsageError: ``comment-empty``, ``comment-long``, ``comment-place`` or ``signing-time``.
        ConflictError: ``statement-changed``.
    """
    found = find_review(project, review)
    deed = draft_comment(project, found, text, on, signing_time(at) if at else _now())
    data = build_deed(deed)
    check_as_shown(data, shown)
    said = deed.fact("text")
    made = Comment(digest_json([found.id, project.actor, deed.at, on, said]), project.actor, deed.at, on, said)
    for attempt in range(_TRIES):
        try:
            _save(project, find_review(project, found.id), made, data)
            break
        except ConflictError:  # somebody else wrote in the same moment, and a comment contradicts nothing
            if attempt == _TRIES - 1:
                raise
    return show_review(project, found.id)


def draft_comment(project: Project, review: Review, text: str, on: str, at: str) -> Deed:
    """Return what the actor would sign, or write down without a key; exactly what is shown before.

    Raises:
        UsageError: ``comment-empty``, ``comment-long`` or ``comment-place``.
    """
    said = text.strip()
    if not said:
        raise UsageError("comment-empty", "A comment needs words", 'mlops review comment <review> "…"')
    if len(said) > MAX_TEXT:
        raise UsageError("comment-long", f"{len(said):,} characters are more than {MAX_TEXT:,}", "say it in two")
    _check_place(project, review, on)
    facts = {"stage": review.stage, "review": review.id, "on": on, "text": said}
    return Deed(DeedKind.COMMENT, review.model, review.model_digest, project.actor, at, facts)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _save(project: Project, review: Review, made: Comment, data: bytes) -> None:
    told = {
        "comment": made.id,
        "on": made.on,
        "text": made.text,
        "statement_digest": project.store.put_bytes(data),
        "signature_digest": signature_of(project, data, DeedKind.COMMENT),
    }
    if any(known.id == made.id for known in review.comments):
        return  # saying the same at the same moment is saying it once
    with project.journal.transaction() as transaction:
        transaction.append("review.commented", review.subject, told)
        save(transaction, review.changed(comments=(*review.comments, made)))


def _check_place(project: Project, review: Review, on: str) -> None:
    """Refuse a comment on something that is not there."""
    if not on:
        return
    kind, _, name = on.partition(":")
    if kind not in KINDS or not name:
        raise UsageError(
            "comment-place", f"'{on}' is nothing to comment on", "write check:<name>, metric:<name> or cell:<id>"
        )
    if kind == "cell":
        # A run that kept no notebook cannot contradict.
        known = {cell.id for cell in cells_of(project, review)} or {name}
    elif kind == "check":
        known = {*CHECK_NAMES, *(report.name for report in review.checks)}
    else:
        known = set(review.metrics)
    if name not in known:
        raise UsageError("comment-place", f"{review.id} has no {kind} '{name}'", did_you_mean(name, known))
