"""The metrics that can decide, by the words that policies use, and which direction of each is the better one.

Fixed here, so that neither an author nor a manifest can say that more errors are better.
"""

from __future__ import annotations

from collections.abc import Mapping

CLASSIFICATION: Mapping[str, bool] = {
    "accuracy": True,
    "balanced_accuracy": True,
    "f1": True,
    "f1_macro": True,
    "precision": True,
    "recall": True,
}
"""Metrics of a classifier: whether higher is better."""

REGRESSION: Mapping[str, bool] = {"mae": False, "mse": False, "rmse": False, "r2": True}
"""Metrics of a regressor: whether higher is better."""


def metrics_of(task: str) -> Mapping[str, bool]:
    """Return the metrics of a task."""
    return CLASSIFICATION if task == "classification" else REGRESSION


def check_direction(metric: str, is_higher_better: bool) -> None:
    """Raise ValueError where a metric is given the wrong direction; of unknown metrics nothing is known."""
    known = {**CLASSIFICATION, **REGRESSION}.get(metric, is_higher_better)
    if known != is_higher_better:
        raise ValueError(f"{metric} is better {'higher' if known else 'lower'}, and it says the contrary")
