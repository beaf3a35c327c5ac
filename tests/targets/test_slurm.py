"""The Slurm target on a real cluster: how jobs wait, run, end, and are told apart."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.targets.slurm_cluster import SlurmCluster
from tests.targets.slurm_desk import Desk, said
from workbench.compute.folder import JobFolder
from workbench.compute.slurm import target as slurm_target
from workbench.contract.status import JobState
from workbench.foundation.errors import NotFoundError, PendingError, UnavailableError, UsageError, WorkbenchError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.xdist_group("slurm"), pytest.mark.slow]

TICK = "import time\nfor number in range(12):\n    print('tick', number, flush=True)\n    time.sleep(0.5)"
SLEEP = "import time; print('asleep', flush=True); time.sleep(120)"


@pytest.fixture
def desk(blank_project: Project, slurm_cluster: SlurmCluster, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(blank_project, slurm_cluster, tmp_path / "shared folder")
    slurm_cluster.clear()


def test_a_job_runs_and_comes_home(desk: Desk) -> None:
    target = desk.target()
    desk.write_job("jb-00000001", "print('hello')", "1 + 1")
    target.submit("jb-00000001")
    sighting, events = desk.follow(target, "jb-00000001")["jb-00000001"]
    assert (sighting.status.state, sighting.status.reason) == (JobState.SUCCEEDED, "")
    kinds = [event.kind for event in events if event.kind != "heartbeat"]
    assert (kinds[0], kinds[-1]) == ("start", "exit")
    assert "hello" in said(events)
    files = target.fetch("jb-00000001", ("output.ipynb", "exit.json", "log.txt"))
    assert {path.name for path in files} == {"output.ipynb", "exit.json", "log.txt"}
    assert "hello" in JobFolder.of(desk.project, "jb-00000001").output.read_text()
    target.cleanup("jb-00000001")


def test_an_error_in_a_cell_is_told(desk: Desk) -> None:
    target = desk.target()
    desk.write_job("jb-00000002", "1 / 0")
    target.submit("jb-00000002")
    sighting, _ = desk.follow(target, "jb-00000002")["jb-00000002"]
    assert (sighting.status.state, sighting.status.reason) == (JobState.FAILED, "cell_error")
    assert sighting.status.error.startswith("ZeroDivisionError")


def test_submitting_again_starts_nothing(desk: Desk) -> None:
    desk.write_job("jb-00000003", "print('once')")
    desk.target().submit("jb-00000003")
    note = desk.base / "jobs" / "jb-00000003" / "slurm.json"
    before = note.read_text()
    note.unlink()  # as if the caller had died between sbatch and the note
    desk.target().submit("jb-00000003")
    assert note.read_text() == before
    target = desk.target()
    desk.follow(target, "jb-00000003")
    target.submit("jb-00000003")
    assert slurm_jobs(desk, "jb-00000003") == 1


def test_a_harness_that_counts_jobs_notices_a_second_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.compute.slurm import scripts

    forgetful = scripts.SUBMIT.replace("squeue --me", "true squeue --me").replace("[ -s slurm.json ]", "false")
    monkeypatch.setattr(scripts, "SUBMIT", forgetful)
    desk.write_job("jb-00000004", "print('once')")
    desk.target().submit("jb-00000004")
    desk.target().submit("jb-00000004")
    assert slurm_jobs(desk, "jb-00000004") == 2, "the planted fault"
    target = desk.target()
    _, events = desk.follow(target, "jb-00000004")["jb-00000004"]
    assert [event.kind for event in events].count("start") == 1, "the directory itself lets only one job in"


def slurm_jobs(desk: Desk, job: str) -> int:
    return len(desk.cluster.run("squeue", "--noheader", "--states=all", f"--name={job}", "--format=%i").split())


def test_a_running_job_that_is_cancelled_saves_its_work(desk: Desk) -> None:
    target = desk.target()
    desk.write_job("jb-00000005", "print('first')", "import subprocess; subprocess.Popen(['sleep', '300'])", SLEEP)
    target.submit("jb-00000005")
    desk.until_said(target, "jb-00000005", "asleep")
    target.cancel("jb-00000005")
    status = target.status("jb-00000005")
    assert (status.state, status.reason) == (JobState.CANCELLED, "cancelled")
    assert "first" in (desk.base / "jobs" / "jb-00000005" / "output.ipynb").read_text()
    assert marked("jb-00000005") == []


def test_what_slurm_has_not_ended_yet_is_no_failure_and_is_cancelled_again(desk: Desk, tmp_path, monkeypatch) -> None:
    deaf = tmp_path / "bin"
    deaf.mkdir()
    for command in desk.cluster.bin.iterdir():
        (deaf / command.name).symlink_to(command)
    (deaf / "scancel").unlink()
    (deaf / "scancel").write_text("#!/bin/sh\n")
    (deaf / "scancel").chmod(0o755)
    monkeypatch.setattr(slurm_target, "_GONE_S", 0.5)
    desk.write_job("jb-00000051", SLEEP)
    desk.target().submit("jb-00000051")
    desk.until_said(desk.target(), "jb-00000051", "asleep")
    with pytest.raises(PendingError, match="slurm-job-left"):
        desk.target(bin=str(deaf)).cancel("jb-00000051", 0)
    monkeypatch.undo()
    desk.target().cancel("jb-00000051", 0)
    assert desk.target().status("jb-00000051").state is JobState.CANCELLED


def test_a_waiting_job_says_its_place_and_is_cancelled_without_ever_starting(desk: Desk) -> None:
    target = desk.target(partition="main")
    for job in ("jb-00000006", "jb-00000007", "jb-00000008"):
        desk.write_job(job, SLEEP, resources={"cpus": desk.cluster.cpus})
        target.submit(job)
        if job == "jb-00000006":
            desk.until_said(target, job, "asleep")
    desk.until(lambda: target.status("jb-00000008").queue_position == 2, "it is second in the queue")
    desk.until(lambda: target.status("jb-00000007").reason in ("Resources", "Priority"), "it says what it waits for")
    status = target.status("jb-00000007")
    assert (status.state, status.queue_position) == (JobState.QUEUED, 1)
    target.cancel("jb-00000008")
    assert target.status("jb-00000008").state is JobState.CANCELLED
    assert not (desk.base / "jobs" / "jb-00000008" / "events.jsonl").exists()
    target.cancel("jb-00000007")
    target.cancel("jb-00000006", 0)
    assert target.status("jb-00000006").state is JobState.CANCELLED


def test_slurm_ends_what_takes_more_memory_than_it_may(desk: Desk) -> None:
    target = desk.target(extra=["--mem=300M"])  # Slurm's own limit, of which the runner knows nothing
    desk.write_job("jb-00000009", "kept = bytearray(b'x') * (900 << 20)", SLEEP)
    target.submit("jb-00000009")
    sighting, _ = desk.follow(target, "jb-00000009")["jb-00000009"]
    assert (sighting.status.state, sighting.status.reason) == (JobState.FAILED, "OOMKilled")


def test_slurm_s_time_limit_is_told_from_a_cancellation(desk: Desk) -> None:
    target = desk.target(partition="tiny", extra=["--mem=400M"])
    desk.write_job("jb-0000000a", "print('saved')", SLEEP)
    target.submit("jb-0000000a")
    sighting, _ = desk.follow(target, "jb-0000000a", timeout_s=150)["jb-0000000a"]
    assert (sighting.status.state, sighting.status.reason) == (JobState.FAILED, "timeout")
    assert "saved" in (desk.base / "jobs" / "jb-0000000a" / "output.ipynb").read_text()


def test_what_will_never_start_says_why(desk: Desk) -> None:
    target = desk.target(partition="tiny")
    desk.write_job("jb-0000000b", "1", resources={"time_limit_s": 600})
    target.submit("jb-0000000b")
    why = "Unschedulable: PartitionTimeLimit: "  # Slurm first says PartitionConfig, now and then
    desk.until(lambda: target.status("jb-0000000b").reason.startswith(why), "it is unschedulable")
    assert target.status("jb-0000000b").state is JobState.QUEUED
    target.cancel("jb-0000000b")


def test_a_partition_that_is_not_there_is_refused_with_the_nearest(desk: Desk) -> None:
    target = desk.target(partition="mian")
    finding = next(finding for finding in target.check() if not finding.is_ok)
    assert (finding.name, "did you mean 'main'?" in finding.hint) == ("partition-missing", True)
    desk.write_job("jb-0000000c", "1")
    with pytest.raises(NotFoundError, match="mian") as refused:
        target.submit("jb-0000000c")
    assert refused.value.code == "partition-missing"
    assert "did you mean 'main'?" in refused.value.hint
    assert slurm_jobs(desk, "jb-0000000c") == 0


@pytest.mark.parametrize(
    ("resources", "options", "code"),
    [
        ({"memory_bytes": 1 << 50}, {}, "target-too-small"),
        ({"gpus": 9}, {}, "target-too-small"),
        ({}, {"constraint": "nowhere"}, "constraint-unknown"),
        ({}, {"extra": ["--no-such-option"]}, "slurm-refused"),
    ],
)
def test_what_slurm_refuses_is_refused_for_good(desk: Desk, resources, options, code) -> None:
    target = desk.target(**options)
    job = f"jb-{secrets.token_hex(4)}"
    desk.write_job(job, "1", resources=resources)
    for _ in range(2):  # what was refused is not taken for what was sent
        with pytest.raises(WorkbenchError) as refused:
            target.submit(job)
    assert (refused.value.code, bool(refused.value.hint)) == (code, True)
    assert not isinstance(refused.value, UnavailableError)


def test_a_controller_that_is_away_says_nothing_of_its_jobs(desk: Desk) -> None:
    target = desk.target()
    desk.write_job("jb-0000000e", TICK, TICK)
    target.submit("jb-0000000e")
    desk.until_said(target, "jb-0000000e", "tick 1")
    desk.cluster.stop_controller()
    try:
        ends, silences = time.monotonic() + 10, 0
        while time.monotonic() < ends:
            try:
                assert target.poll({"jb-0000000e": 0})["jb-0000000e"].status.state is not JobState.LOST
            except UnavailableError as away:
                assert away.code == "slurm-unreachable"
                silences += 1
        assert silences
        assert not all(finding.is_ok for finding in desk.target().check())
        desk.write_job("jb-0000000e.2", "1")
        with pytest.raises(UnavailableError, match="slurm-unreachable"):
            desk.target().submit("jb-0000000e.2")
    finally:
        desk.cluster.start_controller()
    sighting, events = desk.follow(desk.target(), "jb-0000000e")["jb-0000000e"]
    assert sighting.status.state is JobState.SUCCEEDED
    assert said(events).count("tick") == 24
    target.submit("jb-0000000e.2")
    assert desk.follow(target, "jb-0000000e.2")["jb-0000000e.2"][0].status.state is JobState.SUCCEEDED


def test_a_job_that_slurm_forgot_is_known_by_its_directory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_target, "_PATIENCE_S", 3.0)
    target = desk.target()
    for job, cell in (("jb-0000000f", "print('fine')"), ("jb-00000010", "import os, signal; os.kill(os.getppid(), 9)")):
        desk.write_job(job, cell)
        target.submit(job)
    ended = desk.follow(target, "jb-0000000f", "jb-00000010")
    assert ended["jb-0000000f"][0].status.state is JobState.SUCCEEDED
    assert (ended["jb-00000010"][0].status.state, ended["jb-00000010"][0].status.reason) == (
        JobState.FAILED,
        "RunnerDied",
    )
    for job in ("jb-0000000f", "jb-00000010"):  # as if it were hours later
        (desk.base / "jobs" / job / "slurm.json").write_text('{"id": "99999"}\n')
    begun = time.monotonic()
    late = desk.follow(desk.target(), "jb-0000000f", "jb-00000010")
    assert time.monotonic() - begun > 3, "it may be that the shared file system has not shown it yet"
    assert late["jb-0000000f"][0].status.state is JobState.SUCCEEDED
    assert late["jb-00000010"][0].status.state is JobState.LOST


def test_an_array_runs_each_task_in_its_own_directory(desk: Desk) -> None:
    target = desk.target()
    jobs = [f"jb-000001{number:02x}" for number in range(4)]
    for number, job in enumerate(jobs):
        desk.write_job(job, f"print('task {number}')", "1 / 0" if number == 3 else "None")
    target.submit_many(jobs, parallel=2)
    desk.target().submit_many(jobs, parallel=2)
    desk.target().submit(jobs[0])
    ended = desk.follow(target, *jobs, timeout_s=120)
    assert [ended[job][0].status.state for job in jobs] == [JobState.SUCCEEDED] * 3 + [JobState.FAILED]
    assert [said(ended[job][1]) for job in jobs[:3]] == [f"task {number}\n" for number in range(3)]
    names = desk.cluster.run("squeue", "--noheader", "--states=all", "--array", "--format=%F %j").splitlines()
    assert len({line for line in names if " wb-" in line}) == 1, "one order, sent once"
    with pytest.raises(UsageError, match="array-resources-differ"):
        desk.write_job("jb-00000120", "1", resources={"cpus": 2})
        target.submit_many([jobs[0], "jb-00000120"])


def test_one_task_of_an_array_is_cancelled_alone(desk: Desk) -> None:
    target = desk.target()
    jobs = ["jb-00000130", "jb-00000131"]
    for job in jobs:
        desk.write_job(job, SLEEP if job == jobs[0] else "print('done')")
    target.submit_many(jobs)
    desk.until_said(target, jobs[0], "asleep")
    target.cancel(jobs[0])
    ended = desk.follow(target, *jobs)
    assert [ended[job][0].status.state for job in jobs] == [JobState.CANCELLED, JobState.SUCCEEDED]


def test_a_job_gives_way_to_one_of_a_better_partition(desk: Desk) -> None:
    target = desk.target(partition="spot")
    desk.write_job("jb-00000140", SLEEP, resources={"cpus": desk.cluster.cpus})
    target.submit("jb-00000140")
    desk.until_said(target, "jb-00000140", "asleep")
    better = desk.target(partition="main")
    desk.write_job("jb-00000141", "print('mine')", resources={"cpus": desk.cluster.cpus})
    better.submit("jb-00000141")
    sighting, _ = desk.follow(target, "jb-00000140")["jb-00000140"]
    assert (sighting.status.state, sighting.status.reason) == (JobState.PREEMPTED, "Preempted")
    assert desk.follow(better, "jb-00000141")["jb-00000141"][0].status.state is JobState.SUCCEEDED


def test_the_node_is_set_up_as_the_target_says_and_nothing_of_ours_goes_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_OURS", "swordfish")
    target = desk.target(setup=["export FROM_SETUP='it\\'\"s'", "export TWICE=$FROM_SETUP$FROM_SETUP"])
    desk.write_job("jb-00000150", "import os; print(sorted(os.environ))", "print(os.environ['FROM_SETUP'])")
    target.submit("jb-00000150")
    _, events = desk.follow(target, "jb-00000150")["jb-00000150"]
    assert "FROM_SETUP" in said(events)
    assert "A_SECRET_OF_OURS" not in said(events)
    for path in [*desk.base.rglob("*"), *desk.cluster.folder.rglob("*")]:
        assert not path.is_file() or b"swordfish" not in path.read_bytes(), path


def test_it_says_what_the_cluster_offers(desk: Desk) -> None:
    target = desk.target(partition="tiny")
    assert all(finding.is_ok for finding in target.check()), target.check()
    figures = target.figures()
    assert (figures.cpus, figures.gpus, figures.gpus_free, figures.queued_jobs) == (desk.cluster.cpus, 2, 2, 0)
    assert 0 <= figures.cpus_free <= figures.cpus
    assert figures.memory_bytes == desk.cluster.memory_mb << 20
    assert "00:01:00 time" in figures.quota
    assert figures.free_disk_bytes > 0


def test_what_is_missing_is_found_before_anything_is_sent(desk: Desk) -> None:
    finding = next(finding for finding in desk.target(python="/no/python3").check() if not finding.is_ok)
    assert finding.name == "far-python-missing"
    finding = next(finding for finding in desk.target(partition="shut").check() if not finding.is_ok)
    assert (finding.name, "down" in finding.message) == ("partition", True)


@pytest.mark.parametrize("options", [{"folder": "relative"}, {"host": "-oProxyCommand=x"}, {"port": -1}, {"bin": "x"}])
def test_options_that_cannot_be_meant_are_refused(desk: Desk, options) -> None:
    with pytest.raises(UsageError, match="target-option-wrong"):
        desk.target(**options)


def marked(job: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WORKBENCH_JOB") == job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
