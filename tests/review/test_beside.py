"""The candidate beside the champion: what a reviewer is shown is what was measured, and what is missing is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from workbench.contract.model import Feature
from workbench.experiment.store import tracking
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import UsageError
from workbench.review import beside, reviews
from workbench.review.beside import compare_review
from workbench.review.comments import comment
from workbench.serving.releases import release

POLICY = """\
[stages.production]
required = ["format", "metric"]
optional = ["slices"]
approvals = 1

[stages.production.slices]
column = "sensor_0"
minimum_rows = 20
minimum_class_rows = 1
"""


@pytest.fixture
def two(world, models, changed_model):
    """A released model, and a better one that waits; bob approved the first."""
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    alice = world.as_("alice")
    folder = changed_model(lambda path: np.savez(path / "reference.npz", rows=3, mean=np.zeros(4)))
    first = reviews.request_review(alice, world.log_model(folder), wait=True)
    reviews.approve(world.as_("bob"), first.id)
    release(world.as_("carol"), first.id)
    better = Path(shutil.copytree(models.better, folder.parent / "better"))
    shutil.copy(folder / "reference.npz", better)
    run = world.log_model(better)
    for each, depth in ((first.run, 4), (run, 6)):
        notebook = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": "c0",
                    "metadata": {},
                    "source": f"depth = {depth}",
                    "outputs": [{"output_type": "stream", "name": "stdout", "text": f"score {depth}"}],
                    "execution_count": 1,
                }
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (world.root / "output.ipynb").write_text(json.dumps(notebook))
        scratch = world.root / f"nb-{depth}"
        scratch.mkdir()
        (world.root / "output.ipynb").rename(scratch / "output.ipynb")
        tracking.log_artifacts(alice, each, scratch, "notebook")
    return first, reviews.request_review(alice, run, wait=True)


@pytest.mark.checklist("S2-22")
def test_everything_stands_beside_what_is_served(world, two):
    first, second = two
    found = compare_review(world.as_("bob"), second.id)
    assert (found.champion_version, found.champion_digest, found.champion_run) == (1, first.model_digest, first.run)
    tested, *logged = found.metrics
    figures = next(check.figures for check in second.checks if check.name == "metric")
    assert (tested.is_tested, tested.candidate, tested.champion) == (True, figures["candidate"], figures["baseline"])
    assert (tested.low, tested.high) == (figures["low"], figures["high"])
    assert [(pair.name, pair.candidate, pair.champion) for pair in logged] == [("f1", 0.8, 0.8)]
    assert found.slice_column == "sensor_0"
    assert all(pair.candidate is not None and pair.champion is not None for pair in found.slices)
    assert any("depth = 6" in line for line in found.notebook)
    assert not any("score" in line for line in found.notebook)
    assert [(cell.id, cell.source) for cell in found.cells] == [("c0", "depth = 6")]
    assert comment(world.as_("bob"), second.id, "why so deep?", "cell:c0").comments[-1].on == "cell:c0"
    with pytest.raises(UsageError, match="comment-place"):
        comment(world.as_("bob"), second.id, "and this?", "cell:c1")
    assert any("score 6" in line for line in found.outputs)


def test_what_changed_since_the_readers_own_last_approval(world, two):
    first, second = two
    assert compare_review(world.as_("carol"), second.id).since_approval == ()
    found = compare_review(world.as_("bob"), second.id)
    assert found.approved_review == first.id
    changed = {change.name: change.values for change in found.since_approval}
    assert changed["model_digest"] == (first.model_digest, second.model_digest)
    assert "stage" not in changed


def test_after_its_release_it_still_stands_beside_what_it_was_checked_against(world, two):
    first, second = two
    reviews.approve(world.as_("bob"), second.id)
    release(world.as_("carol"), second.id)
    found = compare_review(world.as_("bob"), second.id)
    assert (found.champion_digest, found.champion_version) == (first.model_digest, 1)
    assert (found.served_digest, found.served_version) == (second.model_digest, 2)
    assert found.notes[0] == "Version 2 of faults@production is served now: this candidate"
    assert any("depth = 6" in line for line in found.notebook)
    before = compare_review(world.as_("bob"), first.id)  # nothing was served then, whatever is now
    assert (before.champion_digest, before.champion_version, before.served_version) == ("", 0, 2)
    assert before.notes[0].startswith("Version 2 of faults@production is served now; the candidate was checked")
    assert "Nothing was released" in before.notes[1]


def run_with(world, folder: Path, scratch: Path, *, packages: dict[str, str], data: str, depth: int) -> str:
    """Log a model with what a notebook's run records beside it."""
    alice = world.as_("alice")
    run = world.log_model(folder)
    inputs = [{"path": "data/rows.csv", "digest": f"sha256:{data}", "dataset_version": f"data/rows.csv@{data}"}]
    tags = {
        "workbench.notebook_digest": f"sha256:notebook{depth}",
        "workbench.environment_digest": digest_json(packages),
        "workbench.inputs": json.dumps(inputs),
    }
    tracking.set_tags(alice, run, tags)
    tracking.log_params(alice, run, {"depth": str(depth)})
    scratch.mkdir()
    listed = [{"name": name, "version": version} for name, version in packages.items()]
    (scratch / "environment.json").write_text(json.dumps({"packages": listed}))
    tracking.log_artifacts(alice, run, scratch, "workbench")
    return run


