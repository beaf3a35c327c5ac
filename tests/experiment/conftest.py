"""Real projects with a real MLflow store, made once and copied: its migrations cost seconds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.experiment import session
from workbench.experiment.mlflow_calls import install
from workbench.experiment.store.creation import ensure_store
from workbench.foundation.project import Project

ENVIRONMENT = ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "WORKBENCH_RUN_FILE", "WORKBENCH_JOB", "WORKBENCH_PROJECT")


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """An empty store of an experiment called ``demo``."""
    folder = tmp_path_factory.mktemp("store")
    ensure_store(make_project(folder))
    return folder / ".workbench" / "mlflow.db"


@pytest.fixture
def project(tmp_path, store) -> Project:
    """A project whose store exists."""
    (tmp_path / ".workbench").mkdir()
    shutil.copy(store, tmp_path / ".workbench" / "mlflow.db")
    # Two lines of the copied file name the folder it was made in.
    import sqlite3

    with sqlite3.connect(tmp_path / ".workbench" / "mlflow.db") as connection:
        where = str(tmp_path / ".workbench" / "artifacts")
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'demo'", (where,))
    connection.close()
    return make_project(tmp_path)


def make_project(folder: Path) -> Project:
    (folder / "workbench.toml").write_text('[project]\nname = "demo"\n')
    return Project.open(folder, actor="ada@example.org")


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch):
    """Each test is a kernel of its own."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKBENCH_ACTOR", "ada@example.org")
    before = session._session
    session._session = None
    yield
    install.uninstall()
    if session._session:
        session._session.recorder.stop()
    session._session = before


@pytest.fixture
def python(project):
    """Start real Python code inside the project; the code ends up with ``project`` and ``workbench``."""

    def start(code: str, **environment: str) -> subprocess.Popen[str]:
        import os

        preamble = (
            "import sys, os, time, json, workbench\n"
            "from pathlib import Path\n"
            "from workbench.foundation.project import Project\n"
            "project = Project.open(Path.cwd())\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", preamble + code],
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    return start
