"""Making MLflow databases fast and safe to share: what is noticed, what is changed, and what never is."""

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
import uuid

import pytest

from workbench.experiment.store import append_log, connections, delivery, tracking, tuning
from workbench.experiment.store.append_log import METRIC, append, log_path
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.tuning import find_stores, keep_fresh, store_health, tune_store
from workbench.foundation.errors import NotFoundError, StorageError, UsageError
from workbench.project.doctor import find_faults

SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name"


def ask(path, query, rows=()):
    connection = sqlite3.connect(path, timeout=30)
    with connection:
        found = connection.executemany(query, rows) if rows else connection.execute(query)
        found = [] if rows else found.fetchall()
    connection.close()
    return found


def fill(path, runs):
    query = (
        "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id, start_time)"
        " VALUES (?, 'x', 'FINISHED', 'active', 1, 0)"
    )
    ask(path, query, [(uuid.uuid4().hex,) for _ in range(runs)])


@pytest.fixture
def beside(project):
    """A database such as plain MLflow leaves beside a notebook."""
    folder = project.root / "notebooks"
    folder.mkdir()
    shutil.copy(sqlite_path(project), folder / "mlflow.db")
    ask(folder / "mlflow.db", "PRAGMA journal_mode=DELETE")
    fill(folder / "mlflow.db", 200)
    return folder / "mlflow.db"


def faults(project):
    return [finding for finding in find_faults(project) if finding.name.startswith("tracking")]


def test_a_users_own_database_is_found_and_mended(project, beside):
    before, rows = ask(beside, SCHEMA), ask(beside, "SELECT * FROM runs")
    assert find_stores(project) == (beside,)
    own, theirs = faults(project)
    assert own.is_ok
    assert not theirs.is_ok
    assert "delete" in theirs.message
    assert theirs.hint == f"mlops store tune '{beside}'"
    card = tune_store(project, "notebooks/mlflow.db")
    assert (card.runs, card.journal_mode, card.is_analyzed) == (200, "wal", True)
    assert len(card.changes) == 2
    assert all(finding.is_ok for finding in faults(project))
    assert ask(beside, SCHEMA) == before
    assert ask(beside, "SELECT * FROM runs") == rows
    assert tune_store(project, str(beside)).changes == ()


def test_tuning_while_others_read_and_write(project, beside):
    is_over, failed, written = threading.Event(), [], []

    def use():
        connection = sqlite3.connect(beside, timeout=30)
        while not is_over.is_set():
            try:
                with connection:
                    connection.execute(
                        "INSERT INTO params VALUES (?, '1', (SELECT run_uuid FROM runs))", (uuid.uuid4().hex,)
                    )
                written.append(1)
                connection.execute("SELECT count(*) FROM runs").fetchall()
            except sqlite3.Error as error:
                failed.append(error)
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        card = tune_store(project, str(beside))
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert card.journal_mode == "wal"
    assert ask(beside, "SELECT count(*) FROM params") == [(len(written),)]


def test_statistics_are_renewed_as_the_store_grows(project):
    path = sqlite_path(project)
    assert not keep_fresh(path)
    renewed = 0
    for _ in range(40):
        fill(path, 100)
        renewed += keep_fresh(path)
        assert not keep_fresh(path), "it settles"
    assert 2 <= renewed <= 8
    assert store_health(path).is_fresh


def test_ending_runs_keeps_them_fresh(project):
    path = sqlite_path(project)
    fill(path, 100)
    assert not store_health(path).is_fresh
    tracking.finish_run(project, tracking.start_run(project), "FINISHED")
    assert store_health(path).is_fresh


def test_what_is_no_mlflow_database_is_refused_and_left(project, tmp_path):
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    (tmp_path / "noise.db").write_bytes(b"no database at all " * 100)
    before = (tmp_path / "other.db").read_bytes()
    for name, family, code in (
        ("other.db", UsageError, "not-an-mlflow-store"),
        ("noise.db", StorageError, "tracking-unreadable"),
        ("none.db", NotFoundError, "store-missing"),
    ):
        with pytest.raises(family) as refusal:
            tune_store(project, str(tmp_path / name))
        assert refusal.value.code == code
        assert refusal.value.hint
    assert (tmp_path / "other.db").read_bytes() == before
    assert not (tmp_path / "none.db").exists()


@pytest.fixture
def writer(beside):
    """Let another process write to the database, and to the project's own, until it is told to end."""
    code = (
        "import sqlite3, sys\n"
        "held = [sqlite3.connect(path, isolation_level=None) for path in sys.argv[1:]]\n"
        "for one in held:\n    one.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    own = beside.parent.parent / ".workbench" / "mlflow.db"
    command = [sys.executable, "-c", code, str(beside), str(own)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_database_that_others_write_to_is_left_and_they_are_named(project, beside, writer, monkeypatch):
    """It is not called damaged: whoever restored a backup over it would lose what is being written."""
    monkeypatch.setattr(tuning, "BUSY_S", 0.2)
    monkeypatch.setattr(connections, "BUSY_S", 0.2)
    refusals = []
    for action in (lambda: tune_store(project, str(beside)), lambda: tracking.start_run(project, name="mine")):
        with pytest.raises(StorageError) as refusal:
            action()
        assert refusal.value.code == "tracking-locked"
        refusals.append(refusal.value)
    for refusal, path in zip(refusals, (beside, sqlite_path(project)), strict=True):
        assert str(path) in refusal.message
        _, command = refusal.hint.split("repeat: ")
        if shutil.which("lsof"):
            lsof, named_path = shlex.split(command)
            named = subprocess.run([lsof, "-t", named_path], capture_output=True, text=True, check=False).stdout
            assert str(writer.pid) in named.split()
    (finding,) = [each for each in faults(project) if each.name.endswith("mlflow.db")]
    assert (finding.message, finding.hint) == (refusals[0].message, refusals[0].hint)
    writer.communicate("")
    assert ask(beside, "PRAGMA journal_mode") == [("delete",)]
    assert tune_store(project, str(beside)).journal_mode == "wal"
    assert tracking.start_run(project, name="mine")


def test_values_that_wait_for_a_dead_process_are_said_and_delivered(project, monkeypatch):
    monkeypatch.setattr(delivery, "begin", lambda: None)
    run = tracking.start_run(project)
    append(project, run, METRIC, "loss", 0.5)
    append_log.open_logs.clear()
    os.utime(log_path(project, run), (1, 1))
    (finding,) = faults(project)
    assert not finding.is_ok
    assert finding.hint == "mlops store tune"
    assert tune_store(project).changes == ("values of 1 runs delivered",)
    assert all(found.is_ok for found in faults(project))
    assert ask(sqlite_path(project), "SELECT value FROM metrics") == [(0.5,)]
