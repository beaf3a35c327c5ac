"""Stores full of odd runs, written by plain SQL: what search has to be right about is what it reads."""

import json
import random
import sqlite3

import pytest

from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.tags import split_tag
from workbench.foundation.project import Project

T0 = 1_793_000_000_000
ODD = (
    "3", "3.0", " 3 ", "+3", "03", "-2", "1e3", "0.1", ".5", "5.", "9007199254740993", "99999999999999999999", "1e400",
    "-1e400", "", " ", ".", "e", "1e", "0x10", "1_000", "inf", "nan", "Infinity", "３", "auto", "AUTO", "Ünïcode", "ß",
    "it's", 'say "x"', "100%", "a_b", "`", "\\", "日本語", "a\tb", "\U0001f600", "Z", "a", "true",
)  # fmt: skip
METRICS = (0.0, -0.0, 0.1, 0.5, 0.9, 1.0, -3.5, 1e300, 1.7976931348623157e308, -1.7976931348623157e308, 3.0)
PATHS = ("data/a.csv", "data/it's.csv", "データ.csv", 'q"x.csv', "a", "/abs/a.csv", "data/a.csv@abc")


def fill(project: Project, count: int = 80, seed: int = 7) -> list[str]:
    """Write runs of every kind into the project's store and return their ids."""
    rng = random.Random(seed)
    connection = sqlite3.connect(sqlite_path(project))
    (experiment,) = connection.execute("SELECT experiment_id FROM experiments WHERE name = 'demo'").fetchone()
    ids = []
    with connection:
        for number in range(count):
            run = f"{rng.getrandbits(128):032x}"
            ids.append(run)
            status = rng.choice(["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"])
            started = T0 - rng.randrange(40) * 6 * 3_600_000
            ended = None if status in ("RUNNING", "SCHEDULED") else started + rng.choice([0, 1, 600_000, 5_400_000])
            where = 0 if number % 13 == 0 else experiment
            stage = "deleted" if number % 11 == 0 else "active"
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
                " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'LOCAL', '', '', 'ada', ?, ?, ?, '', ?, ?, ?)",
                (
                    run,
                    rng.choice(["", "first", "First try", "it's"]),
                    status,
                    started,
                    ended,
                    stage,
                    f"/a/{run}",
                    where,
                ),
            )
            _fill_run(connection, rng, run, status)
    connection.close()
    return ids


def _fill_run(connection: sqlite3.Connection, rng: random.Random, run: str, status: str) -> None:
    for key in ("f1", "val loss", "a/b"):
        if rng.random() < 0.7:
            is_nan = rng.random() < 0.15
            value = 0.0 if is_nan else rng.choice(METRICS)
            connection.execute(
                "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 0, 0, ?, ?)",
                (key, value, is_nan, run),
            )
    for key in ("depth", "lr", "odd name"):
        if rng.random() < 0.8:
            pair = (key, rng.choice(ODD), run)
            connection.execute("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", pair)
    tags = {
        "workbench.actor": rng.choice(["", "ada", "Bob"]),
        "mlflow.user": rng.choice(["ada", "eve", ""]),
        "workbench.source": rng.choice(["a.ipynb", "A.ipynb", "", "x" * 300]),
        "workbench.target": rng.choice(["local", "cluster"]),
        "workbench.level": rng.choice(["", "R0", "R1", "R3"]),
        "workbench.starred": rng.choice(["", "true", "false"]),
        "workbench.models": rng.choice(['["m"]', '["m", "n"]', "[]", "", "null", "not json", '["it\'s", ", "]']),
        "free": rng.choice(ODD),
    }
    if status == "KILLED" and rng.random() < 0.5:
        tags["workbench.state"] = "LOST"
    paths = rng.sample(PATHS, rng.randrange(4))
    if rng.random() < 0.2:  # goes on in a second tag
        paths += ["data/long" + "x" * 9_000 + ".csv", f"last{rng.randrange(4)}"]
    entries = [{"path": p, "digest": "sha256:0", "dataset_version": rng.choice(["", f"{p}@abc"])} for p in paths]
    text = json.dumps(entries, ensure_ascii=rng.random() < 0.5)
    tags |= split_tag("workbench.inputs", rng.choice([text] * 9 + ["null"]))
    for key, value in tags.items():
        if rng.random() < 0.9 or key.startswith("workbench.inputs"):
            connection.execute("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, run))


@pytest.fixture
def filled(project) -> Project:
    """A project with eighty odd runs."""
    fill(project)
    return project
