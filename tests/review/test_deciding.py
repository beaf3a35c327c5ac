"""Groups, expiry, order of stages, changes requested, break-glass: on real reviews, with real keys and signatures."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    PendingError,
    UsageError,
)
from workbench.foundation.identity import sign
from workbench.review import reviews
from workbench.review.breaking import override, post_review
from workbench.review.comments import comment
from workbench.review.drafts import show_draft
from workbench.review.overridden import owed_reviews
from workbench.review.people import add_reviewer
from workbench.review.policies.adoption import propose_policy, sign_policy
from workbench.review.policies.policy import load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof import statement
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.request import parse_request
from workbench.review.proof.statement import Verdict
from workbench.review.proof.verification import grant_ends, verify_grant
from workbench.review.record import find_review, save

LONG = "the line stands still and the old model is wrong"


@pytest.fixture(autouse=True)
def _few_checks(monkeypatch):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))


def policy(world, text: str) -> None:
    (world.root / "policy" / "gate.toml").write_text(text)


def asked(world, models, to: str = "production"):
    return reviews.request_review(world.as_("alice"), world.log_model(models.good), to=to, wait=True)


PLAIN = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'


class TestChangesRequested:
    def test_nothing_is_let_through_until_who_asked_approves(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        card = reviews.request_changes(world.as_("bob"), review.id, "name the units of each column")
        assert card.state == "CHANGES_REQUESTED"
        assert any("bob@example.com asked for" in words for words in card.needed)
        assert reviews.approve(world.as_("carol"), review.id).state == "CHANGES_REQUESTED"
        with pytest.raises(PendingError, match="changes-requested"):
            reviews.release_grant(world.as_("alice"), review.id)
        assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"
        reviews.release_grant(world.as_("alice"), review.id)

    def test_they_stay_asked_for_where_the_checks_run_again(self, world, models):
        policy(world, PLAIN.replace('["format"]', '["format", "vulnerabilities"]'))
        review = asked(world, models)
        reviews.request_changes(world.as_("bob"), review.id, "bring a snapshot of advisories")
        again = reviews.request_review(world.as_("alice"), review.run, wait=True)
        assert (again.id, again.state) == (review.id, "CHANGES_REQUESTED")

    def test_it_needs_a_reason_and_somebody_who_may(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        with pytest.raises(UsageError, match="reason-missing"):
            reviews.request_changes(world.as_("bob"), review.id, " ")
        with pytest.raises(DeniedError, match="self-approval"):
            reviews.request_changes(world.as_("alice"), review.id, "mine")

    def test_what_answers_it_links_back(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        reviews.request_changes(world.as_("bob"), review.id, "other units")
        other = reviews.request_review(world.as_("alice"), world.log_model(models.better), wait=True)
        assert other.follows == review.id

    def test_it_is_worth_nothing_as_an_approval(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        reviews.request_changes(world.as_("bob"), review.id, "other units")
        alice = world.as_("alice")
        decision = find_review(alice, review.id).decisions[0]
        texts = [alice.store.read(d).decode() for d in (decision.statement_digest, decision.signature_digest)]
        with pytest.raises(DeniedError, match="verdict-other"):
            statement.verify_decision(*texts, load_reviewers(alice), Verdict.APPROVE)


def test_a_rejected_model_comes_back_as_a_new_review_that_links_back(world, models):
    policy(world, PLAIN)
    review = asked(world, models)
    reviews.reject(world.as_("bob"), review.id, "wrong data")
    again = reviews.request_review(world.as_("alice"), review.run, wait=True)
    assert (again.follows, again.id != review.id) == (review.id, True)
    with pytest.raises(ConflictError, match="review-closed"):
        reviews.approve(world.as_("bob"), review.id)


class TestDraft:
    def test_what_is_shown_is_what_is_signed(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        bob = world.as_("bob")
        draft = show_draft(bob, review.id, "approve", "looked at every slice")
        card = reviews.approve(bob, review.id, "looked at every slice", draft.at)
        assert card.decisions[0].statement_digest == draft.digest
        assert bob.store.read(draft.digest).decode() == draft.text

    @pytest.mark.parametrize("at", ["yesterday", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00"])
    def test_a_time_that_nobody_was_shown_is_refused(self, world, models, at):
        policy(world, PLAIN)
        review = asked(world, models)
        with pytest.raises(UsageError, match="signing-time"):
            reviews.approve(world.as_("bob"), review.id, "", at)


class TestGroups:
    PRIVACY = PLAIN + '[stages.production.groups.privacy]\nmembers = ["carol@example.com"]\n'

    def test_one_of_the_group_must_approve(self, world, models):
        policy(world, self.PRIVACY)
        review = asked(world, models)
        card = reviews.approve(world.as_("bob"), review.id)
        assert card.state == "OPEN"
        assert any("group privacy (carol@example.com)" in words for words in card.needed)
        with pytest.raises(PendingError, match="group privacy"):
            reviews.release_grant(world.as_("alice"), review.id)
        assert reviews.approve(world.as_("carol"), review.id).state == "APPROVED"
        reviews.release_grant(world.as_("alice"), review.id)

    def test_personal_data_calls_for_the_privacy_group(self, world, models):
        policy(world, self.PRIVACY + 'classes = ["personal"]\n')
        data = world.root / "data"
        data.mkdir()
        (data / "people.csv").write_text("name\nalice\n")
        free = asked(world, models)
        assert reviews.approve(world.as_("bob"), free.id).state == "APPROVED"
        (data / "people.csv.card.toml").write_text('data_class = "personal"\n')
        alice = world.as_("alice")
        run = world.log_model(models.better)
        from workbench.experiment.store import tracking

        read = [{"path": "data/people.csv", "digest": "md5:0", "dataset_version": "", "reader": "open"}]
        tracking.set_tags(alice, run, {"workbench.inputs": json.dumps(read)})
        guarded = reviews.request_review(alice, run, wait=True)
        request = parse_request(alice.store.read(find_review(alice, guarded.id).request_digest))
        assert "class:personal" in request.traits
        assert reviews.approve(world.as_("bob"), guarded.id).state == "OPEN"
        assert reviews.approve(world.as_("carol"), guarded.id).state == "APPROVED"

    def test_a_runner_asks_the_group_too(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        alice = world.as_("alice")
        grant = reviews.release_grant(alice, review.id)
        policy(world, self.PRIVACY)
        with pytest.raises(DeniedError, match="group-approval-missing"):
            verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))

    def test_leaving_the_request_out_does_not_help(self, world, models):
        policy(world, self.PRIVACY + 'tags = ["pii"]\n')
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        alice = world.as_("alice")
        value = reviews.release_grant(alice, review.id).to_json()
        del value["request"]
        with pytest.raises(IntegrityError, match="grant-mismatch"):
            verify_grant(Grant.from_json(value), alice.store, load_reviewers(alice), load_policy(alice))


class TestExpiry:
    def test_an_approval_ends_and_can_be_given_anew(self, world, models, monkeypatch):
        policy(world, PLAIN + "expires_days = 30\n")
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        alice = world.as_("alice")
        grant = reviews.release_grant(alice, review.id)
        (end,) = set(grant_ends(grant, alice.store, load_policy(alice)))
        assert timedelta(days=29) < end - datetime.now(UTC) <= timedelta(days=30)
        later(monkeypatch, timedelta(days=31))
        with pytest.raises(DeniedError, match="approval-expired"):
            verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))
        card = reviews.show_review(alice, review.id)
        assert card.state == "STALE"
        assert any("expired" in words for words in card.needed)
        renewed = reviews.request_review(alice, review.run, wait=True)
        assert (renewed.id != review.id, renewed.state) == (True, "OPEN")

    def test_one_that_was_given_anew_counts_though_the_first_has_expired(self, world, models, monkeypatch):
        """Whoever approved too early approves again, and an approval that nobody needs any more ends nothing."""
        add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"))
        policy(world, PLAIN.replace("approvals = 1", "approvals = 2") + "expires_days = 30\n")
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        later(monkeypatch, timedelta(days=31))
        monkeypatch.setattr("workbench.review.decision.signing_time", lambda at: later_now(31))
        monkeypatch.setattr("workbench.foundation.identity.signatures._CLOCK_SKEW", timedelta(days=40))
        reviews.approve(world.as_("carol"), review.id)
        assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"
        assert len(reviews.release_grant(world.as_("alice"), review.id).statements) == 2


class TestApprovalsThatCountNoMore:
    """A reviewer's key ends: what they approved is asked for again, by the review that every hint leads to."""

    def test_what_was_approved_is_reviewed_anew(self, world, models):
        policy(world, PLAIN)
        review = asked(world, models)
        alice, carol = world.as_("alice"), world.as_("carol")
        reviews.approve(world.as_("bob"), review.id)
        revoke(world, "bob")
        card = reviews.show_review(alice, review.id)
        assert card.state == "STALE"
        assert "the approval of bob@example.com counts no more" in card.needed[0]
        with pytest.raises(DeniedError, match=r"bob@example.com counts no more[\s\S]*mlops review request"):
            reviews.release_grant(alice, review.id)
        renewed = reviews.request_review(alice, review.run, wait=True)
        assert (renewed.id != review.id, renewed.state) == (True, "OPEN")
        assert reviews.request_review(alice, review.run, wait=True).id == renewed.id
        assert reviews.approve(carol, renewed.id).state == "APPROVED"
        reviews.release_grant(alice, renewed.id)

    def test_one_that_is_still_open_waits_for_somebody_else(self, world, models):
        add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"))
        policy(world, PLAIN.replace("approvals = 1", "approvals = 2"))
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        revoke(world, "bob")
        assert "approval by 2 reviewers" in reviews.show_review(world.as_("alice"), review.id).needed[0]
        assert reviews.approve(world.as_("carol"), review.id).state == "OPEN"
        assert reviews.approve(world.as_("dan"), review.id).state == "APPROVED"
        assert len(reviews.release_grant(world.as_("alice"), review.id).statements) == 2

    def test_a_clock_that_is_behind_takes_nothing_back(self, world, models, monkeypatch):
        policy(world, PLAIN)
        review = asked(world, models)
        reviews.approve(world.as_("bob"), review.id)
        monkeypatch.setattr("workbench.foundation.identity.signatures._CLOCK_SKEW", timedelta(days=-1))
        assert reviews.show_review(world.as_("alice"), review.id).state == "APPROVED"


