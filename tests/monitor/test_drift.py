"""The statistics agree with scipy, stand ties and missing values, and keep quiet about trifles."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy import spatial, special, stats

from workbench.foundation.errors import IntegrityError
from workbench.monitor.drift import (
    benjamini_hochberg,
    jensen_shannon,
    judge_features,
    judge_predictions,
    kolmogorov_tail,
    ks_distance,
)
from workbench.monitor.reference import parse_reference

LEVEL = 0.05


def _names(n):
    return tuple(f"f{i}" for i in range(n))


@pytest.mark.parametrize("kind", ["continuous", "integers", "constant"])
def test_ks_distance_is_scipys(rng, kind):
    draw = {
        "continuous": lambda n: rng.normal(size=n),
        "integers": lambda n: rng.poisson(2, n).astype(float),
        "constant": lambda n: np.full(n, 3.0),
    }[kind]
    for n in (1, 37, 500):
        window, reference = np.sort(draw(n).astype(np.float32)), np.sort(draw(4096).astype(np.float32))
        assert ks_distance(window, reference) == pytest.approx(stats.ks_2samp(window, reference).statistic, abs=1e-12)


def test_kolmogorov_tail_is_scipys():
    for x in np.linspace(0, 4, 81):
        assert kolmogorov_tail(float(x)) == pytest.approx(special.kolmogorov(x), abs=1e-9)


def test_benjamini_hochberg_is_scipys(rng):
    for _ in range(200):
        p = rng.random(20) ** 3
        assert np.array_equal(benjamini_hochberg(p, LEVEL), stats.false_discovery_control(p) <= LEVEL)


def test_jensen_shannon_is_scipys(rng):
    for _ in range(50):
        p, q = rng.random(7), rng.random(7)
        p[0] = 0
        assert jensen_shannon(p, q) == pytest.approx(spatial.distance.jensenshannon(p, q, base=2), abs=1e-12)


@pytest.mark.checklist("S1-22")
def test_a_tied_decimal_in_the_training_data_is_no_drift_in_the_float32_log(rng, reference_of):
    # 0.1 in float64 training data and 0.1 in a float32 log differ; compared naively, all of a tie seems to move.
    training = rng.choice([0.1, 0.2, 0.7], size=(20_000, 1), p=[0.5, 0.3, 0.2])
    window = rng.choice([0.1, 0.2, 0.7], size=(500, 1), p=[0.5, 0.3, 0.2]).astype(np.float32)
    (feature,) = judge_features(window, ("x",), reference_of(training), LEVEL)
    assert feature.statistic < 0.1
    assert not feature.is_drifted


@pytest.mark.checklist("S1-22")
def test_a_dead_sensor_is_named_as_missing(rng, reference_of):
    reference = reference_of(rng.normal(size=(5000, 3)))
    window = rng.normal(size=(500, 3)).astype(np.float32)
    window[:60, 1] = np.nan
    worst = judge_features(window, _names(3), reference, LEVEL)[0]
    assert (worst.name, worst.cause, worst.is_drifted) == ("f1", "missing", True)
    assert worst.missing == pytest.approx(0.12)
    window[:, 1] = np.nan
    worst = judge_features(window, _names(3), reference, LEVEL)[0]
    assert (worst.name, worst.cause, worst.missing, worst.window_mean) == ("f1", "missing", 1.0, 0.0)


def test_a_feature_with_as_many_missing_values_as_in_training_is_quiet(rng, reference_of):
    def draw(n):
        return np.where(rng.random((n, 2)) < 0.2, np.nan, rng.normal(size=(n, 2)))

    reference = reference_of(draw(5000))
    for _ in range(50):
        assert not any(
            f.cause == "missing" for f in judge_features(draw(500).astype(np.float32), _names(2), reference, LEVEL)
        )


@pytest.mark.checklist("S1-22")
def test_a_few_wild_values_that_ks_cannot_see_are_named_as_range(rng, reference_of):
    reference = reference_of(rng.normal(size=(20_000, 2)))
    window = rng.normal(size=(500, 2)).astype(np.float32)
    window[:8, 0] = 40
    worst = judge_features(window, _names(2), reference, LEVEL)[0]
    assert worst.p_value > 0.05
    assert (worst.name, worst.cause, worst.outside) == ("f0", "range", pytest.approx(0.016))


def test_infinite_values_count_as_missing_and_the_figures_stay_json(rng, reference_of):
    window = rng.normal(size=(500, 1)).astype(np.float32)
    window[:50] = np.inf
    (feature,) = judge_features(window, ("x",), reference_of(rng.normal(size=(5000, 1))), LEVEL)
    assert feature.missing == pytest.approx(0.1)
    assert np.isfinite([feature.statistic, feature.p_value, feature.window_mean]).all()


@pytest.mark.checklist("S1-24")
def test_a_huge_window_does_not_alarm_on_a_trifle(rng, reference_of):
    reference = reference_of(rng.normal(size=(500_000, 1)))
    window = rng.normal(0.05, 1, size=(200_000, 1)).astype(np.float32)
    (feature,) = judge_features(window, ("x",), reference, LEVEL)
    assert feature.p_value < 1e-12  # proven
    assert not feature.is_drifted  # and too small to matter
    (feature,) = judge_features(window + np.float32(0.15), ("x",), reference, LEVEL)
    assert feature.is_drifted


def test_predictions_judged_by_likelihood_and_size():
    share = np.array([0.93, 0.07])
    assert not judge_predictions(np.array([465.0, 35.0]), share, 30_000, LEVEL).is_drifted
    moved = judge_predictions(np.array([350.0, 150.0]), share, 30_000, LEVEL)
    assert moved.is_drifted
    assert moved.distance == pytest.approx(spatial.distance.jensenshannon([0.7, 0.3], share, base=2))
    few = judge_predictions(np.array([9.0, 1.0]), np.array([1.0, 0.0]), 30_000, LEVEL)
    assert few.distance > 0.1
    regression = judge_predictions(np.array([]), np.array([]), 30_000, LEVEL)
    assert (regression.distance, regression.is_drifted) == (0.0, False)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 torn", b"not a zip"])
def test_damaged_reference_is_an_integrity_error(data):
    with pytest.raises(IntegrityError) as caught:
        parse_reference(data, "m")
    assert caught.value.code == "reference-malformed"


def test_pickled_reference_is_refused():
    buffer = io.BytesIO()
    np.savez(buffer, quantiles=np.array([{"a": 1}], dtype=object), mean=np.zeros(1))
    with pytest.raises(IntegrityError):
        parse_reference(buffer.getvalue(), "m")
