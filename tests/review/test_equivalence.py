"""What a machine's own run of the checks has to agree with before it signs: figures, intervals, evidence, sentences."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from workbench.contract.review import CheckReport
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import DeniedError
from workbench.foundation.store import Store
from workbench.review import reviews
from workbench.review.confirmation import check_review
from workbench.review.equivalence import first_difference
from workbench.review.people import add_reviewer, create_identity
from workbench.review.policies.policy import StageRule

CI = "ci@example.com"
POLICY = '[stages.production]\nrequired = ["format", "metric"]\napprovals = 1\nci = ["ci@example.com"]\n'
RULE = StageRule(required=("metric",), approvals=1)


def scaled(store: Store, report: CheckReport, factor: float) -> CheckReport:
    """Return a metric's report with another lower bound, in its figures, its evidence and its sentence."""
    low = report.figures["low"]
    evidence = json.loads(store.read(report.evidence_digest))
    evidence["comparison"]["difference"]["low"] = low * factor
    return replace(
        report,
        figures={**report.figures, "low": low * factor},
        evidence_digest=store.put_bytes(canonical_json(evidence)),
        summary=report.summary.replace(f"[{low:+.4f}", f"[{low * factor:+.4f}"),
    )


@pytest.fixture
def request_with(world, models, monkeypatch):
    """Ask for a review whose requester had something else written down than the check found."""
    (world.root / "policy" / "gate.toml").write_text(POLICY)
    create_identity(world.as_("carol"), str(world.keys / "ci"), CI)
    add_reviewer(world.as_("carol"), CI, str(world.keys / "ci.pub"), ("check",))

    def ask(change):
        from workbench.review import checking

        real, store = checking.run_check, world.as_("alice").store
        with monkeypatch.context() as patch:
            patch.setattr(
                checking,
                "run_check",
                lambda name, *given: change(store, real(name, *given)) if name == "metric" else real(name, *given),
            )
            return reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)

    return ask


def test_another_figure_under_the_same_word_is_refused(world, request_with):
    review = request_with(lambda store, report: scaled(store, report, 1.02))
    assert {report.result for report in review.checks if report.is_required} == {"pass"}
    with pytest.raises(DeniedError, match=r"Check metric .* low is 0\.\d+ here and 0\.\d+ there \[checks-differ\]"):
        check_review(world.as_("ci"), review.id)
    ci = world.as_("ci")
    assert ci.journal.events(kind="review.refused")[-1].data["code"] == "checks-differ"
    assert CI not in reviews.show_review(ci, review.id).checked_by


def test_what_floats_do_on_another_machine_is_no_difference(world, request_with):
    review = request_with(lambda store, report: scaled(store, report, 1 + 1e-6))
    assert CI in check_review(world.as_("ci"), review.id).checked_by


@pytest.fixture
def found(tmp_path):
    store = Store(tmp_path / "store")

    def report(name: str = "metric", summary: str = "f1 0.9101 on 1,200 rows", evidence=None, **figures: float):
        digest = store.put_bytes(canonical_json(evidence or {}))
        return CheckReport(name, "pass", True, summary, digest, 0.1, "numpy", figures or {"low": 0.9})

    return store, report


ALIKE = {
    "the same": ({}, {}),
    "the last place of a sentence": ({"summary": "f1 0.9102 on 1,200 rows"}, {}),
    "nearly zero": ({"low": 1e-9}, {"low": -1e-9}),
    "a latency of another machine": (
        {"name": "budget", "latency_ms": 0.2, "summary": "0.2 of 5 ms"},
        {"name": "budget", "latency_ms": 1.7, "summary": "1.7 of 5 ms"},
    ),
    "a replay within its tolerance": (
        {"name": "reproduced", "evidence": {"after": {"f1": 0.9}, "job": "a"}, "metrics": 1.0, "same_model_bytes": 1.0},
        {"name": "reproduced", "evidence": {"after": {"f1": 0.90001}, "job": "b"}, "metrics": 1.0},
    ),
    "what a check of others keeps": ({"name": "a.b", "evidence": {"s": 1}}, {"name": "a.b", "evidence": {"s": 2}}),
}
OTHER = {
    "a figure": ({"low": 0.91}, {"low": 0.9}, "low is 0.9 here and 0.91"),
    "a figure that is not there": ({"low": 0.9, "high": 0.9}, {"low": 0.9}, "high is nothing here and 0.9"),
    "a figure of its evidence": (
        {"evidence": {"comparison": {"high": 0.7}}},
        {"evidence": {"comparison": {"high": 0.5}}},
        "evidence.comparison.high is 0.5 here and 0.7",
    ),
    "other rows": (
        {"evidence": {"holdout_digest": "sha256:" + "a" * 64}},
        {"evidence": {"holdout_digest": "sha256:" + "b" * 64}},
        "evidence.holdout_digest is bbbbbbbbbbbb here and aaaaaaaaaaaa",
    ),
    "a number in the sentence alone": ({"summary": "f1 0.9901 on 1,200 rows"}, {}, "'f1 0.9101 on"),
    "a word in the sentence alone": ({"summary": "f1 0.9101 on 1,200 old rows"}, {}, "'f1 0.9101 on"),
    "a replay beyond its tolerance": (
        {"name": "reproduced", "evidence": {"after": {"f1": 0.9}}, "metrics": 1.0},
        {"name": "reproduced", "evidence": {"after": {"f1": 0.91}}, "metrics": 1.0},
        "evidence.after.f1 is 0.91 here and 0.9",
    ),
    "a figure of a check of others": ({"name": "a.b", "s": 1.0}, {"name": "a.b", "s": 2.0}, "s is 2 here and 1"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_alike(found, case):
    store, report = found
    there, here = ALIKE[case]
    assert first_difference(store, report(**there), report(**here), RULE) == ""


@pytest.mark.parametrize("case", OTHER)
def test_other(found, case):
    store, report = found
    there, here, said = OTHER[case]
    assert first_difference(store, report(**there), report(**here), RULE).startswith(said)


def test_evidence_that_is_gone_confirms_nothing(found):
    store, report = found
    gone = replace(report(), evidence_digest="sha256:" + "0" * 64)
    assert first_difference(store, gone, report(), RULE) == "without its evidence"
