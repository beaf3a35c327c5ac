"""The replay that a review asks for: a real notebook, a real job, a real second job."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.execute.jobs import submit, wait
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.creation import sqlite_path
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.project import Project
from workbench.review import reviews
from workbench.review.candidate import read_manifest
from workbench.review.checks import reproduced
from workbench.review.checks.check import CheckInput
from workbench.review.policies.policy import load_policy
from workbench.review.record import find_review

TRAIN = """\
%load_ext workbench
import numpy as np
import workbench
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(SEED)
rows = random.normal(size=(1200, 3)).astype("float32")
faulty = (rows[:, 0] + random.normal(scale=0.3, size=1200) > 0.8).astype(int)
model = LogisticRegression().fit(rows[:800], faulty[:800])
workbench.save_model(model, name="NAME", train=rows[:800], holdout=(rows[800:], faulty[800:]))
workbench.log(training_s=float(np.random.default_rng().random()))
"""


def write_notebook(path: Path, source: str) -> None:
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "python3"}}
    path.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.checklist("S1-08", "S1-13", "S1-32")
def test_a_replay_tells_a_repeatable_notebook_from_a_lucky_one(tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "policy").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    (root / ".gitignore").write_text(".workbench/\n")
    rule = '[stages.production]\nrequired = ["format", "reproduced"]\napprovals = 1\n'
    (root / "policy" / "gate.toml").write_text(rule)
    for name, seed in (("steady", "7"), ("lucky", "")):  # without a seed every run draws other rows
        source = TRAIN.replace("SEED", seed).replace("NAME", name)
        write_notebook(root / "notebooks" / f"{name}.ipynb", source)
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", "-C", root, "-c", "user.name=A", "-c", "user.email=a@example.com", *command], check=True)
    alice = Project.open(root, actor="alice@example.com")

    found, reviews_of = {}, {}
    for name in ("steady", "lucky"):
        job = wait(alice, submit(alice, f"notebooks/{name}.ipynb").id, timeout_s=240)
        assert job.state == "SUCCEEDED", job
        card = reviews.request_review(alice, name, wait=True)
        assert card.run == job.run
        reviews_of[name] = card.id
        found[name] = {check.name: check for check in card.checks}["reproduced"]

    assert found["steady"].result == "pass", found
    assert found["steady"].figures["same_model_bytes"] == 1
    assert "the model's bytes are the same too" in found["steady"].summary
    assert found["lucky"].result == "fail", found
    assert "comes out as" in found["lucky"].summary

    def check_again(name: str) -> dict[str, Any]:
        """Judge the same replay once more, after somebody wrote to the tracker."""
        monkeypatch.setattr(reproduced, "prove", lambda *_, **__: SimpleNamespace(jobs=(said[name]["job"],), level=""))
        review = find_review(alice, reviews_of[name])
        manifest, rule = read_manifest(alice.store, review.model_digest), load_policy(alice).rule("production")
        about = (alice, review.id, review.run, name, "production", review.model_digest, manifest, rule, "")
        return dict(reproduced.check(CheckInput(*about)).evidence)

    said = {name: json.loads(alice.store.read(report.evidence_digest)) for name, report in found.items()}
    assert check_again("lucky")["differing"] == said["lucky"]["differing"]
    with sqlite3.connect(sqlite_path(alice)) as tracker:
        for table in ("metrics", "latest_metrics"):
            for metric, value in said["lucky"]["before"].items():
                change = f"UPDATE {table} SET value = ? WHERE run_uuid = ? AND key = ?"
                tracker.execute(change, (value, said["lucky"]["run"], metric))
    with pytest.raises(UnknownResultError, match=r"never reported \[replay-changed\]"):
        check_again("lucky")

    assert check_again("steady")["differing"] == []
    folder = local_folder(tracking_client(alice).get_run(said["steady"]["run"]).info.artifact_uri)
    (folder / "models" / "steady" / "model.onnx").write_bytes(b"another")
    with pytest.raises(UnknownResultError, match=r"model\.onnx.*replay-changed"):
        check_again("steady")
