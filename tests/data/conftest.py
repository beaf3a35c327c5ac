"""A real project with a real DVC repository and a real journal."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.foundation.project import Project

READINGS = "time,torque\n" + "".join(f"{i},{i / 7:.3f}\n" for i in range(500))


@pytest.fixture(params=["without-git", "git"])
def any_project(request, tmp_path) -> Project:
    """A project with and one without Git."""
    if request.param == "git":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return make_project(tmp_path)


@pytest.fixture
def project(tmp_path) -> Project:
    """A project without Git."""
    return make_project(tmp_path)


def make_project(folder: Path) -> Project:
    (folder / "workbench.toml").write_text('[project]\nname = "demo"\n')
    (folder / "data").mkdir()
    (folder / "data" / "readings.csv").write_text(READINGS)
    return Project.open(folder, actor="ada@example.org")


@pytest.fixture
def dvc(tmp_path):
    """Run the real dvc command in the project."""
    command = Path(sys.executable).with_name("dvc")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(command) if command.exists() else shutil.which("dvc")
        return subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run
