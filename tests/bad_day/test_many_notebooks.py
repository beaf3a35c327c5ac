"""Many notebooks on one project while somebody kills them at random: nothing acknowledged is lost, nothing hangs.

Each notebook begins runs, logs, ends runs and now and then records a dataset version. What a call has acknowledged it
then writes into a ledger of its own, which is compared with MLflow's store, the journal and DVC once all is over. By
default small; ``WORKBENCH_CHAOS_S=600 WORKBENCH_CHAOS_N=16`` is the full size, ``WORKBENCH_CHAOS_SEED`` repeats one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from workbench.data import versions
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.store import delivery, liveness
from workbench.foundation.project import Project

SECONDS = float(os.environ.get("WORKBENCH_CHAOS_S", "20"))
NOTEBOOKS = int(os.environ.get("WORKBENCH_CHAOS_N", "6"))
SEED = int(os.environ.get("WORKBENCH_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
KERNELS = 1
SNAPSHOTTERS = 2

NOTEBOOK = """
import hashlib, json, os, random, sys, time, traceback
from pathlib import Path
import workbench
from workbench.experiment.store import append_log
from workbench.foundation.project import Project

ledger = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def acknowledge(*words):
    os.write(ledger, ("\\n" + json.dumps(words) + "\\n").encode())

if os.environ.get("CHAOS_PLANT") == "buffered":
    held, write = [], append_log.OpenLog.write
    def hold(self, record):
        held.append(record)
        if len(held) == 200:
            write(self, b"".join(held)); held.clear()
        return True
    append_log.OpenLog.write = hold
    append_log.open_logs.clear()

if os.environ.get("CHAOS_PLANT") == "slow":
    from workbench.experiment.store import delivery
    delivery.INTERVAL_S = 600.0

def snapshot(number):
    from workbench.data.versions import snapshot
    project, data = Project.open(Path.cwd()), Path("data") / (Path(os.environ["CHAOS_LEDGER"]).stem + ".csv")
    data.parent.mkdir(exist_ok=True)
    text = "a,b\\n" + "".join(f"{random.random()},{number}\\n" for _ in range(500))
    data.with_suffix(".new").write_text(text)
    data.with_suffix(".new").replace(data)
    (version,) = snapshot(project, (str(data),), message="chaos")
    acknowledge("snapshot", version.id, str(data), hashlib.sha256(text.encode()).hexdigest())

def work():
    number = 0
    while True:
        number += 1
        if os.environ["CHAOS_SNAPSHOTS"] == "1":
            snapshot(number)
        with workbench.run(f"chaos {number}") as run:
            acknowledge("started", run)
            workbench.log_params(number=number)
            acknowledge("param", run, "number", str(number))
            for step in range(random.randint(10, 2000)):
                value = random.random()
                workbench.log(loss=value)
                acknowledge("metric", run, "loss", step, value)
                if step % 10 == 0:
                    time.sleep(0.01)
        acknowledge("ended", run)

try:
    work()
except BaseException:
    acknowledge("error", traceback.format_exc())
    raise
"""


@dataclass
class Outcome:
    """What was acknowledged, and what of it is missing or wrong.

    Attributes:
        acknowledged: How many values were acknowledged.
        runs: How many runs were begun.
        snapshots: How many dataset versions were recorded.
        kills: How many notebooks were killed.
        lost: Acknowledged values and parameters that MLflow does not have.
        doubled: Values that MLflow has twice.
        running: Runs that are still RUNNING.
        unended: Runs whose acknowledged end is not FINISHED: what MLflow says instead, and the journal's events.
        errors: What notebooks raised or said.
        broken: Dataset versions that do not come back byte for byte.
    """

    acknowledged: int = 0
    runs: int = 0
    snapshots: int = 0
    kills: int = 0
    lost: list[tuple[object, ...]] = field(default_factory=list)
    doubled: list[tuple[object, ...]] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    unended: list[tuple[object, ...]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Notebook:
    """One that runs: a plain process, or a real kernel."""

    def __init__(self, root: Path, name: str, *, is_kernel: bool, snapshots: bool, plant: str) -> None:
        self._noise = (root / "ledgers" / f"{name}.err").open("wb")
        environment = {
            **os.environ,
            "CHAOS_LEDGER": str(root / "ledgers" / f"{name}.ledger"),
            "CHAOS_SNAPSHOTS": str(int(snapshots)),
            "CHAOS_PLANT": plant,
            "WORKBENCH_PROJECT": str(root),
            "WORKBENCH_ACTOR": "chaos@example.org",
        }
        self._manager = KernelManager() if is_kernel else None
        if self._manager:
            self._manager.start_kernel(cwd=str(root), env=environment, stdout=self._noise, stderr=self._noise)
            self._client = self._manager.blocking_client()
            self._client.start_channels()
            self._client.execute("%load_ext workbench")
            self._client.execute(NOTEBOOK)
            self._pid = self._manager.provisioner.process.pid
        else:
            command = [sys.executable, "-c", NOTEBOOK]
            self._process = subprocess.Popen(command, cwd=root, env=environment, stdout=self._noise, stderr=self._noise)
            self._pid = self._process.pid

    def kill(self) -> None:
        """Kill -9, and clear away what is left of it here."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        if self._manager:
            self._client.stop_channels()
            self._manager.shutdown_kernel(now=True)
        else:
            self._process.wait()
        self._noise.close()


