"""Models handed over: the contract's folder, the same answers, the same bytes, and no for what is no model."""

import json
import sys

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import workbench
from workbench.contract.model import parse_manifest
from workbench.experiment.runs import reader_of, show_run
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.rows import RunQuery
from workbench.foundation.errors import UsageError

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(size=(1200, 4)).astype("float32"), columns=["torque", "wear", "air", "speed"])
HIGH = (X["torque"] + X["wear"] > 0.5).to_numpy()
TRAIN, HOLDOUT = slice(0, 800), slice(800, None)


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.chdir(project.root)


def save(project, model, labels, **options):
    """Save a model in a run of its own and return the folder."""
    with workbench.run() as run:
        address = workbench.save_model(
            model, **{"name": "m", "train": X[TRAIN], "holdout": (X[HOLDOUT], labels[HOLDOUT]), **options}
        )
    assert address == f"runs:/{run}/models/{options.get('name', 'm')}"
    (row,) = reader_of(project).search(RunQuery(limit=1, ids=(run,)))
    return run, local_folder(row.artifact_uri) / "models" / options.get("name", "m")


@pytest.mark.parametrize(
    ("estimator", "labels"),
    [
        (RandomForestClassifier(10, random_state=0), HIGH.astype(int)),
        (make_pipeline(StandardScaler(), LogisticRegression()), np.where(HIGH, "fault", "ok")),
        (HistGradientBoostingClassifier(max_iter=10, random_state=0), np.where(HIGH, 7, 3)),
        (LogisticRegression(), HIGH),
        (CalibratedClassifierCV(LinearSVC(), cv=2), HIGH.astype(int)),
        (LogisticRegression(), np.digitize(X["torque"], [-0.5, 0.5])),
    ],
    ids=["forest", "strings", "gaps", "booleans", "calibrated", "three"],
)
def test_a_classifier_keeps_the_contract_and_answers_as_it_did(project, estimator, labels):
    estimator.fit(X[TRAIN], labels[TRAIN])
    run, folder = save(project, estimator, labels)
    manifest = parse_manifest((folder / "workbench.json").read_bytes())
    assert [feature.name for feature in manifest.features] == list(X.columns)
    assert manifest.classes == tuple(map(str, estimator.classes_))

    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes())
    assert [(item.type, len(item.shape)) for item in session.get_inputs()] == [("tensor(float)", 2)]
    label, probabilities = session.run(["label", "probabilities"], {session.get_inputs()[0].name: X.to_numpy()})
    assert (label.dtype, probabilities.dtype) == (np.int64, np.float32)
    assert probabilities.shape == (len(X), len(manifest.classes))
    agreement = np.mean(estimator.classes_[label] == estimator.predict(X))
    assert agreement >= 0.999

    holdout = np.load(folder / "holdout.npz", allow_pickle=False)
    assert holdout["inputs"].dtype == np.float32
    assert np.array_equal(estimator.classes_[holdout["truth"]], labels[HOLDOUT])
    assert np.array_equal(holdout["prediction"], label[HOLDOUT])
    reference = np.load(folder / "reference.npz", allow_pickle=False)
    assert reference["quantiles"].shape == (4, 4096)
    assert np.array_equal(reference["quantiles"][:, 0], X[TRAIN].min())
    assert np.array_equal(reference["quantiles"][:, -1], X[TRAIN].max())
    assert reference["rows"] == 800
    assert reference["prediction_share"].sum() == pytest.approx(1.0)

    card = show_run(project, run).card
    assert card.models == ("m",)
    assert card.metrics["holdout_accuracy"] == pytest.approx(np.mean(holdout["truth"] == holdout["prediction"]))
    assert {"holdout_f1", "holdout_precision", "holdout_recall"} <= set(card.metrics)


@pytest.mark.checklist("S1-08")
def test_the_same_model_is_the_same_bytes(project):
    def fitted():
        return RandomForestClassifier(10, random_state=0, n_jobs=1).fit(X[TRAIN], HIGH[TRAIN])

    _, first = save(project, fitted(), HIGH)
    _, second = save(project, fitted(), HIGH)
    for name in ("model.onnx", "workbench.json", "holdout.npz", "reference.npz"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    other = RandomForestClassifier(10, random_state=1).fit(X[TRAIN], HIGH[TRAIN])
    _, third = save(project, other, HIGH)
    assert (third / "model.onnx").read_bytes() != (first / "model.onnx").read_bytes()


def test_mlflow_itself_loads_and_serves_it(project):
    import mlflow

    model = LogisticRegression().fit(X[TRAIN], HIGH[TRAIN].astype(int))
    _, folder = save(project, model, HIGH.astype(int), classes=("normal", "fault"))
    answers = mlflow.pyfunc.load_model(str(folder)).predict(X[HOLDOUT].astype("float64"))
    assert np.array_equal(np.asarray(answers["label"]).reshape(-1), model.predict(X[HOLDOUT]))
    assert json.loads((folder / "workbench.json").read_text())["classes"] == ["normal", "fault"]


def test_a_regression_keeps_the_contract(project):
    values = 3.0 * X["torque"].to_numpy() + 100.0
    model = LinearRegression().fit(X[TRAIN], values[TRAIN])
    run, folder = save(project, model, values, task="regression", metric="mae")
    manifest = parse_manifest((folder / "workbench.json").read_bytes())
    assert (manifest.task, manifest.metric, manifest.is_higher_better, manifest.classes) == (
        "regression",
        "mae",
        False,
        (),
    )
    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes())
    (value,) = session.run(["value"], {session.get_inputs()[0].name: X.to_numpy()})
    assert value.shape == (len(X), 1)
    assert np.allclose(value[:, 0], values, rtol=1e-4)
    assert show_run(project, run).card.metrics["holdout_mae"] < 0.01


