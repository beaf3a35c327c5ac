"""What is wrong with an order is said before anything is written."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.execute.far_jobs import travelling_module
from workbench.compute.folder import JobFolder
from workbench.execute.jobs import list_jobs, submit
from workbench.execute.notebook import read_notebook
from workbench.execute.parameters import bind_parameters, declared_parameters
from workbench.execute.replay import _params
from workbench.execute.supervise import RunnerProcess, kernel_environment
from workbench.foundation.errors import NotFoundError, StorageError, UnavailableError, UsageError, WorkbenchError
from workbench.foundation.project import Project

PARAMETERS = """\
%matplotlib inline
depth: int = 6  # of each tree
rate = 0.1
deep, name = False, "shuttle"
is_fast = True
tags = ["a"]
start = max(1, 2)
label = "first"
nothing = None
"""


@pytest.fixture
def project(tmp_path, write_notebook) -> Project:
    root = tmp_path / "project"
    write_notebook(root / "notebooks" / "train.ipynb", "depth", parameters=PARAMETERS)
    (root / "workbench.toml").write_text(
        '[project]\nname = "p"\n[targets.full]\nkind = "local"\nmin_free_disk_gb = 1e9\n'
    )
    return Project.open(root)


@pytest.fixture
def notebook(project):
    return read_notebook(project.root / "notebooks" / "train.ipynb")


def refused(project: Project, family: type[WorkbenchError], *arguments, **options) -> WorkbenchError:
    """Submit what must be refused, and look that it left nothing behind."""
    before = sorted(path for path in project.root.rglob("*") if "journal.db" not in path.name and path.is_file())
    with pytest.raises(family) as caught:
        submit(project, *arguments, **options)
    after = sorted(path for path in project.root.rglob("*") if "journal.db" not in path.name and path.is_file())
    assert after == before
    assert project.journal.head().seq == 0
    assert list_jobs(project) == ()
    return caught.value


def test_declared_parameters_are_read_without_running_them(project) -> None:
    assert declared_parameters(project.root / "notebooks" / "train.ipynb") == {
        "depth": "6",
        "rate": "0.1",
        "is_fast": "True",
        "tags": "['a']",
        "start": "max(1, 2)",
        "label": "'first'",
        "nothing": "None",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("depth", "2", 2),
        ("depth", "2.5", 2.5),
        ("depth", "None", None),
        ("rate", "1e-3", 0.001),
        ("is_fast", "False", False),
        ("label", "42", "42"),
        ("tags", "['b', 'c']", ["b", "c"]),
        ("start", "7", 7),
        ("start", "soon", "soon"),
        ("nothing", "True", True),
    ],
)
def test_values_are_read_like_papermill_reads_them(notebook, name, text, value) -> None:
    bound = bind_parameters(notebook, {name: text})
    assert bound == {name: value}
    assert type(bound[name]) is type(value)


@pytest.mark.parametrize(("name", "text"), [("depth", "deep"), ("rate", "high"), ("is_fast", "1"), ("tags", "a,b")])
def test_a_value_of_another_type_is_refused(project, name, text) -> None:
    error = refused(project, UsageError, "notebooks/train.ipynb", {name: text})
    assert error.code == "parameter-wrong-type"
    assert name in error.hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[b'x']", "b'x'"),
        ("[1j]", "1j"),
        ("[...]", "Ellipsis"),
        ("[[{1, 2}]]", "{1, 2}"),
        ("[{(1, 2): 3}]", "the key (1, 2)"),
        ("[{'a': [{0: 1.0}]}]", "the key 0"),
        ("[{True: 1}]", "the key True"),
    ],
)
def test_a_value_that_would_not_arrive_as_it_is_is_refused(project, text, what) -> None:
    error = refused(project, UsageError, "notebooks/train.ipynb", {"tags": text})
    assert error.code == "parameter-wrong-type"
    assert f"'tags' holds {what}," in error.message


def test_a_replay_is_given_what_differs_from_the_defaults(project) -> None:
    """A default needs no way into the notebook, and some have none: a dict whose keys are numbers."""
    facts = SimpleNamespace(job="", params={"depth": "6", "rate": "0.5", "tags": "['a']", "seen": "1"})
    assert _params(project, facts, project.root / "notebooks" / "train.ipynb") == {"rate": "0.5"}


@pytest.mark.checklist("S1-13")
def test_an_unknown_parameter_names_the_nearest(project) -> None:
    error = refused(project, UsageError, "notebooks/train.ipynb", {"dept": "3"})
    assert (error.code, error.hint) == ("parameter-unknown", "did you mean 'depth'?")


def test_a_notebook_without_parameters_says_how_to_declare_some(project, write_notebook) -> None:
    write_notebook(project.root / "plain.ipynb", "1")
    error = refused(project, UsageError, "plain.ipynb", {"depth": "3"})
    assert "parameters" in error.hint


def test_a_parameters_cell_that_is_no_python_is_refused(project, write_notebook) -> None:
    write_notebook(project.root / "broken.ipynb", "1", parameters="a = 1\nb = = 2")
    error = refused(project, UsageError, "broken.ipynb")
    assert error.code == "parameters-unreadable"
    assert "line 2" in error.message


def test_a_missing_notebook_names_the_nearest(project) -> None:
    error = refused(project, NotFoundError, "notebooks/trian.ipynb")
    assert (error.code, error.hint) == ("notebook-missing", "did you mean 'train.ipynb'?")


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"no json",
            b"[]",
            b'{"cells": []}',
            b'{"nbformat": 3, "cells": []}',
            b'{"nbformat": 4, "cells": [1]}',
            b"\xff",
        ),
        *('{"nbformat": 4, "cells": []}'.encode(encoding) for encoding in ("utf-8-sig", "utf-16")),
    ],
)
def test_what_is_no_notebook_is_refused(project, content) -> None:
    (project.root / "x.ipynb").write_bytes(content)
    assert refused(project, UsageError, "x.ipynb").code == "notebook-invalid"


def test_a_notebook_outside_of_the_project_is_refused(project, tmp_path, write_notebook) -> None:
    path = write_notebook(tmp_path / "elsewhere.ipynb", "1")
    assert refused(project, UsageError, str(path)).code == "notebook-outside-project"


def test_a_kernel_that_is_not_installed_is_refused(project, write_notebook) -> None:
    write_notebook(project.root / "r.ipynb", "1", kernel="python33")
    error = refused(project, NotFoundError, "r.ipynb")
    assert error.code == "kernel-missing"
    assert "did you mean 'python3'?" in error.hint


def test_an_unknown_target_names_the_nearest(project) -> None:
    error = refused(project, NotFoundError, "notebooks/train.ipynb", target="locl")
    assert (error.code, error.hint) == ("target-unknown", "did you mean 'local'?")


def test_a_target_that_is_not_ready_is_refused(project) -> None:
    error = refused(project, UnavailableError, "notebooks/train.ipynb", target="full")
    assert error.code == "target-not-ready"
    assert "min_free_disk_gb" in error.hint


def test_a_full_disk_loses_nothing(project, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workbench.execute.submission.shutil.copyfile", refuse)
    assert refused(project, StorageError, "notebooks/train.ipynb").code == "disk-full"
    assert not list((project.state_dir / "jobs").iterdir())


def test_a_target_that_cannot_start_a_job_ends_it_and_it_can_be_tried_again(project, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(project.root / "no-such-python"))  # its environment was deleted
        with pytest.raises(UnavailableError) as caught:
            submit(project, "notebooks/train.ipynb")
    (job,) = list_jobs(project)
    assert (caught.value.code, job.id in caught.value.message) == ("target-refused", True)
    assert "no-such-python" in caught.value.message
    assert caught.value.hint == f"mend what it says (mlops targets), then: mlops retry {job.id}"
    assert (job.state, job.reason) == ("FAILED", "target-refused")
    ended = project.journal.events(kind="job.ended")
    assert [event.data["reason"] for event in ended] == ["target-refused"]


def test_the_runner_travels_alone() -> None:
    """It is carried to machines with Python 3.9 and papermill, and nothing else."""
    source = Path(travelling_module("runner").__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    foreign = imported - {"__future__", *__import__("sys").stdlib_module_names}
    assert foreign == {
        "papermill",
        "nbclient",
        "machine",
        "errand",
        "confined",
    }  # papermill's own engine; files beside it


def test_a_chatty_cell_is_cut_short_and_its_numbers_stay_gapless(tmp_path) -> None:
    events = travelling_module("runner").Events(tmp_path)
    for _ in range(5000):
        events.say(1, "0123456789")
    with (tmp_path / "outbox.jsonl").open("w") as stream:
        stream.write('{"kind": "metric", "data": {"name": "f1", "value": 0.5, "step": 1}}\nno message\n{"kind": "ex')
        stream.flush()
        events.emit("cell_end", cell=1)
        stream.write('it"}\n{"kind": "artifact", "data": {"path": "m"}}\n')
    events.emit("exit")
    found = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in found] == ["out", "metric", "cell_end", "artifact", "exit"]
    assert [event["seq"] for event in found] == [1, 2, 3, 4, 5]
    assert found[0]["data"]["text"].endswith("(46000 characters more are in output.ipynb)")


def test_a_replay_is_handed_nobodys_keys(tmp_path, monkeypatch) -> None:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "p"\n')
    project = Project.open(tmp_path)
    for name in ("SSH_AUTH_SOCK", "WORKBENCH_SIGNING_KEY"):
        monkeypatch.setenv(name, "mine")
    folder = JobFolder.of(project, "jb-1")
    replay = kernel_environment(project, "jb-1", folder, str(tmp_path / "checkout"))
    assert (replay["SSH_AUTH_SOCK"], replay["WORKBENCH_SIGNING_KEY"]) == ("", "")
    assert "SSH_AUTH_SOCK" not in kernel_environment(project, "jb-1", folder, ""), (
        "a job of one's own keeps one's agent"
    )


def test_who_is_asked_to_end_while_the_runner_is_being_started_ends_it(project, tmp_path, monkeypatch) -> None:
    """A planted signal between fork and the note of the process: no runner is left without its supervisor."""
    folder, plain = JobFolder(tmp_path / "jb-5e9b1e55"), subprocess.Popen
    folder.path.mkdir()
    folder.spec.write_text("{}")
    folder.runner.write_text("import time; time.sleep(30)")
    started: list[subprocess.Popen[bytes]] = []

    def slow(*arguments, **options) -> subprocess.Popen[bytes]:
        started.append(plain(*arguments, **options))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[0]

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(subprocess, "Popen", slow)
    try:
        runner = RunnerProcess(project, "jb-5e9b1e55", folder)
        assert runner.process.wait(20) == -signal.SIGTERM
        assert runner.was_stopped
    finally:
        signal.signal(signal.SIGTERM, before)
        started[0].kill()
