"""Names that stand under keys, on real reviews: what a stage that asks for them refuses, in gate and runner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbench.foundation.errors import DeniedError
from workbench.foundation.project import Project
from workbench.review import reviews
from workbench.review.people import add_reviewer
from workbench.review.policies.change import why_laxer
from workbench.review.policies.policy import load_policy, parse_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.trial import try_policy
from workbench.review.proof.verification import verify_grant
from workbench.serving.releases import release

PLAIN = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'
SIGNED = f'{PLAIN}names = "signed"\n'


@pytest.fixture
def folder(world, changed_model, monkeypatch):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    (world.root / "policy" / "gate.toml").write_text(SIGNED)
    return changed_model(lambda path: np.savez(path / "reference.npz", rows=3, mean=np.zeros(4)))


def called(world, name: str, key: str) -> Project:
    """Return the project as somebody sees it who gives a name and holds a key."""
    return replace(world.as_(name), key_path=world.keys / key)


def refused(world, project: Project, run: str) -> str:
    """Ask for a review, and return the code of the refusal, which changes nothing."""
    before = project.journal.head()
    with pytest.raises(DeniedError) as caught:
        reviews.request_review(project, run, wait=True)
    assert project.journal.head() == before
    assert reviews.list_reviews(project) == ()
    return caught.value.code


def test_signed_names_are_let_through_and_said(world, folder):
    review = reviews.request_review(world.as_("alice"), world.log_model(folder), wait=True)
    approved = reviews.approve(world.as_("bob"), review.id)
    assert (approved.assurance, approved.names) == ("local-signed", "signed")
    card = release(world.as_("carol"), review.id)
    assert (card.assurance, card.names) == ("local-signed", "signed")


def test_an_invented_name_is_refused_where_it_is_given(world, folder):
    """Bob trains under a name that nobody has and would approve under his own."""
    run = world.log_model(folder, by="ghost")
    assert refused(world, called(world, "ghost", "bob"), run) == "reviewer-unknown"
    assert refused(world, world.as_("alice"), run) == "name-unlisted"
    lent = world.log_model(folder, by="alice")
    assert refused(world, called(world, "alice", "bob"), lent) == "reviewer-unknown"
    assert refused(world, world.as_("bob"), lent) == "request-not-own"
    assert refused(world, replace(world.as_("alice"), key_path=None), lent) == "identity-missing"


def test_a_hand_without_a_key_is_mended_by_one_that_signs_nothing_else(world, folder, monkeypatch):
    from workbench.review import candidate

    real = candidate.provenance_of
    monkeypatch.setattr(
        candidate, "provenance_of", lambda *given: replace(real(*given), producers=("dan@example.com",))
    )
    run = world.log_model(folder)
    assert refused(world, world.as_("alice"), run) == "name-unlisted"
    add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"), ("request",))
    review = reviews.request_review(world.as_("alice"), run, wait=True)
    with pytest.raises(DeniedError, match="reviewer-unknown"):
        reviews.approve(world.as_("dan"), review.id)
    assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"


def test_without_the_word_names_are_claimed_and_said_to_be(world, folder):
    (world.root / "policy" / "gate.toml").write_text(PLAIN)
    review = reviews.request_review(world.as_("dan"), world.log_model(folder, by="dan"), wait=True)
    assert reviews.approve(world.as_("bob"), review.id).names == "claimed"
    assert release(world.as_("carol"), review.id).names == "claimed"
    stricter = world.root / "policy" / "stricter.toml"
    stricter.write_text(SIGNED)
    (tried,) = try_policy(world.as_("carol"), "policy/stricter.toml")
    assert (tried.before, tried.after) == ("allowed", "denied")


def test_a_stricter_policy_holds_for_what_is_served(world, folder):
    """The runner verifies the names of a release from before, and the signature under its request."""
    (world.root / "policy" / "gate.toml").write_text(PLAIN)
    review = reviews.request_review(world.as_("alice"), world.log_model(folder), wait=True)
    reviews.approve(world.as_("bob"), review.id)
    carol = world.as_("carol")
    grant = reviews.release_grant(carol, review.id)
    (world.root / "policy" / "gate.toml").write_text(SIGNED)
    policy, allowed = load_policy(carol), load_reviewers(carol)
    assert verify_grant(grant, carol.store, allowed, policy) == ("bob@example.com",)
    with pytest.raises(DeniedError, match="request-unsigned"):
        verify_grant(replace(grant, request_signature=""), carol.store, allowed, policy)
    path = world.root / "policy" / "reviewers"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("alice")))
    with pytest.raises(DeniedError):
        verify_grant(grant, carol.store, load_reviewers(carol), policy)


def test_taking_the_word_back_asks_for_less():
    old, new = (parse_policy(text.encode()).stages for text in (SIGNED, PLAIN))
    assert why_laxer(old, new) == ("[stages.production] believes names that nobody signed for",)
    assert why_laxer(new, old) == ()


def test_who_is_no_reviewer_reads_the_line_that_an_owner_types(world, folder):
    run = world.log_model(folder, by="alice")
    eve = called(world, "eve", "dan")
    with pytest.raises(DeniedError, match="reviewer-unknown") as caught:
        reviews.request_review(eve, run)
    assert caught.value.hint.endswith(f"mlops reviewers add {eve.actor} {eve.key_path}.pub")
