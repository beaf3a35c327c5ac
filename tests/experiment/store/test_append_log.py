"""The append log: fast, whole after any death, delivered once, and never in the way."""

import json
import math
import os
import signal
import sqlite3
import statistics
import threading
import time

import pytest

import workbench
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store import append_log, delivery, tracking
from workbench.experiment.store.append_log import METRIC, PARAM, TAG, append, log_path, parse_lines
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.writer_sql import SqlWriter
from workbench.foundation.errors import StorageError, UsageError

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def no_logs(monkeypatch):
    """Each test begins without open logs, and what lies there has waited long enough."""
    monkeypatch.setattr(delivery, "_ORPHAN_AGE_S", 0.0)
    append_log.open_logs.clear()
    delivery._told.clear()
    yield
    append_log.open_logs.clear()


@pytest.fixture
def run(project):
    return tracking.start_run(project)


@pytest.fixture
def still(monkeypatch):
    """No thread delivers, so that a test sees each step; nor does the one that an earlier test has begun."""
    monkeypatch.setattr(delivery, "begin", lambda: None)
    if delivery._thread is not None:
        delivery._stop.set()
        append_log.wake.set()
        delivery._thread.join(PATIENCE_S)


def stored(project, table="metrics", columns="key, step, value"):
    connection = sqlite3.connect(sqlite_path(project))
    found = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3").fetchall()
    connection.close()
    return found


def wait_for(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_everything_arrives_by_itself(project, run):
    append(project, run, METRIC, "loss", 0.5, 0)
    append(project, run, METRIC, "loss", math.nan, 1)
    append(project, run, PARAM, "depth", 6)
    append(project, run, TAG, "note", "zeile\neins – 一行")
    wait_for(lambda: len(stored(project)) == 2 and stored(project, "params", "key, value, 1") == [("depth", "6", 1)])
    assert ("note", "zeile\neins – 一行", 1) in stored(project, "tags", "key, value, 1")
    wait_for(lambda: not delivery.undelivered(project))


def test_the_same_delivery_twice_doubles_nothing(project, run, still):
    for step in range(5):
        append(project, run, METRIC, "loss", step / 2, step, 1000 + step)
    delivery.drain(project, run)
    log_path(project, run).with_suffix(".at").unlink()  # killed between the commit and the note of its place
    delivery.drain(project, run)
    log_path(project, run).with_suffix(".at").write_text("1")  # half a number was noted
    delivery.drain(project, run)
    assert stored(project) == [("loss", step, step / 2) for step in range(5)]


def test_half_a_record_spoils_no_other(project, run, still):
    append(project, run, METRIC, "loss", 1.0, 0)
    with log_path(project, run).open("ab") as stream:
        stream.write(b'\n["metric","loss",2.')  # a process died while writing it
    delivery.drain(project, run)
    append(project, run, METRIC, "loss", 3.0, 2)
    delivery.drain(project, run)
    assert stored(project) == [("loss", 0, 1.0), ("loss", 2, 3.0)]
    assert list(parse_lines(b'x\n[1]\n["what","a",1,2,3]\n{"a":1}\n"metric"\n')) == []


def test_a_disk_that_is_full_half_way_is_said_and_the_next_record_is_whole(project, run, still, monkeypatch):
    append(project, run, METRIC, "loss", 1.0, 0)
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[: len(data) // 2]))
    with pytest.raises(StorageError) as refusal:
        append(project, run, METRIC, "loss", 2.0, 1)
    assert refusal.value.code == "disk-full"
    monkeypatch.undo()
    monkeypatch.setattr(delivery, "begin", lambda: None)
    append(project, run, METRIC, "loss", 3.0, 2)
    delivery.drain(project, run)
    assert [step for _, step, _ in stored(project)] == [0, 2]


def test_a_store_that_is_full_keeps_the_log_and_says_so_once(project, run, monkeypatch, capfd):
    is_full = threading.Event()
    is_full.set()
    log_batch = SqlWriter.log_batch

    def full(self, *args, **kwargs):
        if is_full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        log_batch(self, *args, **kwargs)

    monkeypatch.setattr(SqlWriter, "log_batch", full)
    for step in range(3):
        append(project, run, METRIC, "loss", 1.0, step)
        time.sleep(0.6)
    with pytest.raises(StorageError) as refusal:
        tracking.finish_run(project, run, "FINISHED")
    assert refusal.value.code == "disk-full"
    assert capfd.readouterr().err.count("disk-full") == 1
    assert delivery.undelivered(project)
    is_full.clear()
    wait_for(lambda: len(stored(project)) == 3)
    assert tracking.finish_run(project, run, "FINISHED")
    assert not log_path(project, run).exists()


def test_what_mlflow_refuses_for_good_is_left_out_and_said(project, run, still, capfd):
    append(project, run, METRIC, "loss", 1.0, 0)
    append(project, run, PARAM, "depth", 6)
    append(project, run, PARAM, "depth", 7)
    append(project, run, METRIC, "loss", 2.0, 1)
    delivery.drain(project, run)
    assert len(stored(project)) == 2
    assert stored(project, "params", "key, value, 1") == [("depth", "6", 1)]
    assert "param-changed" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ((METRIC, "f1?", 1.0, 0), "tracking-refused"),
        ((METRIC, "f1", "high", 0), "metric-not-a-number"),
        ((METRIC, "f1", 1.0, 0.5), "tracking-refused"),
        ((PARAM, "a", "\ud800", 0), "tracking-refused"),
        (("colour", "a", "b", 0), "tracking-refused"),
    ],
)
def test_bad_input_is_refused_at_once(project, run, still, record, code):
    with pytest.raises(UsageError) as refusal:
        append(project, run, *record)
    assert refusal.value.code == code
    assert not log_path(project, run).exists()


