"""A real project with a real MLflow store, notebooks of a few lines, and jobs that leave no process behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.compute.processes import end_processes, job_processes
from workbench.execute.jobs import submit
from workbench.foundation.project import Project


@pytest.fixture(scope="session")
def job_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all jobs: making MLflow's store takes seconds."""
    root = tmp_path_factory.mktemp("jobs") / "project"
    (root / "notebooks").mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "trial"\n\n[targets.slow]\nkind = "local"\ngrace_s = 1\n')
    return Project.open(root, actor="ada@example.org")


@pytest.fixture
def start(
    job_project: Project, write_notebook: Callable[..., Path], request: pytest.FixtureRequest
) -> Iterator[Callable[..., str]]:
    """Submit a notebook of the given cells; whatever is left of its processes is ended afterwards."""
    started = []

    def submit_cells(*cells: str, parameters: str = "", **options: object) -> str:
        path = job_project.root / "notebooks" / f"{request.node.name}.ipynb"
        write_notebook(path, *cells, parameters=parameters)
        card = submit(job_project, path.relative_to(job_project.root).as_posix(), **options)
        started.append(card.id)
        return card.id

    yield submit_cells
    for job in started:
        end_processes(job_processes(job_project.root, job), grace_s=0)


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Wait for something to come true; what else is ``seen`` is told where it does not."""

    def wait(is_so: Callable[[], object], timeout_s: float = 240, seen: Callable[[], str] = str) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            if time.monotonic() > deadline:
                pytest.fail(f"it did not come true within {timeout_s:g} s\n{seen()}")
            time.sleep(0.05)

    return wait
