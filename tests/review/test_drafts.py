"""What somebody is shown is what they sign, for each thing that is signed; and nothing else is."""

from __future__ import annotations

import pytest

from workbench.foundation.errors import ConflictError, NotFoundError, PendingError, UsageError
from workbench.review import reviews
from workbench.review.breaking import override, post_review
from workbench.review.comments import comment
from workbench.review.drafts import show_draft
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.deed import DeedKind, verify_deed
from workbench.review.record import find_review, save
from workbench.review.waiving import waive

REASON = "the line stands still and the old model is wrong"
POLICY = """\
[stages.production]
required = ["format", "card", "inputs"]
approvals = 1
waivable = ["card"]

[stages.production.break_glass]
members = ["carol@example.com"]
"""
PLAIN = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'


@pytest.fixture
def asked(world, models, monkeypatch):
    """Return a function that asks for a review under a policy."""
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))

    def ask(policy: str):
        (world.root / "policy" / "gate.toml").write_text(policy)
        return reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)

    return ask


SIGNING = {
    "approve": (PLAIN, "bob", lambda p, r, said: reviews.approve(p, r, **said)),
    "changes-requested": (PLAIN, "bob", lambda p, r, said: reviews.request_changes(p, r, **said)),
    "reject": (PLAIN, "bob", lambda p, r, said: reviews.reject(p, r, **said)),
    "waive": (POLICY, "bob", lambda p, r, said: waive(p, r, "card", **said)),
    "override": (POLICY, "carol", lambda p, r, said: override(p, r, **said)),
}


@pytest.mark.parametrize("verdict", SIGNING)
def test_what_is_shown_is_what_is_signed_and_nothing_else(world, asked, verdict):
    policy, name, sign = SIGNING[verdict]
    review, person = asked(policy), world.as_(name)
    check = "card" if verdict == "waive" else ""
    draft = show_draft(person, review.id, verdict, REASON, check)
    other = show_draft(person, review.id, verdict, f"{REASON}, says the foreman", check)
    with pytest.raises(ConflictError, match="statement-changed"):
        sign(person, review.id, {"reason": REASON, "at": draft.at, "shown": other.digest})
    assert reviews.show_review(person, review.id).decisions == ()
    card = sign(person, review.id, {"reason": REASON, "at": draft.at, "shown": draft.digest})
    assert card.decisions[-1].statement_digest == draft.digest
    assert person.store.read(draft.digest).decode() == draft.text
    assert draft.namespace == f"mlops-workbench.{verdict}"


def test_a_comment_is_shown_too(world, asked):
    review, bob = asked(PLAIN), world.as_("bob")
    said, on = "Which winter is this?", "check:format"
    draft = show_draft(bob, review.id, "comment", said, on=on)
    for other in (
        show_draft(bob, review.id, "comment", said),
        show_draft(bob, review.id, "comment", f"{said} And why?"),
    ):
        with pytest.raises(ConflictError, match="statement-changed"):
            comment(bob, review.id, said, on, draft.at, shown=other.digest)
    with pytest.raises(UsageError, match="signing-time"):
        comment(bob, review.id, said, on, "2020-01-01T00:00:00+00:00", shown=draft.digest)
    with pytest.raises(UsageError, match="comment-empty"):
        show_draft(bob, review.id, "comment")
    assert reviews.show_review(bob, review.id).comments == ()
    (made,) = comment(bob, review.id, said, on, draft.at, shown=draft.digest).comments
    assert (made.text, made.on, made.at) == (said, on, draft.at)
    event = bob.journal.events(kind="review.commented")[-1]
    assert (event.data["statement_digest"], draft.namespace) == (draft.digest, "mlops-workbench.comment")
    assert bob.store.read(draft.digest).decode() == draft.text
    signature = bob.store.read(event.data["signature_digest"]).decode()
    verify_deed(draft.text, signature, load_reviewers(bob), DeedKind.COMMENT)


def test_looking_afterwards_is_shown_too(world, asked):
    review, carol, bob = asked(POLICY), world.as_("carol"), world.as_("bob")
    with pytest.raises(NotFoundError, match="override-none"):
        show_draft(bob, review.id, "post-review", REASON)
    override(carol, review.id, REASON)
    draft = show_draft(bob, review.id, "post-review", REASON)
    card = post_review(bob, review.id, REASON, draft.at, draft.digest)
    assert (card.decisions[-1].statement_digest, card.owes_post_review) == (draft.digest, False)


def test_a_check_that_ran_again_in_between_is_not_signed_unseen(world, asked):
    review, bob = asked(PLAIN), world.as_("bob")
    draft = show_draft(bob, review.id, "approve", REASON)
    for _ in range(9):  # what differs is how long the checks took: now and then that is the same millisecond
        reviews._reopen(bob, find_review(bob, review.id))
        again = reviews.request_review(world.as_("alice"), review.run, wait=True)
        if again.evidence_digest != review.evidence_digest:
            break
    assert again.evidence_digest != review.evidence_digest
    with pytest.raises(ConflictError, match="statement-changed"):
        reviews.approve(bob, review.id, REASON, draft.at, draft.digest)


def test_what_cannot_be_drawn_up_is_refused(world, asked):
    review, bob = asked(POLICY), world.as_("bob")
    with pytest.raises(UsageError, match="verdict-unknown"):
        show_draft(bob, review.id, "aprove")
    with pytest.raises(UsageError, match="check-unknown-name"):
        show_draft(bob, review.id, "waive", REASON, "no check")
    found = find_review(bob, review.id)
    with bob.journal.transaction() as transaction:
        save(transaction, found.changed(checks=()))
    with pytest.raises(PendingError, match="checks-running"):
        show_draft(bob, review.id, "override", REASON)


def test_the_card_says_what_may_be_waived_and_who_may_override(world, asked):
    review = asked(POLICY)
    assert (review.waivable, review.break_glass) == (("card",), ("carol@example.com",))
    assert waive(world.as_("bob"), review.id, "card", REASON).waivable == ()
    card = override(world.as_("carol"), review.id, REASON)
    assert card.break_glass == ()
    card = reviews.reject(world.as_("bob"), review.id, "wrong data")
    assert (card.waivable, card.break_glass) == ((), ())