def test_one_bad_value_of_several_logs_none(project, monkeypatch):
    monkeypatch.chdir(project.root)
    with workbench.run() as run:
        for bad in ({"b": "high"}, {"b?": 1.0}):
            with pytest.raises(UsageError):
                workbench.log({"a": 1.0, **bad})
        workbench.log(a=2.0)
    assert [(p.step, p.value) for p in show_run(project, run).history["a"]] == [(0, 2.0)]


def test_a_process_reads_its_own_values_at_once(project, run, still):
    append(project, run, METRIC, "loss", 0.25)
    assert list_runs(project)[0].metrics == {"loss": 0.25}
    append(project, run, METRIC, "loss", 0.125, 1)
    assert tracking_client(project).get_run(run).data.metrics == {"loss": 0.125}


def test_through_the_client_too(project, run, still, monkeypatch):
    monkeypatch.setattr(SqlWriter, "can_write", lambda self: False)
    for step in range(2500):
        append(project, run, METRIC, "loss", step / 2, step, 1000)
    append(project, run, PARAM, "depth", 6)
    append(project, run, TAG, "note", "x")
    delivery.drain(project, run)
    log_path(project, run).with_suffix(".at").unlink()
    delivery.drain(project, run, close=True)
    assert len(stored(project)) == 2500
    assert not list(log_path(project, run).parent.iterdir())


def test_while_another_process_delivers_nothing_is_delivered_twice(project, run, still, python, monkeypatch):
    append(project, run, METRIC, "loss", "1.0", 1)
    path = log_path(project, run)
    code = (
        "import fcntl\nhandle = os.open(sys.argv[1], os.O_RDONLY)\nfcntl.flock(handle, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\ntime.sleep(60)"
    )
    other = python(code.replace("sys.argv[1]", repr(str(path))))
    try:
        assert other.stdout.readline() == "held\n"
        monkeypatch.setattr(delivery, "_BUSY_S", 0.2)
        with pytest.raises(StorageError) as refusal:
            delivery.drain(project, run)
        assert (refusal.value.code, str(path) in refusal.value.message) == ("lock-busy", True)
        assert f"lsof '{path}'" in refusal.value.hint
        assert stored(project) == []
    finally:
        other.kill()
        other.communicate()
    delivery.drain(project, run)
    assert stored(project) == [("loss", 1, 1.0)]


def test_a_writer_that_comes_after_the_end_loses_nothing(project, run, still):
    append(project, run, METRIC, "loss", 1.0, 0)
    late = append_log.open_logs[run]
    tracking.finish_run(project, run, "FINISHED")
    append_log.open_logs[run] = late  # as in a process that does not know of the end
    append(project, run, METRIC, "loss", 2.0, 1)
    assert log_path(project, run).exists()
    delivery.drain(project, run, close=True)
    assert [step for _, step, _ in stored(project)] == [0, 1]


