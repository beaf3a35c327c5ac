"""Hand a trained model over: one folder with everything a reviewer, a runner and a monitor need.

The folder is what :mod:`workbench.contract.model` describes. It is built and checked in a temporary folder first, so a
model that cannot be handed over leaves nothing in the run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import (
    HOLDOUT_FILE,
    MANIFEST_FILE,
    ONNX_FILE,
    REFERENCE_FILE,
    Feature,
    ModelManifest,
    check_model_name,
    manifest_bytes,
)
from workbench.experiment.model import conversion
from workbench.experiment.model.profile import npz_bytes, reference
from workbench.experiment.model.scores import is_higher_better, scores
from workbench.experiment.model.tables import class_indices, feature_names, matrix
from workbench.experiment.runs import show_run
from workbench.experiment.session import current_run
from workbench.experiment.store import tracking
from workbench.experiment.store.models import write_mlmodel
from workbench.foundation.errors import UsageError, did_you_mean, storage_errors

Array = npt.NDArray[Any]

_EXAMPLES = 5
TASKS = ("classification", "regression")


@dataclass(frozen=True)
class _Candidate:
    """A model that has been converted and checked, with its answers for the holdout."""

    onnx: Any
    data: bytes
    manifest: ModelManifest
    inputs: Array
    truth: Array
    answers: Array
    training: Array

    @property
    def is_classifier(self) -> bool:
        return self.manifest.task == "classification"


def save_model(
    model: Any,
    *,
    name: str,
    train: Any,
    holdout: tuple[Any, Any],
    metric: str = "f1",
    classes: tuple[str, ...] | list[str] | None = None,
    task: str = "classification",
    optional: Sequence[str] = (),
) -> str:
    """Log a trained model into the current run and return its MLflow address, ``runs:/<run>/models/<name>``.

    It is converted to ONNX and must answer as the estimator does. The run gets the holdout's figures as ``holdout_…``.

    Args:
        model: A fitted scikit-learn estimator or pipeline, or the path of an ONNX file that keeps the contract.
        name: Name of the model: letters, digits, ``.``, ``-`` and ``_``.
        train: Training rows (a DataFrame or array of numbers); their distribution is kept, for drift.
        holdout: Rows the model has never seen, and their labels or values.
        metric: The metric that decides.
        classes: What people call the classes, in the order of the estimator's own labels.
        task: ``classification`` or ``regression``.
        optional: Features that callers may leave out; they are NaN then, which the estimator has to know how to take.

    Raises:
        UsageError: ``no-active-run``, ``model-unsupported``, ``model-name-malformed``, ``task-unknown``,
            ``metric-unknown``, ``rows-unusable``, ``classes-differ``, ``feature-unknown`` or ``conversion-differs``.
    """
    project, run = current_run()
    check_model_name(name)
    if task not in TASKS:
        raise UsageError("task-unknown", f"There is no task '{task}'", f"known: {', '.join(TASKS)}")
    metric = "mae" if (task, metric) == ("regression", "f1") else metric
    is_higher_better(task, metric)
    candidate = _candidate(model, name=name, train=train, holdout=holdout, metric=metric, classes=classes, task=task)
    candidate = replace(candidate, manifest=_with_optional(candidate.manifest, optional))
    figures = scores(task, candidate.truth, candidate.answers, len(candidate.manifest.classes))
    with tempfile.TemporaryDirectory(prefix="wb-model-") as scratch:
        folder = Path(scratch) / name
        _write(candidate, folder)
        tracking.log_artifacts(project, run, folder, f"models/{name}")
    tracking.log_metrics(project, run, {f"holdout_{key}": value for key, value in figures.items()})
    names = {*show_run(project, run).card.models, name}
    tracking.set_tags(project, run, {"workbench.models": json.dumps(sorted(names))})
    return f"runs:/{run}/models/{name}"


def _with_optional(manifest: ModelManifest, optional: Sequence[str]) -> ModelManifest:
    """Return the manifest with these features marked as ones that callers may leave out."""
    names = [feature.name for feature in manifest.features]
    if unknown := [name for name in optional if name not in names]:
        hint = did_you_mean(unknown[0], names)
        raise UsageError("feature-unknown", f"The model has no feature '{unknown[0]}'", hint)
    marked = tuple(replace(feature, is_optional=feature.name in set(optional)) for feature in manifest.features)
    return replace(manifest, features=marked)


def _candidate(
    model: Any, *, name: str, train: Any, holdout: tuple[Any, Any], metric: str, classes: Any, task: str
) -> _Candidate:
    is_classifier = task == "classification"
    is_file = isinstance(model, str | Path)
    names = feature_names(model, train)
    training = matrix(train, names, "train")
    rows, truth = _pair(holdout)
    inputs = matrix(rows, names, "holdout")
    own_labels = _own_labels(model, classes, is_file=is_file) if is_classifier else None
    truth = _truth(truth, own_labels, len(inputs))
    if is_file:
        onnx_model = conversion.load_onnx(str(model), len(names), is_classifier=is_classifier)
    else:
        onnx_model = conversion.convert(model, len(names), own_labels)
    data = conversion.onnx_bytes(onnx_model)
    answers, probabilities = conversion.predict(data, inputs.astype(np.float32), is_classifier=is_classifier)
    own = answers if is_file else _own_answers(model, rows, names, own_labels)
    is_same = conversion.check_agreement(own, answers, probabilities)
    finite = is_same & ~np.isnan(inputs).any(axis=1)
    examples = np.flatnonzero(finite)[:_EXAMPLES]
    manifest = ModelManifest(
        name=name,
        task=task,
        engine="onnx",
        file=ONNX_FILE,
        features=tuple(Feature(feature) for feature in names),
        classes=tuple(str(label) for label in (classes or own_labels.tolist())) if own_labels is not None else (),
        metric=metric,
        is_higher_better=is_higher_better(task, metric),
        example_inputs=tuple(tuple(map(float, row)) for row in inputs[examples].astype(np.float32)),
        example_outputs=tuple(map(float, own[examples])),
    )
    as_served = inputs.astype(np.float32), truth, answers, training.astype(np.float32)
    return _Candidate(onnx_model, data, manifest, *as_served)


def _write(candidate: _Candidate, folder: Path) -> None:
    manifest = candidate.manifest
    answers, _ = conversion.predict(candidate.data, candidate.training, is_classifier=candidate.is_classifier)
    kind = np.int64 if candidate.is_classifier else np.float64
    holdout = {
        "inputs": candidate.inputs,
        "truth": candidate.truth.astype(kind),
        "prediction": candidate.answers.astype(kind),
    }
    with storage_errors(folder):
        write_mlmodel(candidate.onnx, folder, len(manifest.features))
        (folder / ONNX_FILE).write_bytes(candidate.data)
        (folder / MANIFEST_FILE).write_bytes(manifest_bytes(manifest))
        (folder / HOLDOUT_FILE).write_bytes(npz_bytes(holdout))
        profile = reference(candidate.training, answers, len(manifest.classes))
        (folder / REFERENCE_FILE).write_bytes(npz_bytes(profile))


def _pair(holdout: Any) -> tuple[Any, Any]:
    if not isinstance(holdout, tuple | list) or len(holdout) != 2:
        hint = "pass holdout=(X_test, y_test)"
        raise UsageError("rows-unusable", "The holdout must be rows and their labels", hint)
    return holdout[0], holdout[1]


def _own_labels(model: Any, classes: Any, *, is_file: bool) -> Array:
    """Return the estimator's labels in index order; an ONNX file's are the class indices themselves."""
    if is_file:
        if not classes:
            raise UsageError("classes-differ", "An ONNX file does not name its classes", "pass classes=(…)")
        return np.arange(len(classes))
    own = getattr(model, "classes_", None)
    if own is None or not hasattr(model, "predict"):
        hint = "fit it first; for a model of numbers pass task='regression'"
        message = f"A {type(model).__name__} is no fitted classifier"
        raise UsageError("model-unsupported", message, hint)
    labels = np.asarray(own)
    if labels.ndim != 1 or len(labels) < 2 or (classes and len(classes) != len(labels)):
        message = f"The model has the classes {labels.tolist()}, not {list(classes or [])}"
        raise UsageError("classes-differ", message, "name each class once, in this order")
    return labels


def _own_answers(model: Any, rows: Any, names: tuple[str, ...], labels: Array | None) -> Array:
    """Ask the estimator itself, on the rows as the author gave them."""
    known = getattr(rows, "columns", None)
    given = rows[[column for name in names for column in known if str(column) == name]] if known is not None else rows
    try:
        answers = np.asarray(model.predict(given)).reshape(-1)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        hint = "pass rows as the model was trained on"
        raise UsageError("rows-unusable", f"The model refuses the holdout: {reason}", hint) from error
    return answers.astype(np.float64) if labels is None else class_indices(answers, labels, "The model")


def _truth(truth: Any, labels: Array | None, rows: int) -> Array:
    if labels is not None:
        found = class_indices(truth, labels, "holdout")
    else:
        try:
            found = np.asarray(truth, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise UsageError("rows-unusable", "The holdout's values are no numbers", "pass numbers") from None
        if not np.isfinite(found).all():
            raise UsageError("rows-unusable", "A value of the holdout is missing or infinite", "leave such rows out")
    if len(found) != rows:
        message = f"The holdout has {rows} rows and {len(found)} labels"
        raise UsageError("rows-unusable", message, "pass one label for each row")
    return found
