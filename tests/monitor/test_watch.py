"""A channel is watched: windows recorded once, alerts raised by the rule, over real log files and a real journal."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError
from workbench.foundation.project import Project
from workbench.monitor import verdict, watch
from workbench.monitor.alerts import list_alerts
from workbench.monitor.watch import check_channel, list_monitors

CHANNEL = "mill@production"


def _events(project, kind):
    return [event for event in project.journal.events() if event.kind == kind]


def _hot(rows: np.ndarray) -> np.ndarray:
    """Ambient temperature rises by two standard deviations."""
    return rows + np.array([0, 0, 4.0, 0])


def test_nothing_predicted_yet_is_an_empty_card(project, served):
    card = check_channel(project, CHANNEL)
    assert (card.windows, card.alerts, card.rows_seen, card.reference_rows) == ((), (), 0, 20_000)
    assert list_monitors(project) == (card,)


@pytest.mark.checklist("S1-04", "S4-18")
def test_in_domain_predictions_make_windows_and_no_alert(project, served, normal_rows):
    served.append(normal_rows(2300))
    card = check_channel(project, CHANNEL)
    assert [window.index for window in card.windows] == [3, 2, 1, 0]
    assert card.rows_seen == 2300
    assert card.alerts == ()
    assert card.windows[0].rows == 500
    assert card.windows[-1].predictions == {"ok": 0.9, "fault": 0.1}
    assert card.windows[-1].started_at == "2023-11-14T22:13:20.000+00:00"
    assert len(_events(project, "window.recorded")) == 4
    assert project.journal.record("window", f"{CHANNEL}/{served.model_digest[7:23]}/3").state == "RECORDED"


def test_a_second_check_records_nothing_twice(project, served, normal_rows):
    served.append(normal_rows(1200))
    first = check_channel(project, CHANNEL)
    before = project.journal.head()
    assert check_channel(project, CHANNEL) == first
    assert project.journal.head() == before
    served.append(normal_rows(300))
    assert [window.index for window in check_channel(project, CHANNEL).windows] == [2, 1, 0]


def _check_elsewhere(root) -> int:
    return len(check_channel(Project.open(root, actor="x@example.com"), CHANNEL).windows)


def test_concurrent_checks_use_each_row_once_and_raise_one_alert(project, served, normal_rows):
    served.append(normal_rows(1000))
    served.append(_hot(normal_rows(4000)))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_check_elsewhere, [project.root] * 4)) == [10] * 4
    records = project.journal.records("window")
    assert sorted(record.body["index"] for record in records) == list(range(10))
    assert len(_events(project, "window.recorded")) == 10
    last = max(records, key=lambda record: record.body["index"])
    assert last.body["cursor"] == {served.name: 5000}
    assert len(_events(project, "alert.raised")) == 1
    assert project.journal.verify().seq == project.journal.head().seq


def test_a_check_that_was_overtaken_goes_on_behind_the_faster_one(project, served, normal_rows, monkeypatch):
    served.append(_hot(normal_rows(1500)))
    judge, overtaken = verdict.judge_window, []

    def judge_slowly(*args, **kwargs):
        if not overtaken:
            overtaken.append(True)
            check_channel(Project.open(project.root, actor="faster@example.com"), CHANNEL)
            served.append(_hot(normal_rows(500)))
        return judge(*args, **kwargs)

    monkeypatch.setattr(verdict, "judge_window", judge_slowly)
    card = check_channel(project, CHANNEL)
    assert [window.index for window in card.windows] == [3, 2, 1, 0]
    actors = [event.actor for event in _events(project, "window.recorded")]
    assert actors == ["faster@example.com"] * 3 + ["op@example.com"]
    assert card.alerts[0].count == 4


@pytest.mark.checklist("S0-24", "S1-04", "S1-40", "S4-18")
def test_two_drifted_windows_raise_one_alert_that_names_reason_and_next_step(project, served, normal_rows):
    served.append(normal_rows(1000))
    served.append(_hot(normal_rows(500)))
    assert check_channel(project, CHANNEL).alerts == ()  # one window is not enough
    served.append(_hot(normal_rows(500)))
    (alert,) = check_channel(project, CHANNEL).alerts
    assert (alert.kind, alert.severity, alert.state, alert.count) == ("drift", "critical", "OPEN", 2)
    assert "1 of 4 inputs drifted" in alert.title
    assert "temperature (mean 300 in training, 304 now" in alert.title
    assert "mlops review request mill" in alert.action
    served.append(_hot(normal_rows(1000)))
    (renewed,) = check_channel(project, CHANNEL).alerts
    assert (renewed.id, renewed.count) == (alert.id, 4)
    assert renewed.raised_at == alert.raised_at
    assert renewed.last_seen_at > alert.last_seen_at
    (event,) = _events(project, "alert.raised")
    assert event.actor == "system"


@pytest.mark.checklist("S1-04")
def test_whoever_is_to_be_told_is_told_by_the_check_itself(project, served, normal_rows, monkeypatch):
    """Without a Jupyter server nobody else would start the delivery."""
    waiting: list[int] = []
    monkeypatch.setattr(watch, "announce", lambda told: waiting.append(len(_events(told, "alert.raised"))))
    served.append(_hot(normal_rows(1500)))
    check_channel(project, CHANNEL)
    assert waiting == [1]


def test_predictions_that_shift_while_inputs_stay_raise_their_own_alert(project, served, normal_rows):
    served.append(normal_rows(1000), np.arange(1000) % 5 < 2)
    (alert,) = check_channel(project, CHANNEL).alerts
    assert (alert.kind, alert.severity) == ("prediction", "critical")
    assert "went from 10 % to 40 %" in alert.title
    assert "mlops rollback mill@production" in alert.action


def test_alarm_windows_is_obeyed(make_project, freeze, serve, profiled, normal_rows):
    project = make_project(alarm_windows=3)
    writer = serve(project, freeze(project, profiled))
    writer.append(_hot(normal_rows(1000)))
    assert check_channel(project, CHANNEL).alerts == ()
    writer.append(_hot(normal_rows(500)))
    assert len(check_channel(project, CHANNEL).alerts) == 1


def test_a_model_without_reference_is_described_and_never_alarms(project, freeze, normal_rows, serve):
    writer = serve(project, freeze(project, None))
    writer.append(_hot(normal_rows(1500)))
    card = check_channel(project, CHANNEL)
    assert card.reference_rows == 0
    assert not any(window.is_drifted for window in card.windows)
    assert {f.name for f in card.windows[0].features} == set(writer.features)


def test_rows_of_the_model_before_are_recorded_but_ring_no_bell(served, freeze, serve, profiled, normal_rows):
    project = served.project
    served.append(_hot(normal_rows(1000)))
    (alert,) = check_channel(project, CHANNEL).alerts
    serve(project, freeze(project, profiled, "m2"), version=2)
    served.append(_hot(normal_rows(500)))
    card = check_channel(project, CHANNEL)
    assert card.alerts == ()
    assert card.windows == ()
    assert len(project.journal.records("window")) == 3
    (resolved,) = list_alerts(project, "RESOLVED")
    assert resolved.id == alert.id
    (event,) = _events(project, "alert.resolved")
    assert event.data == {"reason": "another model answers now"}


def test_unknown_channel_names_the_nearest(project, served):
    with pytest.raises(NotFoundError, match="mill@prodution") as caught:
        check_channel(project, "mill@prodution")
    assert caught.value.code == "channel-unknown"
    assert caught.value.hint == "did you mean 'mill@production'?"


@pytest.mark.parametrize("setting", [{"window_rows": 0}, {"alarm_windows": 4}, {"false_discovery_rate": 1.5}])
def test_settings_out_of_range_are_refused_before_anything_is_read(make_project, setting):
    with pytest.raises(UsageError, match=next(iter(setting))) as caught:
        check_channel(make_project(**setting), CHANNEL)
    assert caught.value.code == "config-out-of-range"


def test_changed_model_bytes_are_an_integrity_error_and_record_nothing(project, served, normal_rows):
    served.append(normal_rows(600))
    entry = next(e for e in project.store.tree(served.model_digest) if e.path == "reference.npz")
    path = project.store.path_of(entry.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    before = project.journal.head()
    with pytest.raises(IntegrityError):
        check_channel(project, CHANNEL)
    assert project.journal.head() == before


def test_a_log_of_other_features_is_an_integrity_error(project, freeze, serve, profiled):
    writer = serve(project, freeze(project, profiled), features=("a", "b"))
    writer.append(np.zeros((500, 2)))
    with pytest.raises(IntegrityError) as caught:
        check_channel(project, CHANNEL)
    assert caught.value.code == "layout-mismatch"
