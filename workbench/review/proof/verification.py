"""Verifying a grant: a pure function of it, the store, the reviewers and the policy that stand now.

What :func:`verify_grant` does not prove from signatures and digests it refuses.

What it cannot see: a reviewer's key that was stolen and not yet removed from ``policy/reviewers``, and a moment of
signing that its own signer backdated into the validity of an expired key. Removing the line withdraws a key's
approvals altogether; ``valid-before`` keeps the ones made before. Nor does it see the journal: that nothing else was
put on an earlier stage during the soak time the gate looks up when it releases.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.foundation.errors import IntegrityError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.store import Store
from workbench.review.policies.policy import Policy, StageRule
from workbench.review.proof.approvals import approval_ends, check_channel, rules_of, verify_approvals
from workbench.review.proof.deed import DeedKind, parse_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.override import BOUND, override_end, verify_override
from workbench.review.proof.reports import check_reports
from workbench.review.proof.statement import parse_statement
from workbench.review.proof.stay import verify_before


def verify_grant(grant: Grant, store: Store, allowed: AllowedSigners, policy: Policy) -> tuple[str, ...]:
    """Verify that these bytes may answer on this channel and return who approved, one name a person.

    The approvals must satisfy the policy they were signed under *and* the policy that stands now: a laxer policy
    slipped into the store gains nothing, a stricter one takes effect at the next start. So do the checks that either
    requires: the reports that were signed for have to say that they passed.

    Args:
        grant: What is to be verified; not trusted.
        store: Where the bytes of signed policy and check reports lie; what it returns it has verified.
        allowed: ``policy/reviewers`` as it stands now; trusted.
        policy: ``policy/gate.toml`` as it stands now; trusted.

    Raises:
        IntegrityError: Bytes, statements or signatures are not what was approved.
        DeniedError: A good signature that does not allow this.
    """
    check_channel(grant)
    rules = rules_of(grant, store, policy)
    if grant.override:
        return (_verify_override(grant, allowed, rules),)
    now = datetime.now(UTC)
    approvers = verify_approvals(grant, allowed, rules, now)
    check_reports(grant, store, rules)
    verify_before(grant, rules, store=store, allowed=allowed, policy=policy, at=now)
    return approvers


def grant_ends(grant: Grant, store: Store, policy: Policy) -> tuple[datetime, ...]:
    """Return the moments at which a grant may stop to hold, so that whoever serves it looks again then.

    Of a grant that :func:`verify_grant` has let through.
    """
    if grant.override:
        return (override_end(parse_deed(grant.override[0][0].encode(), DeedKind.OVERRIDE)),)
    rules = rules_of(grant, store, policy)
    statements = (parse_statement(text.encode()) for text, _ in grant.statements)
    return tuple(sorted(end for statement in statements for end in approval_ends(statement, rules)))


def _verify_override(grant: Grant, allowed: AllowedSigners, rules: tuple[StageRule, ...]) -> str:
    """Verify the override that a grant rests on and return whose it is."""
    (text, signature), *_ = grant.override
    deed = verify_override(text, signature, allowed, rules)
    said = {"model": deed.name, "model_digest": deed.digest, **{name: deed.fact(name) for name in BOUND}}
    for name, value in said.items():
        if value != getattr(grant, name):
            raise IntegrityError(
                "grant-mismatch",
                f"The override is about another {name.replace('_', ' ')} than the release",
                f"override anew: mlops review override {grant.review}",
            )
    return deed.principal
