"""A policy that asks for less is believed only with signatures under the policy before."""

from __future__ import annotations

import sqlite3
import subprocess
from dataclasses import fields, is_dataclass, replace

import pytest

from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, NotFoundError
from workbench.review import reviews
from workbench.review.policies import change as policy_change
from workbench.review.policies.adoption import adopt_policy, propose_policy, show_change, sign_policy
from workbench.review.policies.change import why_laxer
from workbench.review.policies.check_rules import ChecksRule
from workbench.review.policies.policy import load_policy, parse_policy
from workbench.review.policies.rules import CHECK_NAMES, POLICY_PATH, BreakGlassRule, GroupRule, StageRule
from workbench.review.policies.writers import writers_of
from workbench.review.waiting import count_waiting

STRICT = '[stages.production]\nrequired = ["format", "schema"]\napprovals = {approvals}\nsoak_h = 0\n'
FULL = StageRule(
    required=CHECK_NAMES,
    approvals=2,
    after="staging",
    soak_h=24.0,
    expires_days=30.0,
    groups={"privacy": GroupRule(("dan@example.com", "eve@example.com"), 1, classes=("personal",))},
)


def put(world, text: str) -> None:
    (world.root / "policy" / "gate.toml").write_text(text)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"required": tuple(n for n in CHECK_NAMES if n != "metric")}, "no longer requires 'metric'"),
        ({"waivable": ("metric",)}, "lets 'metric' be waived"),
        ({"approvals": 1}, "asks for 1 approval, not 2"),
        ({"allow_self": True}, "lets authors approve"),
        ({"after": ""}, "no longer comes after"),
        ({"soak_h": 1.0}, "soaks for 1 hour, not"),
        ({"expires_days": None}, "count for longer"),
        ({"expires_days": 31.0}, "count for longer"),
        ({"groups": {}}, "no longer asks group 'privacy'"),
        ({"groups": {"privacy": GroupRule(("bob@example.com",), 1, classes=("personal",))}}, "asks less of group"),
        (
            {"groups": {"privacy": GroupRule(("dan@example.com",), 1, classes=("confidential",))}},
            "asks group 'privacy' more seldom",
        ),
        ({"break_glass": BreakGlassRule(("bob@example.com",))}, "lets more people override"),
        ({"ci": ("ci@example.com",)}, "believes another machine"),
        ({"metric": replace(FULL.metric, margin=0.02)}, "metric.margin is 0.02"),
        ({"metric": replace(FULL.metric, confidence=0.9)}, "metric.confidence"),
        ({"inputs": replace(FULL.inputs, minimum_level="R0")}, "inputs.minimum_level"),
        ({"hygiene": replace(FULL.hygiene, allow_hidden_state=True)}, "hygiene.allow_hidden_state"),
    ],
)
def test_each_way_of_asking_for_less_is_seen_and_its_mirror_is_not(change, says):
    laxer = {"production": replace(FULL, **change)}
    (found,) = why_laxer({"production": FULL}, laxer)
    assert says in found
    if "groups" not in change:
        assert not why_laxer(laxer, {"production": FULL})


@pytest.mark.parametrize("pair", [("local", "far"), ("sandbox", "far"), ("far", "local"), ("far", "other")])
def test_another_machine_that_checks_counts_as_asking_for_less(pair):
    before, after = ({"p": replace(FULL, checks=ChecksRule(target))} for target in pair)
    assert why_laxer(before, after) == (f"[stages.p] checks.target is {pair[1]}, not {pair[0]}",)
    assert not why_laxer(before, {"p": replace(before["p"], checks=ChecksRule(pair[0], timeout_s=5.0))})


def test_keeping_more_from_checks_on_the_same_machine_is_stricter():
    sandbox, looser = ({"p": replace(FULL, checks=ChecksRule("sandbox", word))} for word in ("required", "if-possible"))
    assert not why_laxer({"p": FULL}, sandbox)
    assert why_laxer(sandbox, {"p": FULL}) == ("[stages.p] checks.target is local, not sandbox",)
    assert why_laxer(sandbox, looser) == ("[stages.p] checks.isolation is if-possible, not required",)


