"""Runs written by SQL are, row by row, the runs that MLflow's client writes."""

import math
import shutil
import sqlite3
from dataclasses import replace

import pytest

from workbench.experiment.runs import reader_of
from workbench.experiment.store import tracking
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.writer_sql import MetricValue, SqlWriter
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, WorkbenchError
from workbench.foundation.project import Project

TABLES = {
    "runs": "name, source_type, source_name, entry_point_name, user_id, status, source_version, lifecycle_stage,"
    " deleted_time, experiment_id, end_time IS NULL, end_time >= start_time",
    "tags": "key, value",
    "params": "key, value, typeof(value)",
    "metrics": "key, value, timestamp, step, is_nan, typeof(value), typeof(step), typeof(is_nan)",
    "latest_metrics": "key, value, timestamp, step, is_nan, typeof(value), typeof(step), typeof(is_nan)",
    "experiments": "experiment_id, name, lifecycle_stage, workspace",
}


def dump(project: Project) -> dict[str, list[tuple]]:
    connection = sqlite3.connect(sqlite_path(project))
    found = {
        name: sorted(connection.execute(f"SELECT {columns} FROM {name}"), key=repr) for name, columns in TABLES.items()
    }
    # What holds an id or a folder is compared without it.
    (where,) = connection.execute("SELECT run_uuid, artifact_uri FROM runs").fetchall()
    found["where"] = [(where[1].replace(where[0], "<run>").replace(str(project.root), "<root>"),)]
    connection.close()
    return found


def others(project: Project, tmp_path_factory) -> Project:
    """An equal project that is written through the client."""
    root = tmp_path_factory.mktemp("client")
    (root / "workbench.toml").write_text('[project]\nname = "demo"\n')
    return Project.open(root, actor=project.actor)


def point(key, value, step=0, at_ms=1000):
    return MetricValue(key, value, step, at_ms)


def everything(project: Project) -> str:
    run = tracking.start_run(
        project,
        name="first",
        source="train.ipynb",
        params={"depth": 6, "none": None, "long": "x" * 9000},
        tags={"a": "b"},
    )
    batches = [
        [point("f1", 0.5, 0, 1000), point("f1", 0.7, 1, 1001), point("f1", 0.7, 1, 1001)],
        [point("f1", 0.6, 0, 2000)],  # an older step: not the latest
        [point("f1", 0.65, 1, 1001)],  # same step and time, smaller value: not the latest
        [point("f1", 0.75, 1, 1001), point("f1", 0.7, 1, 1001)],  # larger: it is; and one that was there
        [point("nan", math.nan), point("up", math.inf), point("down", -math.inf), point("neg", -1.0, -5)],
        [point("nan", 1.0, 1), point("nan", math.nan, 2), point("nan", math.nan, 2)],
        [point("late", -1.0, 3, 5000), point("late", math.nan, 3, 5000)],  # NaN counts as 0, and so as later
        [point("dir/x y:z-1.a", 1e-300), point("精度", 0.5), point("int", 3)],
        [point(f"m{number}", number / 7, number, 3000 + number) for number in range(1500)],
    ]
    for batch in batches:
        tracking.write_batch(project, run, metrics=batch)
    tracking.log_params(project, run, {"depth": 6, "精度": "高い", "new": 0.1})
    tracking.set_tags(project, run, {"a": "c", "long": "y" * 9000, "empty": "", "mlflow.runName": "second"})
    tracking.set_tags(project, run, {"mlflow.runName": ""})
    assert tracking.finish_run(project, run, "FAILED", error="ValueError: no")
    tracking.set_tags(project, run, {"after": "the end"})
    return run


def test_every_row_is_the_clients(project, tmp_path_factory, monkeypatch):
    everything(project)
    ours = dump(project)
    client = others(project, tmp_path_factory)
    monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)
    everything(client)
    theirs = dump(client)
    for name, rows in theirs.items():
        assert ours[name] == rows, name
    assert len(theirs["metrics"]) > 1500


def test_a_lost_run_that_comes_back_is_the_clients(project, tmp_path_factory, monkeypatch):
    def come_back(where):
        run = tracking.start_run(where, name="x")
        assert tracking.finish_run(where, run, "LOST")
        assert tracking.finish_run(where, run, "FINISHED")

    come_back(project)
    ours = dump(project)
    client = others(project, tmp_path_factory)
    monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)
    come_back(client)
    assert ours == dump(client)


BAD = {
    "param-again": lambda p, r: tracking.log_params(p, r, {"new": 1, "depth": 7}),
    "metric-name": lambda p, r: tracking.log_metrics(p, r, {"ok": 1.0, "f1?": 1.0}),
    "metric-path": lambda p, r: tracking.log_metrics(p, r, {"a/../b": 1.0}),
    "metric-dots": lambda p, r: tracking.log_metrics(p, r, {"..": 1.0}),
    "metric-slash": lambda p, r: tracking.log_metrics(p, r, {"/a": 1.0}),
    "metric-empty": lambda p, r: tracking.log_metrics(p, r, {"": 1.0}),
    "metric-long": lambda p, r: tracking.log_metrics(p, r, {"x" * 251: 1.0}),
    "param-name": lambda p, r: tracking.log_params(p, r, {"a;b": 1.0}),
    "param-long": lambda p, r: tracking.log_params(p, r, {"x" * 251: 1.0}),
    "tag-name": lambda p, r: tracking.set_tags(p, r, {"a\tb=": "1"}),
    "tag-long": lambda p, r: tracking.set_tags(p, r, {"x" * 251: "1"}),
    "run-unknown": lambda p, r: tracking.log_metrics(p, "0" * 32, {"f1": 1.0}),
    "run-odd": lambda p, r: tracking.log_params(p, "no such run!", {"f1": 1.0}),
    "end-unknown": lambda p, r: tracking.finish_run(p, "0" * 32, "FINISHED"),
}


