"""A run of this machine is proved on another one: its commit as a bundle, its data by reference, its figure equal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.targets.conftest import Bench
from workbench.compute.folder import JobFolder
from workbench.data import remotes
from workbench.data.versions import snapshot
from workbench.execute import jobs
from workbench.execute.reproduce import prove, reproduce
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.runs import show_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("world-neighbour")]
TRAIN = """\
import mlflow
import helper
size = sum(int(line) for line in open('../data/train.txt')) * helper.factor() * scale
mlflow.log_metric('size', size)
"""


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.mark.checklist("S0-06", "S1-08", "S3-02")
@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_a_run_is_replayed_on_another_machine(bench: Bench, tmp_path: Path) -> None:
    project, root = bench.project, bench.project.root
    bench.write(root / "notebooks" / "train.ipynb", TRAIN, parameters="scale = 1")
    (root / "notebooks" / "helper.py").write_text("def factor():\n    return 2\n")
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\n.dvc/cache\n")
    (root / "data").mkdir()
    (root / "data" / "train.txt").write_text("1\n2\n3\n")
    snapshot(project, ("data/train.txt",))
    (tmp_path / "remote").mkdir()
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "remote")],
        cwd=root,
        check=True,
    )
    remotes.push(project)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "as it is")
    here = jobs.wait(project, jobs.submit(project, "notebooks/train.ipynb", {"scale": "3"}).id, timeout_s=240)
    assert here.state == "SUCCEEDED", here
    (root / "notebooks" / "helper.py").write_text("raise SystemExit('another time')\n")
    (root / "data" / "train.txt").unlink()

    proof = reproduce(project, here.run, target=bench.world.name, timeout_s=400, wait=True)

    (replay,) = (jobs.show_job(project, job) for job in proof.jobs)
    bench.started.append(replay.id)
    assert (replay.target, replay.state) == (bench.world.name, "SUCCEEDED"), replay
    assert show_run(project, replay.run).card.metrics["size"] == show_run(project, here.run).card.metrics["size"] == 36
    assert proof.level == "R4", [one for one in proof.evidence if one.result != "pass"]

    confined = prove(
        project,
        read_facts(project, here.run),
        target=bench.world.name,
        tolerance=0.0,
        timeout_s=400,
        isolation="required",
    )

    (again,) = (jobs.show_job(project, job) for job in confined.jobs)
    bench.started.append(again.id)
    assert (again.target, again.state, confined.level) == (bench.world.name, "SUCCEEDED", "R4"), confined
    end = json.loads(JobFolder.of(project, again.id).exit.read_text())
    assert end["isolation"] == "limits, no network, own files only, own processes only"
