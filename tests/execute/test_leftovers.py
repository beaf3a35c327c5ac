"""Whatever a job's end was, the machine that ran it is told to put away what it still has, until it has done so."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.compute.folder import JobFolder, read_json
from workbench.compute.targets import Sighting, TargetStatus, Travel
from workbench.contract.status import JobState
from workbench.execute import follow, following, leftovers
from workbench.execute.following import Following
from workbench.execute.ledger import RECOVERABLE, find_record, record_started, record_submitted
from workbench.foundation.errors import DeniedError, UnavailableError, WorkbenchError
from workbench.foundation.project import Project

SPEC = {"notebook": "a.ipynb", "notebook_digest": "", "target": "far", "name": "", "attempt": 1, "replay_of": ""}
AWAY = UnavailableError("far-away", "Nobody answers", "wait")


class FarAway:
    """A target that answers with what it is told to, and notes what it is asked."""

    name, capabilities, travel, env = "far", frozenset(), Travel(lost_after_s=0.0), {}

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: dict[str, WorkbenchError] = {}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    def submit(self, _job: str) -> None:
        self._ask("submit")

    def poll(self, jobs: dict[str, int]) -> dict[str, Sighting]:
        self._ask("poll")
        return {job: Sighting(TargetStatus(JobState.SUCCEEDED), ()) for job in jobs}

    def events(self, _job: str, _after: int) -> tuple[()]:
        return ()

    def fetch(self, _job: str, _patterns: Any) -> tuple[()]:
        self._ask("fetch")
        return ()

    def cancel(self, _job: str, _grace_s: float | None = None) -> None:
        self._ask("cancel")

    def cleanup(self, _job: str) -> None:
        self._ask("cleanup")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr("workbench.execute.recording.end_run", lambda *_: None)
    monkeypatch.setattr("workbench.execute.results.take_in", lambda *_: None)
    monkeypatch.setattr(following, "_WAITING_S", 0.0)
    (tmp_path / "workbench.toml").write_text('[project]\nname = "p"\n')
    return Project.open(tmp_path)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> FarAway:
    target = FarAway()
    monkeypatch.setattr(following, "find_target", lambda *_: target)
    return target


def send(project: Project, job: str = "jb-1", *, is_sent: bool = True) -> JobFolder:
    folder = JobFolder.of(project, job)
    folder.path.mkdir(parents=True)
    folder.spec.write_text("{}")
    folder.run.write_text('{"run": "run-1"}')
    if is_sent:
        folder.sending.write_text("{}")
        folder.sent.write_text("{}")
    record_submitted(project, job, {**SPEC, "is_far": True}, {})
    record_started(project, job, "")
    return folder


def look(project: Project, far: FarAway, *jobs: str, left: tuple[str, ...] = ()) -> Following:
    """Take looks until nothing is under way any more."""
    found = Following(project, "far")
    found._target = far  # as its thread does first
    found.assign(jobs, left)
    found._look(far)
    deadline = time.monotonic() + 20
    while found.has_work and time.monotonic() < deadline:
        time.sleep(0.01)
    found.close()
    return found


def entry(project: Project, job: str = "jb-1") -> dict[str, Any]:
    return read_json(project.state_dir / "leftovers" / f"{job}.json") or {}


def test_a_machine_that_is_away_when_a_job_ends_is_asked_again(project: Project, far: FarAway) -> None:
    send(project)
    far.fails["cleanup"] = AWAY
    look(project, far, "jb-1")
    assert find_record(project, "jb-1").state == "SUCCEEDED"
    assert leftovers.due_leftovers(project) == {}
    assert time.time() + leftovers.AGAIN_S - 30 < entry(project)["due"] <= time.time() + leftovers.AGAIN_S
    leftovers.note(project, "jb-1", "far")
    assert leftovers.due_leftovers(project) == {"far": ["jb-1"]}
    look(project, far, left=("jb-1",))
    assert leftovers.due_leftovers(project) == {}, "put off once more"
    far.fails.clear()
    look(project, far, left=("jb-1",))
    assert (far.asked.count("cleanup"), entry(project)) == (3, {})


def test_a_job_that_is_refused_is_put_away_too(project: Project, far: FarAway) -> None:
    send(project)
    far.fails["fetch"] = DeniedError("results-refused", "No", "ask")
    look(project, far, "jb-1")
    record = find_record(project, "jb-1")
    assert (record.state, record.body["reason"]) == ("FAILED", "results-refused")
    assert far.asked[-2:] == ["cancel", "cleanup"]
    assert entry(project) == {}


def test_what_was_never_sent_leaves_nothing(project: Project, far: FarAway) -> None:
    folder = send(project, is_sent=False)
    folder.cancel.write_text("{}")
    look(project, far, "jb-1")
    assert find_record(project, "jb-1").state == "CANCELLED"
    assert (far.asked, entry(project)) == ([], {})


def test_a_lost_job_is_put_away_when_nobody_waits_for_it_any_more(project: Project, far: FarAway, monkeypatch) -> None:
    send(project)
    far.fails["poll"] = AWAY
    found = look(project, far, "jb-1")
    time.sleep(0.01)
    found._is_away(far, ["jb-1"], AWAY)
    assert find_record(project, "jb-1").state == "LOST"
    assert leftovers.due_leftovers(project) == {}, "it may come back, and its results are wanted"
    now = time.time()
    monkeypatch.setattr(leftovers.time, "time", lambda: now + RECOVERABLE.total_seconds() + 1)
    assert leftovers.due_leftovers(project) == {"far": ["jb-1"]}
    monkeypatch.setattr(leftovers.time, "time", lambda: now + 40 * 86_400)
    assert leftovers.due_leftovers(project) == {}
    assert entry(project) == {}, "given up"


def test_one_that_comes_back_is_put_away_once_it_is_home(project: Project, far: FarAway) -> None:
    send(project)
    far.fails["poll"] = AWAY
    found = look(project, far, "jb-1")
    time.sleep(0.01)
    found._is_away(far, ["jb-1"], AWAY)
    far.fails.clear()
    look(project, far, "jb-1")
    assert find_record(project, "jb-1").state == "SUCCEEDED"
    assert (far.asked[-1], entry(project)) == ("cleanup", {})


def test_a_follower_is_started_for_what_is_due_and_for_nothing_else(project: Project, monkeypatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(follow, "spawn_detached", lambda module, *_, **__: started.append(module))
    follow.ensure_follower(project)
    leftovers.note(project, "jb-1", "far", in_s=60)
    follow.ensure_follower(project)
    assert started == []
    leftovers.note(project, "jb-1", "far")
    follow.ensure_follower(project)
    follow.ensure_follower(project)
    assert started == ["workbench.execute.follow"], "and not again at once, where that one cannot live"
    assert os.listdir(project.state_dir / "leftovers") == ["jb-1.json"]
