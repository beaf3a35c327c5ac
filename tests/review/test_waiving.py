"""Waiving and commenting on real reviews: who may, what it lets through, and what makes it void."""

from __future__ import annotations

import pytest

from tests.review.test_evidence import commands, unpack
from workbench.foundation.errors import ConflictError, DeniedError, UnknownResultError, UsageError
from workbench.review import reviews
from workbench.review.comments import comment
from workbench.review.evidence.bundle import export_evidence
from workbench.review.record import find_review, save
from workbench.review.waiving import waive

REASON = "card follows next week, agreed with the plant"
POLICY = """\
[stages.production]
required = ["format", "card", "inputs"]
approvals = 1
waivable = ["card", "inputs"]
"""


@pytest.fixture
def asked(world, models, monkeypatch):
    """Return a review whose checks ``card`` and ``inputs`` stand in the way."""
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    return reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)


def results(card) -> dict[str, str]:
    return {check.name: check.result for check in card.checks}


def kinds(world) -> list[str]:
    return [event.kind for event in world.as_("bob").journal.events()]


def test_a_waived_check_shows_as_waived_and_lets_pass(world, asked):
    bob, carol = world.as_("bob"), world.as_("carol")
    assert results(asked) == {"format": "pass", "card": "fail", "inputs": "fail"}
    assert any(f"mlops review waive {asked.id} card" in words for words in asked.needed)
    waive(bob, asked.id, "card", REASON)
    with pytest.raises(DeniedError, match="checks-failed"):
        reviews.approve(carol, asked.id)
    card = waive(bob, asked.id, "inputs", REASON)
    assert results(card) == {"format": "pass", "card": "waived", "inputs": "waived"}
    assert [(d.verdict, d.check, d.assurance) for d in card.decisions] == [
        ("waive", "card", "local-signed"),
        ("waive", "inputs", "local-signed"),
    ]
    assert card.state == "OPEN"  # a waiver is no approval
    assert reviews.approve(carol, asked.id).state == "APPROVED"
    grant = reviews.release_grant(world.as_("alice"), asked.id)
    assert len(grant.waivers) == 2
    assert kinds(world).count("review.waived") == 2


def test_an_approval_beside_a_waiver_that_counts_no_more_is_asked_for_again(world, asked):
    """Its waiver's signer was revoked: the check blocks again, and what was approved needs a new review."""
    alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
    for check in ("card", "inputs"):
        waive(bob, asked.id, check, REASON)
    reviews.approve(carol, asked.id)
    (world.root / "policy" / "revoked").write_text((world.keys / "bob.pub").read_text())
    card = reviews.show_review(alice, asked.id)
    assert (card.state, "the approval of carol@example.com counts no more" in card.needed[0]) == ("STALE", True)
    renewed = reviews.request_review(alice, asked.run, wait=True)
    assert renewed.id != asked.id
    for check in ("card", "inputs"):
        waive(carol, renewed.id, check, REASON)
    reviews.approve(carol, renewed.id)
    reviews.release_grant(alice, renewed.id)


def test_exported_evidence_with_waivers_verifies_by_hand(world, asked, verifies, tmp_path):
    for check in ("card", "inputs"):
        waive(world.as_("bob"), asked.id, check, REASON)
    reviews.approve(world.as_("carol"), asked.id)
    export_evidence(world.as_("alice"), asked.id, str(tmp_path / "e.zip"))
    folder = unpack(tmp_path / "e.zip", tmp_path / "e")
    names = sorted(path.name.partition("-")[2] for path in (folder / "statements").glob("*.json"))
    assert [name for name in names if name in ("waive.json", "approve.json")] == ["approve.json", *["waive.json"] * 2]
    script, reviewers = commands(folder / "VERIFY.md"), world.root / "policy" / "reviewers"
    assert verifies(folder, script, reviewers)
    statement = min((folder / "statements").glob("*-waive.json"))
    statement.write_bytes(statement.read_bytes().replace(b'"check":"card"', b'"check":"metric"'))
    assert not verifies(folder, script, reviewers)


def test_the_same_waiver_twice_is_one(world, asked):
    for _ in range(2):
        card = waive(world.as_("bob"), asked.id, "card", REASON)
    assert len(card.decisions) == 1


