"""What every room's tests share: a real project in an empty folder, acted in by a known person."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.project.template import create_project

AUTHOR = "author@example.com"


@pytest.fixture(autouse=True)
def _no_inherited_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own identity, project and tracker out of the tests."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "WORKBENCH_PROJECT", "WORKBENCH_RUN_FILE", "WORKBENCH_JOB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKBENCH_ACTOR", AUTHOR)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


@pytest.fixture
def blank_project(tmp_path: Path) -> Project:
    """A project from the blank template, with a signing key for its author."""
    root = tmp_path / "project"
    create_project(root, template="blank", name="blank")
    key = tmp_path / "keys" / "author"
    create_key(key, comment=AUTHOR)
    return Project.open(root, actor=AUTHOR, key_path=key)


@dataclass(frozen=True)
class WalkedRoad:
    """A finished demo.

    Attributes:
        project: Its project, as the author.
        output: What it printed.
        duration_s: How long it took.
    """

    project: Project
    output: str
    duration_s: float


def walk_road(folder: Path) -> WalkedRoad:
    """Run ``make demo``'s own command in a folder, as a newcomer without a Git identity would."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "workbench.demo", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**environment, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return WalkedRoad(Project.open(folder, actor=AUTHOR), done.stdout, time.monotonic() - begun)


@pytest.fixture(scope="session")
def walked_road(tmp_path_factory: pytest.TempPathFactory) -> WalkedRoad:
    """The demo's project after one walk along the whole road; walked once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("road") / "demo"
    return walk_road(folder)
