"""Datasets that MLflow makes are named by their whole content and described as before."""

import json
import warnings

import mlflow.data
import numpy as np
import pandas as pd
import pytest

from workbench.experiment import session
from workbench.experiment.capture import quiet
from workbench.experiment.datasets.digest import digest_of


@pytest.fixture(autouse=True)
def captured(project, monkeypatch):
    monkeypatch.chdir(project.root)
    session.begin_capture(project.root)


def frame():
    rows = 12_000
    return pd.DataFrame(
        {
            "f": np.arange(rows, dtype=float),
            "b": np.arange(rows) % 2 == 0,
            "s": ["x"] * rows,
            "t": pd.date_range("2024", periods=rows, freq="h"),
        }
    )


def test_from_pandas():
    table = frame()
    dataset = mlflow.data.from_pandas(table)
    assert dataset.digest == digest_of(table)
    table.loc[11_000, "b"] = not table.loc[11_000, "b"]
    assert mlflow.data.from_pandas(table).digest != dataset.digest


def test_the_schema_is_as_before():
    from mlflow.types.utils import _infer_schema

    table = frame()
    table.loc[11_000, "f"] = np.nan
    table.loc[11_000, "s"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _infer_schema(table)
    ours = mlflow.data.from_pandas(table).schema
    assert ours.to_dict() == theirs.to_dict()
    assert [spec["required"] for spec in ours.to_dict()] == [False, True, False, True]


def test_from_numpy_and_polars():
    features, targets = np.ones((4, 2)), np.zeros(4)
    digests = {
        mlflow.data.from_numpy(features).digest,
        mlflow.data.from_numpy(features, targets=targets).digest,
        mlflow.data.from_numpy(features, targets=targets + 1).digest,
        mlflow.data.from_numpy({"a": features}).digest,
    }
    assert len(digests) == 4
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": [1, 2]})
    assert mlflow.data.from_polars(table).digest == digest_of(table)


def test_what_cannot_be_read_whole_gets_mlflows_own_digest(capsys, monkeypatch):
    monkeypatch.setattr(quiet, "_said", set())
    dataset = mlflow.data.from_pandas(pd.DataFrame({"a": [1], "o": [object()]}))
    assert len(dataset.digest) == 8
    assert "Column o" in capsys.readouterr().err


def test_small_frames_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2]})).schema.to_dict()[0]["type"] == "long"


def test_it_is_logged(project):
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame(), name="readings"), context="training")
    (found,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("readings", digest_of(frame()))
    assert json.loads(found.dataset.profile)["num_rows"] == 12_000
