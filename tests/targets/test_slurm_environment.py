"""An environment of the jobs' own on a cluster: one node makes it, once, in the folder that all of them share."""

from __future__ import annotations

import fcntl
import secrets
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compute.wheels import locked, make_wheel
from tests.targets.slurm_cluster import SlurmCluster
from tests.targets.slurm_desk import Desk, said
from tests.targets.sshd import Sshd
from workbench.compute.hosts.errands import environment
from workbench.contract.status import JobState
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.xdist_group("slurm"), pytest.mark.slow]

PATH = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
ASK = "import sys, wb_site; print(wb_site.VERSION, sys.prefix)"


@pytest.fixture
def requirements(tmp_path: Path) -> str:
    """Lock one wheel, which brings along what is installed here: papermill and ipykernel without a network."""
    return locked(make_wheel(tmp_path, "wb_site", more={"wb_site.pth": PATH}))


@pytest.fixture
def desk(blank_project: Project, slurm_cluster: SlurmCluster, tmp_path: Path, requirements: str) -> Iterator[Desk]:
    (blank_project.root / "requirements.txt").write_text(requirements)
    yield Desk(blank_project, slurm_cluster, tmp_path / "shared folder", {"environment": "lock"})
    slurm_cluster.clear()


def new_job(desk: Desk, code: str) -> str:
    job = f"jb-{secrets.token_hex(4)}"
    desk.write_job(job, code)
    return job


def environments(desk: Desk) -> list[Path]:
    return [path for path in (desk.base / "envs").iterdir() if path.is_dir()]


@pytest.mark.parametrize("where", ["on the login node", "over ssh"])
def test_jobs_that_start_together_make_their_environment_once(desk: Desk, sshd: Sshd, where: str) -> None:
    reach = {"host": "login", "ssh_config": str(sshd.config("login"))} if where == "over ssh" else {}
    target = desk.target(**reach)
    assert all(finding.is_ok for finding in target.check()), target.check()
    jobs = [new_job(desk, ASK) for _ in range(2)]
    for job in jobs:
        target.submit(job)
    ended = desk.follow(target, *jobs, timeout_s=120)
    assert {sighting.status.state for sighting, _ in ended.values()} == {JobState.SUCCEEDED}, ended
    (env,) = environments(desk)
    assert {said(events) for _, events in ended.values()} == {f"1.0 {env}\n"}


def test_tasks_of_an_array_take_the_environment_that_is_there(desk: Desk) -> None:
    target = desk.target()
    env = environment.environment_of(desk.base / "envs", desk.project.root / "requirements.txt")
    venv.create(env, symlinks=True)  # stands for one that an earlier job made
    (site,) = env.glob("lib/python*/site-packages")
    (site / "there.pth").write_text(PATH)
    (env / ".whole").touch()
    tasks = [new_job(desk, "import sys; print(sys.prefix)") for _ in range(2)]
    target.submit_many(tasks)
    ended = desk.follow(target, *tasks)
    assert [said(events).strip() for _, events in ended.values()] == [str(env)] * 2


def test_a_job_that_waits_for_its_environment_says_so_and_can_be_cancelled(desk: Desk) -> None:
    target = desk.target()
    job = new_job(desk, "print('never')")
    env = environment.environment_of(desk.base / "envs", desk.project.root / "requirements.txt")
    env.parent.mkdir(parents=True)
    with env.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target.submit(job)
        waits = f"waiting for the environment {env.name}"
        desk.until(lambda: target.status(job).reason == waits, waits)
        assert target.status(job).state is JobState.STARTING
        target.cancel(job)
    sighting, _ = desk.follow(target, job)[job]
    assert (sighting.status.state, sighting.status.reason) == (JobState.CANCELLED, "cancelled")
    assert not env.exists()


def test_what_pip_refuses_ends_the_job_with_its_own_words(desk: Desk) -> None:
    path = desk.project.root / "requirements.txt"
    path.write_text(path.read_text().rpartition(":")[0] + ":" + "0" * 64 + "\n")
    target = desk.target()
    job = new_job(desk, "print('never')")
    target.submit(job)
    sighting, _ = desk.follow(target, job, timeout_s=90)[job]
    assert (sighting.status.state, sighting.status.reason) == (JobState.FAILED, "EnvironmentFailed")
    assert "HASH" in sighting.status.error.upper()


def test_a_lock_without_hashes_is_refused_before_anything_is_sent(desk: Desk) -> None:
    (desk.project.root / "requirements.txt").write_text("papermill\n")
    (found,) = [finding for finding in desk.target().check() if finding.name == "requirements"]
    assert (found.is_ok, "--generate-hashes" in found.hint) == (False, True)
    with pytest.raises(UsageError, match="target-option-wrong"):
        desk.target(environment="conda")
