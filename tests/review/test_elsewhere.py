"""Checks as a job: what is found there is what is found here, it says where, and nothing is begun twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import onnx
import pytest
from onnx import helper

from workbench.contract.review import CheckReport
from workbench.execute.ledger import NOUN
from workbench.execute.submission import submit_order
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.review import reviews
from workbench.review.checking import run_checks_here
from workbench.review.elsewhere import sending
from workbench.review.record import evidence_bytes, find_review

confined = [
    pytest.mark.skipif(sys.platform != "linux", reason="a job of checks is confined, which is Linux's"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
ASKED = """
[stages.{stage}]
required = ["format", "schema", "metric", "card", "vulnerabilities"]
approvals = 1

[stages.{stage}.metric]
minimum = 0.76

[stages.{stage}.vulnerabilities]
snapshot = "advisories.zip"
maximum_age_days = 100000
"""
CHECKS = '\n[stages.away.checks]\ntarget = "{target}"\n'
HELD = "limits, no network, own files only, own processes only"
ADVISORY = {
    "id": "X-1",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [{"package": {"name": "numpy", "ecosystem": "PyPI"}, "versions": ["1.0"]}],
}


@pytest.fixture
def stages(world):
    """Two stages that ask for the same, here and in the sandbox."""
    return write_stages(world, "sandbox")


def write_stages(world, target: str):
    path = world.root / "policy" / "gate.toml"
    asked = "".join(ASKED.format(stage=stage) for stage in ("here", "away"))
    path.write_text(path.read_text() + asked + CHECKS.format(target=target))
    with zipfile.ZipFile(world.root / "advisories.zip", "w") as archive:
        archive.writestr("X-1.json", json.dumps(ADVISORY))
    return world


def found(card) -> dict[str, CheckReport]:
    return {report.name: report for report in card.checks}


def jobs_of(project) -> list[str]:
    return [record.id for record in project.journal.records(NOUN)]


def with_requirements(folder):
    (folder / "requirements.txt").write_text("numpy==1.0\n")


def with_foreign_operator(folder):
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(helper.make_node("Steal", [], ["stolen"], domain="evil"))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize("_", [pytest.param(0, marks=confined)])
def test_a_sandbox_finds_what_is_found_here(stages, changed_model, models, _):
    bob = stages.as_("bob")
    stages.log_model(changed_model(with_requirements))
    here = found(reviews.request_review(bob, "faults", to="here", wait=True))
    there = found(reviews.request_review(bob, "faults", to="away", wait=True))
    assert {name: report.result for name, report in here.items()} == {
        **{"format": "pass", "schema": "pass", "metric": "fail", "card": "fail", "vulnerabilities": "fail"}
    }
    assert there.keys() == here.keys()
    for name, report in there.items():
        before = here[name]
        assert (report.result, report.summary, report.figures) == (before.result, before.summary, before.figures)
        assert (report.evidence_digest, report.tool) == (before.evidence_digest, before.tool)
        assert (before.where, report.where[:9], report.where.endswith(f"({HELD})")) == ("", "sandbox: ", True)
    (event,) = [e for e in bob.journal.events(kind="review.checked") if e.data.get("where")]
    assert event.data["where"] == there["metric"].where
    statement = json.loads(bob.store.read(event.data["statement_digest"]))
    assert statement["predicate"]["where"] == there["metric"].where


@pytest.mark.parametrize("_", [pytest.param(0, marks=confined)])
def test_a_model_that_is_none_fails_there_and_is_not_opened_again(stages, changed_model, _):
    stages.log_model(changed_model(with_foreign_operator))
    there = found(reviews.request_review(stages.as_("bob"), "faults", to="away", wait=True))
    assert there["format"].result == "fail"
    assert "Steal" in there["format"].summary or "evil" in there["format"].summary
    assert {report.summary for name, report in there.items() if name != "format"} == {
        "Not run: the file format did not pass"
    }


@pytest.mark.parametrize("_", [pytest.param(0, marks=confined)])
def test_a_checker_that_was_killed_is_gone_on_with(stages, models, _):
    bob = stages.as_("bob")
    stages.log_model(models.good)
    asking = (
        "import sys; from tests.review.conftest import World; from pathlib import Path\n"
        "from workbench.review import reviews\n"
        "world = World(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "reviews.request_review(world.as_('bob'), 'faults', to='away', wait=True)\n"
    )
    words = [sys.executable, "-c", asking, str(stages.root), str(stages.keys)]
    process = subprocess.Popen(words)
    deadline = time.monotonic() + 240
    while not jobs_of(bob):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (review,) = [r.id for r in bob.journal.records("review")]
    assert find_review(bob, review).state == "CHECKING"
    before = jobs_of(bob)
    run_checks_here(bob, review)
    assert jobs_of(bob) == before
    assert len(before) == 1
    assert found(reviews.show_review(bob, review))["metric"].where.split("job ")[1].startswith(before[0])


@pytest.mark.parametrize(
    ("target", "error", "code"), [("tokyo", NotFoundError, "target-unknown"), ("desk", UsageError, "target-cannot")]
)
def test_a_target_that_never_could_is_refused_before_anything_is_written(world, models, target, error, code):
    write_stages(world, target)
    toml = world.root / "workbench.toml"
    toml.write_text(toml.read_text() + '\n[targets.desk]\nkind = "local"\n')
    world.log_model(models.good)
    bob = world.as_("bob")
    with pytest.raises(error, match=code):
        reviews.request_review(bob, "faults", to="away", wait=True)
    assert not bob.journal.records("review")
    assert not jobs_of(bob)


def test_a_machine_that_does_not_answer_gives_no_result_and_no_wait(world, models):
    toml = world.root / "workbench.toml"
    toml.write_text(toml.read_text() + '\n[targets.away]\nkind = "ssh"\nhost = "127.0.0.1"\nport = 1\n')
    write_stages(world, "away")
    world.log_model(models.good)
    began = time.monotonic()
    there = found(reviews.request_review(world.as_("bob"), "faults", to="away", wait=True))
    assert {report.result for report in there.values()} == {"unknown"}
    assert "does not answer" in there["metric"].summary
    assert time.monotonic() - began < 120


def test_a_job_that_is_late_is_cancelled_and_gives_no_result(stages, models, monkeypatch):
    path = stages.root / "policy" / "gate.toml"
    path.write_text(path.read_text() + "timeout_s = 0.2\n")
    stages.log_model(models.good)
    orders = []

    def submit(project, order):
        orders.append(order)
        return submit_order(project, order)

    monkeypatch.setattr(sending, "submit_order", submit)
    bob = stages.as_("bob")
    there = found(reviews.request_review(bob, "faults", to="away", wait=True))
    assert "did not end within 0.2 s" in there["metric"].summary
    evidence = json.loads(bob.store.read(there["metric"].evidence_digest))
    assert "checks-late" in evidence["error"]
    (order,) = orders
    assert order.isolation == "required"


def test_what_was_signed_before_stays_what_it_was():
    report = CheckReport("format", "pass", True, "sound", "sha256:00", 1.5, "onnx", {"files": 4.0})
    known = "sha256:" + "x" * 64
    assert digest_bytes(evidence_bytes((report,))) != known
    assert b"where" not in evidence_bytes((report,))
    elsewhere = CheckReport(**{**vars(report), "where": "far: node7, job jb-1 (limits)"})
    assert b'"where":"far: node7' in evidence_bytes((elsewhere,))
