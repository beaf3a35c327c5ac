"""The ``mlops`` command as a process: exit codes, one-line errors, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.foundation.project import Project

LONG = "x" * 300
"""A name that no file system takes."""


def mlops(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench.doors.cli", *words]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=120)


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = mlops(tmp_path, "--help")
    assert done.returncode == 0
    assert "review approve" in done.stdout
    assert "Traceback" not in done.stderr


def test_outside_a_project_it_says_what_to_do(tmp_path: Path) -> None:
    done = mlops(tmp_path, "status")
    assert done.returncode == 2
    assert "[project-missing]" in done.stderr
    assert "mlops init my-project --template" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_in_a_folder_that_was_deleted_it_says_what_to_do(blank_project: Project, tmp_path: Path) -> None:
    code = "import os, sys; os.rmdir(os.getcwd()); from workbench.doors.cli import main; sys.exit(main(sys.argv[1:]))"

    def from_nowhere(*words: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "gone").mkdir()
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=tmp_path / "gone", check=False, capture_output=True, text=True)

    done = from_nowhere("status", "--json")
    assert done.returncode == 2, done.stderr
    problem = json.loads(done.stderr)
    assert problem["code"] == "folder-gone"
    assert "--project <folder>" in problem["hint"]
    mended = from_nowhere("status", "--json", "--project", str(blank_project.root))
    assert mended.returncode == 0, mended.stderr


@pytest.mark.checklist("S4-10")
def test_init_twice_is_harmless(tmp_path: Path) -> None:
    assert mlops(tmp_path, "init", "p", "--template", "blank").returncode == 0
    kept = (tmp_path / "p" / "workbench.toml").read_text().replace('owner = ""', 'owner = "me"')
    (tmp_path / "p" / "workbench.toml").write_text(kept)
    assert mlops(tmp_path, "init", "p", "--template", "blank").returncode == 0
    assert (tmp_path / "p" / "workbench.toml").read_text() == kept


def test_errors_are_json_where_json_is_wanted(blank_project: Project) -> None:
    done = mlops(blank_project.root, "jobs", "show", "jb-nothing", "--json")
    assert done.returncode == 2
    problem = json.loads(done.stderr)
    assert problem["code"] == "job-unknown"
    assert problem["hint"]


def test_an_empty_answer_is_one_line_that_fits(blank_project: Project) -> None:
    assert mlops(blank_project.root, "alerts").stdout == "No alerts.\n"
    assert mlops(blank_project.root, "runs").stdout == "No runs yet: mlops run <notebook>\n"


def test_results_are_json_where_json_is_wanted(blank_project: Project) -> None:
    done = mlops(blank_project.root, "status", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "blank"


BAD_INPUT = [
    ("run", "notebooks/nothing.ipynb"),
    ("run", "README.md"),
    ("data", "snapshot", "data/nothing.csv"),
    ("data", "restore", "data/nothing.csv@123"),
    ("runs", "show", "nothing"),
    ("cancel", "jb-nothing"),
    ("review", "request", "nothing"),
    ("review", "approve", "rv-nothing"),
    ("release", "rv-nothing"),
    ("rollback", "nothing@production"),
    ("serve", "not/a/channel"),
    ("stop", "nothing@production"),
    ("monitor", "check", "nothing@production"),
    ("alerts", "resolve", "al-nothing"),
    ("reviewers", "add", "x@example.com", "nothing.pub"),
]


@pytest.mark.parametrize("words", BAD_INPUT, ids=" ".join)
def test_bad_input_is_one_clear_error_and_changes_nothing(blank_project: Project, words: tuple[str, ...]) -> None:
    before = blank_project.journal.head()
    done = mlops(blank_project.root, *words, "--json")
    assert done.returncode in (1, 2), done.stderr
    problem = json.loads(done.stderr)
    assert problem["code"] not in ("", "internal-error")
    assert problem["message"]
    assert "Traceback" not in done.stderr
    assert blank_project.journal.head() == before


def test_a_broken_configuration_names_its_line(blank_project: Project) -> None:
    path = blank_project.root / "workbench.toml"
    path.write_text(path.read_text() + "\n[monitor]\nwindow_row = 5\n")
    done = mlops(blank_project.root, "status")
    assert done.returncode == 2
    assert "workbench.toml:" in done.stderr
    assert "window_rows" in done.stderr


def test_an_unwritable_folder_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = mlops(tmp_path, "init", "file")
    assert done.returncode == 2
    assert "folder-is-file" in done.stderr


@pytest.mark.parametrize("words", [("--help",), ("status", "--json"), ("runs", "--help")])
def test_a_reader_that_leaves_is_no_fault(blank_project: Project, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as left:
        done = run_with(blank_project.root, *words, stdout=left)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("words", [("--help",), ("status",), ("status", "--json"), ("runs", "--help")])
def test_output_that_cannot_be_written_is_said_in_two_lines(blank_project: Project, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run_with(blank_project.root, *words, stdout=full)
    assert done.returncode == 3
    assert "disk-full" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (1 if "--json" in words else 2)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp932"])
def test_an_encoding_without_our_letters_is_no_fault(blank_project: Project, encoding: str) -> None:
    text = (blank_project.root / "workbench.toml").read_text(encoding="utf-8")
    described = text.replace('description = ""', 'description = "日本 é 😀 –"')
    assert described != text
    (blank_project.root / "workbench.toml").write_text(described, encoding="utf-8")
    shown = run_with(blank_project.root, "status", PYTHONIOENCODING=encoding, encoding=encoding)
    assert shown.returncode == 0, shown.stderr
    answer = run_with(blank_project.root, "status", "--json", PYTHONIOENCODING=encoding, encoding=encoding)
    assert json.loads(answer.stdout)["description"] == "日本 é 😀 –"
    refused = run_with(
        blank_project.root, "runs", "show", "😀é", "--json", PYTHONIOENCODING=encoding, encoding=encoding
    )
    assert "😀é" in json.loads(refused.stderr)["message"]


def test_closed_streams_are_no_fault(blank_project: Project) -> None:
    code = (
        "import sys; sys.stdout = sys.stderr = None; from workbench.doors.cli import main; sys.exit(main(['status']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=blank_project.root, check=False)
    assert done.returncode == 0


def test_a_new_project_takes_no_folder_to_look_for_one_from(tmp_path: Path) -> None:
    done = mlops(tmp_path, "init", "--project", "there", "--template", "blank")
    assert (done.returncode, "[option-unknown]" in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--project", LONG),
        ("init", LONG),
        ("runs", "export", LONG),
        ("policy", "test", LONG),
        ("audit", "export", LONG),
        ("audit", "verify", "--checkpoint", LONG),
        ("store", "tune", LONG),
    ],
)
def test_a_name_that_is_too_long_for_the_system_is_said(blank_project: Project, words: tuple[str, ...]) -> None:
    done = mlops(blank_project.root, *words, "--json")
    assert done.returncode in (2, 3), done.stderr
    problem = json.loads(done.stderr)
    assert LONG[:20] in problem["message"]
    assert LONG not in problem["hint"]


@pytest.mark.parametrize(
    "words",
    [
        ("sweeps", "--limit", "9" * 30),
        ("sweeps", "--limit", "0"),
        ("pipeline", "runs", "--limit", "-1"),
        ("audit", "log", "--after", "9" * 30),
        ("bundle", "a.ipynb", "--limit-mb", "nan"),
        ("bundle", "a.ipynb", "--limit-mb", "1e400"),
    ],
)
def test_a_number_that_nothing_can_take_is_refused(blank_project: Project, words: tuple[str, ...]) -> None:
    (blank_project.root / "a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    done = mlops(blank_project.root, *words, "--json")
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stderr)["code"] in ("argument-wrong", "limit-out-of-range")


def run_with(
    folder: Path, *words: str, stdout: Any = subprocess.PIPE, encoding: str = "utf-8", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with its output buffered, as it is in a shell."""
    command = [sys.executable, "-m", "workbench.doors.cli", *words]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | environment
    return subprocess.run(
        command,
        cwd=folder,
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding=encoding,
        env=variables,
        timeout=120,
    )
