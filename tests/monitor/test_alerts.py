"""Alerts: deduplicated, calmed by clean windows, ordered by urgency, acknowledged and resolved by people."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from workbench.foundation.errors import ConflictError, NotFoundError, UsageError
from workbench.monitor import wording
from workbench.monitor.alerts import Cause, acknowledge, list_alerts, raise_alert, resolve
from workbench.monitor.watch import check_channel

CHANNEL = "mill@production"
FACTS = {"window": 1, "distance": 0.15, "predictions": {"fault": 0.2}, "reference": {"fault": 0.1}}


def _raise(project, name, severity="warning", channel=CHANNEL):
    with project.journal.transaction() as change:
        change.append("window.recorded", f"window:{name}", {})
        cause = Cause(channel, "prediction", "sha256:" + "0" * 64, name)
        return raise_alert(change, cause, severity=severity, facts=FACTS, windows=2)


@pytest.fixture
def drifting(project, served, normal_rows):
    """Return a function that lets windows pass: H is hot, C is clean."""

    def pass_windows(pattern: str):
        for letter in pattern:
            served.append(normal_rows(500) + np.array([0, 0, 4.0 * (letter == "H"), 0]))
            check_channel(project, CHANNEL)
        return list_alerts(project)

    return pass_windows


@pytest.mark.checklist("S0-24", "S1-24")
def test_the_same_cause_renews_and_never_becomes_milder(project):
    first = _raise(project, "shares", "critical")
    again = _raise(project, "shares", "warning")
    assert (again.id, again.count, again.severity) == (first.id, 3, "critical")
    assert _raise(project, "other").id != first.id
    assert _raise(project, "shares", channel="mill@staging").id != first.id
    assert len(list_alerts(project)) == 3


@pytest.mark.checklist("S1-24")
def test_three_clean_windows_in_a_row_resolve_it_and_fewer_do_not(drifting, project):
    (alert,) = drifting("HHCCHCC")
    assert (alert.state, alert.count) == ("OPEN", 3)
    (alert,) = drifting("C")
    assert alert.state == "RESOLVED"
    event = project.journal.events(kind="alert.resolved")[0]
    assert (event.actor, event.data) == ("system", {"reason": "3 clean windows"})
    assert len(project.journal.events(kind="alert.raised")) == 1


@pytest.mark.checklist("S1-24")
def test_after_a_person_resolved_it_only_new_windows_raise_it_again(drifting, project):
    (alert,) = drifting("HHH")
    assert resolve(project, alert.id).state == "RESOLVED"
    assert [a.state for a in drifting("H")] == ["RESOLVED"]  # one new window: not yet
    newest = drifting("H")[0]
    assert (newest.state, newest.count) == ("OPEN", 2)
    assert newest.id != alert.id


@pytest.mark.checklist("S1-40")
def test_the_most_urgent_stands_first(project):
    mild, grave, seen, done = (
        _raise(project, name, severity).id
        for name, severity in (("a", "warning"), ("b", "critical"), ("c", "critical"), ("d", "critical"))
    )
    acknowledge(project, seen)
    resolve(project, done)
    assert [alert.id for alert in list_alerts(project)] == [grave, mild, seen, done]
    assert [alert.id for alert in list_alerts(project, "open")] == [grave, mild]
    assert all(alert.title and alert.action for alert in list_alerts(project))


def test_acknowledge_and_resolve_are_idempotent_and_ascribed(project):
    alert = _raise(project, "shares").id
    assert acknowledge(project, alert) == acknowledge(project, alert)
    assert resolve(project, alert) == resolve(project, alert)
    kinds = [event.kind for event in project.journal.events(kind="alert.*")]
    assert kinds == ["alert.raised", "alert.acknowledged", "alert.resolved"]
    assert {e.actor for e in project.journal.events(kind="alert.acknowledged")} == {"op@example.com"}
    with pytest.raises(ConflictError) as caught:
        acknowledge(project, alert)
    assert caught.value.code == "alert-resolved"


def test_an_acknowledged_alert_that_lasts_stays_acknowledged(drifting, project):
    (alert,) = drifting("HH")
    acknowledge(project, alert.id)
    (alert,) = drifting("H")
    assert (alert.state, alert.count) == ("ACKNOWLEDGED", 3)


@pytest.mark.parametrize("verb", [acknowledge, resolve])
def test_unknown_alert_names_the_nearest_and_changes_nothing(project, verb):
    alert = _raise(project, "shares").id
    before = project.journal.head()
    with pytest.raises(NotFoundError) as caught:
        verb(project, alert[:-1] + "x")
    assert caught.value.code == "alert-unknown"
    assert caught.value.hint == f"did you mean '{alert}'?"
    assert project.journal.head() == before


def test_unknown_state_names_the_nearest(project):
    with pytest.raises(UsageError, match="OPNE") as caught:
        list_alerts(project, "OPNE")
    assert caught.value.hint == "did you mean 'OPEN'?"


def test_both_languages_have_the_same_words_with_the_same_blanks():
    english, japanese = wording.load_words("en"), wording.load_words("ja")
    assert english.keys() == japanese.keys()
    assert all(japanese.values())
    alike = {key for key in english if english[key] == japanese[key]}
    assert all(not any("a" <= c <= "z" for c in english[key].replace("{", "}").split("}")[0]) for key in alike), alike


def test_what_passed_by_the_gate_is_told_in_japanese_to_the_last_word():
    facts = {
        "message": "MLflow's alias 'production' points at version 2; version 1 was released",
        "hint": "have it released again, which sets it: mlops release rv-1f2e3d4c",
    }
    said = " ".join(wording.alert_words("out-of-band", CHANNEL, facts, "ja"))
    assert not re.search(r"[a-z]{4,} [a-z]{2,}", said.replace("mlops release rv-1f2e3d4c", "")), said
    assert "バージョン 2" in said
    assert facts["message"] in wording.alert_words("out-of-band", CHANNEL, facts, "en")[0]


def test_alerts_are_worded_in_japanese_from_the_same_facts():
    title, action = wording.alert_words("prediction", CHANNEL, FACTS, "ja")
    assert "「fault」が 10 % から 20 % へ" in title
    assert "mlops rollback mill@production" in action
    with pytest.raises(UsageError) as caught:
        wording.load_words("jp")
    assert caught.value.code == "language-unknown"
    assert json.dumps(list(wording.languages())) == '["en", "ja"]'
