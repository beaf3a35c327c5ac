"""Projects that the real tools look at: dvc as a command, Git, MLflow as a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.foundation.project import Project

Command = Callable[..., str]
BIN = Path(sys.executable).parent


def run_in(folder: Path, *words: str) -> str:
    """Run a program and return what it printed; fail with all of it where it fails."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def dvc_in(folder: Path, *words: str) -> str:
    """Run the real dvc."""
    return run_in(folder, str(BIN / "dvc"), *words)


def git_in(folder: Path, *words: str) -> str:
    """Run Git as somebody."""
    return run_in(folder, "git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words)


def make_project(folder: Path, *, git: bool) -> Project:
    """Make a project with nothing in it."""
    folder.mkdir(parents=True)
    (folder / "workbench.toml").write_text('[project]\nname = "interop"\n')
    (folder / "data").mkdir()
    if git:
        git_in(folder, "init", "-q", "-b", "main")
        (folder / ".gitignore").write_text("/.workbench/\n")
    return Project.open(folder, actor="grace@example.org")


@pytest.fixture(params=["git", "no-git"])
def any_project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project inside and outside Git."""
    return make_project(tmp_path / "project", git=request.param == "git")


@pytest.fixture
def git_project(tmp_path: Path) -> Project:
    """A project inside Git."""
    return make_project(tmp_path / "project", git=True)
