"""What is seen and what is not: inputs, code, environment."""

import hashlib
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from workbench.data.versions import snapshot
from workbench.experiment.capture import inputs as capture
from workbench.experiment.capture.environment import environment
from workbench.experiment.capture.git import git_state
from workbench.experiment.capture.inputs import InputRecorder


@pytest.fixture
def recorder(project, monkeypatch):
    monkeypatch.chdir(project.root)
    found = InputRecorder(project)
    found.start()
    yield found
    found.stop()


def paths(recorder):
    return [item.path for item in recorder.inputs()]


def test_a_data_frame_read_from_a_versioned_file_names_the_version(project, recorder):
    (project.root / "readings.csv").write_text("a,b\n1,2\n")
    (version,) = snapshot(project, ("readings.csv",))
    recorder.stop()
    fresh = InputRecorder(project)
    fresh.start()
    pd.read_csv("readings.csv")
    pd.read_csv(project.root / "readings.csv")
    (found,) = fresh.inputs()
    assert found.path == "readings.csv"
    assert found.digest == "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert found.dataset_version == version.id
    fresh.stop()


def test_numpy_is_seen_and_what_nobody_sees_can_be_named(project, recorder):
    recorder.is_paused = True
    np.save("x.npy", np.zeros(3))
    (project.root / "t.bin").write_text("native")
    recorder.is_paused = False
    np.load("x.npy")
    assert paths(recorder) == ["x.npy"]
    recorder.note("t.bin")
    assert paths(recorder) == ["t.bin", "x.npy"]


def test_code_state_caches_and_system_files_are_no_inputs(project, recorder):
    for name in (".workbench/x.csv", ".git/x.csv", "code.py", "n.ipynb", ".ipynb_checkpoints/x.csv", "workbench.toml"):
        path = project.root / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.read_bytes()
    with open("/etc/hostname") as stream, open("/proc/self/status") as status, open(os.__file__) as code:
        stream.read(), status.read(), code.read()
    os.listdir(project.root)
    assert paths(recorder) == []


def test_what_a_package_says_of_itself_is_environment_and_no_input(project, recorder):
    """A project that is installed in place has its ``egg-info`` beside its code, and Jupyter asks it for kernels."""
    files = [project.root / "src" / name for name in ("shuttle.egg-info/entry_points.txt", "notes.txt")]
    recorder.is_paused = True
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[console_scripts]\n")
    recorder.is_paused = False
    for file in files:
        file.read_text()
    assert paths(recorder) == ["src/notes.txt"]


def test_a_file_made_here_and_read_back_is_no_input(project, recorder):
    (project.root / "made.csv").write_text("a\n")
    (project.root / "made.csv").read_text()
    assert paths(recorder) == []


def test_a_file_that_changed_after_it_was_read_has_no_digest(project, recorder):
    path = project.root / "readings.csv"
    recorder.is_paused = True
    path.write_text("a\n1\n")
    recorder.is_paused = False
    path.read_text()
    recorder.is_paused = True
    path.write_text("other bytes\n")
    (found,) = recorder.inputs()
    assert (found.path, found.digest) == ("readings.csv", "")


def test_missing_files_and_odd_arguments_fail_as_python_means_them_to(project, recorder):
    with pytest.raises(FileNotFoundError):
        open("missing.csv").close()
    with pytest.raises(ValueError, match="null"):
        open("nul\0.csv").close()
    handle = os.open(project.root / "workbench.toml", os.O_RDONLY)
    os.close(handle)
    with open(b"workbench.toml") as stream:
        stream.read()
    assert paths(recorder) == []


def test_a_recorder_that_breaks_never_breaks_open(project, recorder, monkeypatch):
    (project.root / "readings.csv").touch()
    monkeypatch.setattr(recorder, "note", lambda _: 1 / 0)
    assert (project.root / "readings.csv").read_text() == ""
    assert recorder.is_paused


def test_threads_may_read_at_once(project, recorder):
    recorder.is_paused = True
    for number in range(50):
        (project.root / f"{number}.csv").write_text(str(number))
    recorder.is_paused = False
    threads = [
        threading.Thread(target=lambda: [(project.root / f"{n}.csv").read_text() for n in range(50)]) for _ in range(8)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(paths(recorder)) == 50


def test_files_of_a_checkout_count_as_the_projects_own(project, recorder):
    recorder.stop()
    (project.root / "readings.csv").write_text("a,b\n1,2\n")
    (version,) = snapshot(project, ("readings.csv",))
    checkout = project.root / ".workbench" / "jobs" / "jb-1" / "checkout"
    checkout.mkdir(parents=True)
    (checkout / "readings.csv").write_text("a,b\n1,2\n")
    replay = InputRecorder(project, checkout)
    replay.start()
    os.chdir(checkout)
    pd.read_csv("readings.csv")
    (found,) = replay.inputs()
    replay.stop()
    assert (found.path, found.dataset_version) == ("readings.csv", version.id)


def test_opening_a_known_file_costs_microseconds(project, recorder):
    path = str(project.root / "readings.csv")
    open(path, "w").close()
    started = time.thread_time()
    for _ in range(1000):
        capture._hook("open", (path, "r", os.O_RDONLY))
    assert (time.thread_time() - started) / 1000 < 1e-4


@pytest.mark.checklist("S1-08")
def test_git_state_is_the_commit_and_whether_files_differ(project):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", "-C", str(project.root), *identity, *arguments], check=True, capture_output=True)

    assert git_state(project) == ""
    git("init", "-q")
    assert git_state(project) == ""
    (project.root / ".gitignore").write_text(".workbench/\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD").stdout.decode().strip()
    assert git_state(project) == commit
    (project.root / "workbench.toml").write_text('[project]\nname = "demo"\ndescription = "x"\n')
    assert git_state(project) == f"{commit}+dirty"


@pytest.mark.checklist("S1-09")
def test_the_environment_is_what_is_installed():
    digest, version, packages = environment()
    assert version == ".".join(map(str, sys.version_info[:3]))
    assert packages == tuple(sorted(packages))
    assert any(package.startswith("mlflow==") for package in packages)
    assert digest == "sha256:" + hashlib.sha256("\n".join(packages).encode()).hexdigest()