def revoke(world, name: str) -> None:
    (world.root / "policy" / "revoked").write_text((world.keys / f"{name}.pub").read_text())


def later_now(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")


def later(monkeypatch, by: timedelta) -> None:
    """Set the clock of everything that decides by time."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + by

    for module in ("proof.statement", "proof.verification", "proof.override", "proof.deed", "approving", "promotion"):
        monkeypatch.setattr(f"workbench.review.{module}.datetime", Later)


def test_a_rejection_is_not_taken_back_by_hand(world, models):
    policy(world, PLAIN)
    review = asked(world, models)
    alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
    reviews.reject(bob, review.id, "it forgets the night shift")
    found = find_review(alice, review.id)
    for decisions in (found.decisions, ()):
        with alice.journal.transaction() as change:
            save(change, find_review(alice, review.id).changed(state="OPEN", decisions=decisions))
        with pytest.raises(IntegrityError, match="review-changed"):
            reviews.approve(carol, review.id)
        with pytest.raises(IntegrityError, match="review-changed"):
            reviews.release_grant(alice, review.id)


class TestBreakGlass:
    GLASS = (
        '[stages.production]\nrequired = ["format", "card"]\napprovals = 2\n'
        '[stages.production.break_glass]\nmembers = ["carol@example.com"]\n'
    )

    def test_it_lets_through_for_a_day_and_stays_red_until_looked_at(self, world, models, monkeypatch):
        policy(world, self.GLASS)
        review = asked(world, models)
        alice, carol = world.as_("alice"), world.as_("carol")
        card = override(carol, review.id, LONG)
        assert (card.decisions[0].verdict, card.owes_post_review) == ("override", True)
        assert card.overridden_until
        grant = reviews.release_grant(alice, review.id)
        assert verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice)) == ("carol@example.com",)
        assert Grant.from_json(json.loads(json.dumps(grant.to_json()))) == grant
        later(monkeypatch, timedelta(hours=24))
        with pytest.raises(DeniedError, match="override-ended"):
            verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))
        monkeypatch.undo()
        assert [found.id for found in owed_reviews(alice)] == [review.id]
        with pytest.raises(DeniedError, match="self-approval"):
            post_review(carol, review.id, "it was right to do so at night")
        done = post_review(world.as_("bob"), review.id, "it was right to do so at night")
        assert not done.owes_post_review
        assert owed_reviews(alice) == ()

    def test_no_second_one_before_the_first_was_looked_at(self, world, models, monkeypatch):
        """Of this model at this stage, whichever review it is; then each override needs a look of its own."""
        policy(world, self.GLASS)
        first = asked(world, models)
        alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
        override(carol, first.id, LONG)
        other = reviews.request_review(alice, world.log_model(models.better), wait=True)
        monkeypatch.setattr("workbench.review.proof.override.OVERRIDE_H", 0)
        for again in (first.id, other.id):
            with pytest.raises(DeniedError, match="override-owed"):
                override(carol, again, LONG)
        post_review(bob, first.id, "it was right to do so at night")
        override(carol, first.id, f"{LONG}, still")
        assert [found.id for found in owed_reviews(alice)] == [first.id]
        assert not post_review(bob, first.id, "it was right to do so again").owes_post_review
        with pytest.raises(NotFoundError, match="override-none"):
            post_review(bob, first.id, "it was right to do so at night")

    def test_nobody_whose_work_it_is_looks_at_it_afterwards(self, world, models):
        """Not the author either, where somebody else overrode, and where authors may approve."""
        policy(world, self.GLASS.replace("approvals = 2", "approvals = 2\nallow_self = true"))
        review = asked(world, models)
        override(world.as_("carol"), review.id, LONG)
        for name in ("alice", "carol"):
            with pytest.raises(DeniedError, match="self-approval"):
                post_review(world.as_(name), review.id, LONG)
        assert not post_review(world.as_("bob"), review.id, LONG).owes_post_review

    def test_approvals_go_before_an_override(self, world, models):
        """Once they are there, a release rests on them, and does not end with the override's day."""
        policy(world, self.GLASS.replace('["format", "card"]', '["format"]'))
        review = asked(world, models)
        alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
        override(carol, review.id, LONG)
        reviews.approve(bob, review.id)
        assert reviews.release_grant(alice, review.id).override
        reviews.approve(carol, review.id)
        grant = reviews.release_grant(alice, review.id)
        assert (grant.override, len(grant.statements)) == ((), 2)
        assert grant_ends(grant, alice.store, load_policy(alice)) == ()
        assert [found.id for found in owed_reviews(alice)] == [review.id]

    @pytest.mark.parametrize("planted", ["unsigned", "other override", "own", "author", "forgotten"])
    def test_a_post_review_that_proves_nothing_leaves_it_red(self, world, models, planted):
        policy(world, self.GLASS)
        review = asked(world, models)
        alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
        override(carol, review.id, LONG)
        found = find_review(alice, review.id)
        who = {"own": "carol", "author": "alice"}.get(planted, "bob")
        about = found.decisions[0].statement_digest if planted != "other override" else "sha256:" + "0" * 64
        facts = {"review": found.id, "stage": found.stage, "override": about, "reason": LONG}
        at = datetime.now(UTC).isoformat(timespec="seconds")
        deed = Deed(DeedKind.POST_REVIEW, found.model, found.model_digest, f"{who}@example.com", at, facts)
        text = build_deed(deed)
        armour = sign(world.keys / who, text, namespace=DeedKind.POST_REVIEW.namespace)
        decision = replace(
            found.decisions[0],
            verdict="post-review",
            principal="bob@example.com",
            statement_digest=alice.store.put_bytes(text),
            signature_digest=alice.store.put_bytes(armour.encode() if planted != "unsigned" else b""),
        )
        decisions = () if planted == "forgotten" else (*found.decisions, decision)
        with alice.journal.transaction() as change:
            save(change, found.changed(decisions=decisions))
        assert [owed.id for owed in owed_reviews(alice)] == [review.id]
        if planted == "forgotten":
            with pytest.raises(IntegrityError, match="review-changed"):
                post_review(bob, review.id, "it was right to do so at night")

    def test_a_debt_is_paid_though_its_stage_is_gone_and_is_named_until_then(self, world, models):
        """Else it would be red for ever: there is no stage to override again, and nobody could look."""
        night = PLAIN.replace("production", "night") + '[stages.night.break_glass]\nmembers = ["carol@example.com"]\n'
        policy(world, PLAIN + night)
        review = asked(world, models, to="night")
        alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
        override(carol, review.id, LONG)
        policy(world, PLAIN)
        propose_policy(alice, "nobody works at night any more")
        sign_policy(bob, "so it is")
        card = reviews.show_review(alice, review.id)
        assert (card.state, card.needed[-1]) == (
            "STALE",
            f"somebody to look at what was overridden: mlops review post-review {review.id}",
        )
        assert not post_review(bob, review.id, LONG).owes_post_review
        assert owed_reviews(alice) == ()

    def test_only_whom_policy_names_with_a_reason(self, world, models):
        policy(world, self.GLASS)
        review = asked(world, models)
        with pytest.raises(DeniedError, match="override-denied"):
            override(world.as_("bob"), review.id, LONG)
        with pytest.raises(UsageError, match="reason-short"):
            override(world.as_("carol"), review.id, "urgent")
        with pytest.raises(NotFoundError, match="override-none"):
            post_review(world.as_("bob"), review.id, LONG)
        policy(world, PLAIN.replace('["format"]', '["format", "card"]').replace("= 1", "= 2"))
        refused = [e.data["code"] for e in world.as_("bob").journal.events(kind="review.refused")]
        assert refused == ["override-denied"]

    def test_a_file_that_holds_code_is_never_let_through(self, world, changed_model):
        policy(world, self.GLASS)
        folder = changed_model(lambda path: (path / "code.py").write_text("import os"))
        review = reviews.request_review(world.as_("alice"), world.log_model(folder), wait=True)
        with pytest.raises(DeniedError, match="nobody overrides it"):
            override(world.as_("carol"), review.id, LONG)

    def test_it_does_not_wait_for_slow_checks_and_does_not_lose_them(self, world, models, monkeypatch):
        policy(world, self.GLASS)
        monkeypatch.setattr("workbench.review.reviews.start_checks", lambda *_: None)
        review = reviews.request_review(world.as_("alice"), world.log_model(models.good))
        assert review.state == "CHECKING"
        override(world.as_("carol"), review.id, LONG)
        comment(world.as_("bob"), review.id, "I look at it tomorrow")
        reviews.release_grant(world.as_("alice"), review.id)
        from workbench.review.checking import run_checks

        run_checks(world.as_("alice"), review.id)
        card = reviews.show_review(world.as_("bob"), review.id)
        assert (card.state, len(card.comments), len(card.decisions)) == ("OPEN", 1, 1)
        assert {check.name for check in card.checks} == {"format", "card"}

    def test_an_approval_of_the_same_review_is_no_override(self, world, models):
        """The signature of one purpose in the place of another."""
        policy(world, self.GLASS)
        review = asked(world, models)
        override(world.as_("carol"), review.id, LONG)
        alice = world.as_("alice")
        value = reviews.release_grant(alice, review.id).to_json()
        value["statements"] = value.pop("override")
        with pytest.raises((IntegrityError, DeniedError)):
            verify_grant(Grant.from_json(value), alice.store, load_reviewers(alice), load_policy(alice))


def test_checks_that_finish_after_a_comment_are_not_lost(world, models, monkeypatch):
    policy(world, PLAIN)
    monkeypatch.setattr("workbench.review.reviews.start_checks", lambda *_: None)
    review = reviews.request_review(world.as_("alice"), world.log_model(models.good))
    stale = find_review(world.as_("alice"), review.id)
    comment(world.as_("bob"), review.id, "which units?")
    from workbench.review import checking

    monkeypatch.setattr(
        checking,
        "find_review",
        lambda project, id_, real=find_review, seen=[stale]: seen.pop() if seen else real(project, id_),
    )
    checking.run_checks(world.as_("alice"), review.id)
    card = reviews.show_review(world.as_("bob"), review.id)
    assert (card.state, len(card.comments)) == ("OPEN", 1)


class TestWhoseWorkItIs:
    def test_a_co_author_does_not_approve(self, world, models, monkeypatch):
        policy(world, PLAIN)
        root = world.root
        for command in (
            ["init", "-q"],
            ["add", "policy"],
            [
                "-c",
                "user.name=A",
                "-c",
                "user.email=alice@example.com",
                "commit",
                "-qm",
                "Train\n\nCo-authored-by: Bob <bob@example.com>",
            ],
        ):
            subprocess.run(["git", "-C", str(root), *command], check=True)
        commit = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        from workbench.experiment.store import tracking

        run = world.log_model(models.good)
        tracking.set_tags(world.as_("alice"), run, {"workbench.commit": commit.stdout.strip()})
        review = reviews.request_review(world.as_("alice"), run, wait=True)
        with pytest.raises(DeniedError, match="self-approval"):
            reviews.approve(world.as_("bob"), review.id)
        reviews.approve(world.as_("carol"), review.id)
        alice = world.as_("alice")
        grant = reviews.release_grant(alice, review.id)
        assert "bob@example.com" in parse_request(grant.request.encode()).producers

    def test_writing_another_name_over_the_run_does_not_make_one_another(self, world, models):
        policy(world, PLAIN)
        from workbench.experiment.store import tracking

        run = world.log_model(models.good, by="bob")
        tracking.set_tags(world.as_("bob"), run, {"workbench.actor": "alice@example.com"})
        review = reviews.request_review(world.as_("alice"), run, wait=True)
        with pytest.raises(DeniedError, match="self-approval"):
            reviews.approve(world.as_("bob"), review.id)

    def test_a_runner_keeps_a_co_author_out(self, world, models):
        """An approval that a co-author signed by hand is refused where the model is opened."""
        policy(world, PLAIN)
        review = asked(world, models)
        alice, bob = world.as_("alice"), world.as_("bob")
        found = find_review(alice, review.id)
        request = json.loads(alice.store.read(found.request_digest))
        request["predicate"]["producers"] = ["bob@example.com"]
        from workbench.foundation.canonical import canonical_json
        from workbench.review.decision import build_grant, decide

        digest = alice.store.put_bytes(canonical_json(request))
        changed = found.changed(request_digest=digest, producers=("bob@example.com",))
        with alice.journal.transaction() as transaction:
            transaction.append("review.commented", found.subject, {})
            save(transaction, changed)
        with pytest.raises(IntegrityError, match="review-changed"):
            decide(bob, find_review(bob, review.id), Verdict.APPROVE, "")
        from workbench.review.decision import draft_statement, signing_time
        from workbench.review.proof.statement import build_statement

        rule = load_policy(bob).rule("production")
        data = build_statement(draft_statement(bob, changed, rule, Verdict.APPROVE, reason="", at=signing_time()))
        armour = sign(world.keys / "bob", data, namespace=Verdict.APPROVE.namespace)
        grant = replace(build_grant(alice, changed), statements=((data.decode(), armour),))
        with pytest.raises(DeniedError, match="self-approval"):
            verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))


