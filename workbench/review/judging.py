"""The gate's arithmetic by itself: results, waivers and approvals in, a verdict out; no store, no keys, no clock.

Policy tests and trials ask it about cases that never happened. Whether it says what the gate says is tested against
the gate itself, case by case (``tests/review/test_judging.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workbench.contract.status import CheckResult
from workbench.review.policy_rules import NEVER_WAIVED, StageRule


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
    """

    checks: Mapping[str, str] = field(default_factory=dict)
    approvals: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    requester: str = "requester"
    author: str = "author"
    commit_author: str = ""


def judge(rule: StageRule, case: Case) -> tuple[Judged, str]:
    """Return the verdict and the reason for it.

    Args:
        rule: What policy asks for at the stage.
        case: What is known. A name is a person here; in the gate, keys that hang together are.
    """
    involved = {case.requester, case.author, case.commit_author} - {""}
    if case.rejected and (rule.allow_self or set(case.rejected) - involved):
        return Judged.DENIED, f"rejected by {case.rejected[0]}"
    waivable = {name for name in rule.waivable if name not in NEVER_WAIVED}
    waived = waivable & set(case.waived)
    results = {name: case.checks.get(name, CheckResult.UNKNOWN.value) for name in rule.required}
    blocking = {name: r for name, r in results.items() if r != CheckResult.PASS and name not in waived}
    if unknown := sorted(name for name, result in blocking.items() if result == CheckResult.UNKNOWN):
        return Judged.UNKNOWN, f"check {', '.join(unknown)} has no result"
    if blocking:
        return Judged.DENIED, f"check {', '.join(sorted(blocking))} did not pass"
    counted = set(case.approvals) if rule.allow_self else set(case.approvals) - involved
    if len(counted) < rule.approvals:
        return Judged.PENDING, f"{len(counted)} of {rule.approvals} approvals"
    return Judged.ALLOWED, f"{len(counted)} approvals" + (f"; waived: {', '.join(sorted(waived))}" if waived else "")
