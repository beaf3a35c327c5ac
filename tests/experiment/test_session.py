"""Runs around real code: ends, deaths, nesting, jobs."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time

import mlflow
import pytest

import workbench
from workbench.experiment import kernel, session
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store import delivery, tracking
from workbench.experiment.store.client import tracking_client
from workbench.foundation import lease, open_file_lock
from workbench.foundation.errors import ConflictError, UnavailableError, UsageError
from workbench.foundation.lease import HEARTBEAT_S


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.chdir(project.root)


@pytest.mark.checklist("S1-08")
def test_a_run_records_what_it_rests_on(project):
    (project.root / "readings.csv").write_text("a\n1\n")
    with workbench.run("first", source="train.py") as run:
        (project.root / "readings.csv").read_text()
        workbench.log_params(depth=6)
        workbench.log(f1=0.5)
        workbench.log(f1=0.7, loss=0.1)
        assert show_run(project, run).card.state == "RUNNING"
    detail = show_run(project, run)
    assert detail.card.state == "FINISHED"
    assert detail.card.params == {"depth": "6"}
    assert [(point.step, point.value) for point in detail.history["f1"]] == [(0, 0.5), (1, 0.7)]
    assert detail.environment_digest.startswith("sha256:")
    assert detail.python.count(".") == 2
    assert [item.path for item in detail.inputs] == ["readings.csv"]
    assert not list((project.root / ".workbench" / "leases").glob("run-*"))


def test_a_body_that_raises_leaves_a_failed_run_and_its_error():
    with pytest.raises(ValueError, match="no such sensor"), workbench.run() as run:
        mlflow.log_metric("plain", 1.0)
        raise ValueError("no such sensor")
    from workbench.foundation.project import Project

    detail = show_run(Project.open(), run)
    assert (detail.card.state, detail.error) == ("FAILED", "ValueError: no such sensor")
    assert detail.card.metrics == {"plain": 1.0}
    assert mlflow.active_run() is None


def test_an_interrupted_body_is_killed(project):
    with pytest.raises(KeyboardInterrupt), workbench.run() as run:
        raise KeyboardInterrupt
    assert show_run(project, run).card.state == "KILLED"


def test_running_a_cell_again_or_inside_another_is_never_refused(project):
    for _ in range(2):
        with workbench.run("again"):
            workbench.log(x=1)
    with workbench.run("outer") as outer, workbench.run("inner") as inner:
        workbench.log(x=2)
    assert [card.state for card in list_runs(project)] == ["FINISHED"] * 4
    assert show_run(project, inner).card.metrics == {"x": 2}
    assert show_run(project, outer).card.metrics == {}
    assert tracking_client(project).get_run(inner).data.tags["mlflow.parentRunId"] == outer


def test_logging_outside_a_run_says_how_to_start_one():
    for action in (lambda: workbench.log(x=1), lambda: workbench.log_params(x=1)):
        with pytest.raises(UsageError) as refusal:
            action()
        assert refusal.value.code == "no-active-run"
        assert "with workbench.run()" in refusal.value.hint


def test_an_input_that_is_not_there_is_refused(project):
    (project.root / "read.bin").write_bytes(b"1")
    with workbench.run() as run:
        with pytest.raises(UsageError) as refusal:
            workbench.log_input("raed.bin")
        workbench.log_input("read.bin")
    assert (refusal.value.code, refusal.value.hint) == ("input-missing", "name a file that was read: ls '.'")
    assert "raed.bin" in refusal.value.message
    assert [item.path for item in show_run(project, run).inputs] == ["read.bin"]


def test_a_run_that_still_runs_cannot_be_gone_on_from(project, python):
    other = python("with workbench.run('long') as run:\n    print(run, flush=True)\n    sys.stdin.read()")
    run = other.stdout.readline().strip()
    try:
        with pytest.raises(ConflictError) as refusal, workbench.run(resume=run[:8]):
            pass
        assert (refusal.value.code, refusal.value.hint) == (
            "run-not-ended",
            f"wait for its end: mlops runs show {run[:8]}",
        )
        assert [card.id for card in list_runs(project)] == [run], "no run of our own was begun"
    finally:
        other.kill()
        other.communicate()
    reap_dead_runs(project)
    with workbench.run(resume=run[:8]) as after:
        pass
    assert show_run(project, after).tags["workbench.resumes"] == run


@pytest.mark.checklist("S4-05")
def test_a_process_killed_while_it_trains_is_killed_within_two_heartbeats(project, python):
    code = "with workbench.run('doomed') as run:\n    print(run, flush=True)\n    time.sleep(600)\n"
    with python(code) as process:
        run = process.stdout.readline().strip()
        assert show_run(project, run).card.state == "RUNNING"
        assert reap_dead_runs(project) == ()
        process.send_signal(signal.SIGKILL)
        process.wait()
    died = time.monotonic()
    assert [card.state for card in list_runs(project)] == ["KILLED"]
    assert [card.id for card in list_runs(project, state="KILLED")] == [run]
    assert list_runs(project, state="RUNNING") == ()
    found = []
    threads = [threading.Thread(target=lambda: found.extend(reap_dead_runs(project))) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert time.monotonic() - died < 2 * HEARTBEAT_S * 6, "generous: the machine may be busy"
    assert found == [run]
    assert tracking_client(project).get_run(run).info.status == "KILLED"
    ends = project.journal.events(kind="run.ended")
    assert [(event.subject, event.data["state"]) for event in ends] == [(f"run:{run}", "KILLED")]


@pytest.mark.skipif(sys.platform != "linux", reason="locks of open files")
@pytest.mark.parametrize("lock", ["of the open file", "of POSIX"])
def test_a_run_that_reads_the_whole_project_goes_on_for_everybody(project, monkeypatch, lock):
    """A backup in a cell reads the run's own lease; a lock of POSIX was lost by that, and the run was called dead."""
    if lock == "of POSIX":
        monkeypatch.setattr(open_file_lock, "_SET_LOCK", None)
    look = "import sys; from workbench.experiment.runs import list_runs; "
    look += "from workbench.foundation.project import Project; print(list_runs(Project.open())[0].state)"
    with workbench.run(), tarfile.open(project.root.parent / f"{project.root.name}.tar", "w") as archive:
        archive.add(project.root)
        seen = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
        assert seen.stdout.strip() == ("KILLED" if lock == "of POSIX" else "RUNNING")


