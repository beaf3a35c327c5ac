"""Whoever adds a reviewer needs other people's signatures; whoever takes one away needs nobody."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.contract.status import ReviewState
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, NotFoundError, WorkbenchError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key
from workbench.project import doctor
from workbench.review import reviews
from workbench.review.people import add_reviewer, list_reviewers
from workbench.review.policies import reviewers as listing
from workbench.review.policies.adoption import adopt_policy, propose_policy, show_change, sign_policy
from workbench.review.policies.enrolment import adopt_reviewers
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.widening import both, line_of, why_wider
from workbench.review.proof.persons import person_of
from workbench.review.proof.statement import NAMESPACES

SPACES = ",".join((*NAMESPACES,))


@pytest.fixture
def begun(world):
    """The project of alice, bob and carol after its first request took policy and reviewers up."""
    adopt_policy(world.as_("alice"))
    return world


def path_of(world, name: str = "reviewers"):
    return world.root / "policy" / name


def line(world, name: str, key: str = "", spaces: str = SPACES) -> str:
    public = read_public_key(world.keys / (key or name))
    return f'{name}@example.com namespaces="{spaces}" {public.line}\n'


def append(world, text: str) -> None:
    with path_of(world).open("a") as stream:
        stream.write(text)


def without(world, name: str) -> None:
    lines = path_of(world).read_text().splitlines(True)
    path_of(world).write_text("".join(each for each in lines if not each.startswith(name)))


def names(world) -> set[str]:
    return {name.partition("@")[0] for e in load_reviewers(world.as_("alice")).entries for name in e.principals}


@pytest.mark.checklist("S0-11", "S1-10")
def test_an_author_cannot_add_another_self(begun, models):
    """The hole: alice trains, writes dan's line and lets dan approve."""
    review = reviews.request_review(begun.as_("alice"), begun.log_model(models.good), wait=True)
    append(begun, line(begun, "dan"))
    with pytest.raises(DeniedError, match="reviewer-waiting"):
        reviews.approve(begun.as_("dan"), review.id)
    assert names(begun) == {"alice", "bob", "carol"}
    assert [r.is_in_force for r in list_reviewers(begun.as_("bob"))] == [True, True, True, False]
    (finding,) = doctor._reviewers(begun.as_("bob"))
    assert finding.message.startswith("3 keys may approve")
    assert "1 wait" in finding.message
    with pytest.raises(DeniedError, match="reviewer-waiting"):  # nor does dan sign for himself
        propose_policy(begun.as_("dan"), "let me in")
    change = propose_policy(begun.as_("alice"), "dan joins").reviewers
    assert (change.state, change.needed, change.lacking) == ("proposed", 2, ("0 of 2 signatures",))
    assert "adds a key of dan@example.com" in change.wider[0]
    with pytest.raises(DeniedError, match="self-approval"):
        sign_policy(begun.as_("alice"))
    assert sign_policy(begun.as_("bob")).reviewers.state == "proposed"
    assert sign_policy(begun.as_("carol")).reviewers.state == "in-force"
    assert names(begun) == {"alice", "bob", "carol", "dan"}
    assert reviews.approve(begun.as_("dan"), review.id).state == ReviewState.APPROVED
    reviews.release_grant(begun.as_("alice"), review.id)


def test_what_waits_stops_nobody_and_what_is_gone_counts_at_once(begun, models):
    review = reviews.request_review(begun.as_("alice"), begun.log_model(models.good), wait=True)
    append(begun, line(begun, "dan"))
    reviews.approve(begun.as_("bob"), review.id)
    reviews.release_grant(begun.as_("alice"), review.id)
    without(begun, "bob")
    assert names(begun) == {"alice", "carol"}
    with pytest.raises(DeniedError):
        reviews.release_grant(begun.as_("alice"), review.id)


def test_who_was_removed_comes_back_by_signatures_only(begun):
    gone = path_of(begun).read_text()
    without(begun, "bob")
    adopt_reviewers(begun.as_("alice"))
    assert begun.as_("alice").journal.events(kind="reviewers.adopted")[-1].data["why"] == "narrowed"
    path_of(begun).write_text(gone)
    assert names(begun) == {"alice", "carol"}
    assert show_change(begun.as_("alice")).reviewers.state == "wider"


