"""A job behind ssh: how long submitting takes, and how late its events are, over a real sshd on loopback.

Budget: on a connection that is open, ``submit`` returns within 1 s (the verb: it looks at the target, packs the bundle
and writes the job), and so does carrying the job there and starting it; from the moment an event happens over there
until it lies in the local ``events.jsonl`` at most 250 ms pass at the median. Both clocks are the same machine's. A
bare ``ssh … true`` on the same connection is printed as the other side of the ratios. Takes half a minute.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.submit import write_project
from tests.targets.sshd import Sshd
from workbench.compute.hosts.openssh import OpenSshHost
from workbench.compute.targets import find_target
from workbench.execute import jobs
from workbench.foundation.project import Project

LAG_MS, SUBMIT_MS = 250, 1000
TICKS = 30
CELL = f"import time\nfor i in range({TICKS}):\n    print(i, flush=True)\n    time.sleep(0.37)"


def follow(project: Project, job: str) -> list[float]:
    """Watch the local file of events and return how late each one came, in ms."""
    path = project.state_dir / "jobs" / job / "events.jsonl"
    lags: list[float] = []
    known, is_over, deadline = 0, False, time.monotonic() + 120
    while not is_over and time.monotonic() < deadline:
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        now = time.time()
        for line in lines[known:]:
            event = json.loads(line)
            lags.append((now - datetime.fromisoformat(event["at"]).timestamp()) * 1000)
            is_over = event["kind"] == "exit"
        known = len(lines)
        time.sleep(0.01)
    return lags


def timed(step, *arguments) -> float:
    """Return how many ms a step took."""
    begun = time.perf_counter()
    step(*arguments)
    return (time.perf_counter() - begun) * 1000


def measure(folder: Path) -> tuple[float, list[float], float, list[float]]:
    """Return ms of a bare command, of submitting, of carrying a job there, and the lags of events."""
    (folder / "sshd").mkdir()
    server = Sshd.start(folder / "sshd")
    try:
        config = server.config("bench-box")
        root = folder / "project"
        root.mkdir()
        write_project(root, ["pass", CELL])
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        with (root / "workbench.toml").open("a") as stream:
            stream.write(f'[targets.box]\nkind = "ssh"\nhost = "bench-box"\nssh_config = "{config}"\n')
            stream.write(f'folder = "{folder}/far"\npython = "{sys.executable}"\n')
        project = Project.open(root)
        host = OpenSshHost("bench-box", config=config)
        host.run(["true"])
        bare = statistics.median(timed(host.run, ["true"]) for _ in range(7))
        ids: list[str] = []
        submitted = [timed(lambda: ids.append(jobs.submit(project, "bench.ipynb", target="box").id)) for _ in range(3)]
        lags = follow(project, ids[0])
        for job in ids:
            jobs.wait(project, job, timeout_s=120)
        target = find_target(project, "box")
        shutil.rmtree(folder / "far" / "jobs" / ids[0])
        carried = timed(target.submit, ids[0])
        target.cancel(ids[0], 0)
        host.close()
    finally:
        server.stop()
    return bare, submitted, carried, lags


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    folder = Path(tempfile.mkdtemp(prefix="ssh-events-")).resolve()
    try:
        bare, submitted, carried, lags = measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lag, late = statistics.median(lags), statistics.quantiles(lags, n=20)[-1]
    figures = (
        ("submit, the first", submitted[0], SUBMIT_MS),
        ("submit, later", statistics.median(submitted[1:]), SUBMIT_MS),
        ("carried and started", carried, SUBMIT_MS),
        ("lag of an event", lag, LAG_MS),
    )
    print(f"{'ssh … true':<20} {bare:7.1f} ms")
    for name, value, budget in figures:
        verdict = "kept" if value <= budget else "BROKEN"
        print(f"{name:<20} {value:7.1f} ms  {value / bare:5.1f} x ssh  budget {budget} ms: {verdict}")
    print(f"events: {len(lags)}, 95 % within {late:.0f} ms")
    return int(any(value > budget for _, value, budget in figures))


if __name__ == "__main__":
    sys.exit(main())
