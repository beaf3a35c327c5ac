"""A throw-away project with two approved models, for the serving benchmarks."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from workbench.contract.release import RunnerCard
from workbench.contract.status import ReleaseState
from workbench.foundation.identity import create_key, sign
from workbench.foundation.project import Project
from workbench.project.template import create_project
from workbench.review.proof.grant import Grant
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement
from workbench.serving import ledger
from workbench.serving.runners import start_runner, stop_runner

MODEL, STAGE = "fault", "production"
CHANNEL = f"{MODEL}@{STAGE}"
FEATURES = [f"sensor_{i}" for i in range(9)]
ROW = [0.5, -1.25, 0.75, 2.0, -0.5, 0.125, 1.5, -2.25, 0.25]
REVIEWER = "reviewer@example.com"
POLICY = b"[stages.production]\nrequired = []\napprovals = 1\n"


@dataclass(frozen=True)
class Site:
    """The project.

    Attributes:
        project: As its author sees it.
        key: The reviewer's key.
        folders: Model folders: ``plain`` and ``turned``, which answer with opposite classes.
    """

    project: Project
    key: Path
    folders: dict[str, Path]

    def release(self, name: str) -> str:
        """Approve and release a model and return the release's id."""
        bound = {
            "model": MODEL,
            "model_digest": self.project.store.put_tree(self.folders[name]),
            "stage": STAGE,
            "review": f"rv-{name}",
            "policy_digest": self.project.store.put_bytes(POLICY),
            "evidence_digest": self.project.store.put_bytes(b"[]"),
            "requester": self.project.actor,
            "author": self.project.actor,
            "commit_author": "",
        }
        at = datetime.now(UTC).isoformat(timespec="seconds")
        text = build_statement(Statement(verdict="approve", principal=REVIEWER, at=at, reason="", **bound))
        armour = sign(self.key, text, namespace=Verdict.APPROVE.namespace)
        grant = Grant(channel=CHANNEL, statements=((text.decode(), armour),), **bound)
        promotion = ledger.Promotion(grant, "", (REVIEWER,), "local-signed")
        record = ledger.promote(self.project, promotion, "release.promoted", ReleaseState.SUPERSEDED)
        ledger.sync_channel(self.project, CHANNEL)
        return record.id

    def start(self, port: int = 0) -> RunnerCard:
        """Start the runner."""
        return start_runner(self.project, CHANNEL, port)

    def stop(self) -> RunnerCard:
        """Stop the runner."""
        return stop_runner(self.project, CHANNEL)

    @staticmethod
    def free_port() -> int:
        """Return a TCP port that nobody listens on."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


def make_site(folder: Path) -> Site:
    """Make the project, its reviewer and its models."""
    root = folder / "project"
    create_project(root, template="blank", name="benchmark")
    key = folder / "reviewer"
    public = create_key(key, comment=REVIEWER)
    (root / "policy" / "gate.toml").write_bytes(POLICY)
    (root / "policy" / "reviewers").write_text(f'{REVIEWER} namespaces="{",".join(NAMESPACES)}" {public.line}\n')
    rows = np.random.default_rng(7).normal(size=(2000, len(FEATURES))).astype(np.float32)
    truth = (rows.sum(axis=1) > 0).astype(np.int64)
    folders = {name: folder / name for name in ("plain", "turned")}
    _save(folders["plain"], rows, truth)
    _save(folders["turned"], rows, 1 - truth)
    return Site(Project.open(root, actor="author@example.com"), key, folders)


def _save(folder: Path, rows: np.ndarray, truth: np.ndarray) -> None:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(rows, truth)
    kind = [("rows", FloatTensorType([None, rows.shape[1]]))]
    onnx = convert_sklearn(model, initial_types=kind, options={id(model): {"zipmap": False}}, target_opset=18)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    manifest = {
        "name": MODEL,
        "task": "classification",
        "engine": "onnx",
        "file": "model.onnx",
        "features": [{"name": name} for name in FEATURES],
        "classes": ["ok", "broken"],
        "metric": "accuracy",
        "is_higher_better": True,
        "example_inputs": rows[:4].tolist(),
        "example_outputs": model.predict(rows[:4]).tolist(),
    }
    (folder / "workbench.json").write_text(json.dumps(manifest))
