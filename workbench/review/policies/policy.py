"""``policy/gate.toml``: what a model has to show, and who has to agree, before it reaches a stage.

The dataclasses in :mod:`~workbench.review.policies.rules` are the schema. The file is data in Git, changed by review
like code; the digest of its bytes goes into every decision, so a decision made under one policy is worth nothing under
another. Whatever is wrong with the file (missing, misspelt, out of range) denies: a gate that cannot read its rules
stays shut.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.config import TomlReader, parse_toml
from workbench.foundation.errors import DeniedError, NotFoundError, UsageError, did_you_mean
from workbench.review.policies.change import check_change
from workbench.review.policies.check_rules import ISOLATIONS, values_of_later_checks
from workbench.review.policies.reviewers import is_only_one, load_reviewers
from workbench.review.policies.rules import (
    CHECK_NAMES,
    COMPARISONS,
    LEVELS,
    NAMES,
    NEVER_WAIVED,
    POLICY_PATH,
    MetricRule,
    ReproducedRule,
    StageRule,
    is_check_name,
)

if TYPE_CHECKING:
    from workbench.foundation.project import Project

__all__ = [
    "CHECK_NAMES",
    "DEFAULT_POLICY",
    "POLICY_PATH",
    "MetricRule",
    "Policy",
    "ReproducedRule",
    "StageRule",
    "load_policy",
    "parse_policy",
    "read_current",
    "read_policy",
]

DEFAULT_POLICY = """\
# What a model has to show, and who has to agree, before it reaches a stage.
#
# Stages stand in the order a model goes through them. Every decision holds the digest of this file's bytes: a change
# here makes open reviews STALE, and they are requested again under the new rules. A mistake in this file denies.
#
# A stage may also ask for more, and says nothing where it does not:
#   after = "staging"    the same bytes were released there before;  soak_h = 24  so many hours ago
#   expires_days = 90    an approval counts for so long
#   names = "signed"     who trained it signs the request; everybody with a hand in it has a key in policy/reviewers
#   [stages.production.groups.privacy]     members = ["…"], and when: classes = ["personal"], paths = [], tags = []
#   [stages.production.break_glass]        members = ["…"] who may override for 24 hours: mlops review override
# A laxer policy than the one before needs signatures under the one before: mlops policy propose.
#
# Checks: format      only known files; the model is plain ONNX and needs no code
#         schema      callers of the model that is served now are not broken; its recorded examples come out again
#         metric      not worse than the model that is served now, or better than the majority class where none is
#         reproduced  the notebook, run again from its recorded inputs, gives the same metrics
# A required check that could not be finished counts as not passed.

[stages.staging]
required = ["format", "schema", "metric"]
approvals = 1

[stages.production]
required = ["format", "schema", "metric", "reproduced"]
approvals = 1          # people, not signatures; two keys of one person are one person
allow_self = false     # true lets an author approve alone; the decision then says local-self

[stages.production.metric]
comparison = "non-inferior"   # or "superior"
margin = 0.01                 # loss of the metric that is still acceptable, in the metric's own unit
confidence = 0.95             # of the interval; shared among all models tried on the same holdout rows
minimum_rows = 100            # fewer holdout rows than this decide nothing

[stages.production.reproduced]
tolerance = 1e-6              # largest difference of a metric, relative to its size
isolation = "required"        # or "if-possible": run an author's notebook also where it cannot be kept apart
"""
"""What a template puts into a new project."""

_DAYS = 36_500
"""A hundred years: further ends are no dates any more."""
_INFINITY = float("inf")


@dataclass(frozen=True)
class _File:
    stages: dict[str, StageRule]


@dataclass(frozen=True)
class Policy:
    """A valid policy.

    Attributes:
        stages: Rules by stage, in the order of the file.
        digest: Digest of the file's bytes.
    """

    stages: Mapping[str, StageRule]
    digest: str

    def rule(self, stage: str) -> StageRule:
        """Return the rule of a stage.

        Raises:
            NotFoundError: ``stage-unknown``.
        """
        if stage not in self.stages:
            raise NotFoundError("stage-unknown", f"The policy has no stage '{stage}'", did_you_mean(stage, self.stages))
        return self.stages[stage]


def parse_policy(data: bytes, path: Path = POLICY_PATH) -> Policy:
    """Validate the bytes of a policy; ``path`` is only named in errors.

    Raises:
        UsageError: ``config-syntax``, ``config-unknown-key``, ``config-missing-key``, ``config-wrong-type`` or
            ``policy-value``; the message holds ``file:line``.
    """
    raw, reader = parse_toml(data, path)
    stages = _File(**reader.section(_File, raw, ())).stages
    if not stages:
        raise UsageError("policy-value", f"{path}: there is no stage", "add: [stages.production]")
    for name, rule in stages.items():
        _check_values(reader, name, rule)
    _check_order(reader, stages)
    return Policy(stages, digest_bytes(data))


def load_policy(project: Project) -> Policy:
    """Read the project's policy; every fault denies.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``, whose message holds ``file:line``, or ``policy-lowered``.
    """
    return read_current(project)[0]


def readable_policy(project: Project) -> Policy | None:
    """Read the project's policy; None where it is at fault, and then it allows nothing."""
    try:
        return load_policy(project)
    except DeniedError:
        return None


