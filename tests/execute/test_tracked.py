"""What a far notebook logs is read while it is written, by two threads: one that looks, one that comes home."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

from tests.execute.far_jobs import travelling_module
from workbench.execute import travelling

TABLES = (
    "CREATE TABLE runs (run_uuid, artifact_uri);"
    "CREATE TABLE tags (run_uuid, key, value);"
    "CREATE TABLE params (run_uuid, key, value);"
)
METRICS = "CREATE TABLE metrics (run_uuid, key, value, is_nan, step, timestamp);"
TWO_THREADS = """
import sqlite3, sys, threading, time
from pathlib import Path
import tracked

sys.setswitchinterval(1e-5)
for round in range(5):
    folder = Path(sys.argv[1]) / str(round)
    folder.mkdir()
    job = tracked.Tracked(folder)
    kernel = sqlite3.connect(job.path, isolation_level=None)
    kernel.executescript("PRAGMA synchronous = OFF;" + sys.argv[2])
    kernel.execute("INSERT INTO runs VALUES ('r', '')")
    steps, tags, is_over = [], {}, threading.Event()

    def say(kind, data):
        if kind == "metric":
            steps.append(data["step"])
        else:
            tags[data["name"]] = data["value"]

    def look():
        while not is_over.is_set():
            job.tell(say)
            time.sleep(0.0005)

    looking = threading.Thread(target=look)
    looking.start()
    for step in range(40):
        new = [(step * 50 + n,) for n in range(50)]
        kernel.execute("BEGIN")
        kernel.executemany("INSERT INTO metrics VALUES ('r', 'loss', 1, 0, ?, 0)", new)
        kernel.executemany("INSERT INTO tags VALUES ('r', ?, 'v')", [(f"{step} {n}",) for n in range(5)])
        kernel.execute("COMMIT")
        job.close(str)
        job.tell(say)
    is_over.set()
    looking.join()
    for _ in range(3):
        job.tell(say)
    assert steps == list(range(2_000)), (len(steps), len(set(steps)))
    assert len(tags) == 200, len(tags)
"""


def test_coming_home_closes_nothing_under_the_look_of_the_other_thread(tmp_path) -> None:
    command = [sys.executable, "-c", TWO_THREADS, str(tmp_path), TABLES + METRICS]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PYTHONPATH": travelling.__path__[0]}, timeout=120
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"


def test_a_look_that_fails_halfway_says_all_of_it_the_next_time(tmp_path) -> None:
    job = travelling_module("tracked").Tracked(tmp_path)
    said: list[tuple[str, str]] = []
    tell = lambda: job.tell(lambda kind, data: said.append((kind, data["name"])))  # noqa: E731
    kernel = sqlite3.connect(job.path, isolation_level=None)
    kernel.executescript(TABLES)
    kernel.execute("INSERT INTO runs VALUES ('r', '')")
    kernel.execute("INSERT INTO params VALUES ('r', 'depth', '6')")
    kernel.execute("INSERT INTO tags VALUES ('r', 'team', 'mill')")
    tell()
    assert said == [], "MLflow is making its tables still"
    kernel.executescript(METRICS)
    kernel.execute("INSERT INTO metrics VALUES ('r', 'loss', 1, 0, 0, 0)")
    tell()
    tell()
    assert said == [("tag", "team"), ("param", "depth"), ("metric", "loss")]
