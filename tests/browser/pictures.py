"""Take the README's pictures of the real panel: ``python -m tests.browser.pictures demo`` after ``make demo``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.conftest import REPOSITORY, open_panel, set_width, start_lab

LANGUAGES = {"": {}, "-ja": {"locale": "ja_JP", "theme": "JupyterLab Dark"}}


def open_review(page: Page) -> None:
    """Open the newest review."""
    page.get_by_test_id("wb-reviews-rows").locator(".wb-Row").first.click()
    page.get_by_test_id("wb-review-metrics").wait_for()


def open_run(page: Page) -> None:
    """Find the runs that are proved, and open the best."""
    page.get_by_test_id("wb-query").fill("metrics.f1 > 0.9 AND level >= R4")
    page.get_by_test_id("wb-query").press("Enter")
    page.get_by_test_id("wb-runs-rows").get_by_text("train_shuttle", exact=True).first.click()
    page.get_by_test_id("wb-run-evidence").wait_for()


PICTURES = {"panel": open_review, "run": open_run}


def take(browser: Browser, project: Path, language: str) -> None:
    """Take the pictures in one language: the panel beside a review, and beside a run."""
    with tempfile.TemporaryDirectory() as home, start_lab(project, Path(home), **LANGUAGES[language]) as lab:
        for name, show in PICTURES.items():
            page = browser.new_page(viewport={"width": 1360, "height": 1020}, device_scale_factor=1)
            open_panel(page, lab, "/tree/notebooks/train_shuttle.ipynb")
            page.wait_for_selector(".jp-Notebook .jp-Cell")
            set_width(page, 340)
            show(page)
            page.mouse.move(1345, 700)
            page.wait_for_timeout(2500)
            page.screenshot(path=REPOSITORY / "docs" / "pictures" / f"{name}{language}.png")
            page.close()


def main() -> None:
    """Take every picture of the project named on the command line."""
    project = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for language in LANGUAGES:
            take(browser, project, language)
        browser.close()


if __name__ == "__main__":
    main()
