"""PostgreSQL answers as SQLite does: a real server on a socket, for the time of the test."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from tests.experiment.search.conftest import fill
from tests.experiment.search.test_query import NOW, ORDERED, ids, queries
from workbench.experiment.search.parser import parse_order, parse_query
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.rows_sql import SqlRows

psycopg = pytest.importorskip("psycopg")
TABLES = ("experiments", "runs", "latest_metrics", "params", "tags", "metrics")


def programs() -> Path | None:
    """Return where initdb and postgres lie."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """SQLAlchemy's URL of an empty server; it refuses to be root, so then it is nobody."""
    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-", dir="/tmp"))  # a socket's path has at most 107 characters
    options = {"user": "nobody"} if os.geteuid() == 0 else {}
    if options:
        shutil.chown(folder, "nobody")
    data = str(folder / "data")
    make = [str(place / "initdb"), "-D", data, "-A", "trust", "-U", "ada", "--locale=C.UTF-8", "-E", "UTF8"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **options)
    serve = [str(place / "postgres"), "-D", data, "-k", str(folder), "-h", "", "-c", "fsync=off"]
    process = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **options)
    url = f"postgresql+psycopg://ada@/postgres?host={folder}"
    try:
        for _ in range(600):
            try:
                sa.create_engine(url, poolclass=sa.pool.NullPool).connect().close()
                break
            except sa.exc.OperationalError:
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is still connected
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def twins(server, store, tmp_path_factory):
    """The same runs in SQLite and in PostgreSQL."""
    from mlflow.store.tracking.dbmodels.models import Base

    from tests.experiment.conftest import make_project

    folder = tmp_path_factory.mktemp("twins")
    (folder / ".workbench").mkdir()
    shutil.copy(store, folder / ".workbench" / "mlflow.db")
    project = make_project(folder)
    fill(project, count=150, seed=11)
    engine = sa.create_engine(server)
    made = sa.MetaData()  # MLflow's columns without its constraints, which its migrations multiply in this process
    theirs = [Base.metadata.tables[name] for name in TABLES]
    tables = [sa.Table(table.name, made, *(sa.Column(c.name, c.type) for c in table.columns)) for table in theirs]
    made.create_all(engine)
    source = sqlite3.connect(sqlite_path(project))
    source.row_factory = sqlite3.Row
    with engine.begin() as connection:
        for table in tables:
            rows = [dict(row) for row in source.execute(f"SELECT * FROM {table.name}")]
            for row in rows:
                if "is_nan" in row:
                    row["is_nan"] = bool(row["is_nan"])
            kept = [{key: value for key, value in row.items() if key in table.c} for row in rows]
            if kept:
                connection.execute(table.insert(), kept)
    source.close()
    engine.dispose()
    return SqlRows(sqlite_path(project), "demo"), SqlRows(server, "demo")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=queries)
def test_queries_are_answered_alike(twins, text):
    one, other = twins
    asked = RunQuery(30, where=parse_query(text), now_ms=NOW)
    assert ids(one.search(asked)) == ids(other.search(asked)), text


def test_rows_orders_and_names_are_the_same(twins):
    one, other = twins
    assert one.search(RunQuery(1000)) == other.search(RunQuery(1000))
    for sort in ORDERED:
        asked = RunQuery(1000, order=parse_order(sort), now_ms=NOW)
        assert ids(one.search(asked)) == ids(other.search(asked)), sort
    assert one.names("params") == other.names("params")
    assert one.count() == other.count()
    assert one.ids_with_prefix("a") == other.ids_with_prefix("a")
