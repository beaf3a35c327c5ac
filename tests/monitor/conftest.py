"""A real project with a real journal and store, models with a reference profile, and a writer of prediction logs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest

from workbench.contract.release import ReleaseCard
from workbench.foundation.project import Project
from workbench.monitor.reference import Reference, parse_reference

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


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    def make(actor: str = "op@example.com", **monitor: float) -> Project:
        lines = "\n".join(f"{key} = {value}" for key, value in {"window_rows": 500, **monitor}.items())
        text = f'[project]\nname = "mill"\ndescription = "A milling line"\nowner = "line 3"\n\n[monitor]\n{lines}\n'
        (tmp_path / "workbench.toml").write_text(text)
        return Project.open(tmp_path, actor=actor)

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture
def freeze(tmp_path: Path) -> Callable[..., str]:
    """Freeze a model folder with a reference into the project's store and return its digest."""

    def freeze_model(project: Project, reference: bytes | None, name: str = "m1") -> str:
        folder = tmp_path / f"model-{name}"
        folder.mkdir()
        (folder / "model.onnx").write_bytes(name.encode())
        if reference is not None:
            (folder / "reference.npz").write_bytes(reference)
        return project.store.put_tree(folder)

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
    with project.journal.transaction() as change:
        change.append("release.promoted", f"release:{name}", {"model_digest": digest})
        change.put("release", name, state, asdict(card))
    return name


@pytest.fixture
def reference_of() -> Callable[[np.ndarray], Reference]:
    return lambda rows: parse_reference(profile(rows), "m")


@pytest.fixture
def reference_rows(rng: np.random.Generator) -> np.ndarray:
    return rng.normal((1500, 40, 300, 100), (100, 10, 2, 60), (20_000, 4))


@pytest.fixture
def profiled(reference_rows: np.ndarray) -> bytes:
    return profile(reference_rows)


@pytest.fixture
def serve() -> Callable[..., LogWriter]:
    """Put a frozen model on the channel and return the log of its runner."""

    def serve_model(
        project: Project, digest: str, *, version: int = 1, features: tuple[str, ...] = FEATURES
    ) -> LogWriter:
        for record in project.journal.records("release", state="CURRENT"):
            put_release(project, record.body["model_digest"], state="SUPERSEDED", version=record.body["version"])
        put_release(project, digest, version=version)
        return LogWriter(project, digest, features=features)

    return serve_model


@pytest.fixture
def served(project: Project, freeze: Callable[..., str], serve: Callable[..., LogWriter], profiled: bytes) -> LogWriter:
    """A model with a reference on the channel."""
    return serve(project, freeze(project, profiled))


@pytest.fixture
def normal_rows(rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    return lambda n: rng.normal((1500, 40, 300, 100), (100, 10, 2, 60), (n, 4))
