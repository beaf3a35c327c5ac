"""Nothing acknowledged is lost however often the follower, the server and the runner on this machine are killed.

Jobs run here and on a neighbour's folder; each cell logs a metric through MLflow and, once the call has returned,
writes the number into a ledger of its own. Meanwhile somebody kills followers, Jupyter servers, supervisors and runners
of this machine with SIGKILL, at random. In the end every number of every ledger stands in MLflow exactly once, every
job's events are numbered without a gap, and every job has come to its true end. By default small;
``WORKBENCH_KILLS=200`` is the full size (``make soak``), ``WORKBENCH_KILLS_SEED`` repeats one.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import Lab, start_lab
from tests.targets.conftest import Bench
from tests.targets.worlds.world import line_of
from workbench.compute.folder import JobFolder
from workbench.contract.status import JobState
from workbench.execute import jobs
from workbench.execute import mirror as mirror_module
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.xdist_group("world-neighbour")]
KILLS = int(os.environ.get("WORKBENCH_KILLS", "8"))
SEED = int(os.environ.get("WORKBENCH_KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
VALUES = max(24, KILLS)
AT_ONCE = 3

CELL = """
import os, time
import mlflow
ledger_file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for number in range(values):
    mlflow.log_metric("number", float(number), step=number)
    os.write(ledger_file, f"{number}\\n".encode())
    time.sleep(0.25)
"""


class Chaos:
    """Jobs that go on, and a hand that kills what looks after them."""

    def __init__(self, bench: Bench, folder: Path, seed: int) -> None:
        self.bench = bench
        self.project: Project = bench.project
        self.folder = folder
        self.random = random.Random(seed)
        self.jobs: dict[str, Path] = {}
        self.killed: dict[str, int] = {}
        self._stack = ExitStack()
        self._lab: Lab | None = None

    def submit(self) -> None:
        """Start jobs until enough of them run, half of them far away."""
        going = [job for job in self.jobs if not jobs.show_job(self.project, job).ended_at]
        for number in range(len(self.jobs), len(self.jobs) + AT_ONCE - len(going)):
            ledger = self.folder / f"ledger-{number}.txt"
            name = f"work{number}"
            path = self.project.root / "notebooks" / f"{name}.ipynb"
            self.bench.write(path, CELL, parameters=f"ledger = {str(ledger)!r}\nvalues = {VALUES}")
            target = "local" if number % 2 else self.bench.world.name
            job = jobs.submit(self.project, f"notebooks/{name}.ipynb", target=target).id
            self.bench.started.append(job)
            self.jobs[job] = ledger

    def look_after(self) -> None:
        """Keep a server there, as a person's browser would, and a follower."""
        if self._lab is None or self._lab.process.poll() is not None:
            with suppress(AssertionError):
                self._stack.close()
                self._lab = self._stack.enter_context(start_lab(self.project.root, self.folder / "home"))
        if self._lab:
            url = f"{self._lab.url}/mlops-workbench/api/jobs?token={self._lab.token}"
            with suppress(OSError), urllib.request.urlopen(url, timeout=20):
                return

    def kill(self) -> bool:
        """Kill one of those who look after jobs, and tell whether there was one."""
        kinds = {
            "follower": [p for p in self._here() if "workbench.execute.follow" in line_of(p)],
            "server": [psutil.Process(self._lab.process.pid)] if self._lab and self._lab.process.poll() is None else [],
            "supervisor": [p for p in self._here() if "workbench.execute.supervise" in line_of(p)],
            "runner": [
                p for p in self._here() if f"{self.project.state_dir}/jobs/" in line_of(p) and "runner.py" in line_of(p)
            ],
        }
        # A runner or supervisor ends its job when it dies: the others are the ones that must not matter.
        weights = {"follower": 10, "server": 3, "supervisor": 1, "runner": 1}
        there = [kind for kind, found in kinds.items() if found]
        if not there:
            return False
        kind = self.random.choices(there, [weights[name] for name in there])[0]
        with suppress(psutil.NoSuchProcess):
            self.random.choice(kinds[kind]).send_signal(signal.SIGKILL)
        self.killed[kind] = self.killed.get(kind, 0) + 1
        return True

    def _here(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if str(self.project.root) in line_of(process)]

    def run(self) -> None:
        """Kill so many times, then let everything come to its end."""
        while sum(self.killed.values()) < KILLS:
            self.submit()
            self.look_after()
            time.sleep(self.random.uniform(0.2, 2.0))
            self.kill()
        self.look_after()
        for job in self.jobs:
            with suppress(Exception):
                jobs.wait(self.project, job, timeout_s=240)
        self._stack.close()


