"""Jobs that nobody looks after come to their true end, once, whoever notices first."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.compute.folder import JobFolder
from workbench.contract.status import JobState
from workbench.execute import close_run
from workbench.execute.jobs import cancel, fetch, show_job
from workbench.execute.ledger import record_started, record_submitted
from workbench.execute.leftovers import due_leftovers
from workbench.execute.reconcile import reconcile_jobs
from workbench.experiment.runs import show_run
from workbench.experiment.store import tracking
from workbench.foundation.errors import ConflictError
from workbench.foundation.project import Project

SPEC = {"notebook": "a.ipynb", "notebook_digest": "", "target": "local", "name": "", "attempt": 1, "replay_of": ""}
RECONCILE = """
import sys, time
from pathlib import Path
from workbench.execute.reconcile import reconcile_jobs
from workbench.foundation.project import Project
project = Project.open(Path(sys.argv[1]))
project.journal.head()
print("ready", flush=True)
sys.stdin.readline()
print(len(reconcile_jobs(project)))
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    # Closing the run is a process of its own, which test_jobs.py shows at work.
    monkeypatch.setattr("workbench.execute.reconcile.spawn_detached", lambda *_, **__: 0)
    (tmp_path / "workbench.toml").write_text('[project]\nname = "p"\n')
    return Project.open(tmp_path)


def abandon(
    project: Project, job: str, *, age_s: float = 60, pid: int = 0, run: str = "run-of-it", **spec: object
) -> JobFolder:
    """Leave a job the way a supervisor that was killed leaves it."""
    folder = JobFolder.of(project, job)
    folder.path.mkdir(parents=True)
    folder.spec.write_text("{}")
    os.utime(folder.spec, (time.time() - age_s,) * 2)
    if pid:
        folder.process.write_text(json.dumps({"pid": pid, "started": time.time() - age_s}))
    record_submitted(project, job, {**SPEC, **spec}, {})
    record_started(project, job, run)
    return folder


def ends(project: Project) -> list[tuple[str, str]]:
    return [(event.subject, event.data["state"]) for event in project.journal.events(kind="job.ended")]


def test_without_an_exit_it_is_lost_and_with_one_it_ended_so(project) -> None:
    abandon(project, "jb-lost")
    folder = abandon(project, "jb-done")
    (folder.path / "exit.json").write_text('{"code": 0, "reason": "", "error": ""}')
    folder.events.write_text('{"seq": 1, "at": "", "kind": "start", "data": {"cells": 2}}\n{"seq": 2, "torn')
    assert set(reconcile_jobs(project)) == {"jb-lost", "jb-done"}
    assert show_job(project, "jb-lost").state == JobState.LOST
    assert show_job(project, "jb-done").state == JobState.SUCCEEDED
    assert show_job(project, "jb-done").cells == 2
    assert reconcile_jobs(project) == ()
    assert len(ends(project)) == 2


def test_a_job_that_is_just_starting_is_left_alone(project) -> None:
    abandon(project, "jb-young", age_s=0)
    assert "jb-young" not in reconcile_jobs(project)
    assert show_job(project, "jb-young").state == JobState.RUNNING


def test_a_supervisor_that_died_before_its_lease_is_noticed(project) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    abandon(project, "jb-stillborn", age_s=0, pid=ended.pid)
    assert reconcile_jobs(project) == ("jb-stillborn",)


def test_a_job_of_a_target_that_was_taken_out_ends_all_the_same(project) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    abandon(project, "jb-orphan", pid=ended.pid, target="gone")
    abandon(project, "jb-far", target="gone")
    assert reconcile_jobs(project) == ("jb-orphan",), "of a job on a far machine nothing is known here"
    assert cancel(project, "jb-orphan").state == JobState.LOST


def test_several_processes_write_one_end(project) -> None:
    for number in range(5):
        abandon(project, f"jb-{number}")
        folder = JobFolder.of(project, f"jb-{number}").path
        (folder / "close.txt").touch()  # as if the run were being closed already
    command = [sys.executable, "-c", RECONCILE, str(project.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=120)[0]) for process in processes) == 5
    assert sorted(ends(project)) == [(f"job:jb-{number}", "LOST") for number in range(5)]


def test_a_job_says_on_which_machine_it_was_submitted(project) -> None:
    abandon(project, "jb-far", target="box", is_far=True)
    assert show_job(project, "jb-far").machine == platform.node()


def test_what_lies_on_another_machine_of_the_team_is_left_to_it(project, monkeypatch) -> None:
    folder = abandon(project, "jb-theirs", target="box", is_far=True)
    shutil.rmtree(folder.path)
    monkeypatch.setattr("platform.node", lambda: "workshop-7")
    assert reconcile_jobs(project) == ()
    for verb, more in ((cancel, ()), (fetch, (("*",),))):
        with pytest.raises(ConflictError, match="job-elsewhere") as caught:
            verb(project, "jb-theirs", *more)
        assert caught.value.hint.endswith(f": mlops {verb.__name__} jb-theirs")
    assert not folder.path.exists(), "and nothing makes it look like ours"


def test_a_far_job_whose_directory_was_deleted_does_not_run_for_ever(project) -> None:
    shutil.rmtree(abandon(project, "jb-gone", target="box", is_far=True).path)
    assert reconcile_jobs(project) == ("jb-gone",)
    assert (show_job(project, "jb-gone").state, show_job(project, "jb-gone").reason) == ("LOST", "job directory gone")
    assert due_leftovers(project) == {"box": ["jb-gone"]}, "and what it may still be doing over there is ended"


def test_the_runs_of_a_job_whose_directory_was_deleted_end_too(project, monkeypatch) -> None:
    tags = {"workbench.job": "jb-gone", "workbench.actor": "a"}
    run = tracking.start_run(project, name="t", source="a.ipynb", tags=tags)
    inside = {**tags, "workbench.far_run": "1f", "mlflow.parentRunId": run}
    child = tracking.start_run(project, name="c", source="a.ipynb", tags=inside)
    shutil.rmtree(abandon(project, "jb-gone", target="box", is_far=True, run=run).path)
    closed: list[int] = []

    def close(_module: str, arguments: list[str], **_: object) -> int:
        closed.append(close_run.main(Path(arguments[0]), arguments[1]))
        return 0

    monkeypatch.setattr("workbench.execute.reconcile.spawn_detached", close)
    reconcile_jobs(project)
    reconcile_jobs(project)
    assert closed == [0], "once"
    ended = show_run(project, run)
    assert (ended.card.state, ended.error) == ("KILLED", show_job(project, "jb-gone").error)
    assert "its directory below .workbench/jobs was deleted" in ended.error
    assert show_run(project, child).card.state == "KILLED"
    assert not list(project.state_dir.glob("closing-*"))
