"""What being a tracked job costs: a notebook of 20 cells as a job, against bare papermill on the same notebook.

Wall time from the command to the end, alternating, medians. The job makes an MLflow run, writes numbered events, keeps
the executed notebook as an artifact and journals its start and end; papermill only runs the notebook. Cells sleep, so
what differs is overhead. The first job, which creates the MLflow store, is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from submit import write_project

from workbench.execute.jobs import submit, wait
from workbench.foundation.project import Project

CELLS = 20
CELL_S = 0.5


def papermill_s(project: Project) -> float:
    """Return the seconds of bare papermill."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "bench.ipynb", "out.ipynb"]
    subprocess.run(command, check=True, capture_output=True, cwd=project.root)
    return time.perf_counter() - begun


def job_s(project: Project) -> float:
    """Return the seconds of a job until it is recorded everywhere that it has ended."""
    begun = time.perf_counter()
    card = wait(project, submit(project, "bench.ipynb").id)
    if card.state != "SUCCEEDED":
        raise SystemExit(f"the job failed: {card.error}")
    return time.perf_counter() - begun


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = write_project(Path(folder).resolve(), [f"import time; time.sleep({CELL_S})"] * CELLS)
        job_s(project)
        bare, tracked = [], []
        for _ in range(rounds):
            bare.append(papermill_s(project))
            tracked.append(job_s(project))
    base, value = statistics.median(bare), statistics.median(tracked)
    print(f"{CELLS} cells that sleep {CELL_S} s, {rounds} rounds, medians")
    print(f"{'papermill':<12} {base:6.2f} s   (fastest {min(bare):.2f})")
    print(f"{'job':<12} {value:6.2f} s   (fastest {min(tracked):.2f})   {value / base:.3f} x papermill")
    print(f"overhead     {value - base:6.2f} s, {(value - base) / CELLS * 1000:.0f} ms a cell")
    return 0


if __name__ == "__main__":
    sys.exit(main())
