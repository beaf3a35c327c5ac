"""A stay on an earlier stage: what a later stage may rest on, verified without the journal.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.store import Store
from workbench.review.policies.policy import Policy, StageRule
from workbench.review.proof.approvals import rules_of, signed_policy, verify_approvals
from workbench.review.proof.deed import Deed, DeedKind, verify_deed
from workbench.review.proof.demands import check_soaked
from workbench.review.proof.grant import Grant, check_is_other, involved_in
from workbench.review.proof.persons import Person, signer_of
from workbench.review.proof.reports import check_reports


def verify_before(
    grant: Grant,
    rules: tuple[StageRule, StageRule],
    *,
    store: Store,
    allowed: AllowedSigners,
    policy: Policy,
    at: datetime,
) -> None:
    """Refuse unless these bytes had been on the stage before, for as long as policy asks, at a moment."""
    asking = [rule for rule in rules if rule.after]
    if not asking:
        return
    rule = max(asking, key=lambda each: each.soak_h)
    if not grant.before:
        raise DeniedError(
            "stage-skipped",
            f"{grant.channel} comes after '{rule.after}', and {grant.model} was not released there",
            f"mlops review request {grant.model} --to {rule.after}",
        )
    if not grant.earlier:
        raise DeniedError(
            "stage-unproven",
            f"{grant.channel} does not bring the approvals that '{rule.after}' rested on; older releases do not",
            _release(grant),
        )
    (text, signature), *_ = grant.before
    earlier, *_ = grant.earlier
    if any((grant.model, grant.model_digest, each.after) != _bytes_on(earlier) for each in asking):
        raise IntegrityError("grant-mismatch", f"The promotion to '{rule.after}' is of something else", _release(grant))
    deed = verify_stay(text, signature, earlier, store=store, allowed=allowed, policy=policy, soak_h=rule.soak_h)
    if not all(each.allow_self for each in rules):
        check_promoter(signer_of(allowed, deed.principal, signature), allowed, grant, earlier)
    check_soaked(rule, deed.moment, at)


def verify_stay(
    text: str,
    signature: str,
    earlier: Grant,
    *,
    store: Store,
    allowed: AllowedSigners,
    policy: Policy,
    until: datetime | None = None,
    soak_h: float = 0.0,
) -> Deed:
    """Verify that a model was put on an earlier stage by approvals, and could stay there; return the promotion.

    The approvals must have been there when it was promoted, and count to the end of its soak time: whoever holds a
    key that may promote cannot invent a release, nor date one back to before its approvals. That nothing else was put
    there meanwhile only the journal can tell (:mod:`workbench.review.promotion`). Who may have signed the promotion
    depends on the later stage; the caller asks.

    Args:
        text: The promotion that was signed.
        signature: Its armoured signature.
        earlier: What it rested on; not trusted.
        store: Where the signed policy's bytes lie.
        allowed: ``policy/reviewers`` as it stands now.
        policy: ``policy/gate.toml`` as it stands now.
        until: How long it has to have stayed, beside the soak time.
        soak_h: The soak time.

    Raises:
        IntegrityError: Promotion, approvals and signatures do not belong together.
        DeniedError: ``stage-overridden``, ``promotion-early``, or what the approvals lack.
    """
    kind = DeedKind.ROLLBACK if '"verdict":"rollback"' in text else DeedKind.PROMOTE
    deed = verify_deed(text, signature, allowed, kind)
    said = (deed.name, deed.digest, deed.fact("stage"), deed.fact("grant"))
    if said != (earlier.model, earlier.model_digest, earlier.stage, digest_json(earlier.to_json())):
        raise IntegrityError(
            "grant-mismatch", f"The promotion to '{deed.fact('stage')}' rests on something else", _release(earlier)
        )
    if earlier.override:
        raise DeniedError(
            "stage-overridden",
            f"{earlier.channel} was an override, and time under one does not count",
            f"have it approved there, then: {_release(earlier)}",
        )
    standing = policy if earlier.stage in policy.stages else signed_policy(earlier, store)
    rules = rules_of(earlier, store, standing)
    end = deed.moment + timedelta(hours=soak_h)
    verify_approvals(earlier, allowed, rules, max(end, until or end), since=deed.moment)
    check_reports(earlier, store, rules)
    verify_before(earlier, rules, store=store, allowed=allowed, policy=standing, at=deed.moment)
    return deed


def check_promoter(person: Person, allowed: AllowedSigners, grant: Grant, earlier: Grant) -> None:
    """Refuse a promotion that a later stage rests on, where somebody signed it whose work it is.

    Raises:
        DeniedError: ``promotion-own``.
    """
    try:
        check_is_other(person, allowed, *involved_in(grant), *involved_in(earlier))
    except DeniedError as error:
        raise DeniedError(
            "promotion-own",
            f"Who asked for, trained or wrote it released it on '{earlier.stage}', and {grant.channel} rests on that",
            f"have somebody else release it there too: {_release(earlier)}",
        ) from error


def _bytes_on(grant: Grant) -> tuple[str, str, str]:
    return grant.model, grant.model_digest, grant.stage


def _release(grant: Grant) -> str:
    return f"mlops release {grant.review}"
