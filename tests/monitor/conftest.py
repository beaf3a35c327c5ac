"""A real project with a real journal and store, models with a reference profile, and a writer of prediction logs."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest

from workbench.contract.model import Feature, ModelManifest
from workbench.contract.release import ReleaseCard
from workbench.contract.review import CheckReport, Decision
from workbench.experiment.store.tracking import finish_run, log_artifacts, log_metrics, start_run
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project
from workbench.monitor.reference import Reference, parse_reference
from workbench.monitor.watch import check_channel
from workbench.review.policies.policy import DEFAULT_POLICY
from workbench.review.proof.grant import Grant
from workbench.review.record import Review
from workbench.review.record import save as save_review

FEATURES = ("speed", "torque", "temperature", "wear")
CLASSES = ("ok", "fault")
CHANNEL = "mill@production"


def profile(rows: np.ndarray, share: tuple[float, ...] = (0.9, 0.1), q: int = 4096) -> bytes:
    """Return the bytes of a ``reference.npz`` as ``save_model`` writes it."""
    buffer = io.BytesIO()
    with np.errstate(all="ignore"):
        quantiles = np.nanquantile(rows, np.linspace(0, 1, q), axis=0).T
    np.savez(
        buffer,
        quantiles=quantiles,
        mean=np.nanmean(rows, axis=0),
        missing=np.isnan(rows).mean(axis=0),
        rows=np.int64(len(rows)),
        prediction_share=np.array(share),
    )
    return buffer.getvalue()


@dataclass
class LogWriter:
    """Append predictions as a runner does: its own file, fixed-size records."""

    project: Project
    model_digest: str
    channel: str = CHANNEL
    features: tuple[str, ...] = FEATURES
    name: str = "1700000000000-11.rows"
    clock: float = 1_700_000_000.0
    dtype: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dtype = [["at", "<f8"], ["x", "<f4", [len(self.features)]], ["y", "<f4"]]
        predictions = self.project.state_dir / "predictions" / self.channel
        self.folder = predictions / self.model_digest.removeprefix("sha256:")[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        layout = {"model_digest": self.model_digest, "features": self.features, "classes": CLASSES, "dtype": self.dtype}
        (self.folder / "layout.json").write_text(json.dumps(layout))

    @property
    def record(self) -> np.dtype:
        return np.dtype([(d[0], d[1], tuple(d[2])) if len(d) > 2 else tuple(d) for d in self.dtype])

    def append(self, x: np.ndarray, y: np.ndarray | None = None, *, step_s: float = 1.0) -> None:
        rows = np.zeros(len(x), self.record)
        rows["at"] = self.clock + step_s * np.arange(len(x))
        self.clock = rows["at"][-1] + step_s
        rows["x"], rows["y"] = x, np.arange(len(x)) % 10 == 0 if y is None else y
        with (self.folder / self.name).open("ab") as stream:
            stream.write(rows.tobytes())

    def tear(self) -> None:
        """Leave half a record at the end, as a killed runner does."""
        with (self.folder / self.name).open("ab") as stream:
            stream.write(b"\x01" * (self.record.itemsize // 2))


def open_project(folder: Path, actor: str = "op@example.com", **monitor: float) -> Project:
    lines = "\n".join(f"{key} = {value}" for key, value in {"window_rows": 500, **monitor}.items())
    text = f'[project]\nname = "mill"\ndescription = "A milling line"\nowner = "line 3"\n\n[monitor]\n{lines}\n'
    (folder / "workbench.toml").write_text(text)
    return Project.open(folder, actor=actor)


def freeze_model(
    project: Project, reference: bytes | None, name: str = "m1", files: dict[str, bytes] | None = None
) -> str:
    """Freeze a model folder into the project's store and return its digest."""
    folder = project.root / f"model-{name}"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(name.encode())
    for file, data in {**(files or {}), **({"reference.npz": reference} if reference else {})}.items():
        (folder / file).write_bytes(data)
    return project.store.put_tree(folder)


