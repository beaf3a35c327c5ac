"""Lint, explain, test and try: a policy is looked at before it is in force."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from workbench.foundation.errors import DeniedError, NotFoundError, UsageError
from workbench.project.overview import examine
from workbench.review import reviews
from workbench.review.people import list_reviewers
from workbench.review.policies.policy import CHECK_NAMES, DEFAULT_POLICY, parse_policy
from workbench.review.policies.reading import explain_policy, lint_policy
from workbench.review.policies.rules import StageRule
from workbench.review.policies.trial import _Results, run_cases, try_policy
from workbench.review.waiving import waive

CASES = """\
[cases.good]
stage = "production"
expect = "allowed"
checks = { format = "pass", schema = "pass", metric = "pass" }
approvals = ["bob"]

[cases."nobody looked"]
stage = "production"
expect = "pending"
checks = { format = "pass", schema = "pass", metric = "pass" }

[cases."her own"]
stage = "production"
expect = "pending"
checks = { format = "pass", schema = "pass", metric = "pass" }
approvals = ["alice"]
author = "alice"

[cases.worse]
stage = "production"
expect = "denied"
checks = { format = "pass", schema = "pass", metric = "fail" }
approvals = ["bob"]

[cases."no result"]
stage = "production"
expect = "unknown"
approvals = ["bob"]
"""


def write(world, text: str, name: str = "gate.toml") -> Path:
    path = world.root / "policy" / name
    path.write_text(text)
    return path


def codes(world) -> set[tuple[str, str]]:
    return {(warning.stage, warning.code) for warning in lint_policy(world.as_("bob"))}


def test_the_policy_of_a_new_project_has_nothing_to_warn_of(world):
    write(world, DEFAULT_POLICY)
    assert codes(world) == set()


def test_lint_names_what_is_probably_not_meant(world):
    write(
        world,
        """\
[stages.staging]
required = ["format", "metric", "budget", "slices"]
approvals = 2

[stages.production]
required = []
approvals = 1
allow_self = true
waivable = ["metric"]
optional = ["card"]
[stages.production.leakage]
overlap = 0.5