def test_an_onnx_file_may_be_handed_over(project, tmp_path):
    model = LogisticRegression().fit(X[TRAIN], HIGH[TRAIN].astype(int))
    _, folder = save(project, model, HIGH.astype(int))
    _, again = save(project, folder / "model.onnx", HIGH.astype(int), classes=("normal", "fault"), name="copy")
    assert (again / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_missing_values_are_profiled_and_columns_are_ordered_by_name(project):
    gaps = X.copy()
    gaps.loc[:79, "wear"] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5).fit(gaps[TRAIN], HIGH[TRAIN])
    backwards = gaps[list(reversed(gaps.columns))]
    _, folder = save(project, model, HIGH, train=backwards[TRAIN], holdout=(backwards[HOLDOUT], HIGH[HOLDOUT]))
    assert np.load(folder / "reference.npz")["missing"].tolist() == [0.0, 0.1, 0.0, 0.0]
    assert np.array_equal(np.load(folder / "holdout.npz")["inputs"], gaps[HOLDOUT].to_numpy())


FITTED = LogisticRegression().fit(X[TRAIN], HIGH[TRAIN].astype(int))
GOOD = HIGH[HOLDOUT].astype(int)


@pytest.mark.parametrize(
    ("model", "options", "code"),
    [
        ("no model at all", {"classes": ("a", "b")}, "model-unsupported"),
        ({"weights": [1, 2]}, {}, "model-unsupported"),
        (LogisticRegression(), {}, "model-unsupported"),
        (LinearSVC().fit(X[TRAIN], HIGH[TRAIN].astype(int)), {}, "model-unsupported"),
        (FITTED, {"name": "../../etc"}, "model-name-malformed"),
        (FITTED, {"name": ""}, "model-name-malformed"),
        (FITTED, {"task": "ranking"}, "task-unknown"),
        (FITTED, {"metric": "f2"}, "metric-unknown"),
        (FITTED, {"metric": "mae"}, "metric-unknown"),
        (FITTED, {"classes": ("a", "b", "c")}, "classes-differ"),
        (FITTED, {"holdout": (X[HOLDOUT], GOOD[:-1])}, "rows-unusable"),
        (FITTED, {"holdout": (X[HOLDOUT], GOOD + 5)}, "rows-unusable"),
        (FITTED, {"holdout": X[HOLDOUT]}, "rows-unusable"),
        (FITTED, {"holdout": (X[HOLDOUT].drop(columns="air"), GOOD)}, "rows-unusable"),
        (FITTED, {"train": X[TRAIN].assign(air="hot")}, "rows-unusable"),
        (FITTED, {"train": X[TRAIN].assign(air=1e300)}, "rows-unusable"),
        (FITTED, {"train": X[:0]}, "rows-unusable"),
        (FITTED, {"holdout": (X[HOLDOUT].assign(air=np.nan), GOOD)}, "rows-unusable"),
        (FITTED, {"optional": ("speed", "torqe")}, "feature-unknown"),
    ],
)
def test_what_cannot_be_handed_over_is_refused_and_leaves_nothing(project, model, options, code):
    with workbench.run() as run:
        with pytest.raises(UsageError) as refusal:
            workbench.save_model(model, **{"name": "m", "train": X[TRAIN], "holdout": (X[HOLDOUT], GOOD), **options})
        assert refusal.value.code == code
        assert refusal.value.hint
    detail = show_run(project, run)
    handed_over = tuple(path for path in detail.artifacts if not path.startswith("workbench/"))  # capture's own stay
    assert (detail.card.models, detail.card.metrics, handed_over) == ((), {}, ())


def test_a_conversion_that_answers_otherwise_is_found(project, monkeypatch):
    """The planted fault: an estimator whose own answers differ from what its graph computes."""

    contrary = LogisticRegression().fit(X[TRAIN], HIGH[TRAIN].astype(int))
    contrary.predict = lambda rows: 1 - LogisticRegression.predict(contrary, rows)
    with workbench.run(), pytest.raises(UsageError) as refusal:
        workbench.save_model(contrary, name="m", train=X[TRAIN], holdout=(X[HOLDOUT], GOOD))
    assert refusal.value.code == "conversion-differs"


def test_it_needs_a_run():
    with pytest.raises(UsageError, match="no-active-run"):
        workbench.save_model(FITTED, name="m", train=X[TRAIN], holdout=(X[HOLDOUT], GOOD))
    assert "workbench" in sys.modules
