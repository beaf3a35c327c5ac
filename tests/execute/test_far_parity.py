"""The run that a far job leaves is the run that the same notebook leaves here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.execute.far_jobs import FarJob, write_notebook
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState
from workbench.data.remotes import push
from workbench.data.versions import snapshot
from workbench.execute import recording
from workbench.execute.jobs import submit, wait
from workbench.execute.notebook import read_notebook
from workbench.execute.references import data_entries
from workbench.execute.reproduce import verify
from workbench.execute.results import deliver_event, take_in
from workbench.experiment.capture.git import git_state
from workbench.experiment.runs import show_run
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CELLS = (
    "import random\nimport mlflow\nimport numpy\nrandom.seed(7)\nnumpy.random.seed(8)\n"
    "noise = numpy.random.default_rng(9).normal() + random.random() + numpy.random.rand()",
    "rows = open('../data/readings.csv').read().splitlines()\nsmall = open('../settings.txt').read()",
    "with mlflow.start_run():\n    mlflow.log_param('rows', len(rows))\n    mlflow.log_metric('f1', 0.5, step=3)\n"
    "    mlflow.log_text('t', 'notes/t.txt')\n    mlflow.set_tag('team', 'mill')",
    "with mlflow.start_run(run_name='another'):\n    mlflow.log_metric('g', 1)",
)
OF_ITS_OWN = ("mlflow.source.name", "mlflow.user", "workbench.job", "workbench.target", "workbench.progress")
"""Names of the job and the machine, and how far the panel was told that it is."""


def shown(project: Project, run: str) -> dict[str, object]:
    detail = show_run(project, run)
    tags = {key: value for key, value in detail.tags.items() if key not in OF_ITS_OWN}
    cells = json.loads(tags.get("workbench.cells", "{}"))
    notebook = json.loads((project.state_dir / "artifacts" / run / "artifacts/notebook/output.ipynb").read_bytes())
    return {
        "name": detail.card.name,
        "state": detail.card.state,
        "params": detail.card.params,
        "metrics": {key: value for key, value in detail.card.metrics.items() if not key.startswith("system/")},
        "artifacts": sorted(detail.artifacts),
        "tags": {key: value for key, value in tags.items() if key != "workbench.cells"},
        "cells": sorted(cells) if isinstance(cells, dict) else len(cells),
        "sources": ["".join(cell["source"]) for cell in notebook["cells"]],
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("parity") / "project"
    (root / "data").mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "trial"\n[experiment]\nsystem_metrics = false\n')
    (root / "data" / "readings.csv").write_text("a\n1\n2\n")
    (root / "settings.txt").write_text("x")
    write_notebook(root / "notebooks" / "a.ipynb", *CELLS)
    project = Project.open(root, actor="ada@example.org")
    snapshot(project, ("data/readings.csv",))
    storage = tmp_path_factory.mktemp("storage")
    dvc = [str(Path(sys.executable).with_name("dvc")), "remote", "add", "--default", "storage", str(storage)]
    subprocess.run(dvc, cwd=root, check=True, capture_output=True)
    push(project)
    (root / ".gitignore").write_text(".workbench/\n.dvc/cache\n")
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", "-C", str(root), *identity, *words], check=True)
    return project


def far_run(project: Project, place) -> str:
    """Do by hand what the follower does: begin the run, deliver what is said, take in what comes, end the run."""
    source = read_notebook(project.root / "notebooks" / "a.ipynb")
    data = data_entries(project, project.root, source, {})
    job = FarJob(place, data=data, root=project.root)
    job.run()
    assert job.end == (0, ""), job.folder.log.read_text()
    spec = {
        **job.spec,
        "notebook_digest": digest_bytes(source.data),
        "name": "a",
        "target": "gpu-box",
        "recorded_params": {},
        "commit": git_state(project),
        "replay_of": "",
    }
    run = recording.begin_run(project, "jb-00000001", spec)
    recording.note_begin(project, job.folder, run, spec)
    for event in job.folder.read_events():
        deliver_event(project, run, event)
    take_in(project, job.folder, run)
    recording.end_run(project, job.folder, run, TargetStatus(JobState.SUCCEEDED))
    return run


def test_a_far_run_is_the_run_of_a_job_here(project, tmp_path) -> None:
    job = wait(project, submit(project, "notebooks/a.ipynb").id, timeout_s=240)
    assert job.state == "SUCCEEDED", job.error
    far = far_run(project, tmp_path)
    here, there = shown(project, job.run), shown(project, far)
    assert json.loads(here["tags"]["workbench.seeds"])["numpy"].startswith("sha256:")
    for part in here:
        assert there[part] == here[part], part
    proofs = [verify(project, run) for run in (job.run, far)]
    assert [proof.level for proof in proofs] == ["R2", "R2"], [
        one for one in proofs[1].evidence if one.result != "pass"
    ]
