"""What the follower does where a target takes its time."""

from __future__ import annotations

import json
import time

import pytest

from tests.targets.conftest import Bench
from tests.targets.worlds.neighbour import Neighbour
from workbench.compute.folder import read_json
from workbench.contract.status import JobState
from workbench.execute import following as following_module
from workbench.execute import jobs
from workbench.execute.following import Following
from workbench.foundation.errors import ConflictError, PendingError, WorkbenchError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("world-neighbour")]


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_what_has_not_ended_yet_is_cancelled_again_and_has_not_failed(bench: Bench) -> None:
    assert isinstance(bench.world, Neighbour)
    job = bench.submit("import time; time.sleep(300)")
    bench.until_cell(job.id, 1)
    (bench.world.site / "slow").write_text("3")
    jobs.cancel(bench.project, job.id)
    ended = bench.end(job.id)
    assert (bench.world.site / "slow").read_text() == "0", "it was cancelled again and again"
    assert (ended.state, ended.reason) == (JobState.CANCELLED, "cancelled")


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_what_could_not_be_put_away_is_put_away_later(bench: Bench) -> None:
    assert isinstance(bench.world, Neighbour)
    deaf = bench.world.site / "deaf"
    deaf.touch()
    try:
        job = bench.submit("print('fine')")
        assert bench.end(job.id).state == JobState.SUCCEEDED
        entry = bench.project.state_dir / "leftovers" / f"{job.id}.json"
        bench.until(lambda: (read_json(entry) or {}).get("due", 0) > time.time() + 100, "it is put off")
    finally:
        deaf.unlink()
    assert bench.world.starts(job.id) == 1, "its directory is still there"
    bench.kill_follower()
    entry.write_text(json.dumps({**(read_json(entry) or {}), "due": 0}))
    bench.until(lambda: not jobs.list_jobs(bench.project) or not entry.exists(), "it is put away")
    assert bench.world.starts(job.id) == 0


DIE = """
import os, signal
with open(f"/proc/{os.getppid()}/fd/2", "a") as log:
    log.write("the roof came down\\n")
os.kill(os.getppid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_a_runner_that_dies_explains_itself(bench: Bench) -> None:
    ended = bench.end(bench.submit(DIE).id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "RunnerDied")
    assert ended.error == "RunnerDied: the roof came down"


@pytest.mark.parametrize(("error", "is_ended"), [(PendingError, False), (ConflictError, True)])
def test_not_yet_is_no_refusal(blank_project: Project, monkeypatch, error: type[WorkbenchError], is_ended) -> None:
    ended: list[str] = []
    monkeypatch.setattr(Following, "_end", lambda _, execution, status: ended.append(status.reason))
    monkeypatch.setattr(following_module, "_WAITING_S", 0.0)

    def step() -> None:
        raise error("why", "because", "wait")

    Following(blank_project, "far")._guard("jb-1", step)
    assert ended == (["why"] if is_ended else [])