def test_every_statement_verifies_by_hand(world, models, tmp_path):
    """Request, check, comment, approval, override, post-review: each with ssh-keygen and the committed reviewers."""
    policy(world, TestBreakGlass.GLASS)
    review = asked(world, models)
    comment(world.as_("bob"), review.id, "which units?", "check:format")
    override(world.as_("carol"), review.id, LONG)
    post_review(world.as_("bob"), review.id, "it was right to do so at night")
    reviews.reject(world.as_("bob"), review.id, "and now properly")
    project = world.as_("alice")
    seen = set()
    for event in project.journal.events(subject=f"review:{review.id}"):
        data = event.data or {}
        if not data.get("signature_digest"):
            continue
        text = project.store.read(data.get("statement_digest") or data["request_digest"])
        value = json.loads(text)
        kind = value["predicate"]["verdict"]
        seen.add(kind)
        signature = tmp_path / "s.sig"
        signature.write_bytes(project.store.read(data["signature_digest"]))
        command = ["ssh-keygen", "-Y", "verify", "-f", str(world.root / "policy" / "reviewers")]
        command += ["-I", value["predicate"]["principal"], "-n", f"mlops-workbench.{kind}", "-s", str(signature)]
        done = subprocess.run(command, input=text, capture_output=True, check=False)
        assert done.returncode == 0, (kind, done.stderr)
        assert value["predicateType"].startswith("urn:mlops-workbench:")
    assert seen == {"request", "check", "comment", "override", "post-review", "reject"}


