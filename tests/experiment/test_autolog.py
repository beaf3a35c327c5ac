"""Autologging records what is there anyway, of the outermost fit, and never fails it."""

import mlflow
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import workbench
from workbench.experiment import autolog as module
from workbench.experiment.capture import quiet
from workbench.experiment.runs import show_run
from workbench.experiment.store.client import tracking_client

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def switched_off_again(project, monkeypatch):
    monkeypatch.chdir(project.root)
    yield
    workbench.autolog(disable=True)


def test_a_fit_and_a_score(project):
    workbench.autolog()
    with workbench.run() as run:
        model = LogisticRegression(C=0.5).fit(X, Y)
        score = model.score(X, Y)
    detail = show_run(project, run)
    assert detail.card.params["C"] == "0.5"
    assert set(detail.card.params) == set(model.get_params())
    assert detail.card.metrics == {"LogisticRegression_score": score, "n_iter": model.n_iter_[0]}
    assert detail.history["system/fit_duration_s"][0].value > 0
    tags = tracking_client(project).get_run(run).data.tags
    assert tags["estimator_class"] == "sklearn.linear_model._logistic.LogisticRegression"


def test_parameters_are_those_that_mlflow_logs(project):
    estimators = LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    theirs = []
    try:
        with workbench.run():
            for estimator in estimators:
                with mlflow.start_run() as trial:
                    estimator.fit(X, Y)
                theirs.append(set(mlflow.get_run(trial.info.run_id).data.params))
    finally:
        mlflow.sklearn.autolog(disable=True)
    workbench.autolog()
    for estimator, names in zip(estimators, theirs, strict=True):
        with workbench.run() as run:
            estimator.fit(X, Y)
        assert set(show_run(project, run).card.params) == names


def test_a_second_estimator_gets_a_number(project):
    workbench.autolog()
    with workbench.run() as run:
        RandomForestClassifier(3, max_depth=2).fit(X, Y)
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, Y)
    card = show_run(project, run).card
    assert card.params["max_depth"] == "2"
    assert card.params["2.best_C"] in "12"
    assert card.metrics["2.best_cv_score"] > 0.5
    assert not [key for key in card.params if key.startswith("3.")], "inner fits are not fits of the user's"


def test_a_class_of_ones_own_that_is_defined_later(project):
    workbench.autolog()

    class Constant(ClassifierMixin, BaseEstimator):
        def __init__(self, value=1):
            self.value = value

        def fit(self, x, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, x):
            return np.full(len(x), self.value)

    with workbench.run() as run:
        Constant(0).fit(X, Y).score(X, Y)
    card = show_run(project, run).card
    assert card.params == {"value": "0"}
    assert "Constant_score" in card.metrics


def test_outside_a_run_and_switched_off_nothing_is_recorded(project):
    workbench.autolog()
    LogisticRegression().fit(X, Y)
    workbench.autolog(disable=True)
    with workbench.run() as run:
        LogisticRegression().fit(X, Y)
    assert show_run(project, run).card.params == {}


def test_a_fit_that_fails_fails_as_ever_and_the_next_is_recorded(project):
    workbench.autolog()
    with workbench.run() as run:
        with pytest.raises(ValueError, match="inconsistent"):
            LogisticRegression().fit(X, Y[:-1])
        LogisticRegression().fit(X, Y)
    assert "2.C" in show_run(project, run).card.params


def test_recording_that_fails_never_fails_the_fit(project, monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(module, "append", broken)
    monkeypatch.setattr(quiet, "_said", set())
    workbench.autolog()
    with workbench.run():
        assert LogisticRegression().fit(X, Y).predict(X[:1]).shape == (1,)
    assert "planted" in capsys.readouterr().err


def test_model_and_training_score_on_request(project):
    workbench.autolog(model=True, training_score=True)
    with workbench.run() as run:
        RandomForestClassifier(3).fit(X, Y)
    assert show_run(project, run).card.metrics["training_score"] > 0.5
    found = mlflow.get_run(run)
    assert [output.model_id for output in found.outputs.model_outputs]


def test_fitted_results_are_the_same_with_and_without(project):
    plain = RandomForestClassifier(5, random_state=0).fit(X, Y).predict_proba(X)
    workbench.autolog()
    with workbench.run():
        assert (RandomForestClassifier(5, random_state=0).fit(X, Y).predict_proba(X) == plain).all()
