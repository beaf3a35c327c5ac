"""Break-glass: one named person's signed word that a model serves for a day without the approvals.

It has a verb, a predicate and a namespace of its own, so nothing else can be replayed as one. It ends by itself:
whoever opens the model after 24 hours refuses, whatever a later clock or file says. What it leaves behind is red until
somebody else has looked at it (:mod:`workbench.review.breaking`).

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners
from workbench.review.policies.rules import StageRule
from workbench.review.proof.deed import Deed, DeedKind, verify_deed
from workbench.review.proof.persons import Person, person_of, signer_of
from workbench.review.proof.waiver import MINIMUM_REASON

OVERRIDE_H = 24
"""Hours after which an override is worth nothing."""

BOUND = ("stage", "review", "policy_digest", "evidence_digest", "requester", "author", "commit_author")
"""What an override is about, beside the model and its digest."""


def verify_override(text: str, signature: str, allowed: AllowedSigners, rules: Iterable[StageRule]) -> Deed:
    """Verify an override by itself, under each of these rules, and return it.

    Raises:
        IntegrityError: Text and signature do not belong together.
        DeniedError: ``override-denied``, ``override-ended`` or what the signature lacks.
    """
    deed = verify_deed(text, signature, allowed, DeedKind.OVERRIDE)
    if len(deed.fact("reason").strip()) < MINIMUM_REASON:
        raise IntegrityError("deed-malformed", "The override has no reason worth the name", "mlops review override")
    person = signer_of(allowed, deed.principal, signature)
    for rule in rules:
        check_may_override(rule, allowed, person)
    if datetime.now(UTC) >= override_end(deed):
        raise DeniedError(
            "override-ended",
            f"The override of {deed.fact('review')} ended after {OVERRIDE_H} hours",
            f"have it approved and release it again: mlops review approve {deed.fact('review')}",
        )
    return deed


def override_end(deed: Deed) -> datetime:
    """Return when an override ends."""
    return deed.moment + timedelta(hours=OVERRIDE_H)


def check_may_override(rule: StageRule, allowed: AllowedSigners, person: Person) -> None:
    """Refuse whoever the policy does not let override.

    Raises:
        DeniedError: ``override-denied``.
    """
    if not any(person.is_same(person_of(allowed, name=name)) for name in rule.break_glass.members):
        raise DeniedError(
            "override-denied",
            "The policy does not let you override here" if rule.break_glass.members else "The policy has no override",
            "policy/gate.toml says who may, under [stages.<stage>.break_glass]: mlops policy explain",
        )
