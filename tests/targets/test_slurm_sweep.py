"""A sweep on a cluster: its trials wait in one line of the queue, and each comes home as a job of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.targets.slurm_cluster import SlurmCluster
from workbench.execute import jobs
from workbench.execute.submission import Order, submit_order
from workbench.execute.sweeps.sweeps import sweep, wait_for_sweep
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

pytestmark = [pytest.mark.xdist_group("slurm"), pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def project(tmp_path: Path, slurm_cluster: SlurmCluster, write_notebook: Callable[..., Path]) -> Project:
    root = tmp_path / "project"
    options = {"folder": tmp_path / "there", "python": sys.executable, "bin": slurm_cluster.bin}
    target = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    write_notebook(
        root / "notebooks" / "search.ipynb", "import mlflow\nmlflow.log_metric('f1', x)", parameters="x = 0.0"
    )
    (root / "workbench.toml").write_text(f'[project]\nname = "trial"\n\n[targets.cluster]\nkind = "slurm"\n{target}')
    (root / "space.toml").write_text('x = {type = "float", low = 0.0, high = 3.0, step = 1.0}\n')
    (root / ".gitignore").write_text(".workbench/\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return Project.open(root, actor="ada@example.org")


def _queue(cluster: SlurmCluster) -> set[str]:
    return set(cluster.run("squeue", "--noheader", "--states=all", "--array", "--format=%F %i %j").splitlines())


def test_trials_that_start_together_are_one_array(project: Project, slurm_cluster: SlurmCluster) -> None:
    follower = Lease(
        project.state_dir / "leases" / "follower"
    )  # nobody sends until all of them are there, however slow the machine is
    before = _queue(slurm_cluster)  # what other tests left, as long as Slurm remembers it
    begun = sweep(
        project,
        "notebooks/search.ipynb",
        space="space.toml",
        sampler="grid",
        parallel=4,
        target="cluster",
        direction="maximize",
        metric="f1",
    )
    deadline = time.monotonic() + 120
    while len(project.journal.records("job")) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    follower.release()
    card = wait_for_sweep(project, begun.id)
    assert (card.state, card.complete, card.best_value, card.best_params) == ("SUCCEEDED", 4, 3.0, {"x": "3.0"})
    known = {card.id for card in jobs.list_jobs(project)}
    assert {trial.job for trial in card.history} == known
    lines = _queue(slurm_cluster) - before
    arrays = [line.split() for line in lines if " wb-" in line]
    alone = [line for line in lines if any(job in line for job in known)]
    assert (len(arrays), len({array for array, *_ in arrays}), alone) == (4, 1, []), lines


def test_what_the_cluster_refuses_ends_every_trial_with_its_reason(project: Project) -> None:
    with (project.root / "workbench.toml").open("a") as stream:
        stream.write('constraint = "nowhere"\n')
    project = Project.open(project.root, actor=project.actor)
    orders = [Order("notebooks/search.ipynb", project.root, target="cluster", sweep="sw-1", trial=n) for n in range(3)]
    cards = [submit_order(project, order) for order in orders]
    ended = [jobs.wait(project, card.id, timeout_s=60) for card in cards]
    assert [(card.state, card.reason) for card in ended] == [("FAILED", "constraint-unknown")] * 3
