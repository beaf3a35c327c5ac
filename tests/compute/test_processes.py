"""Which processes belong to a job, and that none of them stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workbench.compute.processes import end_processes, is_same_process, job_processes, started_at

TREE = """
import os, subprocess, sys, time
from pathlib import Path
from workbench.foundation.background import spawn_detached
quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
subprocess.Popen(["sleep", "701"], **quiet)
subprocess.Popen(["sleep", "702"], start_new_session=True, **quiet)
subprocess.Popen(["sh", "-c", "sleep 703 &"], **quiet).wait()
subprocess.Popen(["sleep", "704"], env={"PATH": os.environ["PATH"]}, **quiet)
subprocess.Popen(["sh", "-c", "sleep 708 &"], env={"PATH": os.environ["PATH"]}, **quiet).wait()
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(707)"
subprocess.Popen([sys.executable, "-c", stubborn], **quiet)
spawn_detached("timeit", ["-n1", "-r1", "import time; time.sleep(705)"], log=Path(sys.argv[1]), cwd=Path.cwd())
subprocess.Popen(["sleep", "706"], env={**os.environ, "WORKBENCH_JOB": "jb-other"}, **quiet)
print("ready", flush=True)
time.sleep(700)
"""


@pytest.fixture
def leader(tmp_path) -> Iterator[subprocess.Popen[str]]:
    """A process that has started all kinds of others, as a notebook might."""
    environment = {**os.environ, "WORKBENCH_JOB": "jb-mine", "WORKBENCH_PROJECT": str(tmp_path)}
    command = [sys.executable, "-c", TREE, str(tmp_path / "log.txt")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    descendants = psutil.Process(process.pid).children(recursive=True)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    for child in descendants:
        if child.is_running():
            child.kill()


def arguments(processes: list[psutil.Process]) -> set[str]:
    return {process.cmdline()[-1] for process in processes if process.name() == "sleep"}


def test_all_of_a_job_is_found_and_nothing_that_is_started_for_keeps(leader, tmp_path) -> None:
    found = job_processes(tmp_path, "jb-mine", leader.pid)
    assert {"701", "702", "703", "704", "708"} <= arguments(found)
    assert "706" not in arguments(found), "another job is none of this one's business"
    assert not [process for process in found if "timeit" in process.cmdline()]
    assert leader.pid not in {process.pid for process in found}
    assert job_processes(Path("/elsewhere"), "jb-mine") == []

    begun = time.monotonic()
    end_processes(found, grace_s=0.5)
    assert time.monotonic() - begun < 30, "those that take no notice are killed after the grace, not waited for"
    assert not [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    kept = [p for p in psutil.Process(leader.pid).children() if p.status() != psutil.STATUS_ZOMBIE]
    assert any("timeit" in process.cmdline() for process in kept)
    assert arguments(kept) == {"706"}


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_old_one() -> None:
    assert is_same_process(os.getpid(), psutil.Process().create_time() + 0.1)
    assert not is_same_process(os.getpid(), psutil.Process().create_time() - 3600)
    assert is_same_process(os.getpid(), started_at(os.getpid()))
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not is_same_process(ended.pid, time.time())
    assert not is_same_process(ended.pid, started_at(ended.pid))


def test_a_process_that_took_over_a_number_is_ended_as_what_it_is(tmp_path) -> None:
    """psutil keeps what it saw under a number; on a busy machine numbers come round within minutes."""
    environment = {**os.environ, "WORKBENCH_JOB": "jb-mine", "WORKBENCH_PROJECT": str(tmp_path)}
    process = subprocess.Popen(["sleep", "700"], env=environment)
    try:
        known = next(each for each in psutil.process_iter() if each.pid == process.pid)
        known._ident = (process.pid, 1.0)  # what had the number before, as psutil remembers it
        begun = time.monotonic()
        end_processes(job_processes(tmp_path, "jb-mine"), grace_s=30)
        process.wait(timeout=5)
        assert time.monotonic() - begun < 30, "asked to end, it ended"
    finally:
        process.kill()
        process.wait()
