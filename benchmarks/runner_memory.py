"""Memory of the travelling runner above bare papermill's command, same notebook, same Python; the kernel is not in it.

The bar: less than 15 MB. A far job with a bundle, a secret, limits of time and memory is measured by its high-water
mark (``VmHWM``), the guard that it forks by what it does not share (``Private_Dirty``). Takes half a minute.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.execute.far_jobs import FarJob

ROUNDS = 5
LIMIT_MB = 15.0
CELLS = ("import os, time\nprint('begun')", *["for n in range(200): print('line', n)\ntime.sleep(0.5)"] * 4)


def high_water_mb(process: subprocess.Popen[bytes]) -> float:
    """Follow a process to its end and return the most memory that it had, with what its guard has for itself."""
    most = guard = 0.0
    while process.poll() is None:
        most = max(most, field_mb(process.pid, "status", "VmHWM"))
        for child in children(process.pid):
            if "ipykernel" not in command(child):
                guard = max(guard, field_mb(child, "smaps_rollup", "Private_Dirty"))
        time.sleep(0.05)
    return most + guard


def field_mb(pid: int, file: str, name: str) -> float:
    """Return a figure of a process in megabytes, 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)


def children(pid: int) -> Sequence[int]:
    """Return the processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command(pid: int) -> str:
    """Return a process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def main() -> int:
    """Measure alternately and print the medians."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            limits = {"memory_bytes": 4 << 30, "time_limit_s": 600}
            job = FarJob(Path(folder), *CELLS, env={"KEY": "env:FAR_KEY"}, resources=limits)
            ours.append(high_water_mb(job.start(env={"FAR_KEY": "hunter2hunter2"})))
            assert job.end == (0, ""), job.folder.log.read_text()
            words = [sys.executable, "-m", "papermill", str(job.folder.input), f"{folder}/out.ipynb"]
            theirs.append(high_water_mb(subprocess.Popen(words, stderr=subprocess.DEVNULL)))
    above = statistics.median(ours) - statistics.median(theirs)
    print(f"bare papermill          {statistics.median(theirs):7.1f} MB")
    print(f"runner of a far job     {statistics.median(ours):7.1f} MB")
    print(f"above                   {above:7.1f} MB   (bar: < {LIMIT_MB:g} MB)")
    return 0 if above < LIMIT_MB else 1


if __name__ == "__main__":
    raise SystemExit(main())
