"""The gate's arithmetic against the gate itself: every small case, on a real review with real signatures."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from workbench.contract.review import CheckReport
from workbench.experiment.store import tracking
from workbench.foundation.errors import DeniedError, PendingError, UnknownResultError, WorkbenchError
from workbench.review import reviews
from workbench.review.breaking import override
from workbench.review.judging import Case, Judged, judge
from workbench.review.policies.policy import load_policy
from workbench.review.policies.rules import NEVER_WAIVED, StageRule
from workbench.review.record import evidence_bytes, find_review, save
from workbench.review.waiving import waive

RULE = """\
[stages.production]
required = ["format", "metric"]
approvals = {approvals}
allow_self = {allow_self}
waivable = ["metric"]
"""
REASON = "the champion was measured on other rows"
WORDS = ("pass", "fail", "unknown")


@pytest.fixture(autouse=True)
def _set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one review stand in for hundreds: its record is set back by hand, which the gate refuses elsewhere."""
    monkeypatch.setattr("workbench.review.decision._holds_all", lambda *_: True)


def real_verdict(project, review: str) -> str:
    try:
        reviews.release_grant(project, review)
    except PendingError:
        return "pending"
    except UnknownResultError:
        return "unknown"
    except DeniedError:
        return "denied"
    return "allowed"


@pytest.mark.parametrize(("approvals", "allow_self"), [(1, "false"), (2, "false"), (1, "true")])
def test_it_says_what_the_gate_says(world, models, monkeypatch, approvals, allow_self):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ())
    (world.root / "policy" / "gate.toml").write_text(RULE.format(approvals=approvals, allow_self=allow_self))
    alice = world.as_("alice")
    rule = load_policy(alice).rule("production")
    run = world.log_model(models.good)
    monkeypatch.setattr("workbench.review.checking.run_check", lambda name, *_: report(name, "unknown"))
    fresh = find_review(alice, reviews.request_review(alice, run, wait=True).id)
    tried = 0
    for (form, metric), waived, names in product(
        product(WORDS, repeat=2), (False, True), ((), ("alice",), ("bob",), ("bob", "carol"))
    ):
        set_checks(alice, fresh, {"format": form, "metric": metric})
        did = set()
        for step in ([("waive", "bob")] if waived else []) + [("approve", name) for name in names]:
            try:
                if step[0] == "waive":
                    waive(world.as_(step[1]), fresh.id, "metric", REASON)
                else:
                    reviews.approve(world.as_(step[1]), fresh.id)
                did.add(step)
            except WorkbenchError:  # what the gate refuses has not happened
                pass
        case = Case(
            checks={"format": form, "metric": metric},
            approvals=tuple(f"{name}@example.com" for what, name in did if what == "approve"),
            waived=("metric",) if ("waive", "bob") in did else (),
            requester="alice@example.com",
            author="alice@example.com",
        )
        assert judge(rule, case)[0] == real_verdict(alice, fresh.id), case
        tried += 1
    assert tried == 72


def report(name: str, result: str) -> CheckReport:
    return CheckReport(name, result, True, "as it was planted", "", 0.0, "")


def set_checks(project, review, results: dict[str, str]) -> None:
    """Put the review back to OPEN with these results, as a checker would have."""
    checks = tuple(report(name, result) for name, result in results.items())
    digest = project.store.put_bytes(evidence_bytes(checks))
    now = find_review(project, review.id)
    with project.journal.transaction() as transaction:
        transaction.append("review.checked", review.subject, {"evidence_digest": digest})
        save(transaction, now.changed(state="OPEN", checks=checks, evidence_digest=digest, decisions=()))


def test_more_approvals_or_better_results_never_make_it_worse():
    """Whatever else is the case, a passed check in place of another result and one more approval only ever help."""
    order = {Judged.DENIED: 0, Judged.UNKNOWN: 1, Judged.PENDING: 2, Judged.ALLOWED: 3}
    for required, waivable, form, metric in product(
        (("format",), ("format", "metric")), ((), ("metric",)), WORDS, WORDS
    ):
        rule = StageRule(required=required, approvals=1, waivable=waivable)
        for waived, names in product(((), ("metric",), ("format",)), ((), ("bob",))):
            case = Case({"format": form, "metric": metric}, names, waived)
            found = judge(rule, case)[0]
            better = [
                Case({"format": "pass", "metric": metric}, names, waived),
                Case({"format": form, "metric": "pass"}, names, waived),
                Case({"format": form, "metric": metric}, (*names, "bob"), waived),
            ]
            if found is Judged.ALLOWED:
                assert form == "pass"  # format is never waived
                assert all(judge(rule, other)[0] is Judged.ALLOWED for other in better)
            if form == "pass" and found is not Judged.UNKNOWN:
                assert all(order[judge(rule, other)[0]] >= order[found] for other in better)