def refusals(where: Project) -> dict[str, str]:
    run = tracking.start_run(where, name="x", params={"depth": 6})
    found = {}
    for name, action in BAD.items():
        with pytest.raises(WorkbenchError) as refusal:
            action(where, run)
        found[name] = refusal.value.code
        assert refusal.value.hint
    return found


def test_what_mlflow_refuses_is_refused_and_changes_nothing(project, tmp_path_factory, monkeypatch):
    ours = refusals(project)
    client = others(project, tmp_path_factory)
    monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)
    theirs = refusals(client)
    assert {**ours, "run-odd": ""} == {**theirs, "run-odd": ""}
    assert ours["run-odd"] == "run-unknown"  # MLflow says of an odd id that it is none; here it is one nobody has
    assert dump(project)["params"] == [("depth", "6", "text")]
    assert dump(project)["metrics"] == []


@pytest.mark.parametrize("step", [1.5, 2**63, "x", math.inf])
def test_a_step_that_is_no_whole_number_is_refused(project, step):
    run = tracking.start_run(project)
    with pytest.raises(UsageError) as refusal:
        tracking.log_metrics(project, run, {"f1": 1.0}, step=step)
    assert refusal.value.code == "tracking-refused"


def test_text_that_no_database_takes_is_refused(project):
    run = tracking.start_run(project)
    for action in (
        lambda: tracking.log_params(project, run, {"a": "\ud800"}),
        lambda: tracking.set_tags(project, run, {"a": "\ud800"}),
        lambda: tracking.start_run(project, name="\ud800"),
    ):
        with pytest.raises(UsageError):
            action()


def test_long_values_are_refused_where_mlflow_is_told_not_to_cut(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    run = tracking.start_run(project)
    with pytest.raises(UsageError):
        tracking.log_params(project, run, {"a": "x" * 6001})


def test_a_deleted_run_takes_nothing(project, monkeypatch):
    run = tracking.start_run(project)
    tracking_client(project).delete_run(run)
    for _ in range(2):  # by SQL, then through the client
        with pytest.raises(ConflictError) as refusal:
            tracking.log_metrics(project, run, {"f1": 1.0})
        assert refusal.value.code == "run-deleted"
        monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)


def test_a_deleted_experiment_is_said(project):
    client = tracking_client(project)
    client.delete_experiment(client.get_experiment_by_name("demo").experiment_id)
    with pytest.raises(ConflictError) as refusal:
        tracking.start_run(project)
    assert refusal.value.code == "experiment-deleted"


def test_a_second_experiment_is_made_in_the_same_store(project, tmp_path):
    other = replace(project, config=replace(project.config, project=replace(project.config.project, name="other")))
    run = tracking.start_run(other, name="x")
    client = tracking_client(project)
    assert client.get_experiment_by_name("other").experiment_id == client.get_run(run).info.experiment_id
    assert client.get_run(run).info.artifact_uri == str(tmp_path / ".workbench" / "artifacts" / run / "artifacts")


def test_a_store_of_another_revision_is_left_to_the_client(project):
    path = sqlite_path(project)
    assert SqlWriter(path).can_write()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = 'acf3f17fdcc7'")
    connection.commit()
    connection.close()
    assert not SqlWriter(path).can_write()
    with pytest.raises(WorkbenchError) as refusal:
        tracking.start_run(project)
    assert refusal.value.code == "tracking-outdated"


def test_a_store_that_vanished_is_no_empty_file(project):
    path = sqlite_path(project)
    writer = SqlWriter(path)
    assert writer.can_write()
    path.unlink()
    assert not writer.can_write()
    assert not path.exists()
    with pytest.raises(NotFoundError):  # a new store was made; it has no such run
        tracking.log_metrics(project, "0" * 32, {"x": 1.0})


def test_a_project_that_was_moved_or_copied_keeps_and_writes_artifacts_where_it_is(tmp_path):
    """MLflow's tables hold whole paths; a folder that has another name now is still the same project."""
    before, after = tmp_path / "before", tmp_path / "after 移動"
    before.mkdir()
    (before / "workbench.toml").write_text('[project]\nname = "demo"\n')
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "note.txt").write_text("first")

    def log(root) -> tuple[Project, str]:
        project = Project.open(root, actor="ada@example.com")
        run = tracking.start_run(project, name="one", source="train.ipynb")
        tracking.log_artifacts(project, run, notes, "notes")
        tracking.finish_run(project, run, "FINISHED")
        return project, run

    _, run = log(before)
    shutil.copytree(before, after)
    (notes / "note.txt").write_text("second")
    project, own = log(after)
    for each in (run, own):
        (row,) = reader_of(project).search(RunQuery(limit=1, ids=(each,)))
        assert row.artifact_uri == f"{after}/.workbench/artifacts/{each}/artifacts"
    assert not (before / ".workbench" / "artifacts" / own).exists()
    tracking.log_artifacts(project, run, notes, "notes")
    assert (before / ".workbench" / "artifacts" / run / "artifacts" / "notes" / "note.txt").read_text() == "first"
