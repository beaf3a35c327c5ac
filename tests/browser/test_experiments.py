"""Runs and data in the panel: found, annotated, compared, proved; on the demo's project in a real JupyterLab."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import REPOSITORY, Lab, open_panel
from tests.browser.test_panel import expand
from workbench.data.versions import snapshot
from workbench.experiment.runs import list_runs
from workbench.foundation.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("road"), pytest.mark.timeout(600)]


@pytest.fixture
def reader(lab: Lab) -> Project:
    """The demo's project, as the test itself looks at it."""
    return Project.open(lab.root, actor="reviewer@example.com")


def ask(page: Page, query: str) -> None:
    """Write a query into the panel's box and ask."""
    box = page.locator("#mlops-workbench-panel").get_by_test_id("wb-query")
    box.fill(query)
    box.press("Escape")
    box.press("Enter")


def test_a_query_finds_runs_and_says_where_it_is_wrong(page: Page, lab: Lab) -> None:
    open_panel(page, lab)
    rows = page.get_by_test_id("wb-runs-rows")
    expect(rows).to_contain_text("prepare_shuttle")
    ask(page, "metrics.f1 > 0.5")
    expect(rows).not_to_contain_text("prepare_shuttle")
    expect(rows).to_contain_text("train_shuttle")
    ask(page, "metrics.f1 > AND")
    problem = page.get_by_test_id("wb-query-problem")
    expect(problem.locator("mark")).to_have_text("A")
    expect(rows).to_contain_text("train_shuttle")
    ask(page, "metrics.f1 > 2")
    expect(page.get_by_test_id("wb-runs-none")).to_be_visible()
    page.get_by_test_id("wb-query-clear").click()
    expect(rows).to_contain_text("prepare_shuttle")


def test_a_star_and_a_note_stay(page: Page, lab: Lab, reader: Project) -> None:
    open_panel(page, lab)
    rows = page.get_by_test_id("wb-runs-rows")
    row = rows.locator(".wb-Row", has_text="train_shuttle").first
    star = row.get_by_test_id("wb-run-star")
    was = star.get_attribute("aria-pressed")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false" if was == "true" else "true")
    run = row.get_attribute("data-key")
    row.locator(".wb-Row-name").click()
    page.get_by_test_id("wb-run-note").click()
    page.get_by_test_id("wb-text-note").fill("the one with the **deep** trees")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.get_by_test_id("wb-run-remarks")).to_contain_text("deep")
    card = next(card for card in list_runs(reader) if card.id == run)
    assert (card.note, card.is_starred) == ("the one with the **deep** trees", was != "true")


def test_two_runs_show_what_changed_and_a_third_is_deleted_and_comes_back(
    page: Page, lab: Lab, reader: Project
) -> None:
    open_panel(page, lab)
    page.get_by_test_id("wb-runs-table").click()
    table = page.get_by_test_id("wb-runs-wide")
    runs = [run for run in list_runs(reader) if run.name == "train_shuttle"][:2]
    for run in runs:
        table.locator(f'[data-key="{run.id}"] input').check()
    page.locator(".wb-Tab-wide").get_by_test_id("wb-runs-diff").click()
    expect(page.get_by_test_id("wb-compare-param")).to_contain_text("depth")
    victim = next(run for run in list_runs(reader) if run.name.startswith("prepare"))
    page.get_by_test_id("wb-runs-rows").locator(f'[data-key="{victim.id}"] .wb-Row-name').click()
    page.get_by_test_id("wb-run-delete").click()
    expect(page.get_by_test_id("wb-runs-rows").locator(f'[data-key="{victim.id}"]')).to_have_count(0)
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_test_id("wb-runs-rows").locator(f'[data-key="{victim.id}"]')).to_have_count(1)


def test_a_level_is_shown_with_its_evidence(page: Page, lab: Lab, reader: Project) -> None:
    run = max(list_runs(reader), key=lambda card: card.level)
    open_panel(page, lab)
    page.get_by_test_id("wb-runs-rows").locator(f'[data-key="{run.id}"] .wb-Row-name').click()
    proof = page.get_by_test_id("wb-run-proof")
    expect(proof.locator(".wb-Level")).to_have_text(run.level)
    page.get_by_test_id("wb-run-verify").click()
    expect(page.get_by_test_id("wb-run-evidence")).to_contain_text("R2", timeout=60_000)
    page.get_by_test_id("wb-run-lineage").click()
    graph = page.get_by_test_id("wb-lineage-graph")
    start = graph.locator('[data-start="true"]')
    start.focus()
    page.keyboard.press("ArrowLeft")
    expect(start).to_have_attribute("tabindex", "-1")
    page.get_by_test_id("wb-lineage-list-toggle").click()
    expect(page.get_by_test_id("wb-lineage-list")).to_contain_text("data/train.csv")


def test_a_dataset_shows_its_profile_and_what_changed(page: Page, lab: Lab, reader: Project) -> None:
    path = Path(lab.root) / "data" / "browser.csv"
    path.write_text("id,flow\n" + "".join(f"{i},{i % 7}\n" for i in range(300)))
    snapshot(reader, ("data/browser.csv",), "first")
    path.write_text("id,flow\n" + "".join(f"{i},{i % 5}\n" for i in range(310)))
    snapshot(reader, ("data/browser.csv",), "second")
    open_panel(page, lab)
    expand(page, "data")
    page.get_by_test_id("wb-data-rows").locator(".wb-Row", has_text="second").first.click()
    expect(page.get_by_test_id("wb-data-card")).to_contain_text("Nobody has said yet")
    expect(page.get_by_test_id("wb-problem")).to_have_count(0)
    page.get_by_test_id("wb-data-profile-show").click()
    expect(page.get_by_test_id("wb-data-profile").locator(".wb-Histogram").first).to_be_visible()
    page.get_by_test_id("wb-data-diff").first.click()
    expect(page.get_by_test_id("wb-data-diff-rows")).to_contain_text("300 → 310")
    expect(page.get_by_test_id("wb-data-diff-shifts")).to_contain_text("flow")


def test_tables_tabs_and_graph_have_no_accessibility_violations(page: Page, lab: Lab, reader: Project) -> None:
    run = max(list_runs(reader), key=lambda card: card.level)
    open_panel(page, lab)
    page.add_script_tag(path=REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js")
    ask(page, "metrics.f1 > AND")
    page.get_by_test_id("wb-runs-table").click()
    page.get_by_test_id("wb-runs-wide").wait_for()
    assert violations(page) == []
    page.get_by_test_id("wb-query-clear").first.click()
    page.get_by_test_id("wb-runs-rows").locator(f'[data-key="{run.id}"] .wb-Row-name').click()
    page.get_by_test_id("wb-run-evidence").wait_for()
    assert violations(page) == []
    page.get_by_test_id("wb-run-lineage").click()
    page.get_by_test_id("wb-lineage-graph").wait_for()
    assert violations(page) == []


def violations(page: Page) -> list[str]:
    """Return what axe finds in the panel and in the tab that is seen."""
    found = page.evaluate(
        """async () => {
          const roots = ['#mlops-workbench-panel', '.lm-DockPanel-widget:not(.lm-mod-hidden) .wb-Tab-page'];
          const seen = roots.filter(root => document.querySelector(root));
          const {violations} = await axe.run({include: seen.map(root => [root])}, {runOnly: ['wcag2a', 'wcag2aa']});
          return violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(' | ')}`);
        }"""
    )
    return list(found)