@pytest.mark.parametrize(
    ("who", "check", "reason", "code"),
    [
        ("alice", "card", REASON, "self-approval"),
        ("dan", "card", REASON, "reviewer-unknown"),
        ("bob", "format", REASON, "not-waivable"),
        ("bob", "metric", REASON, "not-waivable"),
        ("bob", "crad", REASON, "check-unknown-name"),
        ("bob", "card", "too short", "reason-short"),
        ("bob", "card", " " * 30, "reason-short"),
    ],
)
def test_who_and_what_is_refused(world, asked, who, check, reason, code):  # noqa: PLR0917 - a table
    with pytest.raises((DeniedError, UsageError)) as caught:
        waive(world.as_(who), asked.id, check, reason)
    assert caught.value.code == code
    assert reviews.show_review(world.as_("bob"), asked.id).decisions == ()
    assert ("review.refused" in kinds(world)) == isinstance(caught.value, DeniedError)


def test_what_stands_in_nobodys_way_is_not_waived(world, asked):
    waive(world.as_("bob"), asked.id, "card", REASON)
    waive(world.as_("bob"), asked.id, "inputs", REASON)
    reviews.approve(world.as_("carol"), asked.id)
    with pytest.raises(ConflictError, match="review-closed"):
        waive(world.as_("bob"), asked.id, "card", REASON)


def test_a_check_that_passed_is_not_waived(world, models, monkeypatch):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    rules = (
        POLICY.replace('"inputs"]', '"inputs", "budget"]')
        + "\n[stages.production.budget]\nsize_bytes = 1_000_000_000\n"
    )
    (world.root / "policy" / "gate.toml").write_text(rules)
    card = reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)
    assert results(card)["budget"] == "pass"
    before = world.as_("bob").journal.head()
    with pytest.raises(ConflictError) as refusal:
        waive(world.as_("bob"), card.id, "budget", REASON)
    assert (refusal.value.code, refusal.value.hint) == ("not-blocking", f"mlops review show {card.id}")
    assert "'budget'" in refusal.value.message
    assert world.as_("bob").journal.head() == before


def test_new_evidence_or_a_removed_signer_makes_it_void(world, asked):
    bob = world.as_("bob")
    waive(bob, asked.id, "card", REASON)
    held = find_review(bob, asked.id)
    with bob.journal.transaction() as transaction:
        save(transaction, held.changed(evidence_digest="sha256:" + "0" * 64))
    assert results(reviews.show_review(bob, asked.id))["card"] == "fail"
    with bob.journal.transaction() as transaction:
        save(transaction, held.changed(revision=held.revision + 1))
    assert results(reviews.show_review(bob, asked.id))["card"] == "waived"
    path = world.root / "policy" / "reviewers"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "bob" not in line))
    assert results(reviews.show_review(bob, asked.id))["card"] == "fail"


def test_a_waiver_taken_from_another_check_counts_for_nothing(world, asked):
    bob = world.as_("bob")
    waive(bob, asked.id, "card", REASON)
    held = find_review(bob, asked.id)
    forged = tuple(type(d)(**{**vars(d), "check": "inputs"}) for d in held.decisions)
    with bob.journal.transaction() as transaction:
        save(transaction, held.changed(decisions=forged))
    assert results(reviews.show_review(bob, asked.id)) == {"format": "pass", "card": "fail", "inputs": "fail"}
    with pytest.raises((DeniedError, UnknownResultError)):
        reviews.approve(world.as_("carol"), asked.id)


def test_another_policy_makes_it_stale(world, asked):
    waive(world.as_("bob"), asked.id, "card", REASON)
    (world.root / "policy" / "gate.toml").write_text(POLICY.replace('"card", "inputs"]\n', '"inputs"]\n'))
    card = reviews.show_review(world.as_("bob"), asked.id)
    assert card.state == "STALE"
    assert results(card)["card"] == "fail"


def test_comments_are_kept_in_order_and_decide_nothing(world, asked):
    comment(world.as_("alice"), asked.id, "the new sensor is in here", on="metric:f1")
    card = comment(world.as_("bob"), asked.id, "写真を見せてください", on="check:card")
    assert [(c.principal, c.on) for c in card.comments] == [
        ("alice@example.com", "metric:f1"),
        ("bob@example.com", "check:card"),
    ]
    assert (card.state, card.decisions, results(card)) == ("OPEN", (), results(asked))
    assert kinds(world).count("review.commented") == 2


@pytest.mark.parametrize(
    ("text", "on", "code"),
    [
        ("  ", "", "comment-empty"),
        ("x" * 4001, "", "comment-long"),
        ("x", "metric:f2", "comment-place"),
        ("x", "check:", "comment-place"),
        ("x", "line:3", "comment-place"),
    ],
)
def test_a_comment_on_nothing_is_refused(world, asked, text, on, code):
    with pytest.raises(UsageError, match=code):
        comment(world.as_("bob"), asked.id, text, on=on)
    assert reviews.show_review(world.as_("bob"), asked.id).comments == ()
