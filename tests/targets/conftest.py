"""Every world, a project whose target ``far`` lies in it, and notebooks that hurt themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from tests.targets.slurm_cluster import slurm_cluster
from tests.targets.sshd import sshd
from tests.targets.worlds.world import World
from workbench.contract.job import JobCard, JobEvent
from workbench.execute import jobs
from workbench.foundation.project import Project

__all__ = ["slurm_cluster", "sshd"]

WORLDS = {
    "neighbour": "tests.targets.worlds.neighbour:Neighbour",
    "slurm": "tests.targets.worlds.slurm:Slurm",
    "ssh": "tests.targets.worlds.ssh:SshWorld",
    "kubernetes": "tests.targets.worlds.kubernetes:Kubernetes",
    "cluster": "tests.targets.worlds.cluster:Cluster",
}
"""Name to ``module:class``; the class takes an empty folder, and has ``close``."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a world in all of them, each world in one worker."""
    is_chosen = any(mark.args[0] == "world" for mark in metafunc.definition.iter_markers("parametrize"))
    if "world" in metafunc.fixturenames and not is_chosen:
        names = [pytest.param(name, marks=_marks(name)) for name in WORLDS]
        metafunc.parametrize("world", names, indirect=True, scope="session")


def _marks(name: str) -> list[pytest.MarkDecorator]:
    group = pytest.mark.xdist_group(f"world-{name}")
    return [group, pytest.mark.cluster] if name == "cluster" else [group]


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A started world."""
    module, _, name = WORLDS[request.param].partition(":")
    opened = getattr(import_module(module), name)(tmp_path_factory.mktemp(request.param))
    yield opened
    opened.close()


@pytest.fixture
def possible(world: World) -> Callable[[str], None]:
    """Skip, with the world's reason, what cannot be made there."""

    def ask(situation: str) -> None:
        if reason := world.cannot.get(situation):
            pytest.skip(f"{situation}: {reason}")

    return ask


@dataclass
class Bench:
    """A project with a far target, and short words for what tests do with it."""

    project: Project
    world: World
    write: Callable[..., Path]
    started: list[str] = field(default_factory=list)

    def submit(self, *cells: str, parameters: str = "", name: str = "work", **options: object) -> JobCard:
        """Submit a notebook of the given cells to the far target."""
        path = self.project.root / "notebooks" / f"{name}.ipynb"
        self.write(path, *cells, parameters=parameters)
        card = jobs.submit(self.project, f"notebooks/{name}.ipynb", target=self.world.name, **options)
        self.started.append(card.id)
        return card

    def end(self, job: str, timeout_s: float = 120) -> JobCard:
        """Wait for the end."""
        return jobs.wait(self.project, job, timeout_s=timeout_s)

    def events(self, job: str) -> tuple[JobEvent, ...]:
        """Return all events, of which none is missing or doubled."""
        events = jobs.job_events(self.project, job)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        return events

    def said(self, job: str) -> str:
        """Return what the cells printed."""
        return "".join(str(event.data["text"]) for event in self.events(job) if event.kind == "out")

    def until(self, is_so: Callable[[], object], what: str, timeout_s: float = 60) -> None:
        """Wait for something to come true."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"not in time: {what}\n{self._report()}"
            time.sleep(0.1)

    def until_cell(self, job: str, cell: int) -> None:
        """Wait until a cell has begun."""
        begun = lambda: any(  # noqa: E731
            event.kind == "cell_start" and event.data["cell"] == cell for event in jobs.job_events(self.project, job)
        )
        self.until(begun, f"cell {cell} of {job}")

    def kill_follower(self) -> bool:
        """Kill the follower as the system might, and tell whether there was one."""
        found = [process for process in psutil.process_iter() if self._is_follower(process)]
        for process in found:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(found, timeout=10)
        return bool(found)

    def _is_follower(self, process: psutil.Process) -> bool:
        try:
            words = process.cmdline()
        except psutil.Error:
            return False
        return "workbench.execute.follow" in words and str(self.project.root) in words

    def _report(self) -> str:
        log = self.project.state_dir / "follower.log"
        return (log.read_text()[-3000:] if log.exists() else "") + self.world.log()


@pytest.fixture
def bench(
    world: World, tmp_path: Path, write_notebook: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A project of its own for each test, under Git, with the far target; its follower is gone afterwards."""
    root = tmp_path / "項目 one"
    (root / "notebooks").mkdir(parents=True)
    (root / "workbench.toml").write_text(f'[project]\nname = "trial"\n\n[targets.{world.name}]\n{world.toml()}')
    (root / ".gitignore").write_text(".workbench/\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    project = Project.open(root, actor="ada@example.org")
    made = Bench(project, world, write_notebook)
    yield made
    world.mend_link()
    world.free_disk()
    for job in made.started:
        if not jobs.show_job(project, job).ended_at:
            jobs.cancel(project, job)
    made.kill_follower()


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """Name the developer's own environment nowhere on the far side."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
