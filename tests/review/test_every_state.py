"""Every reachable state of a model with two versions, three digests and four people, on the real decision functions.

Alice trains version 1 and bob version 2; carol and dan review. The search walks all states breadth first: bytes are
swapped, reviews requested, approved and rejected by everybody, a line of ``policy/reviewers`` shows late that carol is
alice, and approved models are released. Request, decision, grant, ledger and the loader's verification are the real
ones; journal and store are in memory (:mod:`tests.review.memory`), so that a state can be copied. After every action
the world must be what an oracle of thirty lines says, and a loader would serve exactly what the oracle lets it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import pytest

from tests.review.memory import MemoryJournal, MemoryProject, MemoryStore
from workbench.contract.model import Feature, ModelManifest, manifest_bytes
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key
from workbench.review import checking, decision, reviews, staleness
from workbench.review.candidate import Candidate
from workbench.review.policies import policy
from workbench.review.proof import approvals, verification
from workbench.review.proof.statement import NAMESPACES
from workbench.review.provenance import Provenance
from workbench.review.record import find_review
from workbench.serving import ledger, releases
from workbench.serving.promise import verify_channel_file

PEOPLE = ("alice", "bob", "carol", "dan")
AUTHOR = {1: "alice", 2: "bob"}
CHANNEL = "faults@production"
KEYS = ((1, 0), (1, 1), (2, 2))
"""Which version may hold which of the three digests; the soak lets both versions hold digest 1."""
SOAK_KEYS = ((1, 0), (1, 1), (2, 1), (2, 2))

Key = tuple[int, int]
Action = tuple[str, str, Key]


@dataclass(frozen=True)
class State:
    """What the oracle keeps of the world.

    Attributes:
        held: Digest that each version holds now.
        is_linked: Whether carol is known to be alice.
        reviews: For each key ``-`` (none), ``open``, ``no`` (rejected) or the name of who approved.
        current: Key that was released last; None before.
    """

    held: tuple[int, int]
    is_linked: bool
    reviews: tuple[tuple[Key, str], ...]
    current: tuple[Key, str] | None

    def is_fresh(self, key: Key) -> bool:
        return self.held[key[0] - 1] == key[1]

    def person(self, name: str) -> str:
        return "alice" if self.is_linked and name == "carol" else name

    def may_serve(self, key: Key, approver: str) -> bool:
        return self.person(approver) != AUTHOR[key[0]]

    def set(self, key: Key, value: str) -> State:
        return replace(self, reviews=tuple((k, value if k == key else v) for k, v in self.reviews))

    def after(self, action: Action) -> State:
        """Return what must follow; the same state where the action has to be refused."""
        kind, who, key = action
        now = dict(self.reviews)[key]
        if kind == "swap":
            return replace(self, held=tuple(key[1] if v == key[0] else self.held[v - 1] for v in (1, 2)))
        if kind == "link":
            return replace(self, is_linked=True)
        if kind == "request":
            return self.set(key, "open") if self.is_fresh(key) and now in ("-", "no") else self
        if kind in ("approve", "reject"):
            if now != "open" or not self.is_fresh(key) or self.person(who) == AUTHOR[key[0]]:
                return self
            return self.set(key, who if kind == "approve" else "no")
        if now in ("-", "open", "no") or not self.is_fresh(key) or not self.may_serve(key, now):
            return self
        return replace(self, current=(key, now))


def actions(keys: tuple[Key, ...]) -> list[Action]:
    found = [("swap", "", key) for key in keys] + [("request", AUTHOR[key[0]], key) for key in keys]
    found += [(kind, who, key) for kind in ("approve", "reject") for who in PEOPLE for key in keys]
    return [*found, ("link", "", keys[0]), *(("release", "dan", key) for key in keys)]


class Gate:
    """The real functions over a world that can be copied."""

    def __init__(self, root, keys: tuple[Key, ...]) -> None:
        (root / "policy").mkdir(parents=True)
        (root / "policy" / "gate.toml").write_text("[stages.production]\nrequired = []\napprovals = 1\n")
        self.root, self.keys, self.store = root, keys, MemoryStore(root / "store")
        for name in PEOPLE:
            create_key(root / "keys" / name, comment=name)
        line = '{0} namespaces="{1}" {2}\n'
        spaces = ",".join(NAMESPACES)
        public = {name: read_public_key(root / "keys" / name).line for name in PEOPLE}
        self.listed = "".join(line.format(name, spaces, public[name]) for name in PEOPLE)
        self.linked = self.listed + line.format("alice", spaces, public["carol"])
        self.written = ""
        self.reviewers(is_linked=False)
        self.digests = [self._freeze(number) for number in range(3)]
        self.held = (keys[0][1], next(key[1] for key in keys if key[0] == 2))
        self.journal = [MemoryJournal()]
        self.ids: dict[Key, str] = {}

    def _freeze(self, number: int) -> str:
        files = {"workbench.json": manifest_bytes(MANIFEST), "model.onnx": bytes([number]), "reference.npz": b"x"}
        listed = [{"path": n, "size": len(d), "digest": self.store.put_bytes(d)} for n, d in sorted(files.items())]
        return self.store.put_bytes(canonical_json({"files": listed}))

    def reviewers(self, *, is_linked: bool) -> None:
        text = self.linked if is_linked else self.listed
        if text != self.written:
            (self.root / "policy" / "reviewers").write_text(text)
            self.written = text

    def as_(self, name: str) -> MemoryProject:
        return MemoryProject(self.root, name, self.root / "keys" / name, self.journal, self.store)

    def candidate(self, _project, run: str) -> Candidate:
        version = int(run)
        return Candidate(
            model="faults",
            manifest=MANIFEST,
            run=run,
            model_digest=self.digests[self.held[version - 1]],
            holdout_digest="",
            dataset_versions=(),
            commit="",
            commit_author="",
            notebook_digest="",
            environment_digest="",
            author=AUTHOR[version],
            params={},
            metrics={},
            provenance=Provenance("", "", "", "", (), ()),
        )

    def act(self, action: Action) -> None:
        """Do one thing; a refusal is an answer like any other."""
        kind, who, key = action
        try:
            if kind == "swap":
                self.held = tuple(key[1] if v == key[0] else self.held[v - 1] for v in (1, 2))
            elif kind == "link":
                self.reviewers(is_linked=True)
            elif kind == "request":
                held = (key[0], self.held[key[0] - 1])
                self.ids[held] = reviews.request_review(self.as_(who), str(key[0])).id
            elif key in self.ids:
                if kind == "approve":
                    reviews.approve(self.as_(who), self.ids[key])
                elif kind == "reject":
                    reviews.reject(self.as_(who), self.ids[key], "no")
                else:
                    releases.release(self.as_(who), self.ids[key])
        except WorkbenchError:
            pass

    def observe(self, state: State) -> State:
        """Return the state that the records show; what they cannot show is taken from the oracle's."""
        found = []
        for key in self.keys:
            word = "-"
            if key in self.ids:
                review = find_review(self.as_("dan"), self.ids[key])
                said = [d.principal for d in review.decisions if d.verdict == "approve"]
                word = {"OPEN": "open", "REJECTED": "no", "APPROVED": said[0] if said else "?"}.get(review.state, "?")
            found.append((key, word))
        current = ledger.current_releases(self.as_("dan")).get(CHANNEL)
        shown = None
        if current:
            fitting = (
                k
                for k in self.keys
                if self.digests[k[1]] == current.body["model_digest"] and str(k[0]) == current.body["run"]
            )
            key = next(fitting, (0, "bytes that no version ever had"))
            shown = (key, current.body["approvers"][0])
        return State(self.held, state.is_linked, tuple(found), shown)

    def serves(self) -> bool:
        """Whether a loader would open what the channel names."""
        record = ledger.current_releases(self.as_("dan")).get(CHANNEL)
        try:
            return record is not None and bool(
                verify_channel_file(self.as_("dan"), ledger.channel_file(record), CHANNEL)
            )
        except WorkbenchError:
            return False

    def keep(self) -> tuple[object, ...]:
        return self.journal[0].copy(), dict(self.ids), self.held

    def restore(self, kept, *, is_linked: bool) -> None:
        journal, ids, self.held = kept
        self.journal[0], self.ids = journal.copy(), dict(ids)
        self.reviewers(is_linked=is_linked)


