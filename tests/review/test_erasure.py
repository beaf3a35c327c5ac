"""What an event says can be erased, and the chain, the review and the release stay what they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, WorkbenchError
from workbench.project.audit import verify_journal
from workbench.project.audit_erasure import erase_payload
from workbench.review import reviews
from workbench.review.comments import comment

POLICY = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'


@pytest.fixture(autouse=True)
def quick(world, monkeypatch):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    (world.root / "policy" / "gate.toml").write_text(POLICY)


@pytest.fixture
def commented(world, models):
    """A review in which bob named somebody, and the event that says so."""
    review = reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)
    comment(world.as_("bob"), review.id, "ask Taro Yamada about row 7")
    (event,) = world.as_("bob").journal.events(kind="review.commented")
    return review, event


def test_a_comment_is_erased_and_the_chain_stays_whole(world, commented):
    alice, bob = world.as_("alice"), world.as_("bob")
    review, event = commented
    head = verify_journal(bob).events
    erased = erase_payload(bob, event.seq, "asked for by the person")
    assert (erased.kind, erased.data_digest) == ("review.commented", event.data_digest)
    assert b"Yamada" not in b"".join(path.read_bytes() for path in (world.root / ".workbench").glob("journal.db"))
    kept = [path for path in (world.root / ".workbench" / "store").rglob("*") if path.is_file()]
    assert not any(b"Yamada" in path.read_bytes() for path in kept)
    assert verify_journal(bob).events == head + 1
    assert [said.text for said in reviews.show_review(bob, review.id).comments] == [""]
    reviews.approve(bob, review.id)
    reviews.release_grant(alice, review.id)
    with pytest.raises(ConflictError, match="payload-erased"):
        erase_payload(bob, event.seq, "again")


def test_what_releases_are_verified_from_is_not_erased(world, models):
    alice = world.as_("alice")
    reviews.request_review(alice, world.log_model(models.good), wait=True)
    (event,) = alice.journal.events(kind="review.requested")
    with pytest.raises(ConflictError, match="payload-needed"):
        erase_payload(alice, event.seq, "please")
    with alice.journal.transaction() as change:
        tried = change.append("holdout.tried", "holdout:x", {"digest": "sha256:" + "0" * 64})
    with pytest.raises(ConflictError, match="payload-needed"):  # or the next try would have all of its alpha back
        erase_payload(alice, tried.seq, "please")
    with pytest.raises(NotFoundError, match="event-unknown"):
        erase_payload(alice, 10_000, "please")
    with pytest.raises(UsageError, match="reason-missing"):
        erase_payload(alice, event.seq, " ")


def test_a_comment_whose_statement_cannot_be_removed_is_not_erased_by_half(world, commented, monkeypatch):
    """Erased once, the event no longer knows which statement says it again: it would lie in the store for ever."""
    bob, (_, event) = world.as_("bob"), commented
    statement = bob.store.path_of(event.data["statement_digest"])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: os.rename(world.root / "gone", world.root / "away"))
        with pytest.raises((WorkbenchError, OSError)):
            erase_payload(bob, event.seq, "asked for by the person")
    assert statement.is_file()
    erase_payload(bob, event.seq, "asked for by the person")
    assert not statement.exists()
