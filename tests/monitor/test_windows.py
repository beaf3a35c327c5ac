"""Windows are cut from real log files: torn records, several files, clocks set back, each row once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.foundation.errors import IntegrityError
from workbench.monitor.windows import cut_window, find_logs


def _marked(n: int, start: int) -> np.ndarray:
    """Rows that carry their own number in the first feature."""
    rows = np.zeros((n, 4))
    rows[:, 0] = np.arange(start, start + n)
    return rows


def _log(writer):
    (log,) = find_logs(writer.project.state_dir / "predictions", writer.channel)
    return log


def test_windows_follow_each_other_without_gap_or_overlap(served):
    served.append(_marked(1250, 0))
    log, cursor, seen = _log(served), {}, []
    while batch := cut_window(log, cursor, 500):
        seen.append(batch.inputs[:, 0])
        cursor = batch.cursor
    assert [len(part) for part in seen] == [500, 500]
    assert np.array_equal(np.concatenate(seen), np.arange(1000))
    assert log.rows == 1250


def test_torn_last_record_is_not_a_row(served):
    served.append(_marked(499, 0))
    served.tear()
    assert _log(served).rows == 499
    assert cut_window(_log(served), {}, 500) is None


def test_a_restarted_runner_goes_on_in_a_new_file_after_a_torn_one(served):
    served.append(_marked(300, 0))
    served.tear()
    served.name = "1700000900000-12.rows"
    served.append(_marked(300, 300))
    batch = cut_window(_log(served), {}, 600)
    assert batch is not None
    assert np.array_equal(batch.inputs[:, 0], np.arange(600))
    assert batch.cursor == {"1700000000000-11.rows": 300, "1700000900000-12.rows": 300}


def test_two_runners_at_once_are_merged_by_time_and_no_row_is_used_twice(served):
    served.append(_marked(700, 0), step_s=2.0)
    served.name, served.clock = "1700000000001-12.rows", 1_700_000_001.0
    served.append(_marked(700, 10_000), step_s=2.0)
    log, cursor, seen = _log(served), {}, []
    while batch := cut_window(log, cursor, 100):
        assert np.all(np.diff(batch.at) >= 0)
        seen.extend(batch.inputs[:, 0].tolist())
        cursor = batch.cursor
    assert len(seen) == len(set(seen)) == 1400
    assert seen[:4] == [0, 10_000, 1, 10_001]


def test_a_clock_set_back_within_a_file_loses_and_doubles_nothing(served):
    served.append(_marked(150, 0))
    served.clock -= 1000
    served.append(_marked(150, 150))
    log, cursor, seen = _log(served), {}, []
    while batch := cut_window(log, cursor, 100):
        seen.extend(batch.inputs[:, 0].tolist())
        cursor = batch.cursor
    assert seen == list(range(300))


def test_a_file_that_was_cleaned_away_leaves_the_cursor(served):
    served.append(_marked(100, 0))
    first = cut_window(_log(served), {}, 100)
    (served.folder / served.name).unlink()
    served.name = "1700000900000-12.rows"
    served.append(_marked(100, 100))
    second = cut_window(_log(served), first.cursor, 100)
    assert second.inputs[0, 0] == 100
    assert second.cursor == {"1700000900000-12.rows": 100}


@pytest.mark.parametrize(
    "damage",
    [
        lambda layout: layout.pop("features"),
        lambda layout: layout["features"].pop(),
        lambda layout: layout.update(dtype=[["at", "<f8"]]),
        lambda layout: layout.update(dtype=[["at", "<f8"], ["x", "nonsense", [4]], ["y", "<f4"]]),
    ],
)
def test_damaged_layout_is_an_integrity_error_that_names_the_file(served, damage):
    path = served.folder / "layout.json"
    layout = json.loads(path.read_text())
    damage(layout)
    path.write_text(json.dumps(layout))
    with pytest.raises(IntegrityError, match=r"layout\.json") as caught:
        _log(served)
    assert caught.value.code == "layout-malformed"
