"""The watch sees what it should, costs next to nothing, forgets, and gives the dead their end."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workbench.contract.change import Change
from workbench.doors.server.observation import Observation
from workbench.doors.server.reaping import Reaper, dead_leases
from workbench.doors.server.watch import Watch
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

HOLDER = """
import sys, time
from pathlib import Path
from workbench.foundation.lease import Lease
lease = Lease(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def project(tmp_path) -> Project:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "watched"\n')
    project = Project.open(tmp_path, actor="a@example.org")
    note(project, "project.created")
    return project


@pytest.fixture
def observation(project):
    with contextlib.closing(Observation(project)) as observation:
        yield observation


def note(project: Project, kind: str) -> None:
    with project.journal.transaction() as transaction:
        transaction.append(kind, "subject:x", {})


def nouns(change: Change | None) -> set[str]:
    return {str(noun) for noun in change.nouns} if change else set()


def test_what_was_there_is_no_change(observation):
    assert observation.look() is None


def test_the_journal(project, observation):
    note(project, "review.approved")
    note(project, "alert.raised")
    change = observation.look()
    assert (nouns(change), change.seq) == ({"review", "alert"}, 3)
    assert observation.look() is None


def test_a_journal_that_is_deleted_and_begun_again(project, observation):
    project.journal.close()
    for path in (project.state_dir).glob("journal.db*"):
        path.unlink()
    observation.look()
    fresh = Project.open(project.root, actor="a@example.org")
    note(fresh, "run.started")
    change = observation.look()
    assert (nouns(change), change.seq) == ({"run"}, 1)


def test_the_tracking_database(project, observation):
    database = sqlite3.connect(project.state_dir / "mlflow.db")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    assert nouns(observation.look()) == {"run"}
    assert observation.look() is None
    database.execute("INSERT INTO t VALUES (1)")
    assert observation.look() is None  # not committed
    database.commit()
    assert nouns(observation.look()) == {"run"}
    database.close()


def test_a_database_locked_by_a_writer_is_seen_later(project, observation):
    database = sqlite3.connect(project.state_dir / "mlflow.db", isolation_level=None)
    database.execute("CREATE TABLE t (x)")
    observation.look()
    database.execute("BEGIN EXCLUSIVE")
    database.execute("INSERT INTO t VALUES (1)")
    started = time.perf_counter()
    observation.look()
    assert time.perf_counter() - started < 2  # never waits for a writer, as SQLite would for five seconds
    database.execute("COMMIT")
    assert nouns(observation.look()) == {"run"}
    assert observation.look() is None
    database.close()


def test_progress_of_a_job(project, observation):
    job = project.state_dir / "jobs" / "jb-1"
    job.mkdir(parents=True)
    assert nouns(observation.look()) == {"job", "run"}
    (job / "events.jsonl").write_text("{}\n")
    assert nouns(observation.look()) == {"job", "run"}
    assert observation.look() is None
    with (job / "events.jsonl").open("a") as stream:
        stream.write("{}\n")
    assert nouns(observation.look()) == {"job", "run"}
    (job / "exit.json").write_text("{}")
    assert nouns(observation.look()) == {"job", "run"}
    (job / "events.jsonl").write_text("late")
    assert observation.look() is None  # it has ended


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("workbench.toml", "project"),
        ("policy/gate.toml", "review"),
        ("policy/reviewers", "reviewer"),
        (".workbench/runners/faults@production.json", "runner"),
    ],
)
def test_files_that_people_and_runners_write(project, observation, name, noun):
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[project]\nname = "other"\n')
    assert nouns(observation.look()) == {noun}
    assert observation.look() is None