def test_removing_the_others_does_not_make_one_alone(begun, monkeypatch):
    """One reviewer removes everybody else and would sign alone for another self."""
    without(begun, "bob")
    without(begun, "carol")
    adopt_reviewers(begun.as_("alice"))
    assert names(begun) == {"alice"}
    assert not add_reviewer(begun.as_("alice"), "dan@example.com", str(begun.keys / "dan.pub")).is_in_force
    propose_policy(begun.as_("alice"), "dan joins")
    with pytest.raises(DeniedError, match="self-approval"):
        sign_policy(begun.as_("alice"))
    later = datetime.now(UTC) + listing.DEPARTURE + timedelta(days=1)
    monkeypatch.setattr(listing, "datetime", type("Later", (datetime,), {"now": classmethod(lambda *_: later)}))
    assert sign_policy(begun.as_("alice")).reviewers.state == "in-force"  # they have long been gone, as the chain says
    assert names(begun) == {"alice", "dan"}


def test_the_only_reviewer_adds_the_second_in_one_step(world):
    without(world, "bob")
    without(world, "carol")
    adopt_policy(world.as_("alice"))
    waits = add_reviewer(world.as_("carol"), "carol@example.com", str(world.keys / "carol.pub"))
    assert not waits.is_in_force  # carol is not alice
    assert add_reviewer(world.as_("alice"), "bob@example.com", str(world.keys / "bob.pub")).is_in_force
    assert names(world) == {"alice", "bob", "carol"}  # alice signed for the file as it was: she was shown both lines
    kinds = [event.kind for event in world.as_("alice").journal.events(kind="reviewers.*")]
    assert kinds == ["reviewers.adopted", "reviewers.proposed", "reviewers.signed", "reviewers.adopted"]


def test_a_new_project_is_set_up_as_ever_and_can_be_closed_early(world):
    for name in ("dan",):
        assert add_reviewer(world.as_("carol"), f"{name}@example.com", str(world.keys / f"{name}.pub")).is_in_force
    assert show_change(world.as_("bob")).reviewers.state == "new"
    assert propose_policy(world.as_("bob"), "this is us").reviewers.state == "in-force"
    with pytest.raises(ConflictError, match="policy-unchanged"):
        propose_policy(world.as_("bob"), "again")
    with pytest.raises(NotFoundError, match="policy-not-proposed"):
        sign_policy(world.as_("bob"))


def test_an_empty_list_is_no_first_list(world):
    path_of(world).write_text("# nobody yet\n")
    adopt_policy(world.as_("alice"))
    append(world, line(world, "bob"))
    assert names(world) == {"bob"}


WIDER = {
    "a purpose": (lambda w: line(w, "bob", spaces="mlops-workbench.approve"), lambda w: line(w, "bob"), "for more"),
    "every purpose": (lambda w: line(w, "bob"), lambda w: f"bob@example.com {read_public_key(w.keys / 'bob').line}\n",
                      "for more"),
    "another name": (lambda w: line(w, "bob"), lambda w: line(w, "bob").replace("bob@", "zoe@"), "as somebody else"),
    "a pattern": (lambda w: line(w, "bob"), lambda w: line(w, "bob").replace("bob@", "*@"), "as somebody else"),
    "a later end": (
        lambda w: line(w, "bob").replace(" names", ' valid-before="20300101",names'),
        lambda w: line(w, "bob").replace(" names", ' valid-before="20310101",names'),
        "longer",
    ),
    "no end": (lambda w: line(w, "bob").replace(" names", ' valid-before="20300101",names'), lambda w: line(w, "bob"),
               "longer"),
    "an earlier begin": (
        lambda w: line(w, "bob").replace(" names", ' valid-after="20200101",names'),
        lambda w: line(w, "bob").replace(" names", ' valid-after="20100101",names'),
        "longer",
    ),
    "an authority": (
        lambda w: line(w, "bob"), lambda w: line(w, "bob").replace(" names", " cert-authority,names"), "authority",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WIDER)
def test_each_way_of_widening_is_seen_and_its_mirror_is_not(world, case):
    before, after, says = WIDER[case]
    old, new = AllowedSigners.parse(before(world)), AllowedSigners.parse(after(world))
    (found,) = why_wider(old, new)
    assert says in found
    if case not in ("another name", "an authority"):
        assert not why_wider(new, old)
    held = both(old, new)
    assert not why_wider(old, held)
    assert not why_wider(new, held)
    assert tuple(AllowedSigners.parse(line_of(e)).entries[0] for e in held.entries) == held.entries


def test_a_line_that_is_gone_makes_no_second_person(begun):
    """Bob is Bobby by a third line; without it the two would approve as two."""
    create_key(begun.keys / "bobby", comment="bobby")
    append(begun, line(begun, "bobby") + line(begun, "bob", "bobby"))
    for name in ("alice", "bob", "carol"):
        with suppress(WorkbenchError):
            (propose_policy if name == "alice" else sign_policy)(begun.as_(name), "bobby is bob")
    assert names(begun) == {"alice", "bob", "bobby", "carol"}
    lines = path_of(begun).read_text().splitlines(True)
    path_of(begun).write_text("".join(lines[:-1]))
    adopt_reviewers(begun.as_("alice"))
    allowed = load_reviewers(begun.as_("alice"))
    one, other = (person_of(allowed, name=f"{name}@example.com") for name in ("bob", "bobby"))
    assert one.is_same(other)
    assert "makes two people of" in show_change(begun.as_("alice")).reviewers.wider[0]


def test_a_line_that_waits_still_tells_who_is_who(begun):
    append(begun, line(begun, "alice", "carol"))
    allowed = load_reviewers(begun.as_("bob"))
    assert person_of(allowed, name="carol@example.com").is_same(person_of(allowed, name="alice@example.com"))


@pytest.mark.parametrize("kind", ["list", "krl"])
def test_a_revocation_is_taken_back_by_signatures_only(begun, tmp_path, kind):
    revoked, public = path_of(begun, "revoked"), begun.keys / "bob.pub"
    bob = read_public_key(begun.keys / "bob")

    def revoke(*keys) -> None:
        if kind == "list":
            revoked.write_text("".join(key.read_text() for key in keys))
        else:
            subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(revoked), *map(str, keys)], check=True)

    revoke(public)
    alice = begun.as_("alice")
    assert load_reviewers(alice).is_revoked(bob)
    adopt_reviewers(alice)
    revoked.unlink()
    assert load_reviewers(alice).is_revoked(bob)
    revoke(begun.keys / "dan.pub")
    assert load_reviewers(alice).is_revoked(bob)
    assert load_reviewers(alice).is_revoked(read_public_key(begun.keys / "dan"))
    change = show_change(alice).reviewers
    assert change.state == "wider"
    assert any(bob.fingerprint in what for what in change.wider)
    propose_policy(alice, "bob found the token again")
    sign_policy(begun.as_("carol"))
    assert show_change(alice).reviewers.state == "proposed"  # two are asked for, and a revoked key does not sign
    with pytest.raises(DeniedError):
        sign_policy(begun.as_("bob"))


