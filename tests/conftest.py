"""What every room's tests share: a real project in an empty folder, acted in by a known person."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.notebooks import write_notebook
from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.project.template import create_project

AUTHOR = "author@example.com"


class _Failures:
    """Says at once what failed and why: a run that is ended from outside prints no summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"FAILED {report.nodeid} ({report.when}): {report.longreprtext.strip()[-2000:]}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(config))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Keep tests that share something in one worker: it is made once, and not used by two at a time.

    Those are the tests of one group (``xdist_group``), and of one file where a fixture is made for the whole file.
    """
    is_grouping = config.getoption("loadgroup", default=False)
    for item in items:
        if is_grouping and not item.get_closest_marker("xdist_group") and _shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(config.rootpath).as_posix()))
    yield
    for item in items:
        # pytest-xdist 3.8 writes the group where pytest 9.2 does not look any more, and then spreads it silently.
        if item.nodeid != (named := getattr(item, "_nodeid", item.nodeid)):
            item._id = type(item._id).parse(named)
        if is_grouping and item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
            raise pytest.UsageError(f"the group of {item.nodeid} does not reach the scheduler")


def _shares_with_its_file(item: pytest.Item) -> bool:
    made = item._fixtureinfo.name2fixturedefs.values()
    return any(definitions[-1].scope == "module" and definitions[-1].baseid for definitions in made)


@pytest.fixture(autouse=True)
def _no_inherited_project(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the developer's own identity, project and tracker out of the tests."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "WORKBENCH_PROJECT", "WORKBENCH_RUN_FILE", "WORKBENCH_JOB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKBENCH_ACTOR", AUTHOR)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    user = tmp_path_factory.getbasetemp() / "users" / secrets.token_hex(8)  # what one test agrees to, no other has
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(user))
    monkeypatch.delenv("WORKBENCH_TRUST", raising=False)


@pytest.fixture
def blank_project(tmp_path: Path) -> Project:
    """A project from the blank template, with a signing key for its author."""
    root = tmp_path / "project"
    create_project(root, template="blank", name="blank")
    key = tmp_path / "keys" / "author"
    create_key(key, comment=AUTHOR)
    return Project.open(root, actor=AUTHOR, key_path=key)


@pytest.fixture(scope="session", name="write_notebook")
def _write_notebook() -> Callable[..., Path]:
    """Write a notebook of code cells, the first of them tagged ``parameters`` where given."""
    return write_notebook


@dataclass(frozen=True)
class WalkedRoad:
    """A finished demo.

    Attributes:
        project: Its project, as the author.
        output: What it printed.
        duration_s: How long it took.
    """

    project: Project
    output: str
    duration_s: float


def walk_road(folder: Path) -> WalkedRoad:
    """Run ``make demo``'s own command in a folder, as a newcomer without a Git identity would."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "workbench.demo", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**environment, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return WalkedRoad(Project.open(folder, actor=AUTHOR), done.stdout, time.monotonic() - begun)


@pytest.fixture(scope="session")
def walked_road(tmp_path_factory: pytest.TempPathFactory) -> WalkedRoad:
    """The demo's project after one walk along the whole road; walked once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("road") / "demo"
    return walk_road(folder)
