"""The policy: strict, pointing at the line, shut where it cannot be read."""

from __future__ import annotations

import pytest

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import DeniedError, NotFoundError, UsageError
from workbench.review.checks.registry import CHECKS
from workbench.review.policies.policy import CHECK_NAMES, DEFAULT_POLICY, load_policy, parse_policy

HEAD = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'


def test_the_default_policy_is_valid_and_says_what_it_means():
    policy = parse_policy(DEFAULT_POLICY.encode())
    rule = policy.rule("production")
    assert list(policy.stages) == ["staging", "production"]
    assert rule.required == ("format", "schema", "metric", "reproduced")
    assert (rule.approvals, rule.allow_self) == (1, False)
    assert policy.digest == digest_bytes(DEFAULT_POLICY.encode())


def test_policy_and_registry_know_the_same_checks():
    assert tuple(CHECKS) == CHECK_NAMES


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("[stages.production\n", "config-syntax", "", ""),
        ("", "config-missing-key", ":1", "stages"),
        ("[stages]\n", "policy-value", "", "no stage"),
        ("[stage.production]\n", "config-unknown-key", ":1", "did you mean 'stages'"),
        (HEAD + "aprovals = 2\n", "config-unknown-key", ":4", "did you mean 'approvals'"),
        (HEAD.replace("approvals = 1\n", ""), "config-missing-key", ":1", "approvals"),
        (HEAD.replace("= 1", "= true"), "config-wrong-type", ":3", "a whole number"),
        (HEAD.replace("= 1", '= "1"'), "config-wrong-type", ":3", "a whole number"),
        (HEAD.replace("= 1", "= 0"), "policy-value", ":3", "1 or more"),
        (HEAD.replace('"format"', '"fromat"'), "policy-value", ":2", "did you mean 'format'"),
        (HEAD.replace('["format"]', '"format"'), "config-wrong-type", ":2", "a list of strings"),
        (HEAD.replace('["format"]', "[1]"), "config-wrong-type", ":2", "a list of strings"),
        (HEAD + "allow_self = 1\n", "config-wrong-type", ":4", "true or false"),
        (HEAD + '[stages.production.metric]\ncomparison = "superiour"\n', "policy-value", ":5", "superior"),
        (HEAD + "expires_days = 1e12\n", "policy-value", "", "at most 36500"),
        (HEAD + 'after = "staging"\nsoak_h = 1e12\n', "policy-value", "", "0 to 876000"),
        (HEAD + "[stages.production.metric]\nmargin = nan\n", "policy-value", ":5", "0 or more"),
        (HEAD + "[stages.production.metric]\nconfidence = 1.0\n", "policy-value", ":5", "below 1"),
        (HEAD + "[stages.production.metric]\nminimum = nan\n", "policy-value", ":5", "a number"),
        (HEAD + "[stages.production.reproduced]\ntolerance = -1\n", "policy-value", ":5", "at least 0"),
        (HEAD + '[stages.production.checks]\nisolation = "some"\n', "policy-value", ":5", "if-possible, required"),
        (HEAD + '[stages.production.checks]\ntarget = ""\n', "policy-value", ":5", "must name a target"),
        (HEAD + "[stages.production.checks]\ntimeout_s = 0\n", "policy-value", ":5", "above 0"),
        ('stages = "production"\n', "config-wrong-type", ":1", "a table of tables"),
        (HEAD.replace("production", '"pro duction"'), "policy-value", "", "letters"),
    ],
)
def test_a_fault_names_its_line_and_what_was_meant(text, code, line, says):
    with pytest.raises(UsageError) as caught:
        parse_policy(text.encode())
    assert caught.value.code == code
    assert f"policy/gate.toml{line}" in caught.value.message
    assert says in str(caught.value)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UsageError, match="config-syntax"):
        parse_policy(b"\xff\xfe")


def test_an_unknown_stage_gets_the_nearest_one():
    with pytest.raises(NotFoundError, match="did you mean 'production'"):
        parse_policy(HEAD.encode()).rule("producton")


def test_a_policy_that_is_missing_or_wrong_denies(world):
    path = world.root / "policy" / "gate.toml"
    path.write_text(HEAD + "aprovals = 2\n")
    with pytest.raises(DeniedError, match=r"gate\.toml:4") as caught:
        load_policy(world.as_("bob"))
    assert caught.value.code == "policy-invalid"
    path.unlink()
    with pytest.raises(DeniedError, match="policy-missing"):
        load_policy(world.as_("bob"))
