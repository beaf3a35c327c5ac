"""Every short history of a review, played on the real thing: the journal, the store, the keys, the files.

Three versions of the run's bytes, two policies, four names of three people. After every step the proof for a release
must be given exactly when an oracle, which only counts who approved what, says so.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

import pytest

from workbench.foundation.errors import WorkbenchError
from workbench.foundation.identity import read_public_key
from workbench.review import checking, decision, reviews
from workbench.review.proof.statement import NAMESPACES

PERSON = {"alice": "alice", "bob": "bob", "bobby": "bob", "carol": "carol"}
ACTIONS = (
    *(("bytes", str(i)) for i in range(3)),
    *(("policy", str(i)) for i in (1, 2)),
    ("request", "alice"),
    *(("approve", name) for name in PERSON),
    ("reject", "carol"),
)
DEPTH = 4


@dataclass(frozen=True)
class State:
    """What the oracle keeps: what lies there now, and what was asked and said of it."""

    content: str = "0"
    policy: str = "1"
    asked: tuple[str, str] | None = None
    approvals: frozenset[str] = frozenset()
    is_approved: bool = False
    is_rejected: bool = False

    @property
    def is_fresh(self) -> bool:
        return self.asked == (self.content, self.policy)

    @property
    def may_release(self) -> bool:
        return self.is_fresh and not self.is_rejected and len(self.approvals) >= int(self.policy)

    def after(self, action: tuple[str, str]) -> State | None:
        """Return the state after an action; None where it asks about something other than the one review."""
        kind, what = action
        if kind == "bytes":
            return replace(self, content=what)
        if kind == "policy":
            return replace(self, policy=what)
        if kind == "request":
            if self.asked is None or self.is_fresh:
                return replace(self, asked=(self.content, self.policy)) if not self.is_rejected else None
            return None
        is_open = self.is_fresh and not self.is_rejected and not self.may_release
        if not is_open or PERSON[what] == "alice":
            return self
        if kind == "reject":
            return replace(self, is_rejected=True)
        return replace(self, approvals=self.approvals | {PERSON[what]})


class Stage:
    """The real project, put into any state by restoring its journal and its files."""

    def __init__(self, world, run: str) -> None:
        self.world, self.run = world, run
        self.file = world.artifact(run, "model.onnx")
        self.original = self.file.read_bytes()
        self.live = world.root / ".workbench" / "journal.db"
        self.people = {name: world.as_(name) for name in PERSON}
        self.review = ""

    def lay_out(self, state: State) -> None:
        self.file.write_bytes(self.original + b"\0" * int(state.content))
        (self.world.root / "policy" / "gate.toml").write_text(
            f"[stages.production]\nrequired = []\napprovals = {state.policy}\n"
        )

    def snapshot(self) -> sqlite3.Connection:
        kept = sqlite3.connect(":memory:")
        with sqlite3.connect(self.live) as live:
            live.backup(kept)
        return kept

    def restore(self, kept: sqlite3.Connection) -> None:
        with sqlite3.connect(self.live) as live:
            kept.backup(live)

    def act(self, action: tuple[str, str], review: str) -> str:
        """Do one thing; a refusal is an answer like any other."""
        kind, who = action
        try:
            if kind == "request":
                return reviews.request_review(self.people[who], self.run, wait=True).id
            if kind == "approve" and review:
                reviews.approve(self.people[who], review)
            if kind == "reject" and review:
                reviews.reject(self.people[who], review, "no")
        except WorkbenchError:
            pass
        return review

    def may_release(self, review: str) -> bool:
        try:
            return bool(review) and bool(reviews.release_grant(self.people["alice"], review))
        except WorkbenchError:
            return False


def search(stage: Stage, depth: int) -> tuple[int, list[tuple[tuple[str, str], ...]]]:
    """Walk all histories breadth first, each state once; return their number and the first history that is wrong."""
    start = State()
    stage.lay_out(start)
    frontier: list[tuple[State, str, sqlite3.Connection, tuple[tuple[str, str], ...]]] = [
        (start, "", stage.snapshot(), ())
    ]
    seen = {start}
    for _ in range(depth):
        grown = []
        for state, review, kept, history in frontier:
            for action in ACTIONS:
                following = state.after(action)
                if following is None:
                    continue
                stage.restore(kept)
                stage.lay_out(state if action[0] not in ("bytes", "policy") else following)
                now = stage.act(action, review)
                if stage.may_release(now) != following.may_release:
                    return len(seen), [(*history, action)]
                if following not in seen:
                    seen.add(following)
                    grown.append((following, now, stage.snapshot(), (*history, action)))
        frontier = grown
    return len(seen), []


@pytest.fixture
def stage(world, models, monkeypatch, tmp_path) -> Stage:
    monkeypatch.setattr(checking, "_ALWAYS", ())  # the policies here require no check, so none is run
    (world.keys / "bobby").write_bytes((world.keys / "bob").read_bytes())
    (world.keys / "bobby.pub").write_bytes((world.keys / "bob.pub").read_bytes())
    key = read_public_key(world.keys / "bob").line
    with (world.root / "policy" / "reviewers").open("a") as stream:
        stream.write(f'bobby@example.com namespaces="{",".join(NAMESPACES)}" {key}\n')
    run = world.log_model(models.good)
    return Stage(world, run)


PLANTED = {
    "stale reviews can be approved and released": lambda m: (
        m.setattr(decision, "why_stale", lambda *_: ()),
        m.setattr(reviews, "why_stale", lambda *_: ()),
    ),
    "nobody is recognised": lambda m: m.setattr(
        "workbench.review.proof.persons.Person.is_same", lambda _one, _other: False
    ),
    "rejected reviews stay open": lambda m: m.setattr(
        decision, "_state_after", lambda _project, review, rule: "APPROVED" if len(review.decisions) else "OPEN"
    ),
}


@pytest.mark.checklist("S1-16", "S1-10")
@pytest.mark.parametrize("bug", PLANTED)
def test_the_search_finds_a_planted_bug(stage, monkeypatch, bug):
    PLANTED[bug](monkeypatch)
    _, wrong = search(stage, DEPTH)
    assert wrong, f"the search is blind to: {bug}"


@pytest.mark.slow
@pytest.mark.checklist("S1-16", "S1-10")
def test_no_short_history_leads_to_a_release_that_nobody_approved(stage):
    states, wrong = search(stage, DEPTH)
    assert wrong == []
    assert states > 50