def stored(project: Project, runs: set[str]) -> dict[int, int]:
    """Return how often each number stands in MLflow, over the runs of one job."""
    found: dict[int, int] = {}
    with sqlite3.connect(project.state_dir / "mlflow.db") as database:
        for run in runs:
            rows = database.execute("SELECT step FROM metrics WHERE run_uuid = ? AND key = 'number'", (run,))
            for (step,) in rows:
                found[step] = found.get(step, 0) + 1
    return found


def lost_and_doubled(chaos: Chaos) -> tuple[int, int, int]:
    """Return how many numbers were acknowledged, and how many of them are missing or stand there more than once."""
    acknowledged = lost = doubled = 0
    for job, ledger in chaos.jobs.items():
        numbers = {int(line) for line in ledger.read_text().split()} if ledger.exists() else set()
        kept = stored(chaos.project, {jobs.show_job(chaos.project, job).run})
        acknowledged += len(numbers)
        lost += len(numbers - kept.keys())
        doubled += sum(count > 1 for count in kept.values())
    return acknowledged, lost, doubled


@pytest.fixture
def chaos(bench: Bench, tmp_path: Path) -> Chaos:
    """A project with far and local jobs under a killer's hand; the seed is shown where a test fails."""
    sys.stdout.write(f"WORKBENCH_KILLS_SEED={SEED}\n")
    return Chaos(bench, tmp_path, SEED)


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_kills_lose_and_double_nothing(chaos: Chaos) -> None:
    chaos.run()
    acknowledged, lost, doubled = lost_and_doubled(chaos)
    ends: dict[str, int] = {}
    for job in chaos.jobs:
        card = jobs.show_job(chaos.project, job)
        ends[card.state] = ends.get(card.state, 0) + 1
        seqs = [event.seq for event in jobs.job_events(chaos.project, job)]
        assert seqs == list(range(1, len(seqs) + 1)), job
        assert JobState(card.state).is_terminal, card
        if card.target != "local":  # nobody kills over there: silence here must not end a job
            assert card.state == JobState.SUCCEEDED, card
    killed = f"{sum(chaos.killed.values())} kills {chaos.killed}"
    sys.stdout.write(
        f"{killed}, {len(chaos.jobs)} jobs {ends}, {acknowledged} values, {lost} lost, {doubled} doubled\n"
    )
    assert (lost, doubled) == (0, 0)
    assert acknowledged > 0


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_the_harness_sees_what_is_lost(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a follower that moves its cursor before it has delivered: a kill in between loses metrics."""
    job = chaos.bench.submit(CELL, parameters=f"ledger = {str(chaos.folder / 'l.txt')!r}\nvalues = 8")
    chaos.jobs[job.id] = chaos.folder / "l.txt"
    chaos.bench.until((chaos.folder / "l.txt").exists, "the first number", timeout_s=120)
    chaos.bench.kill_follower()
    planted = mirror_module.Mirror(jobs.folder_of(chaos.project, chaos.project.journal.record("job", job.id)))
    far = chaos.bench.world.base / "jobs" / job.id
    chaos.bench.until((far / "exit.json").exists, "its end over there", timeout_s=120)
    planted.append(JobFolder(far).read_events(planted.seq))  # the cursor moves, nothing was delivered
    store = far / "far.db"
    store.unlink()  # the last resort, which a target with nothing but a log does not have
    chaos.bench.end(job.id)
    acknowledged, lost, _ = lost_and_doubled(chaos)
    assert acknowledged == 8
    assert lost > 0
