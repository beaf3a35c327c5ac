"""Nobody is told which models a firm opens, and on which machines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPEN = """
import sys
{first}
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
session.run(None, {{session.get_inputs()[0].name: numpy.zeros((1, 3), numpy.float32)}})
"""


def left_by(first: str, model: Path, home: Path) -> list[str]:
    """Return what opening a model leaves in an empty home; what is collected lies there until it is sent."""
    home.mkdir()
    silencing = ("CI", "ORT_", "XDG_", "GITHUB_", "BUILD_", "TF_BUILD", "JENKINS", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(silencing)}
    command = [sys.executable, "-c", OPEN.format(first=first), str(model)]
    subprocess.run(command, env={**environment, "HOME": str(home)}, check=True, capture_output=True, cwd=home)
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_onnx_runtime_collects_nothing(kit, tmp_path):
    model = kit.plain / "model.onnx"
    assert left_by("import workbench", model, tmp_path / "ours") == []
    if not any("onnxruntime" in name for name in left_by("", model, tmp_path / "theirs")):
        pytest.skip("this build of ONNX Runtime collects nothing by itself")
