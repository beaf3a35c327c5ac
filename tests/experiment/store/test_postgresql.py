"""A team's store on a real PostgreSQL: written through MLflow's client, read by SQL, logged through the append log."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from workbench.compute.consent import trust_secrets
from workbench.contract.status import RunState
from workbench.experiment.runs import list_runs, reader_of, show_run
from workbench.experiment.store import append_log, delivery, tracking
from workbench.experiment.store.append_log import METRIC, append, log_path
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.rows_client import ClientRows
from workbench.experiment.store.rows_sql import SqlRows
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.foundation.project import Project


def program(name: str) -> str:
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    return found[-1] if found else shutil.which(name) or ""


def account() -> dict[str, str]:
    """The user to run as: PostgreSQL refuses root."""
    if os.geteuid():
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
    return {"user": "postgres", "group": "postgres"}


@pytest.fixture(scope="module")
def server():
    """The URL of a database of a PostgreSQL of our own, on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    if not program("initdb"):
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    who = account()
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-"))
    if who:
        shutil.chown(folder, **who)
    data, control = str(folder / "data"), program("pg_ctl")
    make = [program("initdb"), "-D", data, "-U", "wb", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **who)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    log = str(folder / "log")
    # Not captured: the server would keep the pipe open for as long as it lives.
    subprocess.run([control, "-D", data, "-l", log, "-o", options, "-w", "start"], check=True, cwd=folder, **who)
    try:
        yield f"postgresql+psycopg://wb@/postgres?host={folder}"
    finally:
        subprocess.run(
            [control, "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder, **who
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def project(server, tmp_path) -> Project:
    (tmp_path / "workbench.toml").write_text(f'[project]\nname = "demo"\n\n[tracking]\nuri = "{server}"\n')
    append_log.open_logs.clear()
    project = Project.open(tmp_path, actor="ada@example.org")
    trust_secrets(project, ("tracking",))
    return project


@pytest.mark.slow
def test_a_project_on_postgresql(project, monkeypatch):
    monkeypatch.setattr(delivery, "begin", lambda: None)
    assert isinstance(reader_of(project), SqlRows)
    first = tracking.start_run(project, name="first", source="a.ipynb", params={"depth": 6}, tags={"x": "é"})
    for step in range(1200):
        append(project, first, METRIC, "loss", step / 8, step, 1000)
    append(project, first, METRIC, "nan", float("nan"), 0, 1000)
    append(project, first, METRIC, "up", float("inf"), 0, 1000)
    delivery.drain(project, first)
    log_path(project, first).with_suffix(".at").unlink()
    append(project, first, METRIC, "B", 1.0, 0, 1000)
    append(project, first, METRIC, "a", 1.0, 0, 1000)
    assert list_runs(project)[0].metrics["B"] == 1.0, "its own values at once"
    assert tracking.finish_run(project, first, "FAILED", error="ValueError: no")
    assert not tracking.finish_run(project, first, "FINISHED")
    assert not log_path(project, first).exists()
    tracking.start_run(project, name="second")
    third = tracking.start_run(project, name="third")
    assert tracking.finish_run(project, third, "LOST")

    ours, theirs = reader_of(project), ClientRows(project)
    for query in (
        RunQuery(limit=10),
        RunQuery(limit=1),
        RunQuery(limit=10, state=RunState.LOST),
        RunQuery(limit=10, state=RunState.RUNNING),
        RunQuery(limit=10, source="a.ipynb"),
        RunQuery(limit=10, ids=(third, first)),
    ):
        assert ours.search(query) == theirs.search(query), query
    assert ours.count() == theirs.count() == 3
    assert ours.history(first) == theirs.history(first)
    assert ours.ids_with_prefix(first[:8]) == theirs.ids_with_prefix(first[:8]) == [first]
    detail = show_run(project, first)
    assert (detail.card.state, detail.error, len(detail.history["loss"])) == ("FAILED", "ValueError: no", 1200)

    with pytest.raises(UsageError) as refusal:
        tracking.log_params(project, first, {"depth": 7})
    assert refusal.value.code == "param-changed"
    with pytest.raises(NotFoundError):
        tracking.log_metrics(project, "0" * 32, {"x": 1.0})


@pytest.mark.slow
def test_reading_cannot_write(project):
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    from workbench.foundation.errors import WorkbenchError

    run = tracking.start_run(project)
    with pytest.raises((DBAPIError, WorkbenchError), match="read-only"), reader_of(project)._reading() as connection:
        connection.execute(text("DELETE FROM tags"))
    assert reader_of(project).ids_with_prefix(run) == [run]
