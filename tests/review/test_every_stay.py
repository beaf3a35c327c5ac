"""Every short history of an earlier stage, and every small proof of one, against oracles of a few lines.

A model, another one, an override, its author's own hand, a rollback, a promotion that is dated back, and days that
pass: after each step the gate must let the later stage rest on the earlier one exactly when the model has stood there
for a day without a break. Then whatever a runner can be shown: who signed, when, on what, bound to which grant. The
functions are the real ones, signatures too; the journal and the store are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from tests.review.memory import MemoryJournal, MemoryProject, MemoryStore
from workbench.contract.status import ReleaseState
from workbench.foundation.canonical import canonical_json, digest_json
from workbench.foundation.errors import DeniedError, WorkbenchError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign
from workbench.review import promotion
from workbench.review.policies.policy import parse_policy
from workbench.review.proof import stay
from workbench.review.proof.deed import Deed, DeedKind, build_deed, parse_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.override import BOUND
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement
from workbench.review.proof.verification import verify_grant
from workbench.serving import ledger
from workbench.serving.ledger import Promotion

PEOPLE = ("alice", "bob", "carol")  # alice trained it and asks, bob approves, carol releases
POLICY = (
    b"[stages.staging]\nrequired = []\napprovals = 1\n"
    b'[stages.production]\nrequired = []\napprovals = 1\nafter = "staging"\nsoak_h = 24\n'
)
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)
APPROVED = START - timedelta(hours=1)
DAY = timedelta(days=1)
ACTIONS = ("release", "own release", "dated back", "override", "roll back", "other model", "wait")
DEPTH = 4


def may_follow(history: tuple[str, ...]) -> bool:
    """Say in the plainest words when the later stage may rest on this one."""
    day, since, is_there = 0, None, False
    for action in history:
        if action == "wait":
            day += 1
        elif action in ("override", "other model") or (action == "dated back" and day == 0):  # before its approvals
            since, is_there = None, False
        elif action == "own release":
            since, is_there = (since if is_there else None), True
        else:
            since, is_there = (day if since is None else since), True
    return since is not None and day - since >= 1


class World:
    """The earlier stage, and what can happen on it."""

    def __init__(self, root) -> None:
        (root / "policy").mkdir(parents=True)
        (root / "policy" / "gate.toml").write_bytes(POLICY)
        for name in PEOPLE:
            create_key(root / "keys" / name, comment=name)
        spaces = ",".join(NAMESPACES)
        lines = (f'{n} namespaces="{spaces}" {read_public_key(root / "keys" / n).line}\n' for n in PEOPLE)
        (root / "policy" / "reviewers").write_text("".join(lines))
        self.root, self.store, self.policy = root, MemoryStore(root / "store"), parse_policy(POLICY)
        self.store.put_bytes(POLICY)
        self.allowed = AllowedSigners.load(root / "policy" / "reviewers")
        self.journal = [MemoryJournal()]
        self.now = START
        self.digests = [self.store.put_bytes(canonical_json({"files": [], "number": number})) for number in range(2)]
        self.model, self.other = (self.grant("staging", digest) for digest in self.digests)
        self.overridden = replace(self.model, statements=(), override=(self.override(),))
        self.later = self.grant("production", self.digests[0])

    def as_(self, name: str) -> MemoryProject:
        return MemoryProject(self.root, name, self.root / "keys" / name, self.journal, self.store)

    def signed(self, data: bytes, who: str, namespace: str) -> tuple[str, str]:
        return data.decode(), sign(self.root / "keys" / who, data, namespace=namespace)

    def grant(self, stage: str, digest: str) -> Grant:
        bound = {
            "model": "faults",
            "model_digest": digest,
            "stage": stage,
            "review": f"rv-{stage[:4]}{self.digests.index(digest)}000",
            "policy_digest": self.policy.digest,
            "evidence_digest": self.digests[0],
            "requester": "alice",
            "author": "alice",
            "commit_author": "",
        }
        said = Statement(verdict="approve", principal="bob", at=APPROVED.isoformat(), reason="", **bound)
        pair = self.signed(build_statement(said), "bob", Verdict.APPROVE.namespace)
        return Grant(channel=f"faults@{stage}", statements=(pair,), **bound)

    def override(self) -> tuple[str, str]:
        facts = {name: getattr(self.model, name) for name in BOUND} | {"reason": "the line stands still and waits"}
        kind = DeedKind.OVERRIDE
        deed = Deed(kind, "faults", self.model.model_digest, "carol", APPROVED.isoformat(), facts)
        return self.signed(build_deed(deed), "carol", kind.namespace)

    def promote(self, who: str, grant: Grant, at: datetime, told: dict[str, str] | None = None) -> tuple[str, str]:
        """Sign a promotion by hand, past everything that would refuse to."""
        facts = {"channel": grant.channel, "stage": grant.stage, "grant": digest_json(grant.to_json())} | (told or {})
        kind = DeedKind.PROMOTE
        deed = Deed(kind, grant.model, self.digests[0], who, at.isoformat(), facts)
        return self.signed(build_deed(deed), who, kind.namespace)

    def act(self, action: str) -> None:
        if action == "wait":
            self.now += DAY
            return
        grant = {"override": self.overridden, "other model": self.other}.get(action, self.model)
        who, kind = "carol", "release.rolled-back" if action == "roll back" else "release.promoted"
        self.journal[0].at = self.now.isoformat()
        if action in ("own release", "dated back"):
            who = "alice" if action == "own release" else "carol"
            if action == "own release":
                with pytest.raises(DeniedError, match="promotion-own"):
                    promotion.sign_promotion(self.as_(who), grant, self.policy, kind)
            pair = self.promote(who, grant, self.now - (DAY if action == "dated back" else timedelta()))
            text, signature = (str(self.store.put_bytes(part.encode())) for part in pair)
        else:
            signed = promotion.sign_promotion(self.as_(who), grant, self.policy, kind)
            text, signature = signed.statement, signed.signature
        release = Promotion(grant, "run", ("bob",), "local-signed", text, signature, is_anew=True)
        ledger.promote(self.as_(who), release, kind, ReleaseState.SUPERSEDED)

    def rest(self) -> Grant | None:
        """Return the proof for the later stage, or None where the gate refuses."""
        rule = self.policy.rule("production")
        try:
            return promotion.rest_on_stage_before(self.as_("alice"), self.later, rule, self.policy)
        except WorkbenchError:
            return None

    def believes(self, grant: Grant) -> bool:
        try:
            return bool(verify_grant(grant, self.store, self.allowed, self.policy))
        except WorkbenchError:
            return False


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    world = World(tmp_path / "world")

    class Now(datetime):
        @classmethod
        def now(cls, tz=None):
            return world.now

    monkeypatch.setattr(promotion, "datetime", Now)
    monkeypatch.setattr(promotion, "load_reviewers", lambda _project: world.allowed)
    return world


def wrong_histories(world: World) -> Iterator[tuple[str, ...]]:
    """Yield the histories after which gate or runner say otherwise than the oracle."""
    frontier = [((), world.journal[0].copy(), world.now)]
    for _ in range(DEPTH):
        grown = []
        for history, kept, now in frontier:
            for action in ACTIONS:
                world.journal[0], world.now = kept.copy(), now
                world.act(action)
                longer = (*history, action)
                proof = world.rest()
                if (proof is not None) != may_follow(longer) or (proof and not world.believes(proof)):
                    yield longer
                grown.append((longer, world.journal[0], world.now))
        frontier = grown


def _through(project, channel, digest):
    """Yield every promotion of these bytes, whatever came between."""
    for event in reversed(project.journal.events(kind="release.*")):
        found = promotion._read(project, event)
        if found and found.grant.model_digest == digest and found.grant.channel == channel:
            yield found


def _believing_signers(real):
    def read(project, event):
        found = real(project, event)
        return found and replace(found, at=parse_deed(found.text.encode(), _kind(found.text)).moment)

    return read


def _kind(text: str) -> DeedKind:
    return DeedKind.ROLLBACK if '"verdict":"rollback"' in text else DeedKind.PROMOTE


def _any_stay(text, *_arguments, **_options):
    return parse_deed(text.encode(), _kind(text))


HISTORY_BUGS = {
    "soak through rollback": lambda m: m.setattr(promotion, "_standing", _through),
    "the signer's clock": lambda m: m.setattr(promotion, "_read", _believing_signers(promotion._read)),
    "authors vouch for their own": lambda m: m.setattr(promotion, "check_promoter", lambda *_: None),
    "an override is as good": lambda m: m.setattr(promotion, "verify_stay", _any_stay),
    "no time at all": lambda m: m.setattr(promotion, "check_soaked", lambda *_: None),
}


@pytest.mark.parametrize("bug", HISTORY_BUGS)
def test_the_search_of_histories_finds_a_planted_bug(world, monkeypatch, bug):
    HISTORY_BUGS[bug](monkeypatch)
    assert next(wrong_histories(world), None), f"the search is blind to: {bug}"


@pytest.mark.slow
def test_no_short_history_counts_time_that_was_broken(world):
    assert next(wrong_histories(world), None) is None
    histories = [h for n in range(1, DEPTH + 1) for h in product(ACTIONS, repeat=n)]
    allowed = sum(map(may_follow, histories))
    assert (len(histories), 0 < allowed < len(histories) / 4) == (2800, True)


def wrong_proofs(world: World) -> Iterator[tuple[object, ...]]:
    """Yield what a runner can be shown and judges otherwise than the oracle."""
    now = datetime.now(UTC).replace(microsecond=0)
    moments = {"before its approvals": APPROVED - DAY, "in time": APPROVED, "too late": now - DAY / 2}
    rests = {
        "approved": world.model,
        "nobody's": replace(world.model, statements=()),
        "override": world.overridden,
        "other": world.other,
        "later": world.later,
    }
    bindings = {"bound": {}, "unbound": {"grant": ""}, "other stage": {"stage": "production"}}
    shown = ("shown", "left out", "another shown")
    for who, when, what, how, brought in product(PEOPLE, moments, rests, bindings, shown):
        pair = world.promote(who, rests[what], moments[when], bindings[how])
        earlier = {"shown": (rests[what],), "left out": (), "another shown": (replace(rests[what], review="rv-x"),)}
        grant = replace(world.later, before=(pair,), earlier=earlier[brought])
        wanted = (when, what, how, brought) == ("in time", "approved", "bound", "shown") and who != "alice"
        if world.believes(grant) != wanted:
            yield (who, when, what, how, brought)


def _at_any_time(real):
    return lambda *given, **options: real(*given, **{**options, "since": None})


PROOF_BUGS = {
    "backdated promote": lambda m: m.setattr(stay, "verify_approvals", _at_any_time(stay.verify_approvals)),
    "an invented release": lambda m: m.setattr(stay, "verify_approvals", lambda *_, **__: ()),
    "anybody with a key vouches": lambda m: m.setattr(stay, "check_promoter", lambda *_: None),
    "no time at all": lambda m: m.setattr(stay, "check_soaked", lambda *_: None),
    "what it rests on is not bound": lambda m: m.setattr(stay, "digest_json", lambda _value: ""),
}


@pytest.mark.parametrize("bug", PROOF_BUGS)
def test_the_search_of_proofs_finds_a_planted_bug(world, monkeypatch, bug):
    PROOF_BUGS[bug](monkeypatch)
    assert next(wrong_proofs(world), None), f"the search is blind to: {bug}"


def test_a_runner_believes_no_proof_that_is_none(world):
    assert list(wrong_proofs(world)) == []