def test_a_run_on_another_host_that_stopped_answering_is_lost(project):
    with workbench.run() as run:
        pass
    client = tracking_client(project)
    client.update_run(run, status="RUNNING")
    lease = project.root / ".workbench" / "leases" / f"run-{run}"
    lease.write_text(json.dumps({"pid": 1, "host": "another-host"}))
    assert list_runs(project)[0].state == "RUNNING"
    os.utime(lease, (time.time() - 60,) * 2)
    assert list_runs(project)[0].state == "LOST"
    assert [card.id for card in list_runs(project, state="LOST")] == [run]


def test_runs_of_jobs_and_of_plain_mlflow_are_left_alone(project):
    job = tracking.start_run(project, tags={"workbench.job": "jb-1"})
    client = tracking_client(project)
    experiment = client.get_experiment_by_name("demo").experiment_id
    plain = client.create_run(experiment, start_time=1).info.run_id
    assert reap_dead_runs(project) == ()
    assert {card.id: card.state for card in list_runs(project)} == {job: "RUNNING", plain: "RUNNING"}


def test_a_run_whose_lease_was_never_taken_is_dead_after_a_minute(project):
    run = tracking.start_run(project)
    assert reap_dead_runs(project) == ()
    client = tracking_client(project)
    with client._tracking_client.store.ManagedSessionMaker() as database:
        from sqlalchemy import text

        database.execute(text("UPDATE runs SET start_time = start_time - 61000"))
    assert reap_dead_runs(project) == (run,)


@pytest.mark.checklist("S4-05")
def test_a_run_whose_lease_is_being_taken_is_not_dead(project, monkeypatch):
    """Its file is made first and locked then; whoever looked in between ended the run as KILLED, and for good."""
    lock, found = lease._lock, []

    def look_first(handle):
        found.append((reap_dead_runs(project), [card.state for card in list_runs(project)]))
        lock(handle)

    monkeypatch.setattr(lease, "_lock", look_first)
    with workbench.run() as run:
        pass
    assert found == [((), ["RUNNING"])]
    assert show_run(project, run).card.state == "FINISHED"


