"""Real models, real keys and signatures, real runner processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.contract.status import ReleaseState
from workbench.foundation.identity import create_key, sign
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.project.template import create_project
from workbench.review.proof.grant import Grant
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement
from workbench.serving import ledger
from workbench.serving.ledger import Promotion

MODEL = "fault"
STAGE = "production"
CHANNEL = f"{MODEL}@{STAGE}"
FEATURES = ("speed", "torque", "heat")
CLASSES = ("ok", "broken")
REVIEWER = "reviewer@example.com"
POLICY = b"[stages.production]\nrequired = []\napprovals = 1\n"
ROW = [0.9, -0.2, 0.4]


@dataclass(frozen=True)
class Kit:
    """Models on disk: ``plain`` and ``turned`` answer every row with opposite classes; ``value`` is a regressor."""

    plain: Path
    turned: Path
    value: Path
    rows: np.ndarray


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(400, 3)).astype(np.float32)
    truth = (rows @ np.array([1.0, -2.0, 0.5]) > 0).astype(np.int64)
    plain, turned = LogisticRegression().fit(rows, truth), LogisticRegression().fit(rows, 1 - truth)
    value = LinearRegression().fit(rows, rows @ np.array([1.0, -2.0, 0.5]))
    return Kit(
        plain=save(folder / "plain", plain, rows),
        turned=save(folder / "turned", turned, rows),
        value=save(folder / "value", value, rows, task="regression"),
        rows=rows,
    )


def save(folder: Path, model: Any, rows: np.ndarray, *, task: str = "classification", **changes: Any) -> Path:
    """Write a model folder as contract/model.py describes it."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    is_classifier = task == "classification"
    onnx = convert_sklearn(
        model,
        initial_types=[("rows", FloatTensorType([None, rows.shape[1]]))],
        final_types=None if is_classifier else [("value", FloatTensorType([None, 1]))],
        options={id(model): {"zipmap": False}} if is_classifier else None,
        target_opset=18,
    )
    manifest = {
        "name": MODEL,
        "task": task,
        "engine": "onnx",
        "file": "model.onnx",
        "features": [{"name": name, "dtype": "float32"} for name in FEATURES],
        "classes": list(CLASSES) if is_classifier else [],
        "metric": "accuracy",
        "is_higher_better": True,
        "example_inputs": rows[:4].tolist(),
        "example_outputs": [float(answer) for answer in model.predict(rows[:4])],
        "format": 1,
        **changes,
    }
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    (folder / "workbench.json").write_text(json.dumps(manifest))
    np.savez(folder / "reference.npz", rows=len(rows), mean=rows.mean(axis=0))
    return folder


