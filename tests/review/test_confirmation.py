"""How much a release proves, each word of it reached by verbs; and the CI job of the documents, run as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from workbench.foundation.errors import ConflictError, DeniedError, UsageError
from workbench.foundation.identity import AllowedSigners
from workbench.review import confirmation, reviews
from workbench.review.breaking import override
from workbench.review.confirmation import check_review
from workbench.review.people import add_reviewer, create_identity
from workbench.review.waiving import waive
from workbench.serving.releases import release, roll_back

ROOT = Path(__file__).parents[2]
POLICY = """\
[stages.production]
required = ["format", "card"]
waivable = ["card"]
approvals = 1
ci = ["ci@example.com"]
break_glass = {members = ["carol@example.com"]}

[stages.alone]
required = ["format"]
approvals = 1
allow_self = true
"""
CI = "ci@example.com"


@pytest.fixture
def gated(world, models, changed_model, monkeypatch):
    """A model that can be released, waiting under a policy that names a CI machine with a key for checks alone."""
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    create_identity(world.as_("carol"), str(world.keys / "ci"), CI)
    add_reviewer(world.as_("carol"), CI, str(world.keys / "ci.pub"), ("check",))
    folder = changed_model(lambda path: np.savez(path / "reference.npz", rows=3, mean=np.zeros(4)))
    return folder, reviews.request_review(world.as_("alice"), world.log_model(folder), wait=True)


def ready(world, review: str) -> None:
    waive(world.as_("bob"), review, "card", "Internal tool, the card follows in May")
    reviews.approve(world.as_("bob"), review)


def test_each_assurance_is_reached_by_verbs(world, gated):
    folder, review = gated
    alice, carol = world.as_("alice"), world.as_("carol")
    own = reviews.request_review(alice, review.run, to="alone", wait=True)
    reviews.approve(alice, own.id)
    assert release(alice, own.id).assurance == "local-self"
    ready(world, review.id)
    assert release(carol, review.id).assurance == "local-signed"
    shown = reviews.show_review(alice, review.id)
    assert (shown.assurance, shown.checked_by) == ("local-signed", ("alice@example.com",))
    # The machine comes by after the approval, which stays what it is, and so does the waiver that it was given beside.
    confirmed = check_review(world.as_("ci"), review.id)
    assert (confirmed.state, confirmed.assurance) == ("APPROVED", "ci-verified")
    assert confirmed.checked_by == ("alice@example.com", CI)
    assert (confirmed.decisions, confirmed.evidence_digest) == (shown.decisions, shown.evidence_digest)
    events = carol.journal.head()
    check_review(world.as_("ci"), review.id)  # twice is once
    assert carol.journal.head() == events
    shutil.copytree(folder, folder.parent / "second")
    np.savez(folder.parent / "second" / "reference.npz", rows=4, mean=np.zeros(4))
    second = reviews.request_review(alice, world.log_model(folder.parent / "second"), wait=True)
    check_review(world.as_("ci"), second.id)  # and before the approval it is as good
    ready(world, second.id)
    assert release(carol, second.id).assurance == "ci-verified"
    assert roll_back(carol, "faults@production").assurance == "ci-verified"  # what it proves now, not what it did


def test_what_an_override_proves_no_machine_raises(world, gated):
    _, review = gated
    check_review(world.as_("ci"), review.id)
    override(world.as_("carol"), review.id, "Line 3 stands still without this model")
    assert release(world.as_("carol"), review.id).assurance == "local-signed"


def test_the_job_of_the_documents_runs_as_it_stands(world, gated):
    _, review = gated
    job = yaml.safe_load((ROOT / "docs" / "gate.yaml").read_text())["jobs"]["gate"]
    filled = {"${{ inputs.review }}": review.id, "${{ vars.GATE_KEY }}": str(world.keys / "ci")}
    env = {name: filled.get(value, value) for name, value in job["env"].items()}
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **env}
    waive(world.as_("bob"), review.id, "card", "Internal tool, the card follows in May")
    for step in job["steps"]:
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], cwd=world.root, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (world.root / "gate.xml").read_text().startswith("<?xml")
    reviews.approve(world.as_("bob"), review.id)
    assert reviews.show_review(world.as_("alice"), review.id).assurance == "ci-verified"


def test_a_machine_is_no_requester_and_no_reviewer(world, gated):
    folder, review = gated
    for name, code in (("dan", "purpose-missing"), ("ci", "reviewer-unknown")):
        with pytest.raises(DeniedError, match=code):
            check_review(world.as_(name), review.id) if name == "dan" else reviews.approve(world.as_(name), review.id)
    asked = reviews.request_review(world.as_("ci"), world.log_model(folder), wait=True)
    check_review(world.as_("ci"), asked.id)
    ready(world, asked.id)
    assert reviews.show_review(world.as_("alice"), asked.id).assurance == "local-signed"


def test_other_results_are_no_confirmation_and_are_told(world, gated, monkeypatch):
    _, review = gated
    real = confirmation.reports_of

    def reports_of(*given):
        return tuple(r if r.name != "format" else type(r)(**{**vars(r), "result": "fail"}) for r in real(*given))

    monkeypatch.setattr(confirmation, "reports_of", reports_of)
    with pytest.raises(DeniedError, match="checks-differ"):
        check_review(world.as_("ci"), review.id)
    assert world.as_("ci").journal.events(kind="review.refused")[-1].data["code"] == "checks-differ"
    assert CI not in reviews.show_review(world.as_("ci"), review.id).checked_by


def test_a_record_that_was_edited_makes_nothing_stronger(world, gated, tmp_path):
    """Who signed is read from signatures: a record that calls the requester's own word another's changes nothing."""
    import sqlite3

    _, review = gated
    own = reviews.request_review(world.as_("alice"), review.run, to="alone", wait=True)
    reviews.approve(world.as_("alice"), own.id)
    with sqlite3.connect(world.root / ".workbench" / "journal.db") as database:
        (body,) = database.execute("select body from records where id = ?", (own.id,)).fetchone()
        edited = body.replace('"assurance":"local-self"', '"assurance":"local-signed"')
        assert edited != body
        database.execute("update records set body = ? where id = ?", (edited, own.id))
    assert release(world.as_("alice"), own.id).assurance == "local-self"


def test_a_key_is_listed_for_its_purpose_alone(world, gated):
    text = (world.root / "policy" / "reviewers").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(CI))
    assert re.search(r'namespaces="([^"]*)"', line)[1] == "mlops-workbench.check"
    before = len(AllowedSigners.parse(text).entries)
    add_reviewer(world.as_("carol"), CI, str(world.keys / "ci.pub"), ("check",))
    assert len(AllowedSigners.parse((world.root / "policy" / "reviewers").read_text()).entries) == before
    with pytest.raises(ConflictError, match="other purposes"):
        add_reviewer(world.as_("carol"), "bob@example.com", str(world.keys / "bob.pub"), ("check",))
    with pytest.raises(UsageError, match="purpose-unknown"):
        add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"), ("aprove",))