@pytest.mark.parametrize(
    ("check", "before", "after", "is_laxer"),
    [
        ("metric", {}, {"minimum": 0.9}, False),
        ("leakage", {}, {"time": "year"}, False),
        ("budget", {"size_bytes": 10}, {"size_bytes": 10, "latency_ms": 5.0}, False),
        ("budget", {}, {"latency_ms": 1e9}, True),  # without a limit it had no result, and blocked
        ("fairness", {}, {"favourable": "middle"}, True),  # the last class was meant
        ("slices", {}, {"column": "handy"}, True),
        ("vulnerabilities", {}, {"snapshot": "empty.zip"}, True),
    ],
)
def test_what_was_not_said_before_is_no_limit_only_where_it_may_be_left_out(check, before, after, is_laxer):
    whole = replace(FULL, required=(*FULL.required, check))
    rules = [
        {"p": replace(whole, **{check: replace(type(getattr(FULL, check))(), **said)})} for said in (before, after)
    ]
    assert bool(why_laxer(*rules)) == is_laxer


def test_a_stage_that_is_gone_counts_and_a_new_one_does_not():
    assert why_laxer({"a": FULL}, {}) == ("stage 'a' is gone",)
    assert not why_laxer({}, {"a": FULL})


def test_every_limit_of_every_required_check_is_weighed():
    """A limit that somebody adds later and nobody weighs counts as lowered, whichever way it moves."""
    for check in fields(FULL):
        rule = getattr(FULL, check.name)
        if check.name not in CHECK_NAMES or not is_dataclass(rule):
            continue
        for item in fields(rule):
            value = getattr(rule, item.name)
            others = {bool: [not value], str: ["x"], float: [0.123, 0.9], int: [3, 10**6]}.get(type(value), [5, 6])
            if f"{check.name}.{item.name}" in policy_change._ORDERED:
                others = [o for o in policy_change._ORDERED[f"{check.name}.{item.name}"] if o != value]
            for other in others:
                changed = {"p": replace(FULL, **{check.name: replace(rule, **{item.name: other})})}
                seen = bool(why_laxer({"p": FULL}, changed)) or bool(why_laxer(changed, {"p": FULL}))
                assert seen or f"{check.name}.{item.name}" in policy_change._NO_MATTER, (check.name, item.name, other)


def listed(world, *names: str) -> None:
    path = world.root / "policy" / "reviewers"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.partition("@")[0] in names))


@pytest.mark.parametrize("enrolled", ["first", "late"])
def test_who_is_alone_is_not_locked_out_by_the_policy_of_the_template(world, models, enrolled):
    """The first request took a policy up that asks for somebody else; there was nobody, and no way back."""
    everybody = (world.root / "policy" / "reviewers").read_text()
    listed(world, *(["alice"] if enrolled == "first" else []))
    put(world, STRICT.format(approvals=2))
    alice = world.as_("alice")
    run = world.log_model(models.good)
    review = reviews.request_review(alice, run, wait=True)
    if enrolled == "late":
        (world.root / "policy" / "reviewers").write_text(everybody)
        listed(world, "alice")
    with pytest.raises(DeniedError, match="self-approval") as caught:
        reviews.approve(alice, review.id)
    assert "allow_self" in caught.value.hint
    put(world, STRICT.format(approvals=1) + "allow_self = true\n")
    with pytest.raises(DeniedError, match="policy-lowered"):
        reviews.request_review(alice, run)
    assert count_waiting(alice) == 1
    assert reviews.show_review(alice, review.id).needed[0].startswith("a new review, because policy/gate.toml")
    assert show_change(alice).needed == 1
    change = propose_policy(alice, "I work alone")
    assert (change.state, change.signers, change.lacking) == ("signed", ("alice@example.com",), ())
    review = reviews.request_review(alice, run, wait=True)
    approved = reviews.approve(alice, review.id)
    assert (approved.state, approved.assurance) == ("APPROVED", "local-self")
    (stale,) = [card for card in reviews.list_reviews(alice) if card.id != approved.id]
    assert (stale.state, stale.needed) == ("STALE", ()), "nobody has to do anything about it any more"
    assert stale.remarks[0] == f"It was asked for again: {approved.id}"
    assert reviews.show_review(alice, stale.id).remarks == stale.remarks
    assert count_waiting(alice) == 0
    assert show_change(alice).state == "in-force"


