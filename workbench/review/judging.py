"""The gate's arithmetic by itself: results, waivers and approvals in, a verdict out; no store, no keys, no clock.

Policy tests and trials ask it about cases that never happened. Whether it says what the gate says is tested against
the gate itself, case by case (``tests/review/test_judging.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workbench.contract.status import CheckResult
from workbench.foundation.counting import counted
from workbench.review.policies.rules import NEVER_WAIVED, StageRule


class Judged(StrEnum):
    """What comes of a case; the words of the exit codes 0, 1, 4 and 3."""

    ALLOWED = "allowed"
    DENIED = "denied"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Case:
    """What is known of a candidate.

    Attributes:
        checks: Result of each check; one that is not named is unknown.
        approvals: People who approved.
        waived: Checks that were waived by somebody who may.
        rejected: People who rejected.
        requester: Who asked.
        author: Who ran the training.
        commit_author: Who wrote the commit; empty without one.
        producers: Who else had a hand in the bytes.
        traits: ``class:…``, ``path:…`` and ``tag:name=value`` of the candidate.
        changes_requested: People who asked for changes and have not approved since.
        approved_days_ago: How long ago the approvals were given.
        before_h: Hours since it was released on the stage before; negative where it never was.
        overridden: Who broke the glass within the last 24 hours; empty where nobody.
        names: ``signed`` where the names of requester, author and the others stand under keys, else ``claimed``.
    """

    checks: Mapping[str, str] = field(default_factory=dict)
    approvals: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    requester: str = "requester"
    author: str = "author"
    commit_author: str = ""
    producers: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    changes_requested: tuple[str, ...] = ()
    approved_days_ago: float = 0.0
    before_h: float = -1.0
    overridden: str = ""
    names: str = "signed"


def judge(rule: StageRule, case: Case) -> tuple[Judged, str]:
    """Return the verdict and the reason for it.

    Args:
        rule: What policy asks for at the stage.
        case: What is known. A name is a person here; in the gate, keys that hang together are.
    """
    involved = {case.requester, case.author, case.commit_author, *case.producers} - {""}
    if case.rejected and (rule.allow_self or set(case.rejected) - involved):
        return Judged.DENIED, f"rejected by {case.rejected[0]}"
    judged, reason = _judge_approvals(rule, case, involved)
    is_overridden = case.overridden in rule.break_glass.members and case.checks.get("format") == CheckResult.PASS
    if is_overridden and judged is not Judged.ALLOWED:
        return Judged.ALLOWED, f"overridden by {case.overridden} for 24 hours"
    return judged, reason


def _judge_approvals(rule: StageRule, case: Case, involved: set[str]) -> tuple[Judged, str]:
    """Judge without regard to an override, which is only for want of approvals."""
    waivable = {name for name in rule.waivable if name not in NEVER_WAIVED}
    waived = waivable & set(case.waived)
    results = {name: case.checks.get(name, CheckResult.UNKNOWN.value) for name in rule.required}
    blocking = {name: r for name, r in results.items() if r != CheckResult.PASS and name not in waived}
    if unknown := sorted(name for name, result in blocking.items() if result == CheckResult.UNKNOWN):
        return Judged.UNKNOWN, f"check {', '.join(unknown)} has no result"
    if blocking:
        return Judged.DENIED, f"check {', '.join(sorted(blocking))} did not pass"
    if rule.wants_signed_names and case.names != rule.names:
        return Judged.DENIED, "nobody signed for the names of those whose work it is"
    approving = set(case.approvals) if rule.allow_self else set(case.approvals) - involved
    if asking := sorted(set(case.changes_requested) - (set() if rule.allow_self else involved)):
        return Judged.PENDING, f"{asking[0]} asked for changes"
    if reason := _why_not_enough(rule, case, approving):
        return Judged.PENDING, reason
    if len(approving) >= rule.approvals and _has_expired(rule, case):
        return Judged.DENIED, "the approvals have expired"
    if rule.after and case.before_h < 0:
        return Judged.DENIED, f"it was not released on '{rule.after}'"
    if rule.after and case.before_h < rule.soak_h:
        return Judged.PENDING, f"{case.before_h:g} of {counted(rule.soak_h, 'hour')} on '{rule.after}'"
    return Judged.ALLOWED, counted(len(approving), "approval") + (
        f"; waived: {', '.join(sorted(waived))}" if waived else ""
    )


def _why_not_enough(rule: StageRule, case: Case, approving: set[str]) -> str:
    """Return whose approval is missing; empty where nobody's is."""
    if len(approving) < rule.approvals:
        return f"{len(approving)} of {counted(rule.approvals, 'approval')}"
    for name, group in rule.groups.items():
        if group.is_asked(case.traits) and len(approving & set(group.members)) < group.approvals:
            return f"group '{name}' has not approved"
    return ""


def _has_expired(rule: StageRule, case: Case) -> bool:
    return rule.expires_days is not None and case.approved_days_ago >= rule.expires_days
