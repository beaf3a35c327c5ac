"""Take the README's pictures of the real panel: ``python -m tests.browser.pictures demo`` after ``make demo``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.conftest import REPOSITORY, open_panel, set_width, start_lab

PICTURES = {"panel.png": {}, "panel-ja.png": {"locale": "ja_JP", "theme": "JupyterLab Dark"}}


def take(browser: Browser, project: Path, name: str, settings: dict[str, str]) -> None:
    """Open the panel beside a review of the project and take its picture."""
    with tempfile.TemporaryDirectory() as home, start_lab(project, Path(home), **settings) as lab:
        page = browser.new_page(viewport={"width": 1360, "height": 1020}, device_scale_factor=1)
        open_panel(page, lab, "/tree/notebooks/train_shuttle.ipynb")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        set_width(page, 340)
        page.get_by_test_id("wb-reviews-rows").locator(".wb-Row").first.click()
        page.get_by_test_id("wb-review-checks").wait_for()
        page.mouse.move(900, 900)
        page.wait_for_timeout(2500)
        page.screenshot(path=REPOSITORY / "docs" / "pictures" / name)
        page.close()


def main() -> None:
    """Take every picture of the project named on the command line."""
    project = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for name, settings in PICTURES.items():
            take(browser, project, name, settings)
        browser.close()


if __name__ == "__main__":
    main()
