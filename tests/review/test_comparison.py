"""The statistics of the metric check, against scikit-learn and against chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from workbench.review.checks.comparison import METRICS, compare, majority, shared_confidence

RANDOM = np.random.default_rng(7)


def classified(count: int, classes: int, accuracy: float, random=RANDOM):
    truth = random.integers(0, classes, count)
    wrong = random.random((2, count)) > accuracy
    return truth, *(np.where(w, random.integers(0, classes, count), truth) for w in wrong)


def measured(metric, truth, answers, classes=0):
    found = compare(
        metric, truth, answers, answers, classes=classes, is_higher_better=True, confidence=0.95, resamples=1000
    )
    return found.candidate.estimate


@pytest.mark.parametrize(
    ("metric", "classes", "expected"),
    [
        ("accuracy", 3, reference.accuracy_score),
        ("balanced_accuracy", 3, reference.balanced_accuracy_score),
        ("f1", 2, reference.f1_score),
        ("f1", 3, lambda t, a: reference.f1_score(t, a, average="macro")),
        ("f1_macro", 2, lambda t, a: reference.f1_score(t, a, average="macro")),
        ("precision", 2, reference.precision_score),
        ("recall", 2, reference.recall_score),
    ],
)
def test_classification_metrics_are_scikit_learns(metric, classes, expected):
    truth, answers, _ = classified(500, classes, 0.7)
    assert measured(metric, truth, answers, classes) == pytest.approx(expected(truth, answers))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("mae", reference.mean_absolute_error),
        ("mse", reference.mean_squared_error),
        ("rmse", reference.root_mean_squared_error),
        ("r2", reference.r2_score),
    ],
)
def test_regression_metrics_are_scikit_learns(metric, expected):
    truth = RANDOM.normal(5, 2, 300)
    answers = truth + RANDOM.normal(0, 1, 300)
    assert measured(metric, truth, answers) == pytest.approx(expected(truth, answers))


def test_every_metric_has_been_compared_with_scikit_learn():
    assert set(METRICS) == {
        *("accuracy", "balanced_accuracy", "f1", "f1_macro", "precision", "recall"),
        *("mae", "mse", "rmse", "r2"),
    }


def test_a_class_that_never_occurs_and_is_never_answered_counts_nothing():
    truth = np.zeros(200, dtype=int)
    assert measured("f1", truth, truth, 2) == 0.0


def test_the_same_answers_differ_by_exactly_nothing():
    truth, answers, _ = classified(400, 2, 0.8)
    found = compare("f1", truth, answers, answers, classes=2, is_higher_better=True, confidence=0.95, resamples=1000)
    assert (found.difference.estimate, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)


def test_the_interval_is_the_same_every_time():
    truth, one, other = classified(300, 2, 0.8)
    ask = {"classes": 2, "is_higher_better": True, "confidence": 0.95, "resamples": 1000}
    assert compare("f1", truth, one, other, **ask) == compare("f1", truth, one, other, **ask)


def test_an_error_that_shrinks_is_a_gain():
    truth = RANDOM.normal(0, 1, 400)
    found = compare(
        "mae", truth, truth + 0.1, truth + 0.5, classes=0, is_higher_better=False, confidence=0.95, resamples=1000
    )
    assert found.difference.estimate == pytest.approx(0.4)
    assert found.difference.low > 0


@pytest.mark.checklist("S1-33")
def test_an_equal_model_is_seldom_called_superior():
    """What counts: two equally good models that err on different rows. Naively the newer one wins half the time."""
    random = np.random.default_rng(11)
    naive = superior = 0
    trials = 300
    for _ in range(trials):
        truth, one, other = classified(400, 2, 0.8, random)
        found = compare("f1", truth, one, other, classes=2, is_higher_better=True, confidence=0.95, resamples=1000)
        naive += found.difference.estimate > 0
        superior += found.difference.low > 0
    assert naive / trials > 0.4  # the planted fault: this is what a plain comparison does
    assert superior / trials < 0.05  # nominal: 2.5 %


@pytest.mark.checklist("S1-33")
def test_twenty_tries_on_one_holdout_share_the_confidence():
    random = np.random.default_rng(12)
    plain = shared = 0
    trials = 60
    for _ in range(trials):
        truth, champion, _ = classified(400, 2, 0.8, random)
        found = []
        for attempt in range(1, 21):
            wrong = random.random(400) > 0.8
            answers = np.where(wrong, random.integers(0, 2, 400), truth)
            ask = {"classes": 2, "is_higher_better": True, "resamples": 2000}
            level = shared_confidence(0.95, attempt)
            found.append(
                (
                    compare("accuracy", truth, answers, champion, confidence=0.95, **ask).difference.low > 0,
                    compare("accuracy", truth, answers, champion, confidence=level, **ask).difference.low > 0,
                )
            )
        plain += any(first for first, _ in found)
        shared += any(second for _, second in found)
    assert plain > 2 * shared
    assert shared / trials < 0.15


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(13)
    covered = 0
    for _ in range(300):
        truth = random.random(300) < 0.5
        answers = np.where(random.random(300) < 0.9, truth, ~truth)
        found = compare(
            "accuracy", truth, answers, answers, classes=2, is_higher_better=True, confidence=0.95, resamples=1000
        )
        covered += found.candidate.low <= 0.9 <= found.candidate.high
    assert 0.91 <= covered / 300 <= 0.985


def test_a_large_regression_stays_within_memory_and_time():
    truth = RANDOM.normal(0, 1, 50_000)
    found = compare(
        "rmse", truth, truth + 0.1, truth + 0.2, classes=0, is_higher_better=False, confidence=0.95, resamples=1000
    )
    assert found.difference.low > 0


def test_the_majority_answers_one_class_or_the_median():
    assert list(majority(np.array([1, 0, 1]), classes=2)) == [1, 1, 1]
    assert list(majority(np.array([1.0, 2.0, 30.0]), classes=0)) == [2.0, 2.0, 2.0]
