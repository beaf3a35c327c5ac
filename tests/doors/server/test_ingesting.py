"""While a Jupyter server runs, what arrives in a watched folder becomes a dataset version by itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from workbench.contract.change import Change
from workbench.data.ingest.intake import add_watch, list_watches
from workbench.doors.server import ingesting
from workbench.doors.server.watch import Watch
from workbench.foundation.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    (tmp_path / "inbox").mkdir()
    project = Project.open(tmp_path, actor="ada@example.org")
    add_watch(project, "inbox", "line1", pattern="*.csv", settle_s=1)
    return project


def arrive(project: Project, name: str, text: str) -> None:
    path = project.root / "inbox" / name
    path.write_text(text)
    moment = time.time() - 10
    os.utime(path, (moment, moment))


def wait_for(is_so, timeout_s: float = 100) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def test_what_arrives_is_taken_and_what_stops_is_not_tried_again_and_again(project, monkeypatch):
    monkeypatch.setattr(ingesting, "LOOK_S", 0.2)
    heard: list[Change] = []
    watch = Watch(heard.append)
    watch.touch(project)
    try:
        arrive(project, "a.csv", "time,torque\n1,0.5\n")
        wait_for(lambda: list_watches(project)[0].files == 1)
        wait_for(lambda: any("data" in change.nouns for change in heard))
        arrive(project, "b.csv", "time,load\n1,0.5\n")
        wait_for(lambda: "'load' is new" in list_watches(project)[0].problem)
        log = project.state_dir / "ingest.log"
        wait_for(lambda: "ingest-schema-changed" in log.read_text() or "does not look like" in log.read_text())
        size = log.stat().st_size
        time.sleep(2)
        assert log.stat().st_size == size
        arrive(project, "b.csv", "time,torque\n2,0.5\n")  # somebody mended it: the folder looks otherwise
        arrive(project, "c.csv", "time,torque\n3,0.5\n")
        wait_for(lambda: list_watches(project)[0].files == 3)
        assert not list_watches(project)[0].problem
    finally:
        watch.stop()
