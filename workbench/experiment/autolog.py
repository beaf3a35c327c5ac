"""``workbench.autolog()``: parameters and scores of every scikit-learn estimator that is fitted, next to free.

``mlflow.sklearn.autolog()`` predicts the training data again, computes a page of metrics, draws three plots and pickles
the model: 13 to 84 times a small fit. It also wraps the inner fits of a forest, one by one. Here the outermost ``fit``
in the process is wrapped, and only of classes that are imported; what is recorded is what is there anyway:

- the parameters (``get_params``), under the names that MLflow gives them;
- how long it took, and what the estimator says about itself: best score and parameters of a search, out-of-bag score,
  iterations;
- scores that the user asks for, ``model.score(X_test, y_test)``, as ``<Estimator>_score``;
- on request the score on the training data, and the model.

Libraries with scikit-learn's interface (XGBoost, LightGBM) are included; for others MLflow's own autologging goes the
fast way through our log.
"""

from __future__ import annotations

import functools
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.experiment import session
from workbench.experiment.capture.imports import when_imported
from workbench.experiment.capture.quiet import quietly
from workbench.experiment.store.append_log import PARAM, TAG, append
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project

_MAX_PARAM = 500
_MARK = "_workbench_autolog"
_FITS = ("fit", "fit_transform", "fit_predict")
_ABOUT = {"best_score_": "best_cv_score", "oob_score_": "oob_score", "n_iter_": "n_iter", "loss_": "loss"}


@dataclass
class _Settings:
    """What is recorded.

    Attributes:
        is_on: Whether anything is.
        model: Whether the fitted model is kept with the run.
        training_score: Whether ``score`` is computed on the training data.
    """

    is_on: bool = False
    model: bool = False
    training_score: bool = False


_settings = _Settings()
_busy = threading.Lock()
_count: dict[str, int] = {}


def autolog(*, model: bool = False, training_score: bool = False, disable: bool = False) -> None:
    """Record the parameters and scores of every scikit-learn estimator that is fitted in a run from now on.

    Fits outside a run are left alone. A second estimator in the same run gets a number before its parameters, since a
    parameter has one value a run: ``2.max_depth``.

    Args:
        model: Keep the fitted model with the run as MLflow's ``sklearn`` flavour does, without its child process.
        training_score: Compute ``score`` on the training data, which costs a prediction.
        disable: Record nothing any more.
    """
    _settings.is_on, _settings.model, _settings.training_score = not disable, model, training_score
    if not disable:
        when_imported("sklearn.base", _watch)


def _watch(base: Any) -> None:
    """Wrap the estimators that are imported, and each that is defined later."""
    mixins = [found for name, found in vars(base).items() if name.endswith("Mixin")]  # most estimators' score is theirs
    for found in (*mixins, *_classes_below(base.BaseEstimator)):
        _wrap(found)
    if not getattr(base.BaseEstimator.__init_subclass__, _MARK, False):
        original = base.BaseEstimator.__init_subclass__.__func__

        def __init_subclass__(cls: Any, /, **named: Any) -> None:  # noqa: N807 - takes its place
            original(cls, **named)
            with quietly("an estimator class"):
                _wrap(cls)

        setattr(__init_subclass__, _MARK, True)
        base.BaseEstimator.__init_subclass__ = classmethod(__init_subclass__)


def _classes_below(top: type) -> Iterator[type]:
    yield top
    below: type
    for below in top.__subclasses__():
        yield from _classes_below(below)


def _wrap(found: type) -> None:
    for name in _FITS:
        _replace(found, name, _recorded_fit)
    _replace(found, "score", _recorded_score)


def _replace(found: type, name: str, wrapper: Callable[[Any], Any]) -> None:
    own = vars(found).get(name)
    # Only plain functions: some classes hide a method behind a descriptor that asks the inner estimator for it.
    if callable(own) and hasattr(own, "__code__") and not getattr(own, _MARK, False):
        new = functools.wraps(own)(wrapper(own))
        setattr(new, _MARK, True)
        setattr(found, name, new)


