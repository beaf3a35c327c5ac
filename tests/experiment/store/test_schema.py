"""The prepared schema is what the installed MLflow makes; any other MLflow makes its own."""

import re
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from workbench.experiment.store import schema, tracking
from workbench.experiment.store.creation import migrate_store
from workbench.foundation.project import Project

MASTER = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"


def rows(path, query):
    connection = sqlite3.connect(path)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def tables(path):
    """All tables, indexes and triggers; MLflow's migrations write constraints in an order of chance."""
    return [(*row[:3], sorted(re.split(r",?\s*\n\t*", row[3] or ""))) for row in rows(path, MASTER)]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A store as MLflow's own migrations make it."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate_store(folder / "mlflow.db", "demo", str(folder / "artifacts"))
    return folder / "mlflow.db"


def test_the_prepared_schema_is_the_installed_mlflows_own(migrated, tmp_path):
    made = tmp_path / "mlflow.db"
    text = schema.prepared_schema()
    assert text, "no schema is prepared for the installed mlflow: python -m workbench.experiment.store.schema"
    assert schema.fill_from_schema(made, text, "demo", str(migrated.parent / "artifacts"))
    assert tables(made) == tables(migrated)
    for table in ("alembic_version", "workspaces"):
        assert rows(made, f"SELECT * FROM {table}") == rows(migrated, f"SELECT * FROM {table}")
    assert schema.dump_schema(made) == text
    columns = "SELECT experiment_id, name, artifact_location, lifecycle_stage, workspace FROM experiments"
    assert rows(made, columns) == rows(migrated, columns)


def test_the_installed_revision_is_the_one_mlflow_says(migrated):
    assert [(schema.installed_revision(),)] == rows(migrated, "SELECT version_num FROM alembic_version")


def test_one_changed_column_is_noticed(migrated, tmp_path):
    """The comparison above catches a planted fault."""
    text = schema.prepared_schema().replace("name VARCHAR(250)", "name VARCHAR(251)", 1)
    schema.fill_from_schema(tmp_path / "x.db", text, "demo", str(migrated.parent / "artifacts"))
    assert tables(tmp_path / "x.db") != tables(migrated)


def test_another_mlflow_makes_its_own_tables(tmp_path, monkeypatch):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    monkeypatch.setattr(schema, "installed_revision", lambda: "0123456789ab")
    assert not schema.prepared_schema()
    project = Project.open(tmp_path)
    run = tracking.start_run(project, name="first")
    tracking.log_metrics(project, run, {"f1": 0.5})
    assert tracking.finish_run(project, run, "FINISHED")
    path = tmp_path / ".workbench" / "mlflow.db"
    assert rows(path, "SELECT name, status FROM runs") == [("first", "FINISHED")]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_paths_that_mlflow_writes_in_its_own_way_are_left_to_it(tmp_path):
    assert not schema.fill_from_schema(tmp_path / "x.db", "", "demo", "/what?/artifacts")
    assert not schema.fill_from_schema(tmp_path / "x.db", "", "demo", "relative/artifacts")
    assert not (tmp_path / "x.db").exists()


@pytest.mark.slow
def test_eight_processes_begin_the_first_run_at_once_without_mlflow(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from workbench.experiment.store import tracking
        from workbench.foundation.project import Project
        project = Project.open(Path(sys.argv[1]))
        run = tracking.start_run(project, name="first", params={"depth": 6})
        tracking.log_metrics(project, run, {"f1": 0.5})
        tracking.finish_run(project, run, "FINISHED")
        assert "mlflow" not in sys.modules
        """
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(8)
    ]
    said = [process.communicate(timeout=280)[1] for process in processes]
    assert said == [""] * 8
    path = tmp_path / ".workbench" / "mlflow.db"
    assert rows(path, "SELECT count(*) FROM runs WHERE status = 'FINISHED'") == [(8,)]
    assert rows(path, "SELECT count(*) FROM experiments WHERE name = 'demo'") == [(1,)]
