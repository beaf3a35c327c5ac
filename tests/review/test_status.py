"""The gate in CI: exit codes of the real command, and JUnit XML that CI systems read."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from workbench.review import reviews

POLICY = "[stages.production]\nrequired = [{required}]\napprovals = 1\n"


def ask(world, review: str, *, junit: str = "out/gate.xml", folder: str = ".") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench.doors.cli", "review", "status", review, "--junit", junit, "--json"]
    env = {**os.environ, "WORKBENCH_ACTOR": "alice@example.com"}
    return subprocess.run(command, cwd=world.root / folder, capture_output=True, text=True, check=False, env=env)


def asked(world, models, required: str) -> str:
    (world.root / "policy" / "gate.toml").write_text(POLICY.format(required=required))
    return reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True).id


@pytest.mark.checklist("S1-18", "S4-20")
@pytest.mark.parametrize(
    "given",
    [
        ("approved", 0, {}),
        ("rejected", 1, {"decision": "review-rejected"}),
        ("failed", 1, {"card": "fail", "decision": "checks-failed"}),
        ("unknown-review", 2, None),
        ("unknown", 3, {"slices": "unknown", "decision": "check-unknown"}),
        ("open", 4, {"decision": "approvals-missing"}),
        ("swapped", 5, {"decision": "bytes-changed"}),
    ],
)
def test_the_exit_code_says_what_stands_in_the_way(world, models, monkeypatch, given):
    situation, code, outcome = given
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    required = {"failed": '"format", "card"', "unknown": '"format", "slices"'}.get(situation, '"format"')
    review = asked(world, models, required)
    if situation in ("approved", "swapped"):
        reviews.approve(world.as_("bob"), review)
    if situation == "rejected":
        reviews.reject(world.as_("bob"), review, "wrong data")
    if situation == "swapped":
        store = world.as_("alice").store
        path = store.path_of(store.tree(reviews.show_review(world.as_("alice"), review).model_digest)[0].digest)
        path.chmod(0o644)
        path.write_bytes(b"swapped")
    done = ask(world, "rv-none" if situation == "unknown-review" else review)
    assert done.returncode == code, done.stdout + done.stderr
    if outcome is None:
        return
    suite = ElementTree.parse(world.root / "out" / "gate.xml").getroot()
    found = {
        case.get("name"): fault.get("type") for case in suite for fault in case if fault.tag in ("failure", "error")
    }
    assert found == outcome
    assert int(suite.get("tests")) == len(suite)
    assert int(suite.get("failures")) + int(suite.get("errors")) == len(outcome)


def test_the_report_is_written_where_one_stands_as_other_files_are(world, models):
    review = asked(world, models, '"format"')
    (world.root / "ci").mkdir()
    assert ask(world, review, junit="gate.xml", folder="ci").returncode == 4
    assert ((world.root / "ci" / "gate.xml").is_file(), (world.root / "gate.xml").exists()) == (True, False)