def read_current(project: Project) -> tuple[Policy, bytes]:
    """Read the project's policy and its bytes; one that was lowered without signatures denies.

    Raises:
        DeniedError: ``policy-missing``, ``policy-invalid`` or ``policy-lowered``.
        IntegrityError: ``policy-lost``.
    """
    policy, data = read_policy(project.root / POLICY_PATH)
    check_change(
        policy.stages,
        policy.digest,
        root=project.root,
        journal=project.journal,
        store=project.store,
        allowed=load_reviewers(project),
        is_only_one=partial(is_only_one, project),
    )
    return policy, data


def read_policy(path: Path) -> tuple[Policy, bytes]:
    """Read a policy and the bytes it was read from."""
    try:
        data = path.read_bytes()
    except OSError as error:
        is_ours = path.parts[-2:] == POLICY_PATH.parts
        hint = f"restore it: git checkout {POLICY_PATH}" if is_ours else f"name a policy, such as {POLICY_PATH}"
        raise DeniedError("policy-missing", f"Cannot read {path}: {error.strerror}", hint) from error
    try:
        return parse_policy(data, path), data
    except UsageError as error:
        raise DeniedError("policy-invalid", error.message, error.hint) from error


_Asked = tuple[bool, str, str, str]


def _check_values(reader: TomlReader, stage: str, rule: StageRule) -> None:
    """Refuse values that are of the right type and make no sense; a comparison with NaN is false, so NaN is refused."""
    for is_met, key, fault, hint in _asked(stage, rule):
        if not is_met:
            where = ("stages", stage, *(key.split(".") if key else ()))
            raise UsageError("policy-value", f"{reader.at(where)}: '{'.'.join(where)}' {fault}", hint)


def _asked(stage: str, rule: StageRule) -> Iterator[_Asked]:
    yield from _of_stage(stage, rule)
    yield from _of_people(rule)
    yield from _of_first_checks(rule)
    yield from _of_other_checks(rule)
    yield from values_of_later_checks(rule)


def _of_stage(stage: str, rule: StageRule) -> Iterator[_Asked]:
    is_name = stage.replace("-", "").replace("_", "").isalnum()
    yield is_name, "", "must be letters, digits, - and _", "channels are called model@stage"
    for key in ("required", "optional", "waivable"):
        unknown = next((check for check in getattr(rule, key) if not is_check_name(check)), "")
        yield not unknown, key, f"names no check '{unknown}'", did_you_mean(unknown, CHECK_NAMES)
    never = next((check for check in rule.waivable if check in NEVER_WAIVED), "")
    yield not never, "waivable", f"names '{never}', which nobody may waive", "what is no model is opened by nothing"
    yield rule.approvals >= 1, "approvals", "must be 1 or more", "a release without a signature cannot be verified"


def _of_people(rule: StageRule) -> Iterator[_Asked]:
    yield rule.names in NAMES, "names", f"'{rule.names}' is neither", f"known: {', '.join(NAMES)}"
    is_soak = 0 <= rule.soak_h <= 24 * _DAYS
    yield is_soak, "soak_h", f"must be 0 to {24 * _DAYS}", "24 is a day"
    yield not rule.soak_h or bool(rule.after), "soak_h", "counts from no stage", 'after = "staging"'
    is_end = rule.expires_days is None or 0 < rule.expires_days <= _DAYS
    yield is_end, "expires_days", f"must be above 0 and at most {_DAYS}", "90 is usual"
    for name, group in rule.groups.items():
        key = f"groups.{name}"
        yield bool(group.members), f"{key}.members", "names nobody", 'members = ["name@example.com"]'
        is_reachable = 1 <= group.approvals <= len(group.members)
        yield is_reachable, f"{key}.approvals", "must be 1 to the number of members", "approvals = 1"
    for key, names in (*((f"groups.{n}.members", g.members) for n, g in rule.groups.items()), ("ci", rule.ci)):
        pattern = next((name for name in names if set(name) & set("*?[,! ")), "")
        yield not pattern, key, f"holds '{pattern}', which is no name", "write each name: name@example.com"
    pattern = next((name for name in rule.break_glass.members if set(name) & set("*?[,! ")), "")
    yield not pattern, "break_glass.members", f"holds '{pattern}', which is no name", "write each name"


