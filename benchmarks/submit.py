"""Submitting a job: how long the caller waits, against ``python -c pass`` in the same run.

Budget: ``submit`` returns within 300 ms and imports neither mlflow nor papermill, in a process that has the project
open (a kernel, the Jupyter server), whether it is the first or a later one. The jobs themselves are cancelled.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workbench.compute.processes import end_processes, job_processes
from workbench.execute.jobs import submit
from workbench.foundation.project import Project

ROUNDS = 7
BUDGET_MS = 300
HEAVY = ("mlflow", "papermill", "nbformat", "pandas", "dvc", "sklearn")


def write_project(root: Path, cells: list[str]) -> Project:
    """Make a project with one notebook."""
    (root / "workbench.toml").write_text('[project]\nname = "bench"\n')
    sources = [("code", cell) for cell in cells]
    notebook = {
        "cells": [
            {"cell_type": kind, "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
            for n, (kind, text) in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (root / "bench.ipynb").write_text(json.dumps(notebook))
    return Project.open(root)


def main() -> int:
    """Print the figures; 1 where the budget is broken."""
    bare, spent = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = write_project(Path(folder).resolve(), ["pass"])
        project.journal.head()
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            bare.append((time.perf_counter() - begun) * 1000)
            begun = time.perf_counter()
            job = submit(project, "bench.ipynb").id
            spent.append((time.perf_counter() - begun) * 1000)
            end_processes(job_processes(project.root, job), grace_s=0)
    base, first, later = statistics.median(bare), spent[0], statistics.median(spent[1:])
    heavy = [name for name in HEAVY if name in sys.modules]
    print(f"{'python -c pass':<20} {base:7.1f} ms")
    for name, value in (("submit, the first", first), ("submit, later", later)):
        verdict = "kept" if value <= BUDGET_MS else "BROKEN"
        print(f"{name:<20} {value:7.1f} ms  {value / base:5.1f} x python  budget {BUDGET_MS} ms: {verdict}")
    print(f"heavy imports: {', '.join(heavy) or 'none'}")
    return int(bool(heavy) or max(first, later) > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main())