def _recorded_fit(original: Any) -> Any:
    def fit(self: Any, *arguments: Any, **named: Any) -> Any:
        # Fits inside a fit, in whatever thread (a forest's trees), are its own business.
        if not _settings.is_on or not _busy.acquire(blocking=False):
            return original(self, *arguments, **named)
        try:
            prefix: str | None = None
            with quietly("what autologging records"):
                prefix = _record_params(self)
            begun = time.perf_counter()
            result = original(self, *arguments, **named)
            if prefix is not None:
                with quietly("what autologging records"):
                    _record_fitted(prefix, self, time.perf_counter() - begun, [*arguments, *named.values()])
            return result
        finally:
            _busy.release()

    return fit


def _recorded_score(original: Any) -> Any:
    def score(self: Any, *arguments: Any, **named: Any) -> Any:
        value = original(self, *arguments, **named)
        if _settings.is_on and not _busy.locked() and isinstance(value, float | int):
            with quietly("what autologging records"):
                if _current() is not None:
                    session.log({f"{type(self).__name__}_score": float(value)})
        return value

    return score


def _current() -> tuple[Project, str] | None:
    try:
        return session.current_run()
    except WorkbenchError:
        return None  # outside a run


def _record_params(estimator: Any) -> str | None:
    """Record the parameters and return what stands before their names; None outside a run."""
    current = _current()
    if current is None:
        return None
    project, run = current
    _count[run] = _count.get(run, 0) + 1
    prefix = f"{_count[run]}." if _count[run] > 1 else ""
    is_search = hasattr(estimator, "cv") and hasattr(estimator, "refit")
    # The inner estimator of a search is a seed: its own parameters are what is searched, not what is used.
    for key, value in estimator.get_params(deep=not is_search).items():
        append(project, run, PARAM, f"{prefix}{key}", _text(value))
    kind = type(estimator)
    append(project, run, TAG, f"{prefix}estimator_name", kind.__name__)
    append(project, run, TAG, f"{prefix}estimator_class", f"{kind.__module__}.{kind.__name__}")
    return prefix


def _record_fitted(prefix: str, estimator: Any, spent_s: float, data: list[Any]) -> None:
    """Record what a fitted estimator says about itself."""
    values: dict[str, float] = {}
    for attribute, name in _ABOUT.items():
        value = vars(estimator).get(attribute)
        value = value.item() if getattr(value, "size", 0) == 1 else value
        if isinstance(value, int | float):
            values[name] = float(value)
    if _settings.training_score and hasattr(estimator, "score") and len(data) > 1:
        values["training_score"] = float(estimator.score(*data[:2]))
    # Below ``system/``, since it differs from one run to the next and so is no result.
    session.log({f"system/{prefix}fit_duration_s": spent_s, **{f"{prefix}{k}": value for k, value in values.items()}})
    current = _current()
    if current and isinstance(best := vars(estimator).get("best_params_"), Mapping):
        for key, value in best.items():
            append(*current, PARAM, f"{prefix}best_{key}", _text(value))
    if _settings.model:
        _keep_model(estimator, data)


def _keep_model(estimator: Any, data: list[Any]) -> None:
    """Keep the model as MLflow's own flavour; its requirements come from the captured environment."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that integers cannot be missing, that a pickle is a pickle
        example = data[0][:5] if data else None
        answer = estimator.predict(example) if example is not None and hasattr(estimator, "predict") else None
        signature = infer_signature(example, answer) if answer is not None else None
        # Made here and now, so its trees may be trusted: MLflow refuses to write a forest otherwise.
        trusted = ["sklearn.tree._tree.Tree"]
        mlflow.sklearn.log_model(estimator, name="model", signature=signature, skops_trusted_types=trusted)


def _text(value: Any) -> str:
    """Return a parameter as text; of an estimator its name, since writing one out takes a millisecond."""
    if hasattr(value, "get_params"):
        return type(value).__name__
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"[:_MAX_PARAM]
    return str(value)[:_MAX_PARAM]
