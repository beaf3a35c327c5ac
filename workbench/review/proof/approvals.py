"""Approvals of a grant, verified by themselves: signed, about it, by people who may, and still counting.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, WorkbenchError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.store import Store
from workbench.review.policies.policy import Policy, StageRule, parse_policy
from workbench.review.proof.demands import check_groups, end_of_approval
from workbench.review.proof.grant import Grant, check_is_other, involved_in, read_request, waiver_list
from workbench.review.proof.names import check_names
from workbench.review.proof.persons import Person, signer_of
from workbench.review.proof.request import asked_as
from workbench.review.proof.statement import Statement, Verdict, verify_decision
from workbench.review.proof.waiver import Waiver, check_is_waivable, verify_waiver

_RESIGN = "ask the reviewer to approve it: mlops review approve"


def verify_approvals(
    grant: Grant,
    allowed: AllowedSigners,
    rules: tuple[StageRule, StageRule],
    until: datetime,
    *,
    since: datetime | None = None,
) -> tuple[str, ...]:
    """Verify the approvals by themselves and return who gave those that count until a moment, one name a person.

    Args:
        grant: What they are about.
        allowed: Who may sign.
        rules: The rule that was signed and the one that stands.
        until: When they must not have expired yet.
        since: When they had to be there; None where nothing rested on them yet.
    """
    check_channel(grant)
    request = read_request(grant)
    involved: tuple[str | Person, ...] = involved_in(grant)
    if any(rule.wants_signed_names for rule in rules):
        involved = (*involved, check_names(grant, allowed))
    waived = _verify_waivers(grant, allowed, rules)
    expired = ""
    approvers: list[tuple[str, Person]] = []
    for text, signature in grant.statements:
        statement = verify_decision(text, signature, allowed, Verdict.APPROVE)
        _check_binding(statement, grant)
        if statement.waivers != waived:
            raise IntegrityError("grant-mismatch", "The approval was given beside other waivers", _RESIGN)
        person = signer_of(allowed, statement.principal, signature)
        if not all(rule.allow_self for rule in rules):
            check_is_other(person, allowed, *involved)
        if since is not None and datetime.fromisoformat(statement.at) > since:
            raise DeniedError(
                "promotion-early",
                f"The promotion to '{grant.stage}' is dated before the approvals it rests on",
                f"mlops release {grant.review}",
            )
        if any(end <= until for end in approval_ends(statement, rules)):
            expired = f"; that of {statement.principal} has expired"
        elif not any(person.is_same(other) for _, other in approvers):
            approvers.append((statement.principal, person))
    needed = max(rule.approvals for rule in rules)
    if len(approvers) < needed:
        raise DeniedError(
            "approval-expired" if expired else "approvals-missing",
            f"{grant.review} has {len(approvers)} of {needed} approvals{expired}",
            f"ask another reviewer: mlops review approve {grant.review}",
        )
    for rule in rules:
        check_groups(rule, request.traits if request else None, (p for _, p in approvers), allowed, grant.review)
    return tuple(name for name, _ in approvers)


def approval_ends(statement: Statement, rules: Iterable[StageRule]) -> tuple[datetime, ...]:
    """Return the moments at which an approval stops to count by each rule."""
    at = datetime.fromisoformat(statement.at)
    return tuple(end for rule in rules if (end := end_of_approval(rule, at)))


def check_channel(grant: Grant) -> None:
    """Refuse a grant whose channel is not its model's and its stage's.

    Raises:
        IntegrityError: ``grant-malformed``.
    """
    if grant.channel != f"{grant.model}@{grant.stage}":
        raise IntegrityError("grant-malformed", f"'{grant.channel}' is not {grant.model}@{grant.stage}", _RESIGN)


def rules_of(grant: Grant, store: Store, policy: Policy) -> tuple[StageRule, StageRule]:
    """Return the rule that was signed and the rule that stands now.

    Raises:
        DeniedError: ``policy-invalid``.
        IntegrityError: The bytes of the signed policy are not those of its digest.
    """
    try:
        return signed_policy(grant, store).rule(grant.stage), policy.rule(grant.stage)
    except NotFoundError as error:
        raise DeniedError("policy-invalid", error.message, error.hint) from error


def signed_policy(grant: Grant, store: Store) -> Policy:
    """Return the policy that a grant was approved under; what :func:`rules_of` raises applies."""
    try:
        return parse_policy(store.read(grant.policy_digest))
    except IntegrityError:
        raise
    except WorkbenchError as error:
        raise DeniedError("policy-invalid", error.message, error.hint) from error


def _verify_waivers(grant: Grant, allowed: AllowedSigners, rules: tuple[StageRule, ...]) -> str:
    """Verify each waiver as an approval is, under both policies, and return their list as approvals name it."""
    for text, signature in grant.waivers:
        waiver = verify_waiver(text, signature, allowed)
        _check_binding(waiver, grant)
        for rule in rules:
            check_is_waivable(rule, waiver.check)
        if not all(rule.allow_self for rule in rules):
            person = signer_of(allowed, waiver.principal, signature)
            check_is_other(person, allowed, *involved_in(grant))
    return waiver_list(digest_bytes(text.encode()) for text, _ in grant.waivers)


def _check_binding(statement: Statement | Waiver, grant: Grant) -> None:
    """Refuse a statement about anything else than the grant: other bytes, stage, review, policy or people."""
    kind = "waiver" if isinstance(statement, Waiver) else "approval"
    bound = ("model", "model_digest", "stage", "review", "policy_digest", "evidence_digest")
    for name in (*bound, "requester", "author", "commit_author"):
        if getattr(statement, name) != getattr(grant, name):
            raise IntegrityError(
                "grant-mismatch",
                f"The {kind} is about another {name.replace('_', ' ')} than the release",
                f"request a review of these bytes: mlops review request {asked_as(grant.model, grant.stage)}",
            )
    wanted = digest_bytes(grant.request.encode()) if grant.request else ""
    if isinstance(statement, Statement) and statement.request_digest != wanted:
        raise IntegrityError("grant-mismatch", "The approval was given on another request than the release's", _RESIGN)
