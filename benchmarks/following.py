"""Following 50 jobs behind ssh at once: processor time of the follower and of a Jupyter server that watches.

Budget: both together below 10 % of one core. The machine at the other end is a real sshd on loopback; jobs are sent,
started, looked at and brought home as always, but instead of papermill a small script says something once a second, as
50 kernels would not fit on a laptop. Counted are the follower with its ssh processes and the server, for 20 seconds in
which all 50 run. Takes two minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.submit import write_project
from tests.browser.conftest import start_lab
from tests.targets.sshd import Sshd
from workbench.contract.status import JobState
from workbench.execute import jobs, submission
from workbench.foundation.project import Project

JOBS, SECONDS, BUDGET = 50, 20.0, 0.10

RUNNER = """
import json, os, sys, time
from datetime import datetime, timezone
from pathlib import Path
folder, seq = Path(sys.argv[1]), 0
events = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def say(kind, **data):
    global seq
    seq += 1
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    os.write(events, (json.dumps({"seq": seq, "at": at, "kind": kind, "data": data}) + "\\n").encode())
say("start", cells=1, python="3")
say("cell_start", cell=1, index=0)
while not (folder / "enough").exists() and seq < 600:
    say("out", cell=1, text=f"line {seq}\\n")
    time.sleep(1)
say("exit", code=0, reason="", error="")
(folder / "exit.json").write_text(json.dumps({"code": 0, "reason": "", "error": ""}))
"""


def spent_s(processes: Iterable[psutil.Process]) -> float:
    """Return processor seconds of processes and of their children that have ended."""
    total = 0.0
    for process in processes:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def followers(root: Path) -> list[psutil.Process]:
    """Return the follower of a project."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "workbench.execute.follow" in words and str(root) in words:
            found.append(process)
    return found


def measure(folder: Path, server: Sshd) -> tuple[float, float, int]:
    """Return the follower's and the server's share of a core, and how many events came meanwhile."""
    root = folder / "project"
    root.mkdir()
    runner = folder / "runner.py"
    runner.write_text(RUNNER)
    write_project(root, ["pass"])
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    with (root / "workbench.toml").open("a") as stream:
        stream.write(f'[targets.box]\nkind = "ssh"\nhost = "bench-box"\nssh_config = "{server.config("bench-box")}"\n')
        stream.write(f'folder = "{folder}/far"\npython = "{sys.executable}"\n')
    project = Project.open(root)
    submission.travelling_files = lambda **_: {"runner.py": runner}
    with start_lab(root, folder / "home") as lab:
        ids = [jobs.submit(project, "bench.ipynb", target="box").id for _ in range(JOBS)]
        deadline = time.monotonic() + 180
        while sum(card.state == JobState.RUNNING for card in jobs.list_jobs(project, limit=JOBS)) < JOBS:
            assert time.monotonic() < deadline, "not all jobs came to run"
            time.sleep(0.5)
        url = f"{lab.url}/mlops-workbench/api/jobs?token={lab.token}"
        urllib.request.urlopen(url, timeout=60).read()
        time.sleep(3)
        watched, jupyter = followers(root), [psutil.Process(lab.process.pid)]
        assert len(watched) == 1
        before = (spent_s(watched), spent_s(jupyter), sum(len(jobs.job_events(project, job)) for job in ids))
        time.sleep(SECONDS)
        after = (spent_s(watched), spent_s(jupyter), sum(len(jobs.job_events(project, job)) for job in ids))
        for job in ids:
            (folder / "far" / "jobs" / job / "enough").touch()
        for job in ids:
            assert jobs.wait(project, job, timeout_s=180).state == JobState.SUCCEEDED
    return (after[0] - before[0]) / SECONDS, (after[1] - before[1]) / SECONDS, after[2] - before[2]


def main() -> int:
    """Print the figures; 1 where the budget is broken."""
    with tempfile.TemporaryDirectory(prefix="following-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        (folder / "sshd").mkdir()
        server = Sshd.start(folder / "sshd")
        try:
            follower, jupyter, events = measure(folder, server)
        finally:
            server.stop()
    print(f"follower with its ssh   {follower:7.2%} of a core")
    print(f"Jupyter server          {jupyter:7.2%} of a core")
    total = follower + jupyter
    verdict = "kept" if total < BUDGET else "BROKEN"
    print(f"together, {JOBS} jobs       {total:7.2%}  {total / BUDGET:.2f} of the budget of {BUDGET:.0%}: {verdict}")
    print(f"events that came meanwhile: {events} ({events / SECONDS:.0f} a second)")
    return int(total >= BUDGET)


if __name__ == "__main__":
    sys.exit(main())