def draw_rows(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal((1500, 40, 300, 100), (100, 10, 2, 60), (n, 4))


def serve_model(project: Project, digest: str, *, version: int = 1, features: tuple[str, ...] = FEATURES) -> LogWriter:
    """Put a frozen model on the channel and return the log of its runner."""
    for record in project.journal.records("release", state="CURRENT"):
        put_release(project, record.body["model_digest"], state="SUPERSEDED", version=record.body["version"])
    put_release(project, digest, version=version)
    return LogWriter(project, digest, features=features)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    return lambda **settings: open_project(tmp_path, **settings)


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture
def freeze() -> Callable[..., str]:
    return freeze_model


def put_release(project: Project, digest: str, channel: str = CHANNEL, state: str = "CURRENT", version: int = 1) -> str:
    """Record a release as the serving room does: the body is its card."""
    name = f"rl-{channel}-{version}"
    at = "2026-11-22T01:00:00.000+00:00"
    model = channel.partition("@")[0]
    approvers = ("b@example.com",)
    card = ReleaseCard(
        name, channel, model, digest, "rv-1", state, version, approvers, "local-signed", "a@example.com", at
    )
    policy = project.store.put_bytes(DEFAULT_POLICY.encode())
    stage = channel.partition("@")[2]
    grant = Grant("rv-1", model, stage, channel, digest, policy, digest, "a@example.com", "a@example.com", ())
    with project.journal.transaction() as change:
        change.append("release.promoted", f"release:{name}", {"model_digest": digest})
        change.put("release", name, state, {**asdict(card), "grant": grant.to_json()})
    return name


@pytest.fixture
def reference_of() -> Callable[[np.ndarray], Reference]:
    return lambda rows: parse_reference(profile(rows), "m")


@pytest.fixture
def reference_rows(rng: np.random.Generator) -> np.ndarray:
    return draw_rows(rng, 20_000)


@pytest.fixture
def profiled(reference_rows: np.ndarray) -> bytes:
    return profile(reference_rows)


@pytest.fixture
def serve() -> Callable[..., LogWriter]:
    return serve_model


@pytest.fixture
def served(project: Project, freeze: Callable[..., str], serve: Callable[..., LogWriter], profiled: bytes) -> LogWriter:
    """A model with a reference on the channel."""
    return serve(project, freeze(project, profiled))


@pytest.fixture
def normal_rows(rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    return lambda n: draw_rows(rng, n)


def _review(run: str, digest: str, *, name: str, state: str, estimate: float) -> Review:
    """A review as the checks and a reviewer leave it; the evidence behind it is not what this room looks at."""
    approved = Decision(
        "approve",
        "mika.sato@example.com",
        "SHA256:qXnJ0u1l2b8eQh9vR7",
        "local-signed",
        "2026-11-22T06:30:00+00:00",
        "Checked on the floor <with> the shift lead",
        digest,
        digest,
    )
    low, high = estimate - 0.012, estimate + 0.011
    figures = {"estimate": estimate, "low": low, "high": high, "candidate": 0.957, "baseline": 0.93, "margin": 0.01}
    found = {
        "metric": ("f1 0.957 against the served model's 0.930 on 9,820 rows", figures),
        "schema": ("4 features, 2 classes; 5 recorded examples come out again", {}),
        "format": ("4 known files, 48,211 bytes; plain ONNX without code", {}),
        "reproduced": ("The target did not answer", {}),
    }
    results = {"metric": "pass" if low > -0.01 else "fail", "reproduced": "unknown" if state == "OPEN" else "pass"}
    checks = tuple(
        CheckReport(check, results.get(check, "pass"), True, summary, digest, 0.4, "numpy", numbers)
        for check, (summary, numbers) in found.items()
    )
    return Review(
        id=f"rv-{name}",
        state=state,
        revision=0,
        model="mill",
        stage="production",
        run=run,
        model_digest=digest,
        policy_digest=digest_bytes(DEFAULT_POLICY.encode()),
        dataset_versions=("data/mill.csv@3f0a9b11c2d4",),
        commit="4c0ffee4c0ffee4c0ffee",
        commit_author="ken.mori@example.com",
        notebook_digest=digest,
        environment_digest=digest,
        requester="ken.mori@example.com",
        author="ken.mori@example.com",
        requested_at="2026-11-22T06:10:00+00:00",
        checking_since="",
        params={},
        metrics={"f1": 0.957},
        evidence_digest=digest,
        checks=checks,
        decisions=(approved,) if state == "APPROVED" else (),
    )


@pytest.fixture(scope="session")
def furnished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the project below once: MLflow's database alone takes seconds."""
    project, rng = open_project(tmp_path_factory.mktemp("furnished")), np.random.default_rng(20261122)
    (project.root / "policy").mkdir()
    (project.root / "policy" / "gate.toml").write_text(DEFAULT_POLICY)
    manifest = ModelManifest(
        "mill", "classification", "onnx", "model.onnx", tuple(map(Feature, FEATURES)), CLASSES, "f1", True, (), ()
    )
    digest = freeze_model(project, None, "other", {"workbench.json": json.dumps(asdict(manifest)).encode()})
    run = ""
    for index, depth in enumerate((2, 3, 4, 6, 8, 12)):
        run = start_run(project, name=f"forest depth {depth}", params={"depth": depth, "trees": 40 + 20 * index})
        log_metrics(project, run, {"f1": 0.88 + 0.03 * np.sin(depth / 3), "fit_s": 0.4 * depth})
        log_artifacts(project, run, project.root / "model-other", "models/mill")
        finish_run(project, run, "FAILED" if depth == 12 else "FINISHED")
    put_release(project, digest, state="SUPERSEDED", version=0)
    reviews = (("1f0c2a9b", "APPROVED", 0.027), ("77aa01de", "REJECTED", -0.021), ("9b3e5d10", "OPEN", 0.004))
    for name, state, estimate in reviews:
        with project.journal.transaction() as change:
            review = _review(run, digest, name=name, state=state, estimate=estimate)
            change.append("review.requested", review.subject, {})
            save_review(change, review)
    writer = serve_model(project, freeze_model(project, profile(draw_rows(rng, 20_000))))
    writer.append(draw_rows(rng, 4000))
    check_channel(project, CHANNEL)
    writer.append(draw_rows(rng, 1500) + np.array([80, 0, 4, 0]), rng.random(1500) < 0.34)
    check_channel(project, CHANNEL)
    project.journal.close()
    return project.root


@pytest.fixture
def furnished(furnished_once: Path, tmp_path: Path) -> Project:
    """A project with runs in a real MLflow store, reviews, two releases, eleven windows and two alerts."""
    shutil.copytree(furnished_once, tmp_path, dirs_exist_ok=True)
    return Project.open(tmp_path, actor="op@example.com")