def chaos(root: Path, seconds: float, count: int, plant: str = "") -> Outcome:
    """Run ``count`` notebooks for some seconds, killing them at random, and see what is left."""
    (root / "workbench.toml").write_text('[project]\nname = "chaos"\n')
    (root / "ledgers").mkdir()
    chance, outcome, made = random.Random(SEED), Outcome(), 0

    def start(place: int) -> Notebook:
        nonlocal made
        made += 1
        is_kernel, snapshots = place < KERNELS and not plant, KERNELS <= place < KERNELS + SNAPSHOTTERS and not plant
        return Notebook(root, f"{made:04}", is_kernel=is_kernel, snapshots=snapshots, plant=plant)

    notebooks = [start(place) for place in range(count)]
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            # On average each lives some seconds: long enough to import what it needs, short enough to die in anything.
            time.sleep(chance.uniform(0.2, 1.8) * 6 / count)
            place = chance.randrange(count)
            notebooks[place].kill()
            outcome.kills += 1
            notebooks[place] = start(place)
    finally:
        for notebook in notebooks:
            notebook.kill()
    _settle(root, outcome)
    return outcome


def _settle(root: Path, outcome: Outcome) -> None:
    """End what is dead, as the next day's first run does, and compare."""
    project = Project.open(root, actor="chaos@example.org")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(liveness, "_START_S", 0.0)  # a minute later
        patch.setattr(delivery, "_ORPHAN_AGE_S", 0.0)
        reap_dead_runs(project)
    records = _records(root / "ledgers")
    connection = sqlite3.connect(project.state_dir / "mlflow.db")
    stored = set(connection.execute("SELECT run_uuid, key, step, value FROM metrics"))
    params = set(connection.execute("SELECT run_uuid, key, value FROM params"))
    states = dict(connection.execute("SELECT run_uuid, status FROM runs").fetchall())
    double = "SELECT run_uuid, key, step FROM metrics WHERE key = 'loss' GROUP BY 1, 2, 3 HAVING count(*) > 1"
    outcome.doubled = connection.execute(double).fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    outcome.runs = len(states)
    outcome.running = [run for run, state in states.items() if state not in ("FINISHED", "KILLED", "FAILED")]
    for kind, *words in records:
        if kind == "metric":
            outcome.acknowledged += 1
            outcome.lost += [] if tuple(words) in stored else [tuple(words)]
        elif kind == "param":
            outcome.lost += [] if tuple(words) in params else [tuple(words)]
        elif kind == "started":
            outcome.lost += [] if words[0] in states else [tuple(words)]
        elif kind == "ended":
            if (state := states.get(words[0])) != "FINISHED":
                events = project.journal.events(subject=f"run:{words[0]}")
                outcome.unended.append((words[0], state, [(each.at, each.kind, each.data) for each in events]))
        elif kind == "error":
            outcome.errors.append(words[0])
    noise = [path.read_text(errors="replace") for path in sorted((root / "ledgers").glob("*.err"))]
    outcome.errors += [text for text in noise if "locked" in text or "Traceback" in text]
    _check_data(project, [words for kind, *words in records if kind == "snapshot"], outcome)
    project.journal.verify()


def _records(folder: Path) -> list[list[object]]:
    """Return what the ledgers hold; the last line of one that was killed may be half a line."""
    found = []
    for path in sorted(folder.glob("*.ledger")):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def _check_data(project: Project, snapshots: list[list[str]], outcome: Outcome) -> None:
    """Bring back every version that was acknowledged; then let dvc itself look."""
    outcome.snapshots = len(snapshots)
    if not snapshots:
        return
    for version, path, digest in snapshots:
        (project.root / path).unlink(missing_ok=True)  # what its author had not recorded yet would not be overwritten
        versions.restore(project, version)
        if hashlib.sha256((project.root / path).read_bytes()).hexdigest() != digest:
            outcome.broken.append(version)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--quiet"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        outcome.broken.append(f"dvc status: {done.stdout}{done.stderr}")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_harness_sees_values_that_a_buffer_loses(tmp_path: Path) -> None:
    assert chaos(tmp_path, 6, 3, plant="buffered").lost


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_harness_sees_an_end_that_skips_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def skip(*_args: object, **_kwargs: object) -> None:
        return None

    monkeypatch.setattr(delivery, "drain", skip)
    assert chaos(tmp_path, 6, 3, plant="slow").lost


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 4 + 240)
@pytest.mark.checklist("S4-05")
def test_notebooks_that_are_killed_at_random_lose_nothing(tmp_path: Path) -> None:
    outcome = chaos(tmp_path, SECONDS, NOTEBOOKS)
    facts = f"seed {SEED}: {outcome.kills} kills, {outcome.runs} runs, {outcome.acknowledged} values, "
    sys.stderr.write(f"{facts}{outcome.snapshots} snapshots\n")
    assert outcome.acknowledged, facts
    assert not outcome.errors, f"{facts} {outcome.errors[0]}"
    assert not outcome.lost, f"{facts} lost {len(outcome.lost)}: {outcome.lost[:3]}"
    assert not outcome.doubled, facts
    assert not outcome.running, f"{facts} still running: {outcome.running}"
    assert not outcome.unended, f"{facts} ended, but not so recorded: {outcome.unended}"
    assert not outcome.broken, f"{facts} {outcome.broken}"
