"""Job directories as a far machine gets them, and the runner in them, without any target between."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import write_notebook
from workbench.compute.folder import JobFolder
from workbench.execute import travelling
from workbench.execute.bundle import make_bundle
from workbench.execute.travelling import travelling_files

PATIENCE_S = 240


class FarJob:
    """One job directory on a far machine."""

    def __init__(
        self, place: Path, *cells: str, files: dict[str, str] | None = None, root: Path | None = None, **spec: Any
    ) -> None:
        self.root = root or place / "project"
        # A name of its own: what ends a job on a far machine ends every process there that carries its name.
        job = f"jb-{zlib.crc32(str(place).encode()):08x}"
        self.folder = JobFolder(place / "jobs" / job)
        for name, text in (files or {}).items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        source = self.root / "notebooks" / "a.ipynb"
        if root is None:
            write_notebook(source, *cells)
            (self.root / "workbench.toml").write_text('[project]\nname = "trial"\n')
        bundle = make_bundle(self.root, "notebooks/a.ipynb", 50_000_000)
        self.folder.path.mkdir(parents=True)
        self.spec: dict[str, Any] = {
            "job": job,
            "attempt": 1,
            "notebook": "notebooks/a.ipynb",
            "params": {},
            "kernel": "python3",
            "language": "python",
            "is_far": True,
            "cwd": "work/notebooks",
            "channel": "files",
            "bundle": {"source": "bundle.tar.gz", "digest": bundle.digest, "bytes": bundle.bytes, "files": 1},
            "data": [],
            "results": {},
            "env": {},
            "resources": {},
            "tracking": {},
            "wait_for_run_s": 0,
            "grace_s": 3.0,
            **spec,
        }
        (self.folder.path / "bundle.tar.gz").write_bytes(bundle.data)
        self.folder.input.write_bytes(source.read_bytes())
        for name, content in travelling_files(is_far=True).items():
            (self.folder.path / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())

    def start(self, python: Path | str = sys.executable, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start the runner, as a target does."""
        self.folder.spec.write_text(json.dumps(self.spec))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH", "MLFLOW"))}
        with self.folder.log.open("ab") as log:
            return subprocess.Popen(
                [str(python), str(self.folder.runner), str(self.folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.spec["channel"] == "stdout" else log,
                stderr=log,
                cwd=self.folder.path,
                env={**inherited, **(env or {})},
                start_new_session=True,
            )

    def run(self, python: Path | str = sys.executable, env: dict[str, str] | None = None) -> bytes:
        """Run to the end and return what was printed."""
        process = self.start(python, env)
        out, _ = process.communicate(timeout=PATIENCE_S)
        return out or b""

    @property
    def end(self) -> tuple[int, str]:
        """Code and reason."""
        found = self.folder.read_exit()
        assert found is not None, self.folder.log.read_text()
        return found.code, found.reason

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what the events of a kind carry."""
        return [event.data for event in self.folder.read_events() if event.kind == kind]

    def said(self, text: str) -> bool:
        """Tell whether a cell has said something."""
        return any(text in data["text"] for data in self.of("out"))


def travelling_module(name: str) -> Any:
    """Return one of the travelling files, as it runs far away: beside the others, of no package."""
    folder = Path(travelling.__file__).parent
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec.loader.exec_module(module)
    return module


def until(is_so: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Wait for something to come true."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
