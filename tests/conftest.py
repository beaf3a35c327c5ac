"""What every room's tests share: a real project in an empty folder, acted in by a known person."""

from __future__ import annotations

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