[stages.many]
required = ["metric"]
optional = ["metric"]
approvals = 9
""",
    )
    production = ("nothing-required", "self-approval", "waivable-unused", "rule-unused", "weaker-checks")
    assert codes(world) == {
        ("staging", "budget-unset"),
        ("staging", "slices-unset"),
        *(("production", code) for code in (*production, "fewer-approvals", "laxer-self")),
        ("many", "format-optional"),
        ("many", "optional-unused"),
        ("many", "too-few-reviewers"),
    }


def test_an_error_is_no_warning_and_names_its_line(world):
    write(world, '[stages.production]\nrequired = ["format"]\napprovals = 1\nwaivable = ["format"]\n')
    with pytest.raises(DeniedError, match=r"gate\.toml:4.*nobody may waive") as caught:
        lint_policy(world.as_("bob"))
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize(
    "line",
    [
        'optional = ["fromat"]',
        'waivable = ["crad"]',
        'inputs = { minimum_level = "R5" }',
        "budget = { latency_ms = 0.0 }",
        "budget = { size_bytes = -1 }",
        "leakage = { overlap = 2.0 }",
        "leakage = { oracle = nan }",
        "slices = { bins = 1 }",
        "slices = { gap = nan }",
        "card = { minimum_words = 0 }",
    ],
)
def test_a_value_out_of_range_denies(line):
    with pytest.raises(UsageError, match="policy-value"):
        parse_policy(f'[stages.production]\nrequired = ["format"]\napprovals = 1\n{line}\n'.encode())


def test_explain_says_everything_that_is_asked(world):
    every = ", ".join(f'"{name}"' for name in CHECK_NAMES if name != "card")
    write(world, f'[stages.all]\nrequired = [{every}]\noptional = ["card"]\nwaivable = ["slices"]\napprovals = 2\n')
    demands = {demand.check: demand for demand in explain_policy(world.as_("bob"), "all")}
    assert set(demands) == {*CHECK_NAMES, "approvals"}
    assert (demands["card"].kind, demands["slices"].kind, demands["format"].kind) == (
        "optional",
        "waivable",
        "required",
    )
    assert demands["approvals"].demand == "2 people, who neither asked for it, trained it nor wrote it"
    with pytest.raises(NotFoundError, match="stage-unknown"):
        explain_policy(world.as_("bob"), "al")


def test_cases_that_hold_are_listed(world):
    path = write(world, CASES, "cases.toml")
    found = run_cases(world.as_("bob"), path)
    assert [case.is_ok for case in found] == [True] * 5
    assert found[0].reason == "1 approval"


def test_a_case_that_comes_out_otherwise_fails_and_says_why(world):
    path = write(world, CASES.replace('expect = "denied"', 'expect = "allowed"'), "cases.toml")
    with pytest.raises(DeniedError, match=r"1 of 5 .*'worse' is denied, not allowed \(check metric did not") as caught:
        run_cases(world.as_("bob"), path)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('expect = "denied"', 'expect = "refused"', "case-value"),
        ('metric = "fail"', 'metric = "waived"', "case-value"),
        ('metric = "fail"', 'metrik = "fail"', "config-unknown-key"),
        ('author = "alice"', 'autor = "alice"', "config-unknown-key"),
        ("[cases.good]", "[case.good]", "config-unknown-key"),
        ("[cases.good]", "[cases.good", "config-syntax"),
    ],
)
def test_a_fault_in_the_cases_is_named(world, old, new, code):
    path = write(world, CASES.replace(old, new, 1), "cases.toml")
    with pytest.raises(UsageError, match=r"cases\.toml") as caught:
        run_cases(world.as_("bob"), path)
    assert caught.value.code == code


def test_cases_are_not_judged_by_a_policy_with_an_error(world):
    path = write(world, CASES, "cases.toml")
    write(world, "approvals = 1\n")
    with pytest.raises(DeniedError, match="policy-invalid"):
        run_cases(world.as_("bob"), path)


def test_cases_know_every_check():
    assert {item.name for item in fields(_Results)} == set(CHECK_NAMES)
    assert {item.name for item in fields(StageRule)} >= set(CHECK_NAMES) - {"format", "schema", "dependencies"}


def test_past_reviews_are_judged_by_another_policy(world, models):
    alice, bob = world.as_("alice"), world.as_("bob")
    now = '[stages.production]\nrequired = ["format", "metric"]\napprovals = 1\n'
    write(world, now)
    card = reviews.request_review(alice, world.log_model(models.good), wait=True)
    reviews.approve(bob, card.id)
    write(world, now, "same.toml")
    write(world, now.replace("1", "2"), "two.toml")
    write(world, now.replace('"metric"', '"metric", "card"'), "card.toml")
    write(world, now + "[stages.production.metric]\nminimum_rows = 100000\n", "rows.toml")
    write(world, now + '[stages.production.metric]\ncomparison = "superior"\n', "superior.toml")
    write(world, now + "[stages.production.metric]\nconfidence = 0.99\n", "sure.toml")
    write(world, now.replace("production", "staging"), "none.toml")
    found = {
        name: try_policy(bob, f"policy/{name}.toml")[0]
        for name in ("same", "two", "card", "rows", "superior", "sure", "none")
    }
    assert {name: trial.after for name, trial in found.items()} == {
        "same": "allowed",
        "two": "pending",
        "card": "unknown",
        "rows": "unknown",
        "superior": "allowed",
        "sure": "unknown",
        "none": "denied",
    }
    assert {trial.before for trial in found.values()} == {"allowed"}
    assert [name for name, trial in found.items() if trial.is_same] == ["same", "superior"]
    assert reviews.show_review(bob, card.id).state == "APPROVED"  # trying changes nothing


def test_a_waiver_of_the_past_counts_only_where_the_policy_still_allows_it(world, models, monkeypatch):
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    now = '[stages.production]\nrequired = ["format", "card"]\nwaivable = ["card"]\napprovals = 1\n'
    write(world, now)
    card = reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)
    waive(world.as_("bob"), card.id, "card", "the card comes with the next version")
    reviews.approve(world.as_("bob"), card.id)
    write(world, now.replace('waivable = ["card"]', "waivable = []"), "strict.toml")
    (trial,) = try_policy(world.as_("bob"), "policy/strict.toml")
    assert (trial.before, trial.after, trial.reason) == ("allowed", "denied", "check card did not pass")


PLUG_IN = """\
[cases.{name}]
stage = "production"
expect = "{expect}"
checks = {{ format = "pass", "vendor.drift" = "{result}" }}
waived = [{waived}]
approvals = ["bob"]
"""


def test_cases_name_checks_that_packages_bring(world):
    """A policy that requires one could not be tested: every case was unknown, and naming its result was an error."""
    write(
        world,
        '[stages.production]\nrequired = ["format", "vendor.drift"]\nwaivable = ["vendor.drift"]\napprovals = 1\n',
    )
    told = [
        ("good", "allowed", "pass", ""),
        ("bad", "denied", "fail", ""),
        ("let", "allowed", "fail", '"vendor.drift"'),
    ]
    text = "".join(PLUG_IN.format(name=n, expect=e, result=r, waived=w) for n, e, r, w in told)
    found = run_cases(world.as_("bob"), write(world, text, "cases.toml"))
    assert [case.found for case in found] == ["allowed", "denied", "allowed"]
    with pytest.raises(UsageError, match="case-value"):
        run_cases(world.as_("bob"), write(world, text.replace('"pass"', '"passed"'), "cases.toml"))


def test_a_class_that_no_data_card_knows_is_warned_of(world):
    """Misspelt, it would never ask the group that guards personal data."""
    asked = '[stages.production.groups.privacy]\nmembers = ["bob@example.com"]\nclasses = ["persnal"]\n'
    write(world, '[stages.production]\nrequired = ["format"]\napprovals = 1\n' + asked)
    assert ("production", "class-unknown") in codes(world)
    write(world, '[stages.production]\nrequired = ["format"]\napprovals = 1\n' + asked.replace("persnal", "personal"))
    assert codes(world) == set()


def test_a_revoked_key_counts_nowhere(world):
    """The list says that it is not in force, and a policy that needs its owner is warned of."""
    asked = '[stages.production.groups.privacy]\nmembers = ["bob@example.com"]\n'
    write(world, '[stages.production]\nrequired = ["format"]\napprovals = 3\n' + asked)
    assert codes(world) == set()
    write(world, (world.keys / "bob.pub").read_text(), "revoked")
    listed = {reviewer.principal: reviewer.is_in_force for reviewer in list_reviewers(world.as_("alice"))}
    assert listed == {"alice@example.com": True, "bob@example.com": False, "carol@example.com": True}
    assert codes(world) == {("production", "too-few-reviewers"), ("production", "member-unknown")}
    (found,) = [finding for finding in examine(world.as_("alice")) if finding.name == "reviewers"]
    assert found.message == "2 keys may approve, 1 of them not yours"
