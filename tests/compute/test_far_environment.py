"""The environment that a far job may ask for: made once from hashed requirements by a real pip, without a network."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from tests.compute.wheels import locked, make_wheel
from workbench.compute.folder import JobFolder
from workbench.compute.hosts.errands import end, environment
from workbench.compute.ssh import SshTarget
from workbench.compute.targets import find_target
from workbench.contract.status import JobState
from workbench.foundation.project import Project

SCRIPT = Path(environment.__file__)


@pytest.fixture
def requirements(tmp_path) -> str:
    return locked(make_wheel(tmp_path))


def start(job: Path, envs: Path, requirements: str, code: str) -> subprocess.Popen[str]:
    job.mkdir()
    (job / "environment.txt").write_text(requirements)
    command = [sys.executable, str(SCRIPT), str(envs), "environment.txt", "-c", code]
    return subprocess.Popen(command, cwd=job, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_jobs_that_want_the_same_environment_make_it_once(tmp_path, requirements) -> None:
    code = "import sys, wb_tiny; print(wb_tiny.VERSION, sys.prefix)"
    jobs = [start(tmp_path / f"jb-{number}", tmp_path / "envs", requirements, code) for number in range(3)]
    said = [job.communicate(timeout=120) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], said
    (env,) = [path for path in (tmp_path / "envs").iterdir() if path.is_dir()]
    assert {out for out, _ in said} == {f"1.0 {env}\n"}
    made = env.stat().st_ctime_ns
    again = start(tmp_path / "jb-again", tmp_path / "envs", requirements, code)
    assert again.communicate(timeout=60)[0] == f"1.0 {env}\n"
    assert env.stat().st_ctime_ns == made
    assert not (tmp_path / "jb-again" / "starting.txt").exists()


def test_a_hash_that_is_not_the_locked_one_ends_the_job_with_pips_own_words(tmp_path, requirements) -> None:
    wrong = requirements.rpartition(":")[0] + ":" + "0" * 64 + "\n"
    job = start(tmp_path / "jb-1", tmp_path / "envs", wrong, "print('never')")
    out, _ = job.communicate(timeout=120)
    assert (job.returncode, out) == (1, "")
    last = json.loads((tmp_path / "jb-1" / "exit.json").read_text())
    assert last["reason"] == "EnvironmentFailed"
    assert "HASH" in last["error"].upper()
    mended = start(tmp_path / "jb-2", tmp_path / "envs", requirements, "import wb_tiny; print('now')")
    assert mended.communicate(timeout=120)[0] == "now\n", "what is half made is made anew"


def test_a_builder_that_is_killed_alone_leaves_the_lock_with_pip(tmp_path, requirements, monkeypatch) -> None:
    """Else the next job takes away what pip still writes, and both are broken."""
    stub = tmp_path / "bin" / "uv"
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\ncd '{tmp_path}' && echo $$ >pip.new && mv pip.new pip && exec sleep 60\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    builder = start(tmp_path / "jb-1", tmp_path / "envs", requirements, "")
    deadline = time.monotonic() + 60
    while not (tmp_path / "pip").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    builder.kill()
    builder.wait()  # not for the end of what it says: pip has the same pipe
    (lock,) = (tmp_path / "envs").glob("*.lock")
    with lock.open("r+b") as stream:
        with pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(int((tmp_path / "pip").read_text()), signal.SIGKILL)
        fcntl.flock(stream, fcntl.LOCK_EX)
    builder.communicate()


def test_an_environment_goes_when_nobody_has_used_it_for_long(tmp_path) -> None:
    envs, day = tmp_path / "envs", 86_400

    def made(name: str, used_days_ago: float) -> Path:
        env = envs / name
        env.mkdir(parents=True)
        env.with_suffix(".lock").touch()
        (env / ".whole").touch()
        os.utime(env / ".whole", (time.time() - used_days_ago * day,) * 2)
        return env

    old, young, taken = made("aa", 9), made("bb", 6), made("cc", 9)
    job = tmp_path / "jobs" / "jb-1"
    job.mkdir(parents=True)
    (job / "environment.txt").touch()
    end.sweep(tmp_path, 7)
    assert old.is_dir(), "one of them is the Python of a job that has not ended"
    (job / "exit.json").touch()
    with taken.with_suffix(".lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        end.sweep(tmp_path, 7)
        assert [env.is_dir() for env in (old, young, taken)] == [False, True, True]
    end.sweep(tmp_path, 7)
    assert not taken.exists()


def test_where_the_file_system_has_no_locks_each_node_makes_its_own(tmp_path, requirements, monkeypatch) -> None:
    """A planted refusal of the shared folder; the node's own disk has locks."""
    plain = fcntl.flock

    def lustre(handle: int, how: int) -> None:
        if "envs" in Path(f"/proc/self/fd/{handle}").readlink().parts:
            raise OSError(errno.ENOSYS, "Function not implemented")
        plain(handle, how)

    monkeypatch.setattr(environment.fcntl, "flock", lustre)
    monkeypatch.setattr(environment, "build", lambda env, *_: env.mkdir())
    monkeypatch.setattr(environment.platform, "node", lambda: "node-7.example.org")
    monkeypatch.setattr(environment.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("environment.txt").write_text(requirements)
    env = environment.environment_of(tmp_path / "envs", Path("environment.txt"))
    made = environment.make(env, Path("environment.txt"))
    assert (made.name, made.is_dir(), env.exists()) == (f"{env.name}-node-7.example.org", True, False)
    assert environment.make(env, Path("environment.txt")) == made


@pytest.fixture
def job(request) -> str:
    """A name of its own for each test: ending a job ends every process of this machine that carries its name."""
    return f"jb-{zlib.crc32(request.node.nodeid.encode()):08x}"


@pytest.fixture
def target(tmp_path, sshd, job) -> SshTarget:
    root = tmp_path / "p"
    root.mkdir()
    (root / "workbench.toml").write_text(
        f'[project]\nname = "p"\n[targets.box]\nkind = "ssh"\nhost = "box"\nssh_config = "{sshd.config("box")}"\n'
        f'folder = "{tmp_path / "far"}"\npython = "{sys.executable}"\nenvironment = "lock"\n'
    )
    found = find_target(Project.open(root), "box")
    folder = JobFolder.of(Project.open(root), job)
    folder.path.mkdir(parents=True)
    runner = "import json, time\ntime.sleep(1)\nimport wb_tiny\n"
    runner += "json.dump({'code': 0, 'reason': '', 'error': ''}, open('exit.json', 'w'))\n"
    folder.runner.write_text(runner)
    yield found
    found.cleanup(job)


def test_a_lock_without_hashes_is_refused_with_the_command_that_makes_one(tmp_path, target, requirements) -> None:
    found = {finding.name: finding for finding in target.check()}
    assert found["requirements"].is_ok is False
    assert "--generate-hashes" in found["requirements"].hint
    (tmp_path / "p" / "requirements.txt").write_text("numpy\n")
    assert not {finding.name: finding for finding in target.check()}["requirements"].is_ok
    (tmp_path / "p" / "requirements.txt").write_text(requirements)
    assert all(finding.is_ok for finding in target.check())


def test_a_target_says_why_its_job_has_not_begun(tmp_path, target, job, requirements) -> None:
    (tmp_path / "p" / "requirements.txt").write_text(requirements)
    target.submit(job)
    reasons, deadline = set(), time.monotonic() + 90
    while not (status := target.status(job)).state.is_terminal:
        assert time.monotonic() < deadline
        assert status.state is JobState.STARTING
        reasons.add(status.reason.rpartition(" ")[0])
        time.sleep(0.05)
    assert status.state is JobState.SUCCEEDED, status
    assert "building the environment" in reasons


def test_a_job_that_waits_for_its_environment_can_be_cancelled(tmp_path, target, job, requirements) -> None:
    path = tmp_path / "p" / "requirements.txt"
    path.write_text(requirements)
    env = environment.environment_of(tmp_path / "far" / "envs", path)
    env.parent.mkdir(parents=True)
    with env.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target.submit(job)
        deadline = time.monotonic() + 30
        while not target.status(job).reason.startswith("waiting for the environment"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        target.cancel(job)
        assert target.status(job).state is JobState.CANCELLED
    assert not env.exists()
