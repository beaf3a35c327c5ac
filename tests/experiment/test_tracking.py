"""Writing runs into a real MLflow store."""

import errno
import os
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.experiment.levels.facts import read_artifact
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store import tracking
from workbench.experiment.store.artifacts import local_artifacts, local_folder
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.creation import ensure_store
from workbench.experiment.store.models import download_model, register_version, set_alias
from workbench.foundation.agreement import agree, use_of_server
from workbench.foundation.config import TrackingSection
from workbench.foundation.errors import NotFoundError, StorageError, UsageError, WorkbenchError


@pytest.mark.slow
def test_four_processes_create_the_store_at_once(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from workbench.experiment.store import tracking
        from workbench.foundation.project import Project
        project = Project.open(Path(sys.argv[1]))
        run = tracking.start_run(project, name="first")
        tracking.log_metrics(project, run, {"f1": 0.5})
        tracking.finish_run(project, run, "FINISHED")
        """
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=280)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert said == [""] * 4, "mlflow made noise"
    database = sqlite3.connect(tmp_path / ".workbench" / "mlflow.db")
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("SELECT count(*) FROM experiments WHERE name = 'demo'").fetchone() == (1,)
    assert database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone() == (4,)
    database.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".workbench", "workbench.toml"]
    assert not list((tmp_path / ".workbench").glob("mlflow.db.new*"))


def test_a_creation_that_was_killed_half_way_is_done_again(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    state = tmp_path / ".workbench"
    state.mkdir()
    (state / "mlflow.db.new").write_bytes(b"half a database")
    (state / "mlflow.db.new-journal").write_bytes(b"x")
    from workbench.foundation.project import Project

    ensure_store(Project.open(tmp_path))
    with sqlite3.connect(state / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM experiments WHERE name = 'demo'").fetchone() == (1,)
    database.close()


def test_a_run_holds_what_was_logged(project):
    run = tracking.start_run(project, name="first", source="train.ipynb", params={"depth": 6}, tags={"x": "y"})
    tracking.log_metrics(project, run, {"f1": 0.5}, step=0)
    tracking.log_metrics(project, run, {"f1": 0.7}, step=1)
    tracking.set_tags(project, run, {"workbench.models": '["m"]'})
    assert tracking.finish_run(project, run, "FINISHED")
    detail = show_run(project, run)
    assert (detail.card.name, detail.card.state, detail.card.source) == ("first", "FINISHED", "train.ipynb")
    assert detail.card.params == {"depth": "6"}
    assert detail.card.metrics == {"f1": 0.7}
    assert [point.value for point in detail.history["f1"]] == [0.5, 0.7]
    assert detail.card.actor == "ada@example.org"
    assert detail.tags["x"] == "y"
    kinds = [(event.kind, event.subject) for event in project.journal.events()]
    assert kinds == [("run.started", f"run:{run}"), ("run.ended", f"run:{run}")]


def test_a_run_ends_once(project):
    run = tracking.start_run(project)
    assert tracking.finish_run(project, run, "FAILED", error="ValueError: no")
    assert not tracking.finish_run(project, run, "FINISHED")
    detail = show_run(project, run)
    assert (detail.card.state, detail.error) == ("FAILED", "ValueError: no")


def test_a_lost_run_may_come_back(project):
    run = tracking.start_run(project)
    assert tracking.finish_run(project, run, "LOST")
    assert not tracking.finish_run(project, run, "LOST")
    assert list_runs(project)[0].state == "LOST"
    assert tracking.finish_run(project, run, "FINISHED")
    assert list_runs(project)[0].state == "FINISHED"


def test_models_are_carried_and_registered_once(project, tmp_path):
    run = tracking.start_run(project)
    folder = tmp_path / "made" / "m"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    tracking.log_artifacts(project, run, folder, "models/m")
    got = download_model(project, run, "m", tmp_path / "got")
    assert (got / "MLmodel").read_text() == "flavors: {}\n"
    assert register_version(project, run, "m") == "1"
    assert register_version(project, run, "m") == "1"
    second = tracking.start_run(project)
    tracking.log_artifacts(project, second, folder, "models/m")
    assert register_version(project, second, "m") == "2"
    set_alias(project, "m", "champion", "2")
    assert tracking_client(project).get_model_version_by_alias("m", "champion").run_id == second


def test_no_link_brings_other_files_along(project, tmp_path):
    """Whoever copies artifacts may read more than whoever wrote them."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "id_ed25519").write_text("a private key")
    run = tracking.start_run(project)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text("flavors: {}\n")
    tracking.log_artifacts(project, run, tmp_path / "m", "models/m")
    folder = local_folder(tracking_client(project).get_run(run).info.artifact_uri)
    (folder / "models" / "m" / "key").symlink_to(tmp_path / "home" / "id_ed25519")
    assert (download_model(project, run, "m", tmp_path / "got") / "key").is_symlink()  # which no store takes
    (folder / "workbench").mkdir()
    (folder / "workbench" / "source.ipynb").symlink_to(tmp_path / "home" / "id_ed25519")
    assert read_artifact(project, str(folder), "workbench/source.ipynb") is None
    (folder / "models" / "m").rename(folder / "models" / "other")
    (folder / "models" / "m").symlink_to(tmp_path / "home")
    with pytest.raises(NotFoundError, match="model-unknown"):
        download_model(project, run, "m", tmp_path / "again")


@pytest.mark.parametrize(
    ("action", "family", "code"),
    [
        (lambda p, r: tracking.log_params(p, r, {"depth": 7}), UsageError, "param-changed"),
        (lambda p, r: tracking.log_metrics(p, r, {"f1": "high"}), UsageError, "metric-not-a-number"),
        (lambda p, r: tracking.log_metrics(p, r, {"f1?": 1.0}), UsageError, "tracking-refused"),
        (lambda p, r: tracking.log_metrics(p, "0" * 32, {"f1": 1.0}), NotFoundError, "run-unknown"),
        (lambda p, r: tracking.finish_run(p, "0" * 32, "FINISHED"), NotFoundError, "run-unknown"),
        (lambda p, r: download_model(p, r, "m", p.root / "x"), NotFoundError, "model-unknown"),
        (lambda p, r: set_alias(p, "m", "champion", "1"), NotFoundError, "model-unknown"),
    ],
)
def test_bad_input_gets_its_own_code(project, action, family, code):
    run = tracking.start_run(project, params={"depth": 6})
    with pytest.raises(family) as refusal:
        action(project, run)
    assert refusal.value.code == code
    assert refusal.value.hint
    assert show_run(project, run).card.params == {"depth": "6"}


def test_a_store_that_is_no_database_is_named(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    (tmp_path / ".workbench").mkdir()
    (tmp_path / ".workbench" / "mlflow.db").write_bytes(b"this is no database, whatever it is called" * 100)
    from workbench.foundation.project import Project

    project = Project.open(tmp_path)
    for action in (lambda: list_runs(project), lambda: tracking.start_run(project)):
        with pytest.raises(StorageError) as refusal:
            action()
        assert refusal.value.code == "tracking-unreadable"


def test_a_server_that_does_not_answer_is_an_error(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    elsewhere = replace(project, config=replace(project.config, tracking=TrackingSection(uri="http://127.0.0.1:9/")))
    agree(use_of_server(elsewhere.config, "tracking"), project.root)
    with pytest.raises(WorkbenchError) as refusal:
        tracking.start_run(elsewhere)
    assert refusal.value.code == "tracking-unavailable"


@pytest.mark.parametrize(("fault", "is_said"), [(errno.EIO, True), (errno.ENOENT, False)])
def test_a_folder_of_artifacts_that_cannot_be_listed_is_said(tmp_path, monkeypatch, fault, is_said):
    (tmp_path / "models" / "m").mkdir(parents=True)
    (tmp_path / "a.txt").touch()
    real = os.scandir

    def fail(path):
        if Path(path).name == "models":
            raise OSError(fault, os.strerror(fault), str(path))
        return real(path)

    assert local_artifacts(str(tmp_path)) == ("a.txt",)
    monkeypatch.setattr(os, "scandir", fail)
    if is_said:
        with pytest.raises(StorageError, match="file-not-readable"):
            local_artifacts(str(tmp_path))
    else:  # somebody purges the run
        assert local_artifacts(str(tmp_path)) == ()


def test_nothing_lands_in_the_working_directory(project, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    tracking.finish_run(project, tracking.start_run(project), "FINISHED")
    assert sorted(os.listdir(tmp_path)) == before
