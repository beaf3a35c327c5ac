"""What the panel shows where there is nothing to show: three reasons, three screens; in Japanese and in the dark."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import REPOSITORY, Lab, open_panel, start_lab
from tests.conftest import WalkedRoad

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("road"), pytest.mark.timeout(600)]


@pytest.mark.checklist("S4-10")
def test_an_empty_folder_offers_a_project_and_makes_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "my-project"
    folder.mkdir()
    with start_lab(folder, tmp_path / "home") as lab:
        open_panel(page, lab)
        expect(page.get_by_test_id("wb-screen-project-missing")).to_be_visible()
        page.get_by_test_id("wb-create-project").click()
        expect(page.get_by_test_id("wb-header")).to_contain_text("my-project", timeout=30_000)
        expect(page.get_by_test_id("wb-runs-empty")).to_be_visible()
    assert (folder / "workbench.toml").is_file()


def test_without_the_server_extension_it_says_what_to_install(page: Page, tmp_path: Path) -> None:
    off = "--ServerApp.jpserver_extensions={'workbench': False}"
    with start_lab(tmp_path, tmp_path / "home", off) as lab:
        open_panel(page, lab)
        screen = page.get_by_test_id("wb-screen-server-missing")
        expect(screen).to_contain_text("pip install mlops-workbench")


def test_another_version_of_the_server_asks_for_a_reload(page: Page, lab: Lab) -> None:
    def older(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps({**answer.json(), "version": "0.0.9"}))

    page.route(re.compile("/mlops-workbench/api/hello"), older)
    open_panel(page, lab)
    screen = page.get_by_test_id("wb-screen-version-mismatch")
    expect(screen).to_contain_text("0.0.9")
    expect(page.get_by_test_id("wb-reload")).to_be_visible()


def test_in_japanese_nothing_is_left_in_english(page: Page, walked_road: WalkedRoad, tmp_path: Path) -> None:
    root = walked_road.project.root
    with start_lab(root, tmp_path / "home", locale="ja_JP", theme="JupyterLab Dark") as lab:
        open_panel(page, lab)
        panel = page.locator("#mlops-workbench-panel")
        expect(panel).to_contain_text("実験記録")
        expect(panel).to_contain_text("shuttle@production")
        words = panel.inner_text()
        dark = page.evaluate("document.body.dataset.jpThemeLight")
    assert dark == "false"
    catalogue = json.loads(
        (REPOSITORY / "workbench/locale/ja_JP/LC_MESSAGES/mlops_workbench.json").read_text(encoding="utf-8")
    )
    english = {source for source in catalogue if re.fullmatch(r"[A-Z][a-z]+( [a-z]+)+…?", source)}
    assert len(english) > 20
    assert [source for source in english if source in words] == []
