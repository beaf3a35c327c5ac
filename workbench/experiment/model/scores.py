"""Figures over the holdout, by the words that policies use; two classes are scored on the second, more on the mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.metric import metrics_of
from workbench.foundation.errors import UsageError, did_you_mean

Array = npt.NDArray[Any]


def is_higher_better(task: str, metric: str) -> bool:
    """Tell which direction of a metric is the better one.

    Raises:
        UsageError: ``metric-unknown``: the task has no such metric.
    """
    known = metrics_of(task)
    if metric not in known:
        raise UsageError("metric-unknown", f"{task} has no metric '{metric}'", did_you_mean(metric, known))
    return known[metric]


def scores(task: str, truth: Array, answers: Array, classes: int) -> dict[str, float]:
    """Return all metrics of a task."""
    return _of_classes(truth, answers, classes) if task == "classification" else _of_values(truth, answers)


def _of_classes(truth: Array, answers: Array, classes: int) -> dict[str, float]:
    from sklearn import metrics

    labels = list(range(classes))
    average = {"average": "binary", "pos_label": 1} if classes == 2 else {"average": "macro", "labels": labels}
    every = {"labels": labels, "zero_division": 0.0}
    found = {
        "accuracy": metrics.accuracy_score(truth, answers),
        "balanced_accuracy": metrics.recall_score(truth, answers, average="macro", **every),
        "f1": metrics.f1_score(truth, answers, zero_division=0.0, **average),
        "f1_macro": metrics.f1_score(truth, answers, average="macro", **every),
        "precision": metrics.precision_score(truth, answers, zero_division=0.0, **average),
        "recall": metrics.recall_score(truth, answers, zero_division=0.0, **average),
    }
    return {name: float(value) for name, value in found.items()}


def _of_values(truth: Array, answers: Array) -> dict[str, float]:
    errors = answers - truth
    spread = float(np.sum((truth - truth.mean()) ** 2))
    mse = float(np.mean(errors**2))
    found = {"mae": float(np.mean(np.abs(errors))), "mse": mse, "rmse": float(np.sqrt(mse))}
    return {**found, "r2": 1.0 - float(np.sum(errors**2)) / spread} if spread else found
