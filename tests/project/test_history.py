"""What ran at any moment, told by the chained events alone."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest

from workbench.foundation.errors import NotFoundError, UsageError
from workbench.project.history import show_history


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
    assert show_history(project, "fault", at="2001-01-01") == ()


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
