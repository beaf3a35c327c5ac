"""The order of stages: what counts as time on the stage before, and what a runner needs to see of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import pytest

from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import DeniedError, IntegrityError, PendingError, WorkbenchError
from workbench.foundation.identity import sign
from workbench.review import reviews
from workbench.review.breaking import override
from workbench.review.policies.policy import load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.trial import try_policy
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.verification import verify_grant
from workbench.review.record import find_review
from workbench.serving import releases
from workbench.serving.ledger import channel_file, current_releases
from workbench.serving.promise import verify_channel_file

STAGES = """\
[stages.staging]
required = ["format"]
approvals = 1
[stages.staging.break_glass]
members = ["bob@example.com"]

[stages.production]
required = ["format"]
approvals = 1
after = "staging"
soak_h = 24
"""
LONG = "the line stands still and the old model is wrong"


class Clock:
    """A clock that everything which decides by time reads."""

    def __init__(self, monkeypatch) -> None:
        self.ahead = timedelta()
        clock = self

        class Set(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + clock.ahead

        for name, module in list(sys.modules.items()):
            if name.startswith("workbench.") and getattr(module, "datetime", None) is datetime:
                monkeypatch.setattr(module, "datetime", Set)

    def wait(self, hours: float) -> None:
        self.ahead += timedelta(hours=hours)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


class Line:
    """Two models on their way from staging to production. Alice trained and asks, bob approves, carol releases."""

    def __init__(self, world, runs: tuple[str, str]) -> None:
        self.world, self.runs = world, runs
        self.alice, self.bob, self.carol = (world.as_(name) for name in ("alice", "bob", "carol"))
        self.write(STAGES)

    def write(self, policy: str) -> None:
        (self.world.root / "policy" / "gate.toml").write_text(policy)

    def approved(self, run: str, to: str, *, asks: str = "alice") -> str:
        review = reviews.request_review(self.world.as_(asks), run, to=to, wait=True).id
        reviews.approve(self.bob, review)
        return review

    @cached_property
    def staging(self) -> str:
        return self.approved(self.runs[0], "staging")

    @cached_property
    def other(self) -> str:
        return self.approved(self.runs[1], "staging")

    @cached_property
    def production(self) -> str:
        return self.approved(self.runs[0], "production")

    def release(self, review: str, by: str = "carol") -> None:
        releases.release(self.world.as_(by), review)

    def grant(self) -> Grant:
        return reviews.release_grant(self.alice, self.production)

    def verify(self, grant: Grant) -> tuple[str, ...]:
        return verify_grant(grant, self.alice.store, load_reviewers(self.alice), load_policy(self.alice))


@pytest.fixture
def line(world, models, changed_model, monkeypatch, tmp_path) -> Line:
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    monkeypatch.setattr("workbench.serving.releases._name_in_registry", lambda *_: "")
    runs = []
    for name, source in (("good", models.good), ("better", models.better)):
        folder = tmp_path / name
        shutil.copytree(source, folder)
        np.savez(folder / "reference.npz", rows=3, mean=np.zeros(4))
        runs.append(world.log_model(folder))
    return Line(world, (runs[0], runs[1]))


def test_production_comes_after_staging_and_a_day(line, clock):
    with pytest.raises(DeniedError, match="stage-skipped"):
        line.release(line.production)
    with pytest.raises(DeniedError, match="promotion-unsigned"):
        line.release(line.staging, by="dan")
    line.release(line.staging)
    with pytest.raises(PendingError, match="soak-time"):
        line.release(line.production)
    clock.wait(25)
    grant = line.grant()
    assert (len(grant.before), [one.channel for one in grant.earlier]) == (1, ["faults@staging"])
    assert line.verify(Grant.from_json(json.loads(json.dumps(grant.to_json())))) == ("bob@example.com",)
    line.release(line.production)
    # Whoever serves it counts for itself, whatever the releasing machine thought the time was.
    clock.wait(-10)
    with pytest.raises(PendingError, match="soak-time"):
        line.verify(grant)


def test_what_nobody_signed_for_is_no_stay_on_a_stage(line):
    """It was released before a later stage came after this one, so nobody had to sign."""
    plain = "\n".join(row for row in STAGES.splitlines() if not row.startswith(("after", "soak_h")))
    line.write(plain)
    line.release(line.staging, by="dan")
    line.write(STAGES)
    with pytest.raises(DeniedError, match="stage-skipped"):
        line.release(line.production)


def test_a_promoter_whose_key_was_revoked_is_named_with_what_mends_it(line, clock):
    """It is no fault of whoever releases now: somebody else releases on the stage before once more."""
    line.release(line.staging)
    clock.wait(25)
    (line.world.root / "policy" / "revoked").write_text((line.world.keys / "carol.pub").read_text())
    with pytest.raises(DeniedError, match=f"signer-revoked[\\s\\S]*released there anew: mlops release {line.staging}"):
        line.grant()


def test_the_bytes_to_be_released_before_are_named_by_their_run(line):
    with pytest.raises(DeniedError) as skipped:
        line.release(line.production)
    run = find_review(line.alice, line.production).run
    assert skipped.value.hint.endswith(f"mlops review request {run[:12]}/faults --to staging")


def _another_model(line: Line, clock: Clock) -> None:
    line.release(line.other)
    clock.wait(1)
    line.release(line.staging)


def _rolled_back_and_again(line: Line, clock: Clock) -> None:
    line.release(line.other)
    clock.wait(1)
    releases.roll_back(line.carol, "faults@staging", to=line.staging)


INTERRUPTIONS: dict[str, Callable[[Line, Clock], None]] = {
    "another model in between": _another_model,
    "rolled back to": _rolled_back_and_again,
}


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_only_the_time_since_the_last_interruption_counts(line, clock, interruption):
    line.release(line.staging)
    assert line.production
    clock.wait(23)
    INTERRUPTIONS[interruption](line, clock)
    clock.wait(2)
    with pytest.raises(PendingError, match="soak-time"):
        line.grant()
    clock.wait(23)
    line.verify(line.grant())


def test_a_model_that_left_the_stage_does_not_go_on(line, clock):
    line.release(line.staging)
    assert line.production
    clock.wait(25)
    line.verify(line.grant())
    line.release(line.other)
    with pytest.raises(DeniedError, match="stage-skipped"):
        line.grant()
    (tried,) = [t for t in try_policy(line.alice, "policy/gate.toml") if t.stage == "production"]
    assert (tried.before, tried.reason) == ("denied", "it was not released on 'staging'")


def test_time_under_an_override_does_not_count(line, clock):
    """Approvals that come later begin it, not before the release that rests on them."""
    staging = reviews.request_review(line.alice, line.runs[0], to="staging", wait=True).id
    override(line.bob, staging, LONG)
    line.release(staging)
    assert line.production
    clock.wait(20)
    with pytest.raises(DeniedError, match="stage-overridden"):
        line.grant()
    reviews.approve(line.carol, staging)
    with pytest.raises(DeniedError, match="stage-overridden"):
        line.grant()
    line.release(staging)
    clock.wait(5)
    with pytest.raises(PendingError, match="soak-time"):
        line.grant()
    clock.wait(20)
    line.verify(line.grant())


def test_approvals_that_expire_end_it(line, clock):
    line.write(STAGES.replace("approvals = 1", "approvals = 1\nexpires_days = 2", 1))
    line.release(line.staging)
    assert line.production
    clock.wait(25)
    grant = line.grant()
    clock.wait(24)
    with pytest.raises(DeniedError, match="approval-expired"):
        line.grant()
    line.verify(grant)  # it had stayed long enough before that; what it served then it goes on to serve
    line.release(line.approved(line.runs[0], "staging"))
    with pytest.raises(PendingError, match="soak-time"):
        line.grant()


def test_nobody_releases_their_own_work_where_a_later_stage_rests_on_it(line):
    with pytest.raises(DeniedError, match="promotion-own"):
        line.release(line.staging, by="alice")


def test_unless_the_later_stage_lets_people_approve_their_own(line, clock):
    line.write(STAGES + "allow_self = true\n")
    line.release(line.staging, by="alice")
    assert line.production
    clock.wait(25)
    line.verify(line.grant())


def test_who_asks_for_the_later_stage_is_not_who_it_rests_on(line, clock):
    """Carol released on staging and asks for production; somebody else releases on staging again, and is counted."""
    line.release(line.staging)
    line.production = line.approved(line.runs[0], "production", asks="carol")
    clock.wait(25)
    with pytest.raises(DeniedError, match=rf"(?s)promotion-own.*mlops release {line.staging}"):
        line.grant()
    line.release(line.staging, by="bob")
    line.release(line.staging, by="bob")
    assert current_releases(line.alice)["faults@staging"].body["version"] == 2
    with pytest.raises(PendingError, match="soak-time"):
        line.grant()
    clock.wait(25)
    line.verify(line.grant())
    line.release(line.staging)  # a third one, by carol again, takes nothing away
    line.verify(line.grant())


def forge(line: Line, grant: Grant, *, by: str, at: datetime, earlier: Grant | None, told: dict[str, str]) -> Grant:
    """Sign another promotion to the stage before, as somebody with a key can, and put it in the grant."""
    rests_on = earlier or grant.earlier[0]
    said = {"channel": rests_on.channel, "stage": rests_on.stage, "grant": digest_json(rests_on.to_json())} | told
    moment = at.isoformat(timespec="seconds")
    kind = DeedKind.PROMOTE
    data = build_deed(Deed(kind, grant.model, grant.model_digest, f"{by}@example.com", moment, said))
    armour = sign(line.world.keys / by, data, namespace=kind.namespace)
    return replace(grant, before=((data.decode(), armour),), earlier=(rests_on,))


@pytest.fixture
def soaked(line, clock) -> Grant:
    line.release(line.staging)
    assert line.production
    clock.wait(25)
    return line.grant()


def test_a_runner_believes_no_invented_time(line, clock, soaked):
    def made(*, by: str = "carol", hours_ago: float = 24.5, earlier: Grant | None = None, **facts: str) -> Grant:
        return forge(line, soaked, by=by, at=clock.now - timedelta(hours=hours_ago), earlier=earlier, told=facts)

    line.verify(made(hours_ago=24.99))
    invented = replace(soaked.earlier[0], statements=())
    for code, grant in {
        "promotion-early": made(hours_ago=50),
        "promotion-own": made(by="alice"),
        "approvals-missing": made(earlier=invented),
        "grant-mismatch": made(grant="sha256:" + "0" * 64),
        "grant-mismatch ": made(stage="production"),
        " grant-mismatch": made(earlier=reviews.release_grant(line.alice, line.other)),
        "soak-time": made(hours_ago=23),
        "signer-unknown": made(by="dan"),
    }.items():
        with pytest.raises(WorkbenchError, match=code.strip()):
            line.verify(grant)


def test_a_release_from_before_names_what_to_do(line, soaked):
    """Grants of older releases bring the promotion alone: anybody with a key could have made it."""
    line.release(line.production)
    older = soaked.to_json()
    del older["earlier"]
    file = replace(channel_file(current_releases(line.alice)["faults@production"]), grant=older)
    with pytest.raises(DeniedError, match=rf"(?s)stage-unproven.*mlops release {line.production}"):
        verify_channel_file(line.alice, file, "faults@production")
    plain = current_releases(line.alice)["faults@staging"]
    assert "earlier" not in plain.body["grant"]
    verify_channel_file(line.alice, channel_file(plain), "faults@staging")


def test_junk_in_the_place_of_a_grant_is_none(soaked):
    nested = soaked.to_json()
    for _ in range(3000):
        nested = {**nested, "earlier": [nested]}
    for junk in (None, 7, "x", [None], [[]], [{}], [{"earlier": [{}]}], {"a": 1}, [nested]):
        with pytest.raises(IntegrityError, match="grant-malformed"):
            Grant.from_json({**soaked.to_json(), "earlier": junk})


def test_a_journal_that_lost_what_was_promoted_counts_from_after_it(line, clock):
    """An event without its data may have put anything there."""
    line.release(line.staging)
    assert line.production
    clock.wait(25)
    line.release(line.other)
    line.release(line.staging)
    events = line.alice.journal.events(kind="release.promoted")
    with sqlite3.connect(line.world.root / ".workbench" / "journal.db") as connection:
        connection.execute("UPDATE events SET data = NULL WHERE seq = ?", (events[1].seq,))
    with pytest.raises(WorkbenchError, match="soak-time"):
        line.grant()
