"""The same cluster from the other end of an ssh connection, and what a cut of it does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.link import Link, link_to
from tests.targets.slurm_cluster import SlurmCluster
from tests.targets.slurm_desk import Desk, said
from tests.targets.sshd import Sshd
from workbench.contract.status import JobState
from workbench.foundation.errors import UnavailableError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.xdist_group("slurm"), pytest.mark.slow]

TICK = "import time\nfor number in range(24):\n    print('tick', number, flush=True)\n    time.sleep(0.5)"


@pytest.fixture
def link(sshd: Sshd) -> Iterator[Link]:
    with link_to(sshd.port) as link:
        yield link


@pytest.fixture
def desk(blank_project: Project, slurm_cluster: SlurmCluster, sshd: Sshd, link: Link, tmp_path: Path) -> Iterator[Desk]:
    config = sshd.config("login-node", port=link.port)
    options = {"host": "login-node", "ssh_config": str(config)}
    yield Desk(blank_project, slurm_cluster, tmp_path / "shared 'folder'", options)
    slurm_cluster.clear()


def test_jobs_run_and_are_cancelled_through_ssh(desk: Desk) -> None:
    target = desk.target()
    assert all(finding.is_ok for finding in target.check()), target.check()
    desk.write_job("jb-0000a001", "print('hello')")
    desk.write_job("jb-0000a002", TICK)
    begun = time.monotonic()
    target.submit("jb-0000a001")
    assert time.monotonic() - begun < 3, "on an open connection"
    target.submit("jb-0000a002")
    desk.until_said(target, "jb-0000a002", "tick 1")
    target.cancel("jb-0000a002")
    ended = desk.follow(target, "jb-0000a001", "jb-0000a002")
    assert ended["jb-0000a001"][0].status.state is JobState.SUCCEEDED
    assert (ended["jb-0000a002"][0].status.state, ended["jb-0000a002"][0].status.reason) == (
        JobState.CANCELLED,
        "cancelled",
    )
    assert {path.name for path in target.fetch("jb-0000a001", ("output.ipynb", "*.txt"))} >= {"output.ipynb"}


def test_a_home_folder_over_there_is_meant(desk: Desk, sshd: Sshd) -> None:
    target = desk.target(folder="~/jobs of mine")
    desk.write_job("jb-0000a003", "import os; print(os.getcwd())")
    target.submit("jb-0000a003")
    _, events = desk.follow(target, "jb-0000a003")["jb-0000a003"]
    assert said(events).strip() == str(sshd.home / "jobs of mine" / "jobs" / "jb-0000a003")


def test_a_cut_link_loses_and_doubles_nothing(desk: Desk, link: Link) -> None:
    target = desk.target()
    desk.write_job("jb-0000a004", TICK)
    target.submit("jb-0000a004")
    desk.until_said(target, "jb-0000a004", "tick 1")
    link.silence()
    with pytest.raises(UnavailableError, match="host-unreachable"):
        target.poll({"jb-0000a004": 0})
    link.mend()
    sighting, events = desk.follow(target, "jb-0000a004", timeout_s=90)["jb-0000a004"]
    assert sighting.status.state is JobState.SUCCEEDED
    assert said(events).splitlines() == [f"tick {number}" for number in range(24)]


def test_a_link_that_is_cut_while_a_job_is_sent_sends_it_once(desk: Desk, link: Link) -> None:
    target = desk.target()
    target.check()
    desk.write_job("jb-0000a005", "print('once')")
    slow = desk.cluster.bin / "sbatch"
    plain = slow.read_text()
    slow.write_text(plain.replace("\nSLURM_CONF", "\nsleep 4\nSLURM_CONF"))
    try:
        threading.Timer(1.5, link.break_off).start()  # it is being queued at this moment
        with pytest.raises(UnavailableError):
            target.submit("jb-0000a005")
        link.mend()
        target.submit("jb-0000a005")  # while the first sbatch may still be at it
    finally:
        slow.write_text(plain)
    listed = desk.cluster.run("squeue", "--noheader", "--states=all", "--name=jb-0000a005", "--format=%i").split()
    assert len(listed) == 1
    note = json.loads((desk.base / "jobs" / "jb-0000a005" / "slurm.json").read_text())
    assert note["id"] == listed[0]
    assert desk.follow(target, "jb-0000a005")["jb-0000a005"][0].status.state is JobState.SUCCEEDED
