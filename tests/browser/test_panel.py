"""The side panel on the demo's project: a real JupyterLab, a real server, a real Chromium."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import REPOSITORY, Lab, open_panel, set_width
from workbench.execute.jobs import submit, wait
from workbench.experiment.runs import list_runs
from workbench.foundation.project import Project
from workbench.review.reviews import list_reviews, request_review

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("road"), pytest.mark.timeout(600)]

SECTIONS = ("runs", "data", "targets", "reviews", "releases", "monitor")


@pytest.fixture
def author(lab: Lab) -> Project:
    """The demo's project as its author."""
    return Project.open(
        lab.root, actor="scientist@example.com", key_path=lab.root / ".workbench" / "keys" / "scientist"
    )


def expand(page: Page, section: str) -> None:
    """Open a section of the accordion where it is closed."""
    title = page.locator("#mlops-workbench-panel .jp-AccordionPanel-title").nth(SECTIONS.index(section))
    if title.get_attribute("aria-expanded") != "true":
        title.click()


@pytest.mark.checklist("S3-14")
def test_every_section_shows_what_is_there(page: Page, lab: Lab) -> None:
    open_panel(page, lab)
    expect(page.get_by_test_id("wb-header")).to_contain_text("shuttle")
    for section, word in (
        ("runs", "train_shuttle"),
        ("data", "data/train.csv"),
        ("targets", "local"),
        ("reviews", "production"),
        ("releases", "shuttle@production"),
        ("monitor", "f1"),
    ):
        expand(page, section)
        expect(page.get_by_test_id(f"wb-{section}-rows")).to_contain_text(word)


@pytest.mark.checklist("S1-20", "S1-27")
def test_a_click_opens_the_run(page: Page, lab: Lab) -> None:
    open_panel(page, lab)
    page.get_by_test_id("wb-runs-rows").get_by_text("train_shuttle", exact=True).first.click()
    expect(page.get_by_test_id("wb-run-params")).to_contain_text("depth")
    expect(page.get_by_test_id("wb-run-metrics")).to_contain_text("holdout_f1")
    expect(page.get_by_test_id("wb-run-inputs")).to_contain_text("data/train.csv@")


@pytest.mark.checklist("S1-25")
def test_a_run_started_elsewhere_appears_and_progresses_by_itself(page: Page, lab: Lab, author: Project) -> None:
    open_panel(page, lab)
    rows = page.get_by_test_id("wb-runs-rows")
    expect(rows).to_contain_text("train_shuttle")
    write_notebook(lab.root / "notebooks" / "slow.ipynb", *["import time; time.sleep(1)"] * 6)
    job = submit(author, "notebooks/slow.ipynb", name="slow and steady")
    # Nobody reloads: the journal changed, the server noticed, the panel asked again.
    row = rows.locator(".wb-Run", has_text="slow").first
    expect(row).to_be_visible(timeout=15_000)
    bar = row.locator(".wb-Progress[role=progressbar]")
    seen = set()
    until = time.monotonic() + 60
    while time.monotonic() < until and len(seen) < 3:
        if bar.count():
            seen.add(bar.first.get_attribute("aria-valuenow"))
        page.wait_for_timeout(150)
    assert len(seen) >= 3, f"the bar did not move: {seen}"
    assert wait(author, job.id).state == "SUCCEEDED"
    expect(rows.locator('.wb-Run[data-state="FINISHED"]', has_text="slow").first).to_be_visible(timeout=15_000)


@pytest.mark.checklist("S3-08")
def test_the_open_notebook_runs_on_a_target_with_its_parameters(page: Page, lab: Lab, author: Project) -> None:
    path = lab.root / "notebooks" / "from-panel.ipynb"
    write_notebook(path, "alpha = 0.1", "import workbench\nworkbench.log(twice=2 * alpha)")
    open_panel(page, lab, "/tree/notebooks/from-panel.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.get_by_test_id("wb-run-notebook").click()
    page.get_by_test_id("wb-submit-param-alpha").fill("0.25")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    row = page.get_by_test_id("wb-runs-rows").locator('.wb-Run[data-state="FINISHED"]', has_text="from-panel")
    expect(row.first).to_be_visible(timeout=90_000)
    run = next(run for run in list_runs(author) if run.source.endswith("from-panel.ipynb"))
    assert (run.params["alpha"], run.metrics["twice"], run.actor) == ("0.25", 0.5, "reviewer@example.com")


@pytest.mark.checklist("S1-10", "S2-13")
def test_a_reviewer_approves_what_an_author_asked_for(page: Page, lab: Lab, author: Project) -> None:
    run = next(run for run in list_runs(author) if run.models)
    review = request_review(author, run.id, to="staging", wait=True)
    open_panel(page, lab)
    expand(page, "reviews")
    row = page.get_by_test_id("wb-reviews-rows").locator(".wb-Stack", has_text="staging").first
    row.get_by_test_id("wb-review-approve").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text(review.model_digest[7:19])  # exactly what will be signed
    page.get_by_test_id("wb-decision-reason").fill("looked at it in the panel")
    dialog.locator(".jp-mod-accept").click()
    expect(page.locator('.wb-Stack[data-state="APPROVED"]', has_text="staging").first).to_be_visible(timeout=20_000)
    decided = next(found for found in list_reviews(author) if found.id == review.id)
    assert [d.principal for d in decided.decisions] == ["reviewer@example.com"]
    assert decided.decisions[0].reason == "looked at it in the panel"


def test_a_refusal_is_shown_with_what_mends_it(page: Page, lab: Lab) -> None:
    open_panel(page, lab)
    answer = page.evaluate(
        """async () => {
          const xsrf = document.cookie.match(/_xsrf=([^;]*)/)?.[1] ?? '';
          const response = await fetch('/mlops-workbench/api/review/approve', {
            method: 'POST', headers: {'Content-Type': 'application/json', 'X-XSRFToken': xsrf},
            body: JSON.stringify({review: 'rv-nothing'})
          });
          return [response.status, await response.json()];
        }"""
    )
    assert answer[0] == 404
    assert answer[1]["code"] == "review-unknown"
    assert answer[1]["hint"]


def test_nothing_is_written_to_the_console(page: Page, lab: Lab) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_panel(page, lab)
    for section in SECTIONS:
        expand(page, section)
    page.wait_for_timeout(1500)
    assert [text for text in errors if "workbench" in text.lower() or "wb-" in text] == []


@pytest.mark.parametrize("width", [250, 420])
def test_a_screen_reader_and_a_narrow_panel_find_no_fault(page: Page, lab: Lab, width: int) -> None:
    axe = REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
    open_panel(page, lab)
    for section in SECTIONS:
        expand(page, section)
    set_width(page, width)
    page.add_script_tag(path=axe)
    found = page.evaluate("async () => (await axe.run('#mlops-workbench-panel')).violations")
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == []
    overflow = page.evaluate(
        """() => [...document.querySelectorAll('#mlops-workbench-panel .wb-Row, #mlops-workbench-panel .wb-Stack')]
          .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert overflow == []


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook whose first cell holds the parameters."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(notebook, path)