def _check_order(reader: TomlReader, stages: Mapping[str, StageRule]) -> None:
    """Refuse a stage that comes after one which does not stand above it: the file's order is the model's way."""
    known: list[str] = []
    for name, rule in stages.items():
        if rule.after and rule.after not in known:
            where = ("stages", name, "after")
            raise UsageError(
                "policy-value",
                f"{reader.at(where)}: '{'.'.join(where)}' names '{rule.after}', which is no stage above",
                did_you_mean(rule.after, known),
            )
        known.append(name)


def _of_first_checks(rule: StageRule) -> tuple[_Asked, ...]:
    metric, replay = rule.metric, rule.reproduced
    comparison_hint = did_you_mean(metric.comparison, COMPARISONS)
    return (
        (metric.comparison in COMPARISONS, "metric.comparison", "is neither comparison", comparison_hint),
        (0 <= metric.margin < _INFINITY, "metric.margin", "must be 0 or more", "0.01 is one point in a hundred"),
        (0.5 <= metric.confidence < 1, "metric.confidence", "must be at least 0.5 and below 1", "0.95 is usual"),
        (metric.minimum is None or abs(metric.minimum) < _INFINITY, "metric.minimum", "must be a number", ""),
        (metric.minimum_rows >= 2, "metric.minimum_rows", "must be 2 or more", "100 is usual"),
        (1000 <= metric.resamples <= 100_000, "metric.resamples", "must be 1000 to 100000", "4000 is usual"),
        (0 <= replay.tolerance < 1, "reproduced.tolerance", "must be at least 0 and below 1", "1e-6 is usual"),
        (0 < replay.timeout_s < _INFINITY, "reproduced.timeout_s", "must be above 0", "3600 is usual"),
        (
            replay.isolation in ISOLATIONS,
            "reproduced.isolation",
            f"'{replay.isolation}' is none",
            f"known: {', '.join(ISOLATIONS)}",
        ),
        (bool(replay.target), "reproduced.target", "must name a target", "sandbox is this machine"),
    )


def _of_other_checks(rule: StageRule) -> tuple[_Asked, ...]:
    level, budget, leakage, slices = rule.inputs.minimum_level, rule.budget, rule.leakage, rule.slices
    return (
        (level in LEVELS, "inputs.minimum_level", f"'{level}' is no level", f"known: {', '.join(LEVELS)}"),
        (rule.card.minimum_words >= 1, "card.minimum_words", "must be 1 or more", "5 is usual"),
        (_is_limit(budget.size_bytes), "budget.size_bytes", "must be above 0", "50_000_000 are 50 MB"),
        (_is_limit(budget.memory_bytes), "budget.memory_bytes", "must be above 0", "500_000_000 are 500 MB"),
        (_is_limit(budget.latency_ms), "budget.latency_ms", "must be above 0", "5.0 is 5 milliseconds"),
        (0 <= leakage.overlap <= 1, "leakage.overlap", "must be 0 to 1", "0.01 is one row in a hundred"),
        (0 < leakage.oracle <= 1, "leakage.oracle", "must be above 0 and at most 1", "0.99 is usual"),
        (0 <= slices.gap < _INFINITY, "slices.gap", "must be 0 or more", "0.1 is usual"),
        (slices.minimum_rows >= 2, "slices.minimum_rows", "must be 2 or more", "50 is usual"),
        (slices.minimum_class_rows >= 1, "slices.minimum_class_rows", "must be 1 or more", "20 is usual"),
        (2 <= slices.bins <= 100, "slices.bins", "must be 2 to 100", "4 is usual"),
    )


def _is_limit(value: float | None) -> bool:
    return value is None or 0 < value < _INFINITY