def test_what_is_never_waived_is_not_even_where_a_rule_says_so():
    rule = StageRule(required=("format",), approvals=1, waivable=NEVER_WAIVED)
    assert judge(rule, Case({"format": "fail"}, ("bob",), ("format",)))[0] is Judged.DENIED


def test_a_rejection_counts_only_from_somebody_who_may():
    rule = StageRule(required=(), approvals=1)
    assert judge(rule, Case(approvals=("bob",), rejected=("carol",)))[0] is Judged.DENIED
    assert judge(rule, Case(approvals=("bob",), rejected=("author",)))[0] is Judged.ALLOWED


GROUPED = """\
[stages.production]
required = ["format"]
approvals = {approvals}
allow_self = {allow_self}
[stages.production.groups.privacy]
members = ["carol@example.com"]
tags = ["pii"]
[stages.production.break_glass]
members = ["bob@example.com"]
"""


@pytest.mark.parametrize("setting", [(1, "false", True), (2, "false", False), (1, "true", True)])
def test_groups_changes_and_overrides_come_out_as_in_the_gate(world, models, monkeypatch, setting):
    approvals, allow_self, is_personal = setting
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ())
    (world.root / "policy" / "gate.toml").write_text(GROUPED.format(approvals=approvals, allow_self=allow_self))
    alice = world.as_("alice")
    rule = load_policy(alice).rule("production")
    run = world.log_model(models.good)
    if is_personal:
        tracking.set_tags(alice, run, {"pii": "yes"})
    monkeypatch.setattr("workbench.review.checking.run_check", lambda name, *_: report(name, "unknown"))
    monkeypatch.setattr("workbench.review.breaking.run_check", lambda name, *_, **__: report(name, "unknown"))
    fresh = find_review(alice, reviews.request_review(alice, run, wait=True).id)
    traits = fresh.traits
    for form, asking, names, breaks in product(
        ("pass", "fail"),
        ((), ("bob",), ("carol",)),
        ((), ("alice",), ("bob",), ("carol",), ("bob", "carol")),
        (False, True),
    ):
        set_checks(alice, fresh, {"format": form})
        did = []
        steps = [("changes", name) for name in asking] + [("approve", name) for name in names]
        steps += [("override", "bob")] if breaks else []
        for what, name in steps:
            person = world.as_(name)
            try:
                if what == "changes":
                    reviews.request_changes(person, fresh.id, "other units")
                elif what == "approve":
                    reviews.approve(person, fresh.id)
                else:
                    override(person, fresh.id, REASON)
                did.append((what, f"{name}@example.com"))
            except WorkbenchError:  # what the gate refuses has not happened
                pass
        approved = {name for what, name in did if what == "approve"}
        case = Case(
            checks={"format": form},
            approvals=tuple(approved),
            changes_requested=tuple(name for what, name in did if what == "changes" and name not in approved),
            overridden="bob@example.com" if ("override", "bob@example.com") in did else "",
            traits=traits,
            requester="alice@example.com",
            author="alice@example.com",
        )
        assert judge(rule, case)[0] == real_verdict(alice, fresh.id), case


def test_time_and_order_are_judged():
    rule = StageRule(required=(), approvals=1, after="staging", soak_h=24.0, expires_days=30.0)
    case = Case(approvals=("bob",), before_h=48.0)
    assert judge(rule, case)[0] is Judged.ALLOWED
    assert judge(rule, replace(case, before_h=-1.0))[0] is Judged.DENIED
    assert judge(rule, replace(case, before_h=23.0))[0] is Judged.PENDING
    assert judge(rule, replace(case, approved_days_ago=30.0))[0] is Judged.DENIED
