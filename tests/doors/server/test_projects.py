"""Readers share an open project; whoever acts opens it anew, so that who acts is true at that moment."""

from __future__ import annotations

import os

import pytest

from workbench.doors.server.projects import OpenProjects
from workbench.foundation.errors import NotFoundError


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ACTOR", "first@example.org")
    (tmp_path / "project").mkdir()
    write(tmp_path, "first")
    return OpenProjects(tmp_path)


def write(root, name: str) -> None:
    (root / "project" / "workbench.toml").write_text(f'[project]\nname = "{name}"\n')


def test_readers_share(opened):
    with opened.reading("project") as first, opened.reading("project/deeper") as second:
        assert first is second


def test_a_changed_configuration_is_read_at_once(opened, tmp_path):
    with opened.reading("project") as project:
        assert project.config.project.name == "first"
        assert project.journal.head().seq == 0
    write(tmp_path, "second")
    os.utime(tmp_path / "project" / "workbench.toml", ns=(1, 1))  # whatever the clock's resolution
    with opened.reading("project") as again:
        assert again.config.project.name == "second"
    assert project.journal.head().seq == 0  # one who still holds the old one can go on


def test_who_acts_is_asked_each_time(opened, monkeypatch):
    with opened.reading("project"), opened.acting("project") as project:
        assert project.actor == "first@example.org"
    monkeypatch.setenv("WORKBENCH_ACTOR", "second@example.org")
    with opened.acting("project") as project, project.journal.transaction() as transaction:
        assert transaction.append("project.created", "project:x", {}).actor == "second@example.org"


def test_nothing_there(opened):
    with pytest.raises(NotFoundError), opened.reading("elsewhere"):
        pass