def test_two_are_not_alone_and_neither_is_who_removed_the_other(world):
    put(world, STRICT.format(approvals=1))
    alice = world.as_("alice")
    listed(world, "alice", "bob")
    adopt_policy(alice)
    put(world, STRICT.format(approvals=1) + "allow_self = true\n")
    assert propose_policy(alice, "as if I were alone").state == "proposed"
    listed(world, "alice")
    assert propose_policy(alice, "now I am").state == "proposed"
    with pytest.raises(DeniedError, match="self-approval"):
        sign_policy(alice)
    with pytest.raises(DeniedError, match="policy-lowered"):
        load_policy(alice)


def test_a_lowered_policy_denies_everything_until_it_is_signed(world, models):
    put(world, STRICT.format(approvals=2))
    alice, bob, carol = (world.as_(name) for name in ("alice", "bob", "carol"))
    run = world.log_model(models.good)
    review = reviews.request_review(alice, run, wait=True)
    assert show_change(bob).state == "in-force"
    put(world, STRICT.format(approvals=1))
    for ask in (
        lambda: reviews.request_review(alice, run),
        lambda: reviews.approve(bob, review.id),
        lambda: reviews.release_grant(alice, review.id),
        lambda: load_policy(alice),
    ):
        with pytest.raises(DeniedError, match="policy-lowered"):
            ask()
    with pytest.raises(NotFoundError, match="policy-not-proposed"):
        sign_policy(bob)
    change = propose_policy(alice, "one reviewer is on leave")
    assert (change.state, change.needed, change.signers) == ("proposed", 2, ())
    with pytest.raises(DeniedError, match="self-approval"):
        sign_policy(alice)
    assert sign_policy(bob, "seen").state == "proposed"
    assert sign_policy(bob, "seen").signers == ("bob@example.com",)
    with pytest.raises(DeniedError, match="1 of 2 signatures"):
        load_policy(alice)
    assert sign_policy(carol).state == "signed"
    again = reviews.request_review(alice, run, wait=True)
    assert again.id != review.id
    assert reviews.approve(bob, again.id).state == "APPROVED"
    reviews.release_grant(alice, again.id)
    with pytest.raises(ConflictError, match="policy-unchanged"):
        propose_policy(alice, "again")


def test_going_back_and_forth_needs_signatures_each_time(world):
    """Whoever tightens and loosens again must not inherit what was signed for another step."""
    put(world, STRICT.format(approvals=1))
    adopt_policy(world.as_("alice"))
    put(world, STRICT.format(approvals=2))
    adopt_policy(world.as_("alice"))
    put(world, STRICT.format(approvals=1))
    with pytest.raises(DeniedError, match="policy-lowered"):
        adopt_policy(world.as_("alice"))


def test_what_was_signed_counts_once(world):
    """Tightened again after it was lowered, a policy is not lowered again by the signatures of the first time."""
    alice, strict, lax = world.as_("alice"), STRICT.format(approvals=2), STRICT.format(approvals=1)
    put(world, strict)
    adopt_policy(alice)
    put(world, lax)
    propose_policy(alice, "one reviewer is on leave")
    sign_policy(world.as_("bob"))
    sign_policy(world.as_("carol"))
    adopt_policy(alice)
    put(world, strict)
    adopt_policy(alice)
    put(world, lax)
    with pytest.raises(DeniedError, match="0 of 2 signatures"):
        adopt_policy(alice)
    old = [event for event in alice.journal.events(kind="policy.*") if event.kind != "policy.adopted"]
    with alice.journal.transaction() as change:  # said again, they are still about the step of then
        for event in old:
            change.append(event.kind, event.subject, event.data, actor=event.actor)
    with pytest.raises(DeniedError, match="0 of 2 signatures"):
        adopt_policy(alice)
    propose_policy(alice, "one reviewer is on leave again")
    sign_policy(world.as_("bob"))
    assert sign_policy(world.as_("carol")).state == "signed"


