"""Real models, a real MLflow store and four people with real keys."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from workbench.contract.model import Feature, ModelManifest
from workbench.contract.review import CheckReport
from workbench.experiment.store import tracking
from workbench.experiment.store.creation import ensure_store
from workbench.foundation.config import load_config
from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.foundation.words.translation import translated
from workbench.review.people import add_reviewer

POLICY = """\
[stages.staging]
required = ["format"]
approvals = 1

[stages.production]
required = ["format", "schema", "metric"]
approvals = 1

[stages.double]
required = ["format"]
approvals = 2

[stages.alone]
required = ["format"]
approvals = 1
allow_self = true
"""

MLMODEL = """\
artifact_path: models/faults
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: 1.23.2
    providers: [CPUExecutionProvider]
  python_function:
    data: model.onnx
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.onnx
"""


@dataclass(frozen=True)
class Rows:
    """Sensor-like rows with a fault that two of the columns show."""

    inputs: np.ndarray
    truth: np.ndarray


def make_rows(count: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, 4)).astype(np.float32)
    truth = (inputs[:, 0] + 0.5 * inputs[:, 1] + random.normal(scale=0.4, size=count) > 0.8).astype(np.int64)
    return Rows(inputs, truth)


HOLDOUT = make_rows(800, seed=2)


def build_model(folder: Path, *, columns: int = 4, train_rows: int = 2000, seed: int = 1, name: str = "faults") -> Path:
    """Train on the first ``columns`` columns only (fewer: worse) and write the folder that ``save_model`` writes."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    rows = make_rows(train_rows, seed)
    masked = rows.inputs * (np.arange(4) < columns)
    model = LogisticRegression().fit(masked, rows.truth)
    model.coef_[:, columns:] = 0.0
    onnx = to_onnx(model, rows.inputs[:1], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    (folder / "MLmodel").write_text(MLMODEL)
    examples = HOLDOUT.inputs[:5]
    manifest = ModelManifest(
        name=name,
        task="classification",
        engine="onnx",
        file="model.onnx",
        features=tuple(Feature(f"sensor_{i}") for i in range(4)),
        classes=("ok", "fault"),
        metric="f1",
        is_higher_better=True,
        example_inputs=tuple(tuple(map(float, row)) for row in examples),
        example_outputs=tuple(map(float, model.predict(examples))),
    )
    (folder / "workbench.json").write_text(json.dumps(asdict(manifest)))
    np.savez(
        folder / "holdout.npz", inputs=HOLDOUT.inputs, truth=HOLDOUT.truth, prediction=model.predict(HOLDOUT.inputs)
    )
    return folder


@dataclass(frozen=True)
class Models:
    """Folders of models, the best first."""

    good: Path
    better: Path
    worse: Path


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    return Models(
        good=build_model(folder / "good", train_rows=400, seed=3),
        better=build_model(folder / "better", train_rows=4000, seed=1),
        worse=build_model(folder / "worse", columns=1, seed=1),
    )


@pytest.fixture(scope="session")
def tracking_folder(tmp_path_factory) -> Path:
    """One MLflow store for all tests: making one takes seconds."""
    return tmp_path_factory.mktemp("tracking")


@dataclass(frozen=True)
class World:
    """A project and the people in it."""

    root: Path
    keys: Path

    def as_(self, name: str) -> Project:
        """Return the project as one person sees it."""
        actor = f"{name}@example.com"
        return Project(self.root, load_config(self.root / "workbench.toml"), actor, self.keys / name)

    def log_model(self, folder: Path, *, by: str = "alice", name: str = "faults", f1: float | None = 0.8) -> str:
        """Log a model folder as a finished run and return the run's id."""
        project = self.as_(by)
        run = tracking.start_run(project, name="try", source="train.ipynb", tags={"workbench.models": f'["{name}"]'})
        tracking.log_metrics(project, run, {} if f1 is None else {"f1": f1})
        tracking.log_artifacts(project, run, folder, f"models/{name}")
        tracking.finish_run(project, run, "FINISHED")
        return run

    def artifact(self, run: str, file: str, name: str = "faults") -> Path:
        """Return where a run's model file lies."""
        uri = Path(self.as_("alice").tracking_uri.removeprefix("sqlite:///"))
        return uri.parent / "artifacts" / run / "artifacts" / "models" / name / file


@pytest.fixture
def world(tmp_path, tracking_folder, models) -> World:
    root = tmp_path / "project"
    (root / "policy").mkdir(parents=True)
    database = tracking_folder / "mlflow.db"
    (root / "workbench.toml").write_text(
        f'[project]\nname = "line"\n\n[tracking]\nuri = "sqlite:///{database}"\n', encoding="utf-8"
    )
    (root / "policy" / "gate.toml").write_text(POLICY, encoding="utf-8")
    keys = tmp_path / "keys"
    world = World(root, keys)
    ensure_store(world.as_("alice"))
    for name in ("alice", "bob", "carol", "dan"):
        create_key(keys / name, comment=name)
    for name in ("alice", "bob", "carol"):
        add_reviewer(world.as_("carol"), f"{name}@example.com", str(keys / f"{name}.pub"))
    return world


@pytest.fixture
def changed_model(models, tmp_path) -> Callable[..., Path]:
    """Return a copy of the good model with one thing changed."""

    def change(edit: Callable[[Path], object]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(models.good, folder)
        edit(folder)
        return folder

    return change


def check_said(world: World, found: CheckReport, code: str, says: str, mends: str) -> None:
    """Make sure that report and evidence say the code, what happened and what mends it, in Japanese too."""
    parts = re.fullmatch(r"No result: (.+) \[([a-z-]+)\] → (.+)", found.summary)
    assert parts, found
    assert (found.result, parts[2], says in parts[1], mends in parts[3]) == ("unknown", code, True, True), found
    kept = json.loads(world.as_("alice").store.read(found.evidence_digest))
    assert kept["error"] == f"{parts[1]} [{code}]\n→ {parts[3]}"
    said = translated(found.summary, "ja")
    assert said.startswith("結果なし: ")
    assert parts[1] not in said, said


@pytest.fixture(scope="session")
def tools(tmp_path_factory) -> Path:
    """A folder with a shell, coreutils and OpenSSH's ``ssh-keygen``, and nothing else."""
    folder = tmp_path_factory.mktemp("tools")
    listed = subprocess.run(["dpkg", "-L", "coreutils"], capture_output=True, text=True, check=True).stdout.split()
    programs = [Path(name) for name in listed if "/bin/" in name]
    for program in (*programs, *(Path(str(shutil.which(name))) for name in ("sh", "ssh-keygen"))):
        if not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    return folder


Verifies = Callable[..., subprocess.CompletedProcess[str] | None]


@pytest.fixture
def verifies(tools) -> Verifies:
    """Run what VERIFY.md says, with coreutils and OpenSSH alone; None where it fails."""

    def run(folder: Path, script: str, reviewers: Path | None = None) -> subprocess.CompletedProcess[str] | None:
        environment = {"PATH": str(tools), "HOME": "/nonexistent"}
        if reviewers:
            environment["REVIEWERS"] = str(reviewers)
        done = subprocess.run(
            [tools / "sh"], input=script, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert "not found" not in done.stderr, done.stderr
        return done if done.returncode == 0 else None

    return run