def test_a_project_that_vanishes_does_not_end_the_watch(project, tmp_path_factory):
    heard: list[Change] = []
    other = tmp_path_factory.mktemp("other")
    (other / "workbench.toml").write_text('[project]\nname = "other"\n')
    with watching(heard) as watch:
        watch.touch(project)
        second = Project.open(other, actor="a@example.org")
        watch.touch(second)
        time.sleep(0.2)
        project.journal.close()
        for path in sorted(project.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        project.root.rmdir()
        time.sleep(0.2)
        note(second, "review.approved")
        assert eventually(lambda: any(change.root == str(other) and "review" in change.nouns for change in heard))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_nobody_foresaw_does_not_end_the_watch_for_ever(project, monkeypatch):
    heard: list[Change] = []
    with monkeypatch.context() as patch, watching(heard) as watch:
        patch.setattr("workbench.doors.server.watch.Guard.look", lambda _: 1 / 0)
        watch.touch(project)
        assert eventually(lambda: not any(thread.name == "wb-watch" for thread in threading.enumerate()))
        patch.undo()
        watch.touch(project)
        time.sleep(0.3)
        note(project, "review.approved")
        assert eventually(lambda: any("review" in change.nouns for change in heard))


def test_a_damaged_journal_does_not_end_the_watch(project, tmp_path_factory):
    heard: list[Change] = []
    healthy = project.state_dir / "journal.db"
    project.journal.close()
    kept = healthy.read_bytes()
    healthy.write_bytes(b"no database " * 400)
    other = tmp_path_factory.mktemp("other")
    (other / "workbench.toml").write_text('[project]\nname = "other"\n')
    second = Project.open(other, actor="a@example.org")
    with watching(heard) as watch:
        watch.touch(project)
        watch.touch(second)
        time.sleep(0.6)
        note(second, "review.approved")
        assert eventually(lambda: any(change.root == str(other) for change in heard))
        healthy.write_bytes(kept)
        time.sleep(0.6)
        note(project, "alert.raised")
        assert eventually(lambda: any(change.root == str(project.root) for change in heard))


def test_an_idle_project_is_forgotten_and_found_again(project):
    heard: list[Change] = []
    with watching(heard, idle_s=0.3) as watch:
        watch.touch(project)
        assert watch.watched() == {project.root}
        assert eventually(lambda: not watch.watched())
        assert eventually(lambda: not [t for t in threading.enumerate() if t.name == "wb-watch"])
        watch.touch(project)
        time.sleep(0.1)
        note(project, "review.approved")
        assert eventually(lambda: heard)


def test_opening_a_project_again_loses_no_change(project):
    heard: list[Change] = []
    with watching(heard) as watch:
        watch.touch(project)
        time.sleep(0.4)
        for number in range(1, 6):
            note(project, "review.approved")
            watch.touch(Project.open(project.root))
            assert eventually(lambda: heard and heard[-1].seq == number + 1), number  # noqa: B023 - called at once


def test_a_new_place_for_runs_is_watched(project):
    heard: list[Change] = []
    with watching(heard) as watch:
        watch.touch(project)
        time.sleep(0.4)
        (project.root / "workbench.toml").write_text(
            f'[project]\nname = "watched"\n[tracking]\nuri = "sqlite:///{project.root}/team.db"\n'
        )
        watch.touch(Project.open(project.root))
        assert eventually(lambda: any("project" in change.nouns for change in heard))
        time.sleep(0.6)
        with contextlib.closing(sqlite3.connect(project.root / "team.db")) as database:
            database.execute("CREATE TABLE t (x)")
        assert eventually(lambda: any("run" in change.nouns for change in heard))


@pytest.mark.slow
def test_watching_an_idle_project_costs_less_than_a_hundredth_of_a_core(project, record_property):
    for index in range(300):
        job = project.state_dir / "jobs" / f"jb-{index}"
        job.mkdir(parents=True)
        (job / "exit.json").write_text("{}")
    with watching([]) as watch:
        watch.touch(project)
        (thread,) = (each for each in threading.enumerate() if each.name == "wb-watch")
        clock = time.pthread_getcpuclockid(thread.ident)  # its own: other tests may have left threads in this process
        time.sleep(1)
        cpu, wall = time.clock_gettime(clock), time.perf_counter()
        time.sleep(6)
        share = (time.clock_gettime(clock) - cpu) / (time.perf_counter() - wall)
    record_property("share_of_a_core", round(share, 4))
    assert share < 0.01


def test_only_the_dead_leave_a_lease(project):
    leases = project.state_dir / "leases"
    ours = Lease(leases / "run-ours")
    held = hold(leases / "run-theirs")
    killed = hold(leases / "run-killed")
    (leases / ".registering").touch()
    killed.kill()
    killed.wait()
    for name in ("run-ours", "run-theirs", "run-killed", ".registering"):
        os.utime(leases / name, (time.time() - 3, time.time() - 3))
    assert dead_leases(leases) == {"run-killed"}
    os.utime(leases / "run-killed")  # just made: perhaps not locked yet
    assert dead_leases(leases) == frozenset()
    assert held.poll() is None
    held.kill()
    held.wait()
    ours.release()


def test_a_reaper_is_started_once_for_each_death(project):
    leases = project.state_dir / "leases"
    leases.mkdir(parents=True)
    log = project.state_dir / "reaper.log"
    reaper = Reaper(project)
    assert reaper.look() == frozenset()
    leave(leases / "runner-faults@production")
    assert reaper.look() == {"runner"}
    assert not log.exists()  # nobody has to write its end
    leave(leases / "run-gone")
    assert reaper.look() == {"run"}
    assert log.exists()
    log.rename(log.with_suffix(".first"))
    assert reaper.look() == frozenset()
    assert not log.exists()


@pytest.mark.slow
@pytest.mark.timeout(600)  # two processes import mlflow
def test_a_killed_run_gets_its_end_while_it_is_watched(project, record_property):
    script = """
import sys, time
from pathlib import Path
from workbench.experiment.store import tracking
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project
project = Project.open(Path(sys.argv[1]))
run = tracking.start_run(project, name="doomed", source="", params={}, tags={})
lease = Lease(project.state_dir / "leases" / f"run-{run}")
tracking.set_tags(project, run, {"workbench.heartbeat": "now"})
print("running", flush=True)
time.sleep(600)
"""
    process = start([sys.executable, "-c", script, str(project.root)], cwd=project.root)
    from workbench.experiment.runs import list_runs

    heard: list[Change] = []
    with watching(heard) as watch:
        watch.touch(project)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        died_at = time.monotonic()
        assert eventually(lambda: list_runs(project)[0].state == "KILLED", timeout_s=10)  # two heartbeats
        assert eventually(lambda: any("run" in change.nouns for change in heard), timeout_s=10)
        assert eventually(lambda: stored_states(project) == ["KILLED"], timeout_s=200)  # what MLflow's own pages show
        record_property("noticed_and_written_s", round(time.monotonic() - died_at, 1))


def stored_states(project: Project) -> list[str]:
    database = sqlite3.connect(project.state_dir / "mlflow.db")
    try:
        return [state for (state,) in database.execute("SELECT status FROM runs")]
    finally:
        database.close()


@contextlib.contextmanager
def watching(heard: list[Change], **options: float):
    watch = Watch(heard.append, **options)
    try:
        yield watch
    finally:
        watch.stop()


def leave(path: Path) -> None:
    """Leave a lease as the dead do."""
    path.touch()
    os.utime(path, (time.time() - 3, time.time() - 3))


def hold(path: Path) -> subprocess.Popen[str]:
    return start([sys.executable, "-c", HOLDER, str(path)])


def start(command: list[str], cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start a process and wait for its first line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd)
    assert process.stdout.readline()
    process.stdout.close()
    return process


def eventually(condition, timeout_s: float = 5) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