@pytest.mark.parametrize("stage", ["production", "other"])
def test_a_group_of_any_stage_of_the_policy_before_has_to_sign(world, stage):
    stages = STRICT.format(approvals=1) + '[stages.other]\nrequired = ["format"]\napprovals = 1\n'
    group = f'[stages.{stage}.groups.privacy]\nmembers = ["carol@example.com"]\nclasses = ["personal"]\n'
    put(world, stages + group)
    alice = world.as_("alice")
    adopt_policy(alice)
    put(world, stages)
    propose_policy(alice, "nobody needs the group any more")
    change = sign_policy(world.as_("bob"))
    assert (change.state, change.lacking) == ("proposed", (f"1 more of group 'privacy' of stage '{stage}'",))
    with pytest.raises(DeniedError, match="group 'privacy'"):
        load_policy(alice)
    assert sign_policy(world.as_("carol")).state == "signed"
    load_policy(alice)


def test_proposing_under_another_name_does_not_let_one_sign_alone(world):
    put(world, STRICT.format(approvals=1))
    alice = world.as_("alice")
    adopt_policy(alice)
    put(world, STRICT.format(approvals=1).replace(', "schema"', ""))
    with pytest.raises(DeniedError, match="reviewer-unknown"):
        propose_policy(replace(alice, actor="nobody@example.com"), "schema is checked elsewhere")
    with pytest.raises(DeniedError, match="identity-missing"):
        propose_policy(replace(alice, key_path=None), "schema is checked elsewhere")
    change = show_change(alice)
    with alice.journal.transaction() as transaction:  # as it could be written before proposals were signed
        told = {"before": change.before, "after": change.after, "laxer": [], "reason_digest": ""}
        transaction.append("policy.proposed", "policy:gate", told, actor="nobody@example.com")
    with pytest.raises(NotFoundError, match="policy-not-proposed"):
        sign_policy(alice)
    propose_policy(alice, "schema is checked elsewhere")
    with pytest.raises(DeniedError, match="self-approval"):
        sign_policy(alice)
    for event in alice.journal.events(kind="policy.proposed")[-1:]:
        with alice.journal.transaction() as transaction:  # a proposal is no signature
            transaction.append("policy.signed", "policy:gate", event.data)
    with pytest.raises(DeniedError, match="0 of 1 signatures"):
        load_policy(alice)


def test_a_stage_cannot_be_removed_and_brought_back_laxer(world):
    put(world, STRICT.format(approvals=2) + '[stages.other]\nrequired = ["format"]\napprovals = 2\n')
    adopt_policy(world.as_("alice"))
    put(world, STRICT.format(approvals=2))
    with pytest.raises(DeniedError, match="stage 'other' is gone"):
        adopt_policy(world.as_("alice"))


def test_a_removed_signer_counts_no_more(world):
    put(world, STRICT.format(approvals=1))
    adopt_policy(world.as_("alice"))
    put(world, STRICT.format(approvals=1).replace(', "schema"', ""))
    propose_policy(world.as_("alice"), "schema is checked elsewhere")
    assert sign_policy(world.as_("bob")).state == "signed"
    path = world.root / "policy" / "reviewers"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("bob")))
    with pytest.raises(DeniedError, match="0 of 1 signatures"):
        load_policy(world.as_("alice"))


def test_a_policy_whose_bytes_are_lost_is_no_policy(world):
    put(world, STRICT.format(approvals=2))
    digest = adopt_policy(world.as_("alice")).digest
    store = world.as_("alice").store
    store.path_of(digest).chmod(0o644)
    store.path_of(digest).unlink()
    put(world, STRICT.format(approvals=1))
    with pytest.raises(IntegrityError, match="policy-lost"):
        load_policy(world.as_("alice"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = NULL WHERE kind = 'policy.adopted'",
        "UPDATE events SET data = '{}' WHERE kind = 'policy.adopted'",
        "UPDATE events SET data = json_set(data, '$.policy_digest', 'sha256:0') WHERE kind = 'policy.adopted'",
    ],
)
def test_a_policy_whose_event_says_nothing_any_more_is_no_first_policy(world, statement):
    """Emptied by hand, the last event that says which policy is in force must not let any file in."""
    put(world, STRICT.format(approvals=2))
    alice = world.as_("alice")
    adopt_policy(alice)
    with sqlite3.connect(world.root / ".workbench" / "journal.db") as database:
        database.execute(statement)
    put(world, STRICT.format(approvals=1))
    for ask in (load_policy, adopt_policy, show_change):
        with pytest.raises(IntegrityError, match="policy-lost"):
            ask(alice)
    with pytest.raises(IntegrityError, match="journal-broken"):
        alice.journal.verify()


