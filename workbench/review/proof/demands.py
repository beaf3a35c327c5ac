"""What a stage asks for beyond a number of approvals: certain people, fresh words, an earlier stage.

Pure functions of rule, people and times, shared by the gate and the model runner.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from workbench.foundation.errors import DeniedError, PendingError
from workbench.foundation.identity import AllowedSigners
from workbench.review.policies.rules import StageRule
from workbench.review.proof.persons import Person, person_of


def missing_groups(
    rule: StageRule, traits: Iterable[str] | None, people: Iterable[Person], allowed: AllowedSigners
) -> dict[str, int]:
    """Return how many approvals each group that is asked still lacks.

    Args:
        rule: What the stage asks for.
        traits: What is known of the candidate; None where nobody recorded it, which asks every group.
        people: Who approved, one person each.
        allowed: ``policy/reviewers``.
    """
    traits = None if traits is None else tuple(traits)
    people = tuple(people)
    missing: dict[str, int] = {}
    for name, group in rule.groups.items():
        if group.is_asked(traits):
            members = [person_of(allowed, name=member) for member in group.members]
            given = sum(any(person.is_same(member) for member in members) for person in people)
            if given < group.approvals:
                missing[name] = group.approvals - given
    return missing


def end_of_approval(rule: StageRule, at: datetime) -> datetime | None:
    """Return when an approval stops counting; None where it does not."""
    return None if rule.expires_days is None else at + timedelta(days=rule.expires_days)


def check_soaked(rule: StageRule, promoted_at: datetime, now: datetime) -> None:
    """Refuse a model that has not been on the earlier stage for long enough.

    Raises:
        PendingError: ``soak-time``.
    """
    ready = promoted_at + timedelta(hours=rule.soak_h)
    if now < ready:
        raise PendingError(
            "soak-time",
            f"It must be on '{rule.after}' for {rule.soak_h:g} hours, until {ready.isoformat(timespec='minutes')}",
            "release it then; nothing is to be done until",
        )


def check_groups(
    rule: StageRule, traits: Iterable[str] | None, people: Iterable[Person], allowed: AllowedSigners, review: str
) -> None:
    """Refuse unless every group that is asked has approved.

    Raises:
        DeniedError: ``group-approval-missing``.
    """
    for name, count in missing_groups(rule, traits, people, allowed).items():
        raise DeniedError(
            "group-approval-missing",
            f"{review} lacks {count} approval{'s' if count > 1 else ''} of group '{name}'",
            f"ask one of {', '.join(rule.groups[name].members)}: mlops review approve {review}",
        )
