"""A logged dataset lands in MLflow's own tables, as its client would have written it."""

import json
import sqlite3

import mlflow
import numpy as np
import pandas as pd
import pytest

import workbench
from workbench.data.versions import snapshot
from workbench.experiment.datasets import rows as dataset_rows
from workbench.experiment.datasets.digest import columns_of, digest_of, digest_of_columns
from workbench.experiment.datasets.rows import DatasetRow, log_dataset_row
from workbench.experiment.datasets.schema import array_schema, table_schema
from workbench.experiment.store import tracking
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.writer_sql import SqlWriter
from workbench.foundation.errors import NotFoundError, UsageError


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.chdir(project.root)


def inputs_of(project, run):
    return tracking_client(project).get_run(run).inputs.dataset_inputs


@pytest.mark.checklist("S1-12")
def test_a_frame_and_a_file_are_logged_once_each(project):
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    (project.root / "readings.csv").write_text("a\n1\n")
    version = snapshot(project, (project.root / "readings.csv",))[0].id
    with workbench.run() as run:
        digest = workbench.log_dataset(frame, name="readings")
        assert workbench.log_dataset(frame.copy(), name="readings") == digest == digest_of(frame)
        workbench.log_dataset("readings.csv", context="test")
    first, second = sorted(inputs_of(project, run), key=lambda item: item.dataset.source_type)
    assert (first.dataset.name, first.dataset.digest, first.dataset.source_type) == ("readings", digest, "code")
    assert {tag.key: tag.value for tag in first.tags} == {"mlflow.data.context": "training"}
    assert json.loads(first.dataset.profile) == {"num_rows": 2, "num_elements": 4}
    assert second.dataset.source == '{"uri": "readings.csv"}'
    assert {tag.key: tag.value for tag in second.tags} == {
        "mlflow.data.context": "test",
        "workbench.dataset_version": version,
    }
    tag = tracking_client(project).get_run(run).data.tags["workbench.dataset"]
    assert [entry["digest"] for entry in json.loads(tag)] == [digest, second.dataset.digest]


def test_bad_input_changes_nothing(project):
    with pytest.raises(UsageError, match="No run is active"):
        workbench.log_dataset(pd.DataFrame({"a": [1]}))
    with workbench.run() as run:
        for bad in (object(), pd.DataFrame({"a": [object()]})):
            with pytest.raises(UsageError):
                workbench.log_dataset(bad)
        with pytest.raises(NotFoundError) as missing:
            workbench.log_dataset("data/none.csv")
        for what in ("name", "context"):
            with pytest.raises(UsageError) as too_long:
                workbench.log_dataset(pd.DataFrame({"a": [1]}), **{what: "n" * 501})
            assert (too_long.value.code, too_long.value.message.split()[1]) == ("dataset-name-too-long", what)
            assert f"log_dataset(…, {what}=…)" in too_long.value.hint
    assert (missing.value.code, missing.value.hint) == ("dataset-missing", "name one that is there: ls 'data'")
    assert "data/none.csv" in missing.value.message
    assert inputs_of(project, run) == []


def test_sql_and_the_client_leave_the_same_rows(project, monkeypatch):
    runs = [tracking.start_run(project) for _ in range(2)]
    row = DatasetRow("n", "d" * 36, "code", '{"tags": {}}', '{"mlflow_colspec": []}', '{"num_rows": 1}', {"k": "v"})
    for _ in range(2):
        log_dataset_row(project, runs[0], row)
    monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)
    monkeypatch.setattr(dataset_rows, "writing", None)
    for _ in range(2):
        log_dataset_row(project, runs[1], row)
    with sqlite3.connect(project.root / ".workbench" / "mlflow.db") as connection:
        (dataset,) = connection.execute("SELECT * FROM datasets").fetchall()
        assert dataset[2:] == ("n", "d" * 36, "code", '{"tags": {}}', '{"mlflow_colspec": []}', '{"num_rows": 1}')
        assert len(dataset[0]) == 32
        query = (
            "SELECT i.source_type, i.source_id, i.destination_type, i.step, t.name, t.value FROM inputs i"
            " JOIN input_tags t USING (input_uuid) WHERE i.destination_id = ?"
        )
        by_sql, by_client = (connection.execute(query, (run,)).fetchall() for run in runs)
    connection.close()
    assert by_sql == by_client == [("DATASET", dataset[0], "RUN", 0, "k", "v")]
    with pytest.raises(NotFoundError):
        log_dataset_row(project, "0" * 32, row)


def test_the_schema_is_the_one_that_mlflow_infers():
    import warnings

    from mlflow.types.utils import _infer_schema

    table = pd.DataFrame(
        {
            "i": [1, 2],
            "i8": np.array([1, 2], "int8"),
            "u4": np.array([1, 2], "uint32"),
            "f": [1.0, np.nan],
            "f4": np.array([1, 2], "float32"),
            "b": [True, False],
            "s": ["a", None],
            "o": np.array(["a", "b"], dtype=object),
            "t": pd.to_datetime(["2024-01-01", None]),
            "z": pd.date_range("2024", periods=2, tz="UTC"),
            "k": pd.Categorical(["a", None]),
            "ki": pd.Categorical([1, 2]),
            "I": pd.array([1, None], dtype="Int64"),
            "B": pd.array([True, None], dtype="boolean"),
            "N": pd.array(["a", None], dtype="string"),
        }
    )
    columns = columns_of(table)
    digest_of_columns(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = {"mlflow_colspec": _infer_schema(table).to_dict()}
    assert json.loads(table_schema(columns)) == theirs
    assert table_schema(columns_of(pd.DataFrame({"d": pd.to_timedelta([1])}))) is None
    array = np.ones((3, 2), dtype="float32")
    assert array_schema(array) == mlflow.data.from_numpy(array)._to_mlflow_entity().schema