def test_writers_and_removers_at_once_lose_nothing(project, run, still):
    """Four threads log while another removes the log again and again."""
    each, is_over = 1500, threading.Event()

    def write(name):
        for step in range(each):
            append(project, run, METRIC, name, 1.0, step)

    def remove():
        while not is_over.is_set():
            delivery.drain(project, run, close=True)

    writers = [threading.Thread(target=write, args=(f"m{number}",)) for number in range(4)]
    remover = threading.Thread(target=remove)
    for thread in (*writers, remover):
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    remover.join()
    delivery.drain(project, run, close=True)
    assert stored(project, "metrics", "key, count(*), 1 FROM metrics GROUP BY key --") == [
        (f"m{number}", each, 1) for number in range(4)
    ]


def test_a_forked_child_logs_into_the_same_run(project, run):
    append(project, run, METRIC, "parent", 1.0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            append(project, run, METRIC, "child", 1.0)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    wait_for(lambda: [key for key, _, _ in stored(project)] == ["child", "parent"])
    tracking.finish_run(project, run, "FINISHED")
    assert not delivery.undelivered(project)


DOOMED = """
from workbench.experiment.store import append_log, delivery
delivery.begin = lambda: None  # it dies before anything is delivered
with workbench.run('doomed') as run:
    print(run, flush=True)
    for step in range(10**9):
        workbench.log(loss=float(step))
        print(step, flush=True)
"""


@pytest.mark.checklist("S4-05")
def test_a_killed_process_loses_no_acknowledged_value(project, python):
    with python(DOOMED) as process:
        run = process.stdout.readline().strip()
        for _ in range(300):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in process.stdout.read().split() if line.strip()]
    assert stored(project) == []
    assert reap_dead_runs(project) == (run,)
    steps = [step for _, step, _ in stored(project)]
    assert steps == list(range(len(steps))), "none is missing, none is double"
    assert steps[-1] >= (acknowledged or [299])[-1]
    detail = show_run(project, run)
    assert (detail.card.state, detail.card.metrics) == ("KILLED", {"loss": float(steps[-1])})
    assert not list((project.state_dir / "outbox").iterdir())


def test_values_are_visible_to_other_processes_within_a_second(project, python):
    code = (
        "with workbench.run() as run:\n"
        "    for step in range(1000): workbench.log(loss=1.0)\n"
        "    print('logged', flush=True)\n    time.sleep(600)\n"
    )
    with python(code) as process:
        process.stdout.readline()
        begun = time.monotonic()
        wait_for(lambda: len(stored(project)) == 1000)
        waited = time.monotonic() - begun
        process.kill()
    assert waited < 5, "one second; five on a busy machine"


def test_a_log_of_a_run_that_ended_long_ago_is_delivered_by_the_next(project, run, still):
    append(project, run, METRIC, "loss", 1.0)
    append_log.open_logs.clear()
    os.utime(log_path(project, run), (time.time() - 60,) * 2)
    delivery.drain_orphans(project)
    assert len(stored(project)) == 1
    assert not log_path(project, run).exists()


def test_appending_costs_next_to_nothing(project, run, still):
    append(project, run, METRIC, "loss", 1.0)
    spent = []
    for step in range(3000):
        begun = time.thread_time_ns()
        append(project, run, METRIC, "loss", 1.0, step)
        spent.append(time.thread_time_ns() - begun)
    assert statistics.median(spent) < 50_000, "0.05 ms"


def test_in_a_job_each_value_is_one_event(project, run, tmp_path, monkeypatch):
    folder = tmp_path / ".workbench" / "jobs" / "jb-1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run": run}))
    monkeypatch.setenv("WORKBENCH_RUN_FILE", str(folder / "run.json"))
    monkeypatch.setenv("WORKBENCH_PROJECT", str(project.root))
    for _ in range(3):
        workbench.log(a=1.0, b=2.0)
    lines = [json.loads(line)["data"] for line in (folder / "outbox.jsonl").read_text().splitlines()]
    assert [(line["name"], line["step"]) for line in lines] == [(name, step) for step in range(3) for name in "ab"]
    assert tracking.finish_run(project, run, "FINISHED")
    assert len(stored(project)) == 6
