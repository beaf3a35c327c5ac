"""What ran at any moment, told by the chained events alone."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest

from workbench.foundation.canonical import canonical_json, digest_json
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.project.history import show_history
from workbench.review.proof.grant import Grant


def tell(project, kind, subject, actor, **data):
    with project.journal.transaction() as change:
        return change.append(kind, subject, data, actor=actor)


@pytest.fixture
def told(blank_project):
    """Two reviews approved and released, then a way back; returns the project and the three release events."""
    for number, digest in ((1, "sha256:aa"), (2, "sha256:bb")):
        review = f"review:rv-{number}"
        tell(blank_project, "review.requested", review, "alice", model_digest=digest, run=f"run{number}")
        named = {"policy_digest": "sha256:p", "evidence_digest": f"sha256:e{number}"}
        tell(blank_project, "review.approved", review, "eve", model_digest="sha256:other", fingerprint="SHA256:x")
        tell(blank_project, "review.approved", review, "bob", model_digest=digest, fingerprint="SHA256:k", **named)
    ways = [("promoted", 1, 1, "aa"), ("promoted", 2, 2, "bb"), ("rolled-back", 1, 3, "aa")]
    events = [
        tell(
            blank_project, f"release.{how}", f"release:rl-{version}", "olga", channel="fault@production",
            model_digest=f"sha256:{digest}", review=f"rv-{review}", version=version, assurance="local-signed",
        )
        for how, review, version, digest in ways
    ]  # fmt: skip
    tell(blank_project, "release.refused", "review:rv-9", "olga", channel="fault@production", code="bytes-changed")
    return blank_project, events


@pytest.mark.checklist("S2-13", "S2-26")
def test_intervals_join_without_gap_and_name_proof_and_people(told):
    project, events = told
    third, second, first = show_history(project, "fault")
    assert (first.since, first.until, second.until, third.until) == (events[0].at, events[1].at, events[2].at, "")
    assert (third.how, third.version, third.review, third.model_digest) == ("rolled-back", 3, "rv-1", "sha256:aa")
    assert [approval.principal for approval in second.approvals] == ["bob"]  # eve's is about other bytes
    assert (second.requester, second.run, second.actor) == ("alice", "run2", "olga")
    assert (second.policy_digest, second.evidence_digest) == ("sha256:p", "sha256:e2")


def test_a_moment_belongs_to_exactly_one_release_at_its_very_edges_too(told):
    project, events = told
    edge = datetime.fromisoformat(events[1].at)
    for moment, version in ((edge, 2), (edge - timedelta(microseconds=1), 1)):
        assert [i.version for i in show_history(project, "fault@production", at=moment.isoformat())] == [version]
    tokyo = edge.isoformat().replace("+00:00", "")  # without an offset it is UTC
    assert [i.version for i in show_history(project, "fault", at=tokyo)] == [2]
    with pytest.raises(NotFoundError, match=r"the first release was at .* \[nothing-then\]"):
        show_history(project, "fault", at="2001-01-01")


POLICY = b"[stages.production]\nrequired = []\napprovals = 1\nexpires_days = 90\n"


def test_an_override_its_end_and_what_was_done_past_the_gate_are_told(blank_project, monkeypatch):
    project = blank_project
    policy = project.store.put_bytes(POLICY)
    asked = {"model_digest": "sha256:aa", "run": "run1", "policy_digest": policy}
    tell(project, "review.requested", "review:rv-1", "alice", **asked)
    statement = project.store.put_bytes(b'{"predicate":{"evidence_digest":"sha256:seen"}}')
    tell(project, "review.overridden", "review:rv-1", "carol", model_digest="sha256:aa", statement_digest=statement)
    told = {"channel": "fault@production", "model_digest": "sha256:aa", "review": "rv-1"}
    first = tell(project, "release.promoted", "release:rl-1", "olga", **told, version=1)
    message = "Alias production is at version 2, not 1"
    tell(project, "release.out_of_band_change", "channel:fault@production", "system", what="alias", message=message)
    tell(project, "release.out_of_band_mended", "channel:fault@production", "system", what="alias")
    (shown,) = show_history(project, "fault")
    assert (shown.state, shown.approved_by, shown.overridden_by, shown.looked_at_by) == ("served", (), "carol", "")
    assert (shown.policy_digest, shown.evidence_digest) == (policy, "sha256:seen")
    end = datetime.fromisoformat(shown.valid_until) - datetime.fromisoformat(first.at)
    assert timedelta(hours=23, minutes=59) < end <= timedelta(hours=24)
    assert [text.partition(": ")[2] for text in shown.outside] == [message, "mended: alias"]
    assert shown.evidence == "mlops evidence export rv-1 rv-1.zip"
    with monkeypatch.context() as patch:
        patch.setattr("workbench.project.history.OVERRIDE_H", 0)
        assert show_history(project, "fault")[0].state == "ended"  # it is on the channel, and runners refuse it
    tell(project, "review.post-reviewed", "review:rv-1", "bob", model_digest="sha256:aa")
    approved = {
        "model_digest": "sha256:aa",
        "policy_digest": policy,
        "evidence_digest": "sha256:e",
        "state": "APPROVED",
    }
    tell(project, "review.approved", "review:rv-1", "bob", **approved)
    tell(project, "release.promoted", "release:rl-2", "olga", **told, version=2)
    after, before = show_history(project, "fault")
    assert (before.state, before.looked_at_by, before.until) == ("replaced", "bob", after.since)
    assert (after.state, after.approved_by, after.overridden_by) == ("served", ("bob",), "")
    days = datetime.fromisoformat(after.valid_until) - datetime.fromisoformat(after.approvals[0].at)
    assert timedelta(days=89) < days <= timedelta(days=90)
    assert show_history(project, "fault", at=first.at)[0].state == "served"  # it was, then


def test_records_edited_by_hand_change_nothing_and_bad_input_is_told(told):
    project, _ = told
    before = show_history(project, "fault")
    with sqlite3.connect(project.state_dir / "journal.db") as database:
        database.execute("delete from records")
    assert show_history(project, "fault") == before
    for at, code in (("soon", "time-malformed"), ("2999-01-01", "time-in-future")):
        with pytest.raises(UsageError) as caught:
            show_history(project, "fault", at=at)
        assert caught.value.code == code
    with pytest.raises(NotFoundError) as missing:
        show_history(project, "faults")
    assert "fault" in missing.value.hint


def test_approvals_are_those_that_the_release_rested_on(blank_project):
    """One that had expired, or was given on other check results, let nothing through and ends nothing."""
    project = blank_project
    texts = ('{"said":"too early"}', '{"said":"again"}')
    tell(project, "review.requested", "review:rv-1", "alice", model_digest="sha256:aa", run="run1")
    for text in texts:
        digest = project.store.put_bytes(text.encode())
        tell(project, "review.approved", "review:rv-1", "bob", model_digest="sha256:aa", statement_digest=digest)
    names = ("review", "model", "stage", "channel", "model_digest", "policy_digest", "evidence_digest")
    grant = Grant(**dict.fromkeys((*names, "requester", "author"), "x"), statements=((texts[1], "armour"),)).to_json()
    statement = project.store.put_bytes(canonical_json({"predicate": {"grant": digest_json(grant)}}))
    told = {"channel": "fault@production", "model_digest": "sha256:aa", "review": "rv-1", "version": 1}
    with project.journal.transaction() as change:
        change.append("release.promoted", "release:rl-1", {**told, "statement": statement}, actor="olga")
        change.put("release", "rl-1", "CURRENT", {"grant": grant}, expect=0)
    (shown,) = show_history(project, "fault")
    assert [approval.statement_digest for approval in shown.approvals] == [digest]
