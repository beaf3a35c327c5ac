"""Between the look and the use: somebody swaps files all the time, and no byte is served that was not approved."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.faults import scene as scenes
from tests.review.conftest import HOLDOUT, build_model
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.store import Store
from workbench.review import checking, reviews
from workbench.review.record import find_review
from workbench.serving import ledger, releases
from workbench.serving.runner.loading import load_served

ROUNDS = 25
CHANNEL = "faults@production"


class Swapper:
    """A thread that puts other bytes into a file and the old ones back, as fast as it can."""

    def __init__(self, path: Path, other: bytes) -> None:
        self.path, self.other, self.swaps = path, other, 0
        self.own = path.read_bytes()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._swap)

    def _swap(self) -> None:
        beside = self.path.with_name(self.path.name + ".swap")
        while not self._is_over.is_set():
            for data in (self.other, self.own):
                beside.write_bytes(data)
                os.replace(beside, self.path)
                self.swaps += 1
                time.sleep(0.0005)

    def __enter__(self) -> Swapper:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "_ALWAYS", checking._ALWAYS)  # build_scene changes both; they come back afterwards
    monkeypatch.setattr(releases, "_name_in_registry", releases._name_in_registry)
    return scenes.build_scene(tmp_path)


@pytest.fixture
def evil(tmp_path) -> bytes:
    """A valid model that answers otherwise."""
    import onnx

    model = onnx.load(build_model(tmp_path / "evil", train_rows=400, seed=3) / "model.onnx")
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("coefficients", "intercepts"):
                attribute.floats[:] = [-value for value in attribute.floats]
    return model.SerializeToString()


def answers(scene, rows: np.ndarray) -> np.ndarray | str:
    """Load what the channel names, as a runner does, and let it answer; the code of the refusal where it is refused."""
    project = scene.world.as_("carol")
    try:
        file = ledger.channel_file(ledger.current_releases(project)[CHANNEL])
        return load_served(project, file, CHANNEL).engine.predict(rows).values.reshape(-1)
    except WorkbenchError as error:
        return error.code
    finally:
        project.journal.close()


@contextmanager
def released(scene) -> Iterator[np.ndarray]:
    """Take the model the whole way and give its answers."""
    for step in scenes.STEPS.values():
        step(scene)
    honest = answers(scene, HOLDOUT.inputs)
    assert isinstance(honest, np.ndarray)
    yield honest


def blob(scene, name: str) -> Path:
    project = scene.world.as_("carol")
    review = find_review(project, scenes.only_review(scene))
    (entry,) = [e for e in project.store.tree(review.model_digest) if e.path == name]
    return project.store.path_of(entry.digest)


def served_wrongly(scene, honest: np.ndarray) -> tuple[int, int]:
    """Return how many loads answered as the approved bytes do not, and how many were refused."""
    found = [answers(scene, HOLDOUT.inputs) for _ in range(ROUNDS)]
    wrong = sum(isinstance(item, np.ndarray) and not np.array_equal(item, honest) for item in found)
    return wrong, sum(isinstance(item, str) for item in found)


@pytest.mark.checklist("S1-16")
def test_bytes_swapped_while_they_are_loaded_are_never_served(scene, evil):
    with released(scene) as honest, Swapper(blob(scene, "model.onnx"), evil) as swapper:
        wrong, refused = served_wrongly(scene, honest)
    assert wrong == 0
    assert refused > 0, "the swapper was never in the way"
    assert swapper.swaps > ROUNDS


def test_the_swapper_would_be_seen_by_a_store_that_does_not_verify(scene, evil, monkeypatch):
    monkeypatch.setattr(Store, "read", lambda store, digest: store.path_of(digest).read_bytes())
    monkeypatch.setattr("workbench.serving.runner.loading._try_examples", lambda *_: None)
    with released(scene) as honest, Swapper(blob(scene, "model.onnx"), evil):
        wrong, _ = served_wrongly(scene, honest)
    assert wrong > 0


@pytest.mark.checklist("S1-16")
@pytest.mark.parametrize("what", ["run", "store", "policy", "channel"])
def test_files_swapped_during_approve_and_promote_change_nothing_that_is_served(scene, evil, what):
    alice = scene.world.as_("alice")
    scenes.request(scene)
    review = scenes.only_review(scene)
    frozen = find_review(alice, review).model_digest
    channel = alice.state_dir / "channels" / f"{CHANNEL}.json"
    lax = b"[stages.production]\nrequired = []\napprovals = 1\nallow_self = true\n"
    target, other = {
        "run": (scene.world.artifact(scene.run, "model.onnx"), evil),
        "store": (blob(scene, "model.onnx"), evil),
        "policy": (scene.world.root / "policy" / "gate.toml", lax),
        "channel": (channel, b"{}"),
    }[what]
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.write_bytes(b"")
    refused = approved_self = 0
    with Swapper(target, other):
        for _ in range(ROUNDS):
            for who, act in (("alice", "approve"), ("bob", "approve"), ("bob", "release")):
                project = scene.world.as_(who)
                try:
                    (reviews.approve if act == "approve" else releases.release)(project, review)
                    approved_self += who == "alice"
                except WorkbenchError:
                    refused += 1
                finally:
                    project.journal.close()
    assert refused > 0
    assert approved_self == 0
    project = scene.world.as_("carol")
    for record in project.journal.records("release"):
        assert record.body["model_digest"] == frozen
        assert record.body["approvers"] == ["bob@example.com"]
    if project.journal.records("release"):
        found = answers(scene, HOLDOUT.inputs)
        whole = build_and_answer(scene)
        assert isinstance(found, str) or np.array_equal(found, whole)


def build_and_answer(scene) -> np.ndarray:
    """Answer with the model as it was logged, in another place."""
    folder = scene.world.root.parent / "again"
    shutil.rmtree(folder, ignore_errors=True)
    import onnxruntime

    path = build_model(folder, train_rows=400, seed=3) / "model.onnx"
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["label"], {session.get_inputs()[0].name: HOLDOUT.inputs})[0]).reshape(-1)
