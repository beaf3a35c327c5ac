"""Logging a metric: what ``workbench.log`` costs the cell, against ``mlflow.log_metric`` into a store of its own.

Both alternate in one process, CPU of the calling thread, medians over values. Budgets: a value blocks the cell for at
most 0.05 ms and a fiftieth of MLflow's; 1,000 values are visible to another process within a second of the last call.
The first value of each, which opens files and imports mlflow, is not counted. What delivery costs its own thread is
printed beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

ROUNDS, OURS, THEIRS = 20, 500, 25
BUDGET_MS, BUDGET_RATIO, BUDGET_VISIBLE_S = 0.05, 50, 1.0
VALUES = 1000
WATCHER = """
import sqlite3, sys, time
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
count = "SELECT count(*) FROM metrics WHERE run_uuid = ? AND key = 'visible'"
print("ready", flush=True)
while connection.execute(count, (sys.argv[2],)).fetchone()[0] < int(sys.argv[3]):
    time.sleep(0.005)
print(time.time(), flush=True)
"""


def spent_ms(action: object, times: int) -> list[float]:
    """Return the thread's CPU milliseconds of each call."""
    found = []
    for step in range(times):
        begun = time.thread_time_ns()
        action(step)
        found.append((time.thread_time_ns() - begun) / 1e6)
    return found


def visible_after_s(store: Path, run: str, log: object) -> float:
    """Return how long after the last call another process sees all values."""
    command = [sys.executable, "-c", WATCHER, str(store), run, str(VALUES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        watcher.stdout.readline()
        for step in range(VALUES):
            log(visible=1.0, step=step)
        logged = time.time()
        return float(watcher.stdout.readline()) - logged


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    import mlflow

    import workbench
    from workbench.foundation.project import Project

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        (root / "workbench.toml").write_text('[project]\nname = "bench"\n')
        os.chdir(root)
        project = Project.open(root)
        ours, theirs = [], []
        with workbench.run() as run:
            workbench.log(first=1.0)
            # A store that is not the project's: there, and in its tracked runs, MLflow's own calls are ours already.
            client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{root / 'plain.db'}")
            plain = client.create_run("0").info.run_id
            client.log_metric(plain, "first", 2.0)
            for number in range(ROUNDS):
                theirs += spent_ms(
                    lambda step, n=number: client.log_metric(plain, "theirs", 1.0, step=n * THEIRS + step), THEIRS
                )
                ours += spent_ms(lambda _: workbench.log(ours=1.0), OURS)
            begun = time.process_time()
            own = sum(spent_ms(lambda _: workbench.log(more=1.0), 10 * OURS))
            time.sleep(1.5)
            delivery_ms = ((time.process_time() - begun) * 1000 - own) / (10 * OURS)
            visible = [visible_after_s(project.state_dir / "mlflow.db", run, workbench.log)]
        with workbench.run() as run:
            visible.append(visible_after_s(project.state_dir / "mlflow.db", run, workbench.log))
    base, value = statistics.median(theirs), statistics.median(ours)
    p99 = statistics.quantiles(ours, n=100)[98]
    ratio, seen = base / value, statistics.median(visible)
    is_kept = value <= BUDGET_MS and ratio >= BUDGET_RATIO and seen <= BUDGET_VISIBLE_S
    print(f"{'mlflow log_metric':<20} {base:8.4f} ms a value")
    print(f"{'workbench.log':<20} {value:8.4f} ms a value, p99 {p99:.4f}   1/{ratio:.0f} of mlflow's")
    print(f"{'its delivery':<20} {delivery_ms:8.4f} ms a value, in a thread")
    print(f"{VALUES} values visible to another process after {seen:.2f} s")
    print(f"budget {BUDGET_MS} ms, 1/{BUDGET_RATIO}, {BUDGET_VISIBLE_S:g} s: {'kept' if is_kept else 'BROKEN'}")
    return int(not is_kept)


if __name__ == "__main__":
    sys.exit(main())
