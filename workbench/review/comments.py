"""Comments: what people say about a candidate while it is reviewed. They are in the journal and decide nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.contract.review import Comment, ReviewCard
from workbench.experiment.levels.facts import read_facts
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import ConflictError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.project import Project
from workbench.review.policy import CHECK_NAMES
from workbench.review.record import Review, find_review, save
from workbench.review.reviews import show_review

MAX_TEXT = 4000
KINDS = ("check", "metric", "cell")
_TRIES = 5


def comment(project: Project, review: str, text: str, on: str = "") -> ReviewCard:
    """Say something about a candidate: to its author, or to the next reviewer. It decides nothing.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        text: What you say, at most 4,000 characters.
        on: What it is about: ``check:<name>``, ``metric:<name>`` or ``cell:<id>``; the whole by default.

    Raises:
        UsageError: ``comment-empty``, ``comment-long`` or ``comment-place``.
    """
    said = text.strip()
    if not said:
        raise UsageError("comment-empty", "A comment needs words", 'mlops review comment <review> "…"')
    if len(said) > MAX_TEXT:
        raise UsageError("comment-long", f"{len(said):,} characters are more than {MAX_TEXT:,}", "say it in two")
    found = find_review(project, review)
    _check_place(project, found, on)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = Comment(digest_json([found.id, project.actor, at, on, said]), project.actor, at, on, said)
    for attempt in range(_TRIES):
        try:
            _save(project, find_review(project, found.id), made)
            break
        except ConflictError:  # somebody else wrote in the same moment, and a comment contradicts nothing
            if attempt == _TRIES - 1:
                raise
    return show_review(project, found.id)


def _save(project: Project, review: Review, made: Comment) -> None:
    with project.journal.transaction() as transaction:
        transaction.append("review.commented", review.subject, {"comment": made.id, "on": made.on, "text": made.text})
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
        known = _cells(project, review) or {name}  # a run that recorded no cells cannot contradict
    else:
        known = set(CHECK_NAMES) if kind == "check" else set(review.metrics)
    if name not in known:
        raise UsageError("comment-place", f"{review.id} has no {kind} '{name}'", did_you_mean(name, known))


def _cells(project: Project, review: Review) -> set[str]:
    """Return the ids of the cells that ran; empty where the run did not record them."""
    try:
        return {cell.cell for cell in read_facts(project, review.run).cells}
    except WorkbenchError:
        return set()
