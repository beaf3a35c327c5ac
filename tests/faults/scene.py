"""A small project with one model, people with keys, and the four steps of the gate that are tried under faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.review.conftest import World, build_model
from workbench.experiment.store import tracking
from workbench.foundation.identity import create_key
from workbench.review import checking, reviews
from workbench.review.people import add_reviewer
from workbench.serving import releases

POLICY = "[stages.production]\nrequired = []\napprovals = 1\n"
PEOPLE = ("alice", "bob", "carol", "dan")


@dataclass(frozen=True)
class Scene:
    """A project at rest, and a copy of it to go back to.

    Attributes:
        world: The project and its people.
        run: The run that logged the model.
        rest: The copy; :meth:`restore` puts it back.
    """

    world: World
    run: str
    rest: Path

    def keep(self) -> None:
        """Make what is there now the state to go back to."""
        shutil.rmtree(self.rest, ignore_errors=True)
        shutil.copytree(self.world.root, self.rest)

    def restore(self) -> None:
        """Go back."""
        shutil.rmtree(self.world.root)
        shutil.copytree(self.rest, self.world.root)


def build_scene(folder: Path) -> Scene:
    """Build the project, with a logged model that has a profile of its training data."""
    checking._ALWAYS = ()  # the policy here requires no check, so that the steps themselves are what is tried
    releases._name_in_registry = lambda _project, _record: ""  # comes last, and a release stands without it
    root, keys = folder / "project", folder / "keys"
    (root / "policy").mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    (root / "policy" / "gate.toml").write_text(POLICY)
    world = World(root, keys)
    tracking.ensure_store(world.as_("alice"))
    for name in PEOPLE:
        create_key(keys / name, comment=name)
        add_reviewer(world.as_("carol"), f"{name}@example.com", str(keys / f"{name}.pub"))
    model = build_model(folder / "model", train_rows=400, seed=3)
    np.savez(model / "reference.npz", rows=400, mean=np.zeros(4))
    run = world.log_model(model)
    scene = Scene(world, run, folder / "rest")
    scene.keep()
    return scene


def request(scene: Scene) -> Any:
    """Ask for a review, and run its (empty) checks to the end."""
    return reviews.request_review(scene.world.as_("alice"), scene.run, wait=True)


def approve(scene: Scene) -> Any:
    """Approve the only review."""
    return reviews.approve(scene.world.as_("bob"), only_review(scene), "looked at it")


def promote(scene: Scene) -> Any:
    """Release the only review."""
    return releases.release(scene.world.as_("bob"), only_review(scene))


STEPS: dict[str, Callable[[Scene], Any]] = {"request": request, "approve": approve, "promote": promote}
"""The steps, in the order a model goes through them."""


def only_review(scene: Scene) -> str:
    """Return the id of the one review there is."""
    (record,) = scene.world.as_("alice").journal.records("review")
    return record.id