MANIFEST = ModelManifest(
    "faults", "regression", "onnx", "model.onnx", (Feature("a"),), (), "mae", False, ((1.0,),), (1.0,)
)


def search(gate: Gate) -> tuple[int, int, list[Action]]:
    """Walk every state once; return states, transitions and the history that the oracle does not share."""
    start = State(gate.held, False, tuple((key, "-") for key in gate.keys), None)
    seen, frontier, transitions = {start}, [(start, gate.keep(), ())], 0
    every = actions(gate.keys)
    while frontier:
        grown = []
        for state, kept, history in frontier:
            gate.restore(kept, is_linked=state.is_linked)
            if gate.serves() != (state.current is not None and state.may_serve(*state.current)):
                return len(seen), transitions, list(history)
            for action in every:
                if action[0] in ("swap", "request") and state.is_fresh(action[2]) == (action[0] == "swap"):
                    continue  # nothing would be swapped, or other bytes requested than the action says
                following = state.after(action)
                gate.restore(kept, is_linked=state.is_linked)
                gate.act(action)
                transitions += 1
                if gate.observe(following) != following:
                    return len(seen), transitions, [*history, action]
                if following not in seen:
                    seen.add(following)
                    grown.append((following, gate.keep(), (*history, action)))
        frontier = grown
    return len(seen), transitions, []


