"""What being a tracked job costs: a notebook of 20 cells as a job, against bare papermill on the same notebook.

Wall time from the command to the end, alternating, medians. The job makes an MLflow run, writes numbered events, keeps
the executed notebook as an artifact and journals its start and end; papermill only runs the notebook. Cells sleep, so
what differs is overhead. The first job, which creates the MLflow store, is not counted. Budget: 1.10 of papermill's
wall time. Processor time of all that either started, down to the last detached process, is printed beside it (Linux).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
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
BUDGET = 1.10
_PR_SET_CHILD_SUBREAPER = 36
_LINGER_S = 20.0


def cpu_s() -> float:
    """Return the processor time of everything started so far, once all of it has ended.

    This process adopts what is detached below it, so that it is told what that took.
    """
    deadline = time.monotonic() + _LINGER_S
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        job_s(project)
        bare, tracked, bare_cpu, tracked_cpu = [], [], [], []
        for _ in range(rounds):
            before = cpu_s()
            bare.append(papermill_s(project))
            between = cpu_s()
            tracked.append(job_s(project))
            bare_cpu.append(between - before)
            tracked_cpu.append(cpu_s() - between)
    base, value = statistics.median(bare), statistics.median(tracked)
    print(f"{CELLS} cells that sleep {CELL_S} s, {rounds} rounds, medians")
    cpu, more = statistics.median(bare_cpu), statistics.median(tracked_cpu)
    is_kept = value <= BUDGET * base
    print(f"{'papermill':<12} {base:6.2f} s   (fastest {min(bare):.2f})   CPU {cpu:.2f} s")
    print(
        f"{'job':<12} {value:6.2f} s   (fastest {min(tracked):.2f})   CPU {more:.2f} s, {more / cpu:.2f} x   "
        f"{value / base:.3f} x papermill  budget {BUDGET:.2f} x: {'kept' if is_kept else 'MISSED'}"
    )
    print(f"overhead     {value - base:6.2f} s, {(value - base) / CELLS * 1000:.0f} ms a cell")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
