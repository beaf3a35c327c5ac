"""A real JupyterLab on the demo's project, driven in a real Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.conftest import WalkedRoad

REPOSITORY = Path(__file__).parents[2]
expect.set_options(timeout=20_000)  # ms: other tests have the cores as well; how fast a panel is, benchmarks say


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: Its address, without a trailing slash.
        token: Its token.
        root: Folder it shows.
        process: Its process.
    """

    url: str
    token: str
    root: Path
    process: subprocess.Popen[bytes]

    def address(self, path: str = "") -> str:
        """Return the address of JupyterLab with a clean workspace."""
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}{path}?token={self.token}&reset"


SETTINGS = {
    "locale": ("@jupyterlab/translation-extension/plugin", "locale"),
    "theme": ("@jupyterlab/apputils-extension/themes", "theme"),
}
_QUIET = ("@jupyterlab/apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False})
"""No news and no updates: JupyterLab then asks nobody outside for anything."""


@contextlib.contextmanager
def start_lab(
    root: Path, home: Path, *options: str, actor: str = "reviewer@example.com", key: Path | None = None, **settings: str
) -> Iterator[Lab]:
    """Start JupyterLab as ``jupyter lab`` does, with an empty home, and stop it afterwards.

    Args:
        root: Folder to show.
        home: Its home.
        options: Further options of the command.
        actor: Who sits before it.
        key: Their SSH key; the demo reviewer's by default.
        settings: ``locale`` and ``theme``, as the user would have chosen them.
    """
    chosen = {SETTINGS[name][0]: {SETTINGS[name][1]: value} for name, value in settings.items()}
    for plugin, values in (_QUIET, *chosen.items()):
        path = home / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    home.mkdir(parents=True, exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "WORKBENCH_"))}
    environment |= {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "WORKBENCH_ACTOR": actor,
        "WORKBENCH_SIGNING_KEY": str(key or root / ".workbench" / "keys" / "reviewer"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={root}", "--LabApp.news_url=None", *options]
    with (home / "lab.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/api/status?token={token}", process, home / "lab.log")
        yield Lab(url, token, root, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


# Not for the session: while it lives, Playwright's loop runs in this thread, and tests with a loop of their own fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for a module of browser tests."""
    built = REPOSITORY / "workbench" / "labextension" / "package.json"
    assert built.is_file(), "the panel is not built: make front-end"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(walked_road: WalkedRoad, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on the demo's project, used by its reviewer."""
    with start_lab(walked_road.project.root, tmp_path_factory.mktemp("lab-home")) as running:
        yield running


def open_panel(page: Page, lab: Lab, path: str = "") -> None:
    """Open JupyterLab and our panel."""
    page.goto(lab.address(path))
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=90_000)
    page.locator('.jp-SideBar .lm-TabBar-tab[data-id="mlops-workbench-panel"]').click()
    page.wait_for_selector("#mlops-workbench-panel", state="visible")


def set_width(page: Page, width: int) -> None:
    """Drag the left area's edge until the panel is so wide."""
    handle = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first
    box = handle.bounding_box()
    panel = page.locator("#mlops-workbench-panel").bounding_box()
    assert box is not None
    assert panel is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(panel["x"] + width, box["y"] + 300, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; on failure its picture is kept in ``test-results/``."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    opened = context.new_page()
    yield opened
    if getattr(request.node, "has_failed", False):
        folder = REPOSITORY / "test-results"
        folder.mkdir(exist_ok=True)
        opened.screenshot(path=folder / f"{request.node.name}.png")
    context.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the page fixture whether its test failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call" and report.failed:
        item.has_failed = True  # type: ignore[attr-defined]