def test_a_group_signs_for_another_key_of_its_member(begun):
    gate = path_of(begun, "gate.toml")
    gate.write_text(gate.read_text().replace("approvals = 2", "approvals = 1") + (
        '[stages.alone.groups.privacy]\nmembers = ["carol@example.com"]\nclasses = ["personal"]\n'
    ))  # fmt: skip
    with begun.as_("alice").journal.transaction() as change:
        digest = begun.as_("alice").store.put_bytes(gate.read_bytes())
        change.append("policy.adopted", "policy:gate", {"policy_digest": digest, "before": ""})
    append(begun, line(begun, "carol", "dan"))
    propose_policy(begun.as_("alice"), "carol has another key")
    assert sign_policy(begun.as_("bob")).reviewers.lacking == ("1 more of group 'privacy' of stage 'alone'",)
    assert sign_policy(begun.as_("carol")).reviewers.state == "in-force"


def test_signatures_are_for_one_step_and_for_one_file(begun):
    alice, before = begun.as_("alice"), path_of(begun).read_text()
    append(begun, line(begun, "dan"))
    propose_policy(alice, "dan joins")
    sign_policy(begun.as_("bob"))
    create_key(begun.keys / "eve", comment="eve")
    append(begun, line(begun, "eve"))
    assert show_change(alice).reviewers.state == "wider"  # of another file nobody has said anything
    path_of(begun).write_text(before + line(begun, "dan"))
    sign_policy(begun.as_("carol"))
    path_of(begun).write_text(before)
    adopt_reviewers(alice)
    path_of(begun).write_text(before + line(begun, "dan"))
    assert (show_change(alice).reviewers.state, names(begun)) == ("wider", {"alice", "bob", "carol"})


def test_a_list_that_is_lost_is_no_first_list(begun):
    alice = begun.as_("alice")
    digest = alice.journal.events(kind="reviewers.adopted")[-1].data["reviewers_digest"]
    append(begun, line(begun, "dan"))
    alice.store.path_of(digest).chmod(0o644)
    alice.store.path_of(digest).unlink()
    with pytest.raises(IntegrityError, match="reviewers-lost"):
        load_reviewers(alice)


def test_only_what_is_in_force_goes_into_evidence_and_openssh_reads_it(begun):
    append(begun, line(begun, "dan"))
    text = load_reviewers(begun.as_("alice")).text
    assert "dan@" not in text
    assert AllowedSigners.parse(text).entries == load_reviewers(begun.as_("alice")).entries
    assert replace(AllowedSigners.parse(text)).entries
