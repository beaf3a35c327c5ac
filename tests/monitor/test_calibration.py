"""False alarms and detections, measured through the very functions that watch a channel, with fixed seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from workbench.monitor.drift import judge_features

LEVEL, FEATURES, REFERENCE_ROWS = 0.05, 20, 30_000
NAMES = tuple(f"f{i}" for i in range(FEATURES))
Draw = Callable[[np.random.Generator, int], np.ndarray]

DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=(n, FEATURES)),
    "heavy tails": lambda rng, n: rng.standard_t(2, size=(n, FEATURES)),
    "integer sensor": lambda rng, n: rng.poisson(3, size=(n, FEATURES)).astype(float),
    "rare switch": lambda rng, n: (rng.random((n, FEATURES)) < 0.05).astype(float),
}


def _drifted_windows(draw, reference_of, *, windows, rows, shift=None, seed=7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    flags = []
    for index in range(windows):
        if index % 30 == 0:  # the reference is a sample too: a rate measured against one only would be luck
            reference = reference_of(draw(rng, REFERENCE_ROWS))
        window = draw(rng, rows) if shift is None else shift(draw(rng, rows))
        flags.append(any(f.is_drifted for f in judge_features(window.astype(np.float32), NAMES, reference, LEVEL)))
    return np.array(flags)


def _alarms(flags: np.ndarray) -> float:
    """Share of positions at which two of the last three windows drifted."""
    return float(np.mean(np.convolve(flags, np.ones(3), "valid") >= 2))


@pytest.mark.checklist("S1-04", "S1-22", "S1-24")
@pytest.mark.parametrize(("kind", "rows"), [*((kind, 500) for kind in DRAWS), ("normal", 300)])
def test_without_drift_hardly_any_window_and_no_alarm_worth_the_name(kind, rows, reference_of, record_property):
    flags = _drifted_windows(DRAWS[kind], reference_of, windows=300, rows=rows)
    sys.stdout.write(f"{kind}, {rows} rows: {flags.mean():.1%} of windows, {_alarms(flags):.2%} alarms\n")
    record_property("false_alarms", _alarms(flags))
    assert flags.mean() <= LEVEL + 0.025  # two standard errors of 300 windows
    assert _alarms(flags) <= 0.02


@pytest.mark.checklist("S1-04", "S1-22")
@pytest.mark.parametrize("moved", [1, 5, FEATURES])
def test_a_shift_of_three_tenths_of_a_standard_deviation_is_detected(moved, reference_of, record_property):
    def shift(window: np.ndarray) -> np.ndarray:
        window[:, :moved] += 0.3
        return window

    for rows, at_least in ((300, 0.9), (500, 0.95)):
        flags = _drifted_windows(DRAWS["normal"], reference_of, windows=90, rows=rows, shift=shift)
        sys.stdout.write(f"{moved} of {FEATURES} features moved, {rows} rows: {_alarms(flags):.1%} detected\n")
        record_property("detected", _alarms(flags))
        assert _alarms(flags) >= at_least


def test_the_harness_catches_a_broken_reference(reference_of):
    """A planted fault: a reference that forgot ties by comparing other values must be seen as drift at once."""
    flags = _drifted_windows(
        DRAWS["integer sensor"], reference_of, windows=9, rows=300, shift=lambda window: window + 1e-3
    )
    assert flags.all()


@pytest.mark.checklist("S1-04")
def test_on_the_shuttles_own_readings_nothing_rings_and_a_drifting_sensor_does(reference_of, record_property):
    """Real, heavily tied integer sensors in their own order: the past is the reference, the rest is the traffic."""
    from river.datasets import Shuttle

    readings = np.array([list(sensors.values()) for sensors, _ in Shuttle()], dtype=float)
    first = int(0.6 * len(readings))
    reference, live = reference_of(readings[:first]), readings[first:].astype(np.float32)
    names = tuple(f"sensor {index}" for index in range(9))

    def flags(rows: np.ndarray) -> np.ndarray:
        windows = (rows[start : start + 500] for start in range(0, len(rows) - 499, 500))
        return np.array([any(f.is_drifted for f in judge_features(w, names, reference, LEVEL)) for w in windows])

    calm = flags(live)
    moved = live.copy()
    moved[:, 0] += np.round(0.5 * readings[:first, 0].std())
    sys.stdout.write(f"shuttle: {calm.mean():.1%} of {len(calm)} windows, {_alarms(calm):.1%} alarms\n")
    record_property("false_alarms", _alarms(calm))
    assert calm.mean() <= 0.05
    assert _alarms(calm) == 0
    assert _alarms(flags(moved)) == 1