def test_each_thing_that_changed_since_ones_own_approval_is_named(world, models, tmp_path):
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    alice, bob = world.as_("alice"), world.as_("bob")
    run = run_with(world, models.good, tmp_path / "a", packages={"numpy": "2.2.0"}, data="1111", depth=4)
    first = reviews.request_review(alice, run, wait=True)
    reviews.approve(bob, first.id)

    def changed(run: str) -> dict[str, tuple[str, ...]]:
        review = reviews.request_review(alice, run, wait=True)
        return {change.name: change.values for change in compare_review(bob, review.id).since_approval}

    same = {"packages": {"numpy": "2.2.0"}, "data": "1111", "depth": 4}
    found = changed(run_with(world, models.better, tmp_path / "b", **same))
    assert {"model_digest", "evidence_digest"} <= set(found)
    assert not {"dataset_versions", "notebook_digest", "environment_digest", "policy_digest", "numpy"} & set(found)
    found = changed(run_with(world, models.better, tmp_path / "c", packages={"numpy": "2.3.1"}, data="2222", depth=6))
    assert found["dataset_versions"] == ("data/rows.csv@1111", "data/rows.csv@2222")
    assert found["notebook_digest"] == ("sha256:notebook4", "sha256:notebook6")
    assert found["environment_digest"][0] != found["environment_digest"][1]
    assert (found["numpy"], found["depth"]) == (("2.2.0", "2.3.1"), ("4", "6"))
    (world.root / "policy" / "gate.toml").write_text(POLICY.replace("approvals = 1", "approvals = 2"))
    assert "policy_digest" in changed(run)


def test_a_model_without_a_champion_says_so(world, models):
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    review = reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)
    found = compare_review(world.as_("bob"), review.id)
    assert (found.champion_digest, found.champion_version) == ("", 0)
    assert any("Nothing was released" in note for note in found.notes)
    assert found.metrics[0].is_tested


def test_each_change_of_the_signature_is_named(world, models):
    from workbench.review.candidate import read_manifest

    store = world.as_("alice").store
    old = read_manifest(store, store.put_tree(models.good))
    from dataclasses import replace

    names = [feature.name for feature in old.features]
    features = (Feature(names[1]), Feature(names[0]), Feature(names[2], "float64"), Feature("new"))
    new = replace(old, features=features, classes=("ok", "bad"))
    found = {(change.kind, change.name) for change in beside._signature(old, new)}
    assert found == {
        ("moved", names[0]),
        ("moved", names[1]),
        ("retyped", names[2]),
        ("dropped", names[3]),
        ("added", "new"),
        ("class", "classes"),
    }
