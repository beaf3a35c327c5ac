"""A reviewer who never opens a terminal: everything that the gate asks of people, in a real JupyterLab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import REPOSITORY, Lab, open_panel, start_lab
from tests.browser.gate import Gate, build_gate
from tests.browser.test_panel import expand
from workbench.experiment.store.models import register_version, set_alias
from workbench.monitor.guard import watch_gate
from workbench.review.breaking import post_review
from workbench.review.reviews import show_review

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("gate"), pytest.mark.timeout(600)]

REASON = "the line stands still and the old model is wrong"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A served model, and two that wait."""
    return build_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def lab(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab, with bob before it."""
    home, key = tmp_path_factory.mktemp("gate-home"), gate.world.keys / "bob"
    with start_lab(gate.world.root, home, actor="bob@example.com", key=key) as running:
        yield running


def open_review(page: Page, lab: Lab, review: str) -> Locator:
    """Open a review as a tab and return it."""
    open_panel(page, lab)
    expand(page, "reviews")
    page.get_by_test_id("wb-reviews-rows").locator(f'[data-key="{review}"] .wb-Row-name').click()
    page.get_by_test_id("wb-review-checks").wait_for()
    return page.locator(f"#mlops-workbench-review-{review}")


def dialog_of(page: Page) -> Locator:
    """Return the open dialog, where no reader of screens finds fault with it."""
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for()
    page.add_script_tag(path=REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js")
    found = page.evaluate("async () => (await axe.run('.wb-Form')).violations")
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == []
    return dialog


@pytest.mark.checklist("S3-12")
def test_a_click_on_a_check_a_metric_or_a_cell_comments_on_it(page: Page, lab: Lab, gate: Gate) -> None:
    tab = open_review(page, lab, gate.better)
    tab.get_by_test_id("wb-review-cells-show").click()
    for place in ("check:metric", "metric:f1", "cell:c1"):
        tab.get_by_test_id(f"wb-say-{place}").first.focus()
        page.keyboard.press("Enter")
        dialog = dialog_of(page)
        expect(dialog.get_by_role("button", name="Comment")).to_be_disabled()
        page.get_by_test_id("wb-comment-dialog-text").fill(f"what about {place}?")
        dialog.get_by_role("button", name="Comment").click()
        expect(dialog).to_have_count(0)
        expect(tab.get_by_test_id("wb-review-comments")).to_contain_text(f"what about {place}?")
    said = show_review(gate.world.as_("bob"), gate.better).comments
    assert [(each.on, each.principal) for each in said] == [
        ("check:metric", "bob@example.com"),
        ("metric:f1", "bob@example.com"),
        ("cell:c1", "bob@example.com"),
    ]


def test_what_is_shown_is_what_is_signed(page: Page, lab: Lab, gate: Gate) -> None:
    bob = gate.world.as_("bob")
    tab = open_review(page, lab, gate.better)
    expect(tab.get_by_test_id("wb-waive-metric")).to_have_count(0)  # policy lets nobody waive it
    tab.get_by_test_id("wb-waive-card").click()
    dialog = dialog_of(page)
    sign, reason = dialog.locator(".jp-mod-accept"), page.get_by_test_id("wb-decision-reason")
    expect(sign).to_be_disabled()
    reason.fill("later")
    expect(page.get_by_test_id("wb-reason-count")).to_have_text("5 of at least 20 characters")
    expect(sign).to_be_disabled()
    reason.fill(REASON)
    expect(page.get_by_test_id("wb-statement")).to_contain_text(REASON)
    expect(sign).to_be_enabled()
    shown = page.get_by_test_id("wb-statement").inner_text()
    sign.click()
    expect(dialog).to_have_count(0)
    expect(tab.get_by_test_id("wb-review-checks")).to_contain_text("Waived")
    waived = show_review(bob, gate.better).decisions[-1]
    assert bob.store.read(waived.statement_digest).decode() == shown
    assert json.loads(shown)["predicate"]["check"] == "card"
    tab.get_by_test_id("wb-review-approve").click()
    dialog = dialog_of(page)
    page.get_by_test_id("wb-decision-reason").fill("looked at every slice")
    expect(page.get_by_test_id("wb-statement")).to_contain_text("looked at every slice")
    dialog.get_by_role("button", name="Sign and approve").click()
    expect(tab.get_by_test_id("wb-review-release")).to_be_visible()
    assert show_review(bob, gate.better).state == "APPROVED"


def test_a_refusal_stands_where_it_can_be_acted_on(page: Page, lab: Lab, gate: Gate) -> None:
    tab = open_review(page, lab, gate.own)
    for button, label in (("changes", "Sign and request changes"), ("reject", "Sign and reject")):
        tab.get_by_test_id(f"wb-review-{button}").click()
        dialog = page.locator(".jp-Dialog")
        page.get_by_test_id("wb-decision-reason").fill("it is mine, and I may not")
        dialog.get_by_role("button", name=label).click()
        problem = dialog.get_by_test_id("wb-problem")
        expect(problem).to_contain_text("self-approval")
        expect(problem).to_be_in_viewport(ratio=1)
        expect(problem.locator(".wb-Hint")).not_to_be_empty()
        expect(page.get_by_test_id("wb-decision-reason")).to_have_value("it is mine, and I may not")
        dialog_of(page)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    assert show_review(gate.world.as_("bob"), gate.own).state == "OPEN"


def test_an_override_is_red_until_somebody_else_has_looked(page: Page, lab: Lab, gate: Gate) -> None:
    tab = open_review(page, lab, gate.own)
    tab.get_by_test_id("wb-review-override").click()
    dialog = dialog_of(page)
    for words in ("24 hours", "stays red", "carol@example.com"):
        expect(page.get_by_test_id("wb-decision-follows")).to_contain_text(words)
    page.get_by_test_id("wb-decision-reason").fill(REASON)
    dialog.get_by_role("button", name="Sign and override").click()
    expect(dialog).to_have_count(0)
    expect(tab.get_by_test_id("wb-overridden")).to_contain_text("nobody has looked at it since")
    expand(page, "releases")
    card = page.get_by_test_id("wb-releases-rows")
    expect(card.locator('[data-red="true"]')).to_have_count(1)
    card.get_by_test_id("wb-release-post-review").click()
    dialog = dialog_of(page)
    page.get_by_test_id("wb-decision-reason").fill("looked at it myself, all is well")
    dialog.get_by_role("button", name="Sign the post-review").click()
    expect(dialog.get_by_test_id("wb-problem")).to_contain_text("self-approval")  # not by who overrode it
    page.keyboard.press("Escape")
    post_review(gate.world.as_("carol"), gate.own, "looked at the bytes and at what they answered")
    expect(card.locator('[data-red="true"]')).to_have_count(0, timeout=15_000)
    expect(tab.get_by_test_id("wb-review-decisions")).to_contain_text("Looked at afterwards")


def move_alias(gate: Gate) -> None:
    """Point MLflow's alias at a version that nobody released, as anybody with MLflow's client can."""
    carol = gate.world.as_("carol")
    own = show_review(carol, gate.own)
    set_alias(carol, own.model, "production", register_version(carol, own.run, own.model))
    watch_gate(carol)


def test_what_passed_by_the_gate_is_red_and_can_be_mended(page: Page, lab: Lab, gate: Gate) -> None:
    open_panel(page, lab)
    expand(page, "releases")
    card = page.get_by_test_id("wb-releases-rows")
    expect(card).to_contain_text("faults@production")
    move_alias(gate)
    fault = card.locator('[data-kind="out-of-band"]')
    expect(fault).to_contain_text("alias", timeout=15_000)
    fault.get_by_test_id("wb-release-again").click()
    for _ in range(10):  # red until somebody has looked again
        page.wait_for_timeout(1500)
        if not fault.count():
            break
        fault.get_by_test_id("wb-gate-watch").click()
    expect(fault).to_have_count(0)


def test_the_history_says_what_ran_and_who_approved_it(page: Page, lab: Lab, gate: Gate) -> None:
    open_panel(page, lab)
    expand(page, "releases")
    expect(page.get_by_test_id("wb-releases-rows")).to_contain_text("faults@production")
    page.wait_for_timeout(1000)  # the lists above grow as they come, and a click must not miss what moves
    page.get_by_test_id("wb-release-history").click()
    history = page.get_by_test_id("wb-history")
    expect(history).to_contain_text("bob@example.com")
    page.get_by_test_id("wb-history-at").fill("2020-01-01T00:00")
    expect(page.get_by_test_id("wb-history-none")).to_be_visible()
    page.get_by_test_id("wb-history-at").fill("")
    history.locator(".wb-Link").first.click()
    expect(page.locator(f"#mlops-workbench-review-{gate.served}")).to_be_visible()


def test_in_japanese_what_the_server_says_is_japanese(page: Page, gate: Gate, tmp_path: Path) -> None:
    move_alias(gate)
    key = gate.world.keys / "bob"
    with start_lab(gate.world.root, tmp_path, actor="bob@example.com", key=key, locale="ja_JP") as japanese:
        open_panel(page, japanese)
        expand(page, "releases")
        fault = page.locator('[data-kind="out-of-band"]')
        expect(fault).to_contain_text("MLflow のエイリアス「production」はバージョン", timeout=20_000)
        expect(fault).to_contain_text("もう一度リリースすると設定されます")
