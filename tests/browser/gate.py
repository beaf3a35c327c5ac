"""A small project before its gate: one model that is served, and others that wait for somebody to decide."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.review.conftest import World, build_model
from workbench.experiment.store import tracking
from workbench.experiment.store.creation import ensure_store
from workbench.foundation.identity import create_key
from workbench.review import reviews
from workbench.review.people import add_reviewer
from workbench.review.waiving import waive
from workbench.serving.releases import release

REASON = "internal tool, the card follows in May"
POLICY = """\
[stages.production]
required = ["format", "metric", "card"]
optional = ["slices"]
approvals = 1
waivable = ["card"]

[stages.production.slices]
column = "sensor_0"
minimum_rows = 20
minimum_class_rows = 1

[stages.production.break_glass]
members = ["bob@example.com", "carol@example.com"]
"""
CELLS = ("import workbench", "depth = {depth}", "workbench.log(f1=0.8)")


@dataclass(frozen=True)
class Gate:
    """The project, and who waits in it.

    Attributes:
        world: The project and its people: alice trains, bob and carol review.
        served: Review of the model that is served.
        better: A better model, requested by alice.
        own: Another one, requested by bob, who may not decide on it.
    """

    world: World
    served: str
    better: str
    own: str


def build_gate(folder: Path) -> Gate:
    """Build it, with real models, keys and checks."""
    root, keys = folder / "line-3", folder / "keys"
    (root / "policy").mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "line-3"\n', encoding="utf-8")
    (root / "policy" / "gate.toml").write_text(POLICY, encoding="utf-8")
    world = World(root, keys)
    ensure_store(world.as_("alice"))
    for name in ("alice", "bob", "carol"):
        create_key(keys / name, comment=name)
    for name in ("alice", "bob", "carol"):
        add_reviewer(world.as_("carol"), f"{name}@example.com", str(keys / f"{name}.pub"))
    served = _request(world, folder / "first", "alice", train_rows=400, seed=3, depth=4)
    waive(world.as_("bob"), served, "card", REASON)
    reviews.approve(world.as_("bob"), served, "looked at every slice")
    release(world.as_("carol"), served)
    better = _request(world, folder / "better", "alice", train_rows=4000, seed=1, depth=6)
    own = _request(world, folder / "own", "bob", train_rows=3000, seed=5, depth=8)
    return Gate(world, served, better, own)


def _request(world: World, folder: Path, by: str, *, train_rows: int, seed: int, depth: int) -> str:
    model = build_model(folder / "model", train_rows=train_rows, seed=seed)
    np.savez(model / "reference.npz", rows=train_rows, mean=np.zeros(4))
    run = world.log_model(model)
    notebook = folder / "notebook"
    notebook.mkdir()
    cells = [_cell(f"c{number}", text.format(depth=depth)) for number, text in enumerate(CELLS)]
    written = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (notebook / "output.ipynb").write_text(json.dumps(written), encoding="utf-8")
    tracking.log_artifacts(world.as_("alice"), run, notebook, "notebook")
    return reviews.request_review(world.as_(by), run, wait=True).id


def _cell(name: str, source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": int(name[1:]) + 1,
    }