def test_ci_verified_needs_a_machine_that_policy_names(world, models, changed_model):
    from workbench.review.assurance import assurance_of
    from workbench.review.checking import run_checks

    policy(world, PLAIN + 'ci = ["dan@example.com"]\n')
    add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"))
    alice = world.as_("alice")
    plain = asked(world, models)
    reviews.approve(world.as_("bob"), plain.id)
    assert assurance_of(alice, reviews.release_grant(alice, plain.id)) == "local-signed"
    import workbench.review.reviews as module

    run = world.log_model(models.better)
    start, module.start_checks = module.start_checks, lambda *_: None
    try:
        review = reviews.request_review(alice, run)
    finally:
        module.start_checks = start
    run_checks(world.as_("dan"), review.id)
    reviews.approve(world.as_("bob"), review.id)
    assert assurance_of(alice, reviews.release_grant(alice, review.id)) == "ci-verified"


def test_an_older_reviewer_line_still_decides(world, models):
    """Lines from before the other purposes allow approve, reject and waive; that is enough to approve."""
    policy(world, PLAIN)
    path = world.root / "policy" / "reviewers"
    lines = path.read_text().splitlines()
    spaces = "mlops-workbench.approve,mlops-workbench.reject,mlops-workbench.waive"
    path.write_text("\n".join(line.split('"')[0] + f'"{spaces}"' + line.split('"')[2] for line in lines) + "\n")
    review = asked(world, models)
    with pytest.raises(DeniedError, match=r"mlops-workbench\.changes-requested"):
        reviews.request_changes(world.as_("bob"), review.id, "other units")
    assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"