class TestInAJob:
    """A supervisor has made the run and ends it; code in the kernel joins."""

    @pytest.fixture
    def run_file(self, project, tmp_path, monkeypatch):
        folder = tmp_path / ".workbench" / "jobs" / "jb-1"
        folder.mkdir(parents=True)
        monkeypatch.setenv("WORKBENCH_RUN_FILE", str(folder / "run.json"))
        monkeypatch.setenv("WORKBENCH_JOB", "jb-1")
        monkeypatch.setenv("WORKBENCH_PROJECT", str(project.root))
        return folder / "run.json"

    @pytest.fixture
    def job_run(self, project, run_file):
        run = tracking.start_run(project, tags={"workbench.job": "jb-1"})
        run_file.write_text(json.dumps({"run": run}))
        yield run
        while mlflow.active_run():
            mlflow.end_run()

    def test_everything_lands_in_the_jobs_run(self, project, job_run):
        workbench.log(f1=0.5)
        workbench.log_params(depth=6)
        with workbench.run("name is the job's") as run:
            workbench.log(f1=0.6)
        mlflow.log_metric("plain", 1.0)
        assert run == job_run
        delivery.catch_up()
        (card,) = list_runs(project)
        assert card.metrics == {"f1": 0.6, "plain": 1.0}
        assert card.params == {"depth": "6"}
        assert card.state == "RUNNING"

    def test_a_failing_cell_is_failed_even_where_plain_mlflow_says_finished(self, project, job_run):
        workbench.log(f1=0.5)
        mlflow.log_metric("plain", 1.0)
        mlflow.end_run()
        assert tracking.finish_run(project, job_run, "FAILED", error="E: x")
        assert list_runs(project)[0].state == "FAILED"

    def test_the_runs_name_may_come_a_little_later(self, project, run_file):
        run = tracking.start_run(project, tags={"workbench.job": "jb-1"})
        threading.Timer(0.5, lambda: run_file.write_text(json.dumps({"run": run}))).start()
        workbench.log(f1=0.5)
        delivery.catch_up()
        assert list_runs(project)[0].metrics == {"f1": 0.5}

    def test_a_supervisor_that_never_names_one_is_an_error(self, run_file, monkeypatch):
        monkeypatch.setattr(session, "RUN_FILE_WAIT_S", 0.2)
        with pytest.raises(UnavailableError) as refusal:
            workbench.log(f1=0.5)
        assert refusal.value.code == "job-run-missing"

    def test_inputs_are_noted_after_each_cell_so_that_a_kill_loses_nothing(
        self, project, run_file, job_run, monkeypatch
    ):
        (project.root / "readings.csv").write_text("a\n1\n")
        session.begin_capture(project.root)
        (project.root / "readings.csv").read_text()
        is_let_on, write = threading.Event(), kernel.write_atomic
        monkeypatch.setattr(kernel, "write_atomic", lambda *file: write(*file) if is_let_on.wait(60) else None)
        session.after_cell()
        assert session._session.writer.is_alive(), "the next cell does not wait until it is written"
        is_let_on.set()
        session._session.writer.join()
        (noted,) = json.loads(run_file.with_name("inputs.json").read_text())
        assert noted["path"] == "readings.csv"
        assert noted["digest"].startswith("sha256:")

    def test_the_end_of_a_kernel_leaves_what_it_saw_beside_the_runs_name(self, project, run_file, job_run):
        (project.root / "readings.csv").write_text("a\n1\n")
        session.begin_capture(project.root)
        (project.root / "readings.csv").read_text()
        session.finish_capture()
        (noted,) = json.loads(run_file.with_name("inputs.json").read_text())
        assert noted["path"] == "readings.csv"
        captured = run_file.with_name("captured")
        assert {path.name for path in captured.iterdir()} == {"environment.json", "tags.json"}
        assert json.loads((captured / "tags.json").read_text())["workbench.python"].count(".") == 2


def test_beginning_to_capture_imports_nothing_heavy(project, python):
    code = (
        "from workbench.experiment import session\nsession.begin_capture(project.root)\nsession.after_cell()\n"
        "print(sorted({'mlflow', 'dvc', 'pandas', 'sklearn', 'sqlalchemy', 'numpy'} & set(sys.modules)))"
    )
    with python(code) as process:
        said, noise = process.communicate()
    assert said.strip() == "[]", noise


def test_runs_of_several_threads_keep_their_metrics_apart(project):
    is_all_begun = threading.Barrier(3)

    def trial(number):
        with workbench.run(f"trial {number}"):
            is_all_begun.wait(30)
            workbench.log(number=number)
            workbench.log_params(number=number)

    with workbench.run("search") as search:
        threads = [threading.Thread(target=trial, args=(number,)) for number in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        helper = threading.Thread(target=workbench.log, kwargs={"helper": 1})
        helper.start()
        helper.join()
    trials = list_runs(project, "name ~ trial", sort="name")
    assert [run.metrics for run in trials] == [{"number": 0.0}, {"number": 1.0}, {"number": 2.0}]
    assert [run.params for run in trials] == [{"number": "0"}, {"number": "1"}, {"number": "2"}]
    assert {run.parent for run in trials} == {search}
    assert show_run(project, search).card.metrics == {"helper": 1.0}


def test_runs_of_several_tasks_keep_their_metrics_apart_and_leave_mlflow_as_it_was(project):
    async def trial(number):
        with workbench.run(f"trial {number}"):
            await asyncio.sleep(0.05 * (number + 1))
            await asyncio.to_thread(workbench.log, number=number)

    async def trials():
        await asyncio.gather(*(trial(number) for number in range(3)))

    asyncio.run(trials())
    with mlflow.start_run() as after:
        mlflow.log_metric("after", 1.0)
    found = {run.name: run for run in list_runs(project)}
    assert [found[f"trial {number}"].metrics for number in range(3)] == [{"number": float(n)} for n in range(3)]
    assert {found[f"trial {number}"].parent for number in range(3)} == {""}
    assert {run.state for run in found.values()} == {"FINISHED"}
    assert show_run(project, after.info.run_id).card.metrics == {"after": 1.0}, "in a run of its own, not an ended one"


def test_threads_that_begin_at_once_share_one_session(project):
    code = (
        "import threading, time, workbench\n"
        "from workbench.experiment import session\n"
        "start = session.KernelRecord.start\n"
        "session.KernelRecord.start = lambda record: (time.sleep(0.3), start(record))\n"
        "def trial(number):\n"
        "    with workbench.run(str(number)):\n"
        "        workbench.log(number=number)\n"
        "threads = [threading.Thread(target=trial, args=(number,)) for number in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project.root, check=True, timeout=120)
    assert {run.name: run.metrics for run in list_runs(project)} == {str(n): {"number": float(n)} for n in range(4)}