@dataclass
class Running:
    """A runner process."""

    process: subprocess.Popen[bytes]
    state_dir: Path
    url: str
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        return json.loads(self.ask("GET", path)[2])

    def predict(self, rows: list[list[float]]) -> tuple[list[Any], str]:
        """Return predictions and the digest of what answered."""
        status, headers, body = self.ask("POST", "/invocations", {"inputs": rows})
        assert status == 200, body
        return json.loads(body)["predictions"], headers["x-model-digest"]

    def figures(self) -> dict[str, Any]:
        return dict(self.get("/workbench/figures"))

    def until(self, is_so: Callable[[dict[str, Any]], bool], timeout_s: float = 15) -> dict[str, Any]:
        """Wait for the figures to say something."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if is_so(figures := self.figures()):
                return figures
            time.sleep(0.02)
        raise AssertionError(f"never came: {self.figures()}")

    def await_release(self, release: str) -> None:
        self.until(lambda figures: figures["release"] == release)


@dataclass
class Site:
    """A project with a reviewer, in which models can be approved and released without MLflow.

    Attributes:
        project: The project.
        reviewer_key: Key of the one who approves.
        reports: Check reports that grants name from now on; the policy here asks for none.
    """

    project: Project
    reviewer_key: Path
    reports: bytes = b"[]"

    def grant(self, folder: Path, *, review: str = "rv-00000001", **changes: str) -> Grant:
        """Freeze a model folder and have the reviewer sign for it."""
        digest = self.project.store.put_tree(folder)
        bound = {
            "model": MODEL,
            "model_digest": digest,
            "stage": STAGE,
            "review": review,
            "policy_digest": self.project.store.put_bytes(POLICY),
            "evidence_digest": self.project.store.put_bytes(self.reports),
            "requester": "author@example.com",
            "author": "author@example.com",
            "commit_author": "",
        }
        at = datetime.now(UTC).isoformat(timespec="seconds")
        statement = Statement(verdict="approve", principal=REVIEWER, at=at, reason="", **bound)
        text = build_statement(statement)
        armour = sign(self.reviewer_key, text, namespace=Verdict.APPROVE.namespace)
        return Grant(channel=CHANNEL, statements=((text.decode(), armour),), **{**bound, **changes})

    def release(self, grant: Grant) -> Record:
        """Put a grant on its channel as the verb does once the review room has said yes."""
        record = self.promote(grant)
        ledger.sync_channel(self.project, CHANNEL)
        return record

    def promote(self, grant: Grant) -> Record:
        promotion = Promotion(grant, "run-of-the-test", (REVIEWER,), "local-signed")
        return ledger.promote(self.project, promotion, "release.promoted", ReleaseState.SUPERSEDED)

    @contextmanager
    def run(self, *options: str, env: dict[str, str] | None = None) -> Iterator[Running]:
        """Run ``python -m workbench.serving.runner`` for the length of a block."""
        address = self.project.state_dir / "runners" / f"{CHANNEL}.json"
        command = [sys.executable, "-m", "workbench.serving.runner", str(self.project.root), CHANNEL, *options]
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 30
            found: dict[str, Any] = {}
            while found.get("pid") != process.pid:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise AssertionError(process.communicate()[1].decode())
                time.sleep(0.02)
                found = json.loads(address.read_text()) if address.exists() else {}
            yield Running(process, self.project.state_dir, found["url"], int(found["url"].rpartition(":")[2]))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise


def make_site(project: Project, keys: Path) -> Site:
    """Give a project a policy and one reviewer."""
    key = keys / "reviewer"
    public = create_key(key, comment=REVIEWER)
    policy = project.root / "policy"
    policy.mkdir(exist_ok=True)
    (policy / "gate.toml").write_bytes(POLICY)
    (policy / "reviewers").write_text(f'{REVIEWER} namespaces="{",".join(NAMESPACES)}" {public.line}\n')
    return Site(project, key)


@pytest.fixture
def site(blank_project: Project, tmp_path: Path) -> Site:
    return make_site(blank_project, tmp_path / "keys")


@pytest.fixture(scope="module")
def served(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One runner for a whole file, serving ``plain``: bad input must leave it as good as new."""
    folder = tmp_path_factory.mktemp("served")
    create_project(folder / "project", template="blank", name="served")
    site = make_site(Project.open(folder / "project", actor="author@example.com"), folder / "keys")
    site.release(site.grant(kit.plain))
    with site.run() as running:
        yield running


class Load:
    """Callers who ask for the same row all the time and check that each answer fits the version it names."""

    def __init__(self, running: Running, row: list[float], answers: dict[str, str], callers: int = 3) -> None:
        self.answered = 0
        self.failed: list[str] = []
        self.mixed: list[tuple[str, str]] = []
        self.slowest_ms = 0.0
        self.seen: set[str] = set()
        self._answers = answers
        self._port = running.port
        self._body = json.dumps({"inputs": [row]}).encode()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stop.is_set():
            started = time.perf_counter()
            try:
                connection.request("POST", "/invocations", self._body)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                return
            self.slowest_ms = max(self.slowest_ms, (time.perf_counter() - started) * 1000)
            self._judge(response.status, response.headers["x-model-digest"], body)
            time.sleep(0.001)
        connection.close()

    def _judge(self, status: int, digest: str, body: bytes) -> None:
        if status != 200:
            self.failed.append(f"{status} {body!r}")
            return
        self.answered += 1
        self.seen.add(digest)
        (answer,) = json.loads(body)["predictions"]
        if self._answers.get(digest) != answer:
            self.mixed.append((digest, answer))


@pytest.fixture
def load() -> type[Load]:
    return Load