@pytest.fixture
def gate(tmp_path, monkeypatch) -> Gate:
    gate = Gate(tmp_path / "gate", SOAK_KEYS if os.environ.get("WORKBENCH_SOAK") else KEYS)
    parse, parse_list = lru_cache(policy.parse_policy), lru_cache(AllowedSigners.parse.__func__)
    for module in (policy, approvals):
        monkeypatch.setattr(module, "parse_policy", parse)
    monkeypatch.setattr(AllowedSigners, "parse", classmethod(parse_list))
    monkeypatch.setattr(checking, "_ALWAYS", ())
    monkeypatch.setattr(reviews, "freeze_candidate", gate.candidate)
    monkeypatch.setattr(reviews, "start_checks", lambda p, id_: checking._check(p, find_review(p, id_)))
    monkeypatch.setattr(reviews, "show_review", lambda _project, id_: SimpleNamespace(id=id_))
    monkeypatch.setattr(
        staleness, "is_unchanged", lambda _p, run, _m, digest: gate.digests[gate.held[int(run) - 1]] == digest
    )
    monkeypatch.setattr(staleness, "is_deleted", lambda *_: False)  # nobody deletes a run here
    monkeypatch.setattr(releases, "show_review", find_review)
    monkeypatch.setattr(releases, "_announce", lambda _project, record, _started: record)
    monkeypatch.setattr(
        releases,
        "_check_servable",
        lambda p, g: verification.verify_grant(
            g, p.store, AllowedSigners.load(p.root / "policy" / "reviewers"), policy.load_policy(p)
        ),
    )
    return gate


PLANTED = {
    "stale approval": lambda m: (
        m.setattr(decision, "why_stale", lambda *_a, **_k: ()),
        m.setattr(reviews, "why_stale", lambda *_a, **_k: ()),
    ),
    "self approval": lambda m: m.setattr(decision, "check_is_other", lambda *_a: None),
    "late author": lambda m: m.setattr(approvals, "check_is_other", lambda *_a: None),
    "another run's review is taken for one's own": lambda m: m.setattr(reviews, "_find_or_open", _open_any),
    # Three locks: the record's state, what follows from its decisions, and what the chain says of it.
    "a rejection is not final": lambda m: (
        m.setattr(decision, "_CLOSED", ("APPROVED",)),
        m.setattr(decision, "_state_after", _forgiving(decision._state_after)),
        m.setattr(decision, "_holds_all", lambda *_a: True),
    ),
    "the ledger forgets whose release it was": lambda m: m.setattr(ledger, "_body", _forgetful(ledger._body)),
}


def _open_any(project, candidate, stage, rules):
    """Give whatever review there is."""
    for record in project.journal.records("review"):
        return find_review(project, record.id), False
    return reviews._open(project, candidate, stage, rules, "rv-00000000"), True


def _forgiving(real):
    """Work the state out as if nobody had ever rejected."""

    def state_after(project, review, rule):
        kept = tuple(one for one in review.decisions if one.verdict != "reject")
        return real(project, replace(review, decisions=kept), rule)

    return state_after


def _forgetful(real):
    def body(project, promotion, version):
        first = project.journal.records("release")
        return (
            {**real(project, promotion, version), "model_digest": first[-1].body["model_digest"]}
            if first
            else real(project, promotion, version)
        )

    return body


@pytest.mark.checklist("S1-16", "S1-10")
@pytest.mark.parametrize("bug", PLANTED)
def test_the_search_finds_a_planted_bug(gate, monkeypatch, bug):
    PLANTED[bug](monkeypatch)
    *_, wrong = search(gate)
    assert wrong, f"the search is blind to: {bug}"
    assert len(wrong) <= 6  # the shortest history that shows it


@pytest.mark.slow
@pytest.mark.checklist("S1-16", "S1-10")
def test_every_state_is_what_the_oracle_says(gate):
    states, transitions, wrong = search(gate)
    sys.stdout.write(f"{states:,} states, {transitions:,} transitions\n")
    assert wrong == []
    assert states > 1000
