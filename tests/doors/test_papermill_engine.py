"""Plain ``papermill --engine mlops`` tracks itself, as any CI would call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from workbench.experiment.runs import list_runs, show_run
from workbench.foundation.project import Project


def write(path: Path, *cells: str) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def papermill(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", "--engine", "mlops", "--no-progress-bar", *words]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=180)


@pytest.mark.checklist("S1-18", "S4-20")
def test_a_plain_papermill_call_is_a_run(blank_project: Project) -> None:
    write(
        blank_project.root / "in.ipynb",
        "alpha = 0.1",
        "import workbench\nworkbench.log(score=alpha * 2)",
        "import mlflow\nmlflow.log_metric('by_mlflow', alpha)",
    )
    done = papermill(blank_project.root, "in.ipynb", "out.ipynb", "-p", "alpha", "0.5")
    assert done.returncode == 0, done.stderr
    (run,) = list_runs(blank_project)
    assert (run.state, run.source, run.params) == ("FINISHED", "in.ipynb", {"alpha": "0.5"})
    logged = {key: value for key, value in run.metrics.items() if not key.startswith("system/")}
    assert logged == {"score": 1.0, "by_mlflow": 0.5}
    assert any("output.ipynb" in path for path in show_run(blank_project, run.id).artifacts)


def test_a_failing_cell_fails_the_run_and_the_command(blank_project: Project) -> None:
    write(blank_project.root / "in.ipynb", "alpha = 0.1", "raise RuntimeError('broken sensor')", "print('never')")
    done = papermill(blank_project.root, "in.ipynb", "out.ipynb")
    assert done.returncode != 0
    (run,) = list_runs(blank_project)
    assert run.state == "FAILED"
    assert show_run(blank_project, run.id).error == "RuntimeError: broken sensor"


def test_a_dead_kernel_is_not_called_completed(blank_project: Project) -> None:
    write(blank_project.root / "in.ipynb", "alpha = 0.1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    done = papermill(blank_project.root, "in.ipynb", "out.ipynb")
    assert done.returncode != 0
    (run,) = list_runs(blank_project)
    assert run.state == "FAILED"


def test_outside_a_project_it_says_so(tmp_path: Path) -> None:
    write(tmp_path / "in.ipynb", "alpha = 0.1")
    done = papermill(tmp_path, "in.ipynb", "out.ipynb")
    assert done.returncode != 0
    assert "project-missing" in done.stderr
