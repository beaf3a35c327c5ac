"""The replay that a review asks for: a real notebook, a real job, a real second job."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from workbench.execute.jobs import submit, wait
from workbench.foundation.project import Project
from workbench.review import reviews

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
def test_a_replay_tells_a_repeatable_notebook_from_a_lucky_one(tmp_path):
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

    found = {}
    for name in ("steady", "lucky"):
        job = wait(alice, submit(alice, f"notebooks/{name}.ipynb").id, timeout_s=240)
        assert job.state == "SUCCEEDED", job
        card = reviews.request_review(alice, name, wait=True)
        assert card.run == job.run
        found[name] = {check.name: check for check in card.checks}["reproduced"]

    assert found["steady"].result == "pass", found
    assert found["steady"].figures["same_model_bytes"] == 1
    assert "the model's bytes are the same too" in found["steady"].summary
    assert found["lucky"].result == "fail", found
    assert "comes out as" in found["lucky"].summary