HEAD = "[stages.staging]\nrequired = []\napprovals = 1\n[stages.production]\nrequired = []\napprovals = 1\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('after = "stagin"\n', "did you mean 'staging'"),
        ('after = "production"\n', "no stage above"),
        ("soak_h = 24\n", "counts from no stage"),
        ("expires_days = 0\n", "above 0"),
        ("[stages.production.groups.privacy]\nmembers = []\n", "names nobody"),
        ('[stages.production.groups.privacy]\nmembers = ["a@b"]\napprovals = 2\n', "number of members"),
        ('[stages.production.break_glass]\nmembers = ["*@b"]\n', "no name"),
        ("[stages.production.groups.privacy]\napprovals = 1\n", "members"),
    ],
)
def test_a_fault_in_the_new_keys_denies_with_its_line(text, says):
    from workbench.foundation.errors import UsageError

    with pytest.raises(UsageError, match=r"gate\.toml:\d+") as caught:
        parse_policy((HEAD + text).encode())
    assert says in str(caught.value)


class TestWhoWroteIt:
    """Whoever lowered the file does not sign for it, whoever proposes it: as far as Git knows."""

    @pytest.fixture
    def commit(self, world):
        def git(*arguments: str, who: str = "alice") -> None:
            names = ["-c", f"user.name={who}", "-c", f"user.email={who}@example.com"]
            subprocess.run(["git", "-C", str(world.root), *names, *arguments], check=True, capture_output=True)

        def commit(text: str, who: str, message: str = "Change the policy") -> None:
            put(world, text)
            git("add", "policy/gate.toml")
            git("commit", "-qm", message, who=who)

        git("init", "-q")
        commit(STRICT.format(approvals=2), "dan")
        adopt_policy(world.as_("alice"))
        return commit

    def test_its_author_does_not_sign(self, world, commit):
        lax = STRICT.format(approvals=1)
        commit(lax, "bob")
        propose_policy(world.as_("alice"), "one reviewer is on leave")
        with pytest.raises(DeniedError, match="self-approval"):
            sign_policy(world.as_("bob"))
        assert sign_policy(world.as_("carol")).signers == ("carol@example.com",)

    @pytest.mark.parametrize("message", ["Tidy up", "Tidy up\n\nCo-authored-by: Bob <bob@example.com>"])
    def test_somebody_elses_commit_on_top_hides_nobody(self, world, commit, message):
        by_bob = "Co-authored" not in message
        commit(STRICT.format(approvals=1), "bob" if by_bob else "alice")
        commit(STRICT.format(approvals=1) + "\n", "alice", message)
        propose_policy(world.as_("alice"), "one reviewer is on leave")
        with pytest.raises(DeniedError, match="self-approval"):
            sign_policy(world.as_("bob"))

    def test_a_signature_that_went_past_the_verb_counts_for_nothing(self, world, commit, monkeypatch):
        commit(STRICT.format(approvals=1), "bob")
        propose_policy(world.as_("alice"), "one reviewer is on leave")
        with monkeypatch.context() as patch:
            patch.setattr("workbench.review.policies.adoption.writers_of", lambda *_: ())
            assert sign_policy(world.as_("bob")).signers == ()
        sign_policy(world.as_("carol"))
        with pytest.raises(DeniedError, match="1 of 2 signatures"):
            load_policy(world.as_("alice"))

    def test_who_wrote_what_is_in_force_may_sign(self, world, commit):
        commit(STRICT.format(approvals=3), "bob")
        adopt_policy(world.as_("alice"))
        put(world, STRICT.format(approvals=2))  # not committed: Git does not know whose it is
        propose_policy(world.as_("alice"), "there are three of us")
        assert sign_policy(world.as_("bob")).signers == ("bob@example.com",)

    def test_without_git_nobody_is_kept_out(self, tmp_path):
        assert writers_of(tmp_path, POLICY_PATH, "sha256:" + "0" * 64) == ()
