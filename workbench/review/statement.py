"""What a reviewer signs, and how anybody verifies it without trusting the journal, the database or us.

A decision is an in-toto Statement: the subject is the frozen model by digest, the predicate names verdict, stage,
review, policy, evidence, requester, author and signer. Its canonical JSON is signed as SSHSIG in a namespace of its
own for each verdict, so a rejection can never be replayed as an approval, and ``ssh-keygen -Y verify -f
policy/reviewers`` checks it by hand.

A :class:`Grant` carries such statements to whoever opens the model. :func:`verify_grant` is a pure function of the
grant, the store, the reviewers and the policy that stand now: what it does not prove from signatures and digests it
refuses.

What it cannot see: a reviewer's key that was stolen and not yet removed from ``policy/reviewers``, and a moment of
signing that its own signer backdated into the validity of an expired key. Removing the line withdraws a key's
approvals altogether; ``valid-before`` keeps the ones made before.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import DeniedError, IntegrityError, WorkbenchError
from workbench.foundation.identity import AllowedSigners, verify
from workbench.foundation.store import Store
from workbench.review.persons import Person, person_of
from workbench.review.policy import Policy, StageRule, parse_policy
from workbench.review.waiver import (
    STATEMENT_TYPE,
    WAIVE_NAMESPACE,
    Waiver,
    check_is_waivable,
    intoto_bytes,
    verify_waiver,
)

__all__ = [
    "NAMESPACES",
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "Grant",
    "Statement",
    "Verdict",
    "build_statement",
    "check_is_other",
    "parse_statement",
    "verify_decision",
    "verify_grant",
    "waiver_list",
]

PREDICATE_TYPE = "urn:mlops-workbench:decision:v1"
_CLOCK_SKEW = timedelta(minutes=5)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RESIGN = "ask the reviewer to approve it: mlops review approve"


class Verdict(StrEnum):
    """What a reviewer says."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def namespace(self) -> str:
        """Purpose of the signature: ``mlops-workbench.approve``."""
        return f"mlops-workbench.{self.value}"


NAMESPACES = (*(verdict.namespace for verdict in Verdict), WAIVE_NAMESPACE)
"""Purposes that a reviewer's key is allowed for."""
CHECKPOINT_NAMESPACE = "mlops-workbench.checkpoint"
"""Purpose of a signature under the journal's end; worthless as an approval."""
EVIDENCE_NAMESPACE = "mlops-workbench.evidence"
"""Purpose of a signature under exported evidence."""


@dataclass(frozen=True)
class Statement:
    """A decision as it is signed.

    Attributes:
        verdict: ``approve`` or ``reject``.
        model: Name of the model.
        model_digest: Digest of the frozen model folder.
        stage: Stage it was asked for.
        review: Id of the review.
        policy_digest: Digest of the policy it was decided under.
        evidence_digest: Digest of the check reports the reviewer saw.
        requester: Who asked.
        author: Who ran the training.
        commit_author: Who wrote the commit the notebook came from; empty without one.
        principal: Who signs.
        at: UTC time of signing.
        reason: What the reviewer says; may be empty.
        waivers: Digests of the signed waivers that stood, sorted, one space between; an approval is worth nothing
            beside others. Empty and left out of the signed bytes where none stood.
    """

    verdict: str
    model: str
    model_digest: str
    stage: str
    review: str
    policy_digest: str
    evidence_digest: str
    requester: str
    author: str
    commit_author: str
    principal: str
    at: str
    reason: str
    waivers: str = ""


@dataclass(frozen=True)
class Grant:
    """Everything a runner needs to verify that a model may answer on a channel.

    Attributes:
        review: Review that allowed it.
        model: Name of the model.
        stage: Stage it was approved for.
        channel: ``<model>@<stage>``.
        model_digest: The bytes.
        policy_digest: Policy it was approved under; its bytes lie in the store.
        evidence_digest: Check reports; their bytes lie in the reviewer's store.
        requester: Who asked.
        author: Who ran the training.
        statements: (signed text, armoured signature) of each approval.
        commit_author: Who wrote the commit; empty without one.
        waivers: (signed text, armoured signature) of each waiver that the approvals name.
    """

    review: str
    model: str
    stage: str
    channel: str
    model_digest: str
    policy_digest: str
    evidence_digest: str
    requester: str
    author: str
    statements: tuple[tuple[str, str], ...]
    commit_author: str = ""
    waivers: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the grant as JSON; :meth:`from_json` is its inverse. Without waivers it does not speak of them."""
        value = {**asdict(self), "statements": [list(pair) for pair in self.statements]}
        del value["waivers"]
        return {**value, "waivers": [list(pair) for pair in self.waivers]} if self.waivers else value

    @classmethod
    def from_json(cls, value: Any) -> Grant:
        """Read what :meth:`to_json` returned.

        Raises:
            IntegrityError: ``grant-malformed``.
        """
        try:
            if {*value, "waivers"} != {field.name for field in fields(cls)}:
                raise ValueError("its fields are not those of a grant")
            pairs = tuple((text, signature) for text, signature in value["statements"])
            waivers = tuple((text, signature) for text, signature in value.get("waivers", ()))
            grant = cls(**{**value, "statements": pairs, "waivers": waivers})
        except (TypeError, ValueError, KeyError) as error:
            raise IntegrityError(
                "grant-malformed", f"Not a grant: {error}", "release it again: mlops release"
            ) from error
        plain = [v for k, v in value.items() if k not in ("statements", "waivers")]
        texts = [item for pair in (*pairs, *waivers) for item in pair] + plain
        if not all(isinstance(text, str) for text in texts):
            raise IntegrityError(
                "grant-malformed", "A field of the grant is no text", "release it again: mlops release"
            )
        return grant


def build_statement(statement: Statement) -> bytes:
    """Return the canonical bytes that are signed."""
    predicate = {k: v for k, v in asdict(statement).items() if k not in ("model", "model_digest")}
    if not statement.waivers:
        del predicate["waivers"]
    return intoto_bytes(statement.model, statement.model_digest, PREDICATE_TYPE, predicate)


def parse_statement(data: bytes) -> Statement:
    """Read signed bytes; anything but exactly what :func:`build_statement` writes is refused.

    Raises:
        IntegrityError: ``statement-malformed``.
    """
    try:
        value = json.loads(data)
        (subject,) = value["subject"]
        found = Statement(
            model=subject["name"], model_digest=f"sha256:{subject['digest']['sha256']}", **value["predicate"]
        )
        if not all(isinstance(item, str) for item in asdict(found).values()):
            raise ValueError("a field is no text")
        if build_statement(found) != data:  # also catches unknown fields, double keys and another layout
            raise ValueError("it is not in canonical form")
        Verdict(found.verdict)
        if not all((found.model, found.stage, found.review, found.requester, found.author, found.principal)):
            raise ValueError("a name is empty")  # an empty requester would exclude nobody
        for digest in (found.model_digest, found.policy_digest, found.evidence_digest):
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"'{digest}' is no digest")
        if datetime.fromisoformat(found.at).utcoffset() != timedelta(0):
            raise ValueError(f"'{found.at}' is not a UTC time")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError("statement-malformed", f"Not a decision: {error}", _RESIGN) from error
    return found


def verify_decision(text: str, signature: str, allowed: AllowedSigners, verdict: Verdict) -> Statement:
    """Verify one signed decision by itself and return it.

    Args:
        text: The signed text.
        signature: The armour.
        allowed: Who may sign.
        verdict: What it has to say.

    Raises:
        IntegrityError: Text and signature do not belong together, or not to this purpose.
        DeniedError: Signed by somebody who may not, at a moment they may not, or saying something else.
    """
    data = text.encode("utf-8", "surrogatepass")
    statement = parse_statement(data)
    at = datetime.fromisoformat(statement.at)
    if statement.verdict != verdict:
        raise DeniedError("verdict-other", f"{statement.review} says '{statement.verdict}', not '{verdict}'", _RESIGN)
    if at > datetime.now(UTC) + _CLOCK_SKEW:
        raise DeniedError("signed-in-future", f"The decision is dated {statement.at}", "set the signer's clock")
    verify(data, signature, namespace=verdict.namespace, allowed=allowed, principal=statement.principal, at=at)
    return statement


def verify_grant(grant: Grant, store: Store, allowed: AllowedSigners, policy: Policy) -> tuple[str, ...]:
    """Verify that these bytes may answer on this channel and return who approved, one name a person.

    The approvals must satisfy the policy they were signed under *and* the policy that stands now: a laxer policy
    slipped into the store gains nothing, a stricter one takes effect at the next start.

    Args:
        grant: What is to be verified; not trusted.
        store: Where the signed policy's bytes lie; what it returns it has verified.
        allowed: ``policy/reviewers`` as it stands now; trusted.
        policy: ``policy/gate.toml`` as it stands now; trusted.

    Raises:
        IntegrityError: Bytes, statements or signatures are not what was approved.
        DeniedError: A good signature that does not allow this.
    """
    if grant.channel != f"{grant.model}@{grant.stage}":
        raise IntegrityError("grant-malformed", f"'{grant.channel}' is not {grant.model}@{grant.stage}", _RESIGN)
    rules = _rules(grant, store, policy)
    waived = _verify_waivers(grant, allowed, rules)
    approvers: list[tuple[str, Person]] = []
    for text, signature in grant.statements:
        statement = verify_decision(text, signature, allowed, Verdict.APPROVE)
        _check_binding(statement, grant)
        if statement.waivers != waived:
            raise IntegrityError("grant-mismatch", "The approval was given beside other waivers", _RESIGN)
        person = person_of(allowed, name=statement.principal)
        if not all(rule.allow_self for rule in rules):
            check_is_other(person, allowed, grant.requester, grant.author, grant.commit_author)
        if not any(person.is_same(other) for _, other in approvers):
            approvers.append((statement.principal, person))
    needed = max(rule.approvals for rule in rules)
    if len(approvers) < needed:
        raise DeniedError(
            "approvals-missing",
            f"{grant.review} has {len(approvers)} of {needed} approvals",
            f"ask another reviewer: mlops review approve {grant.review}",
        )
    return tuple(name for name, _ in approvers)


def check_is_other(person: Person, allowed: AllowedSigners, *involved: str) -> None:
    """Refuse a reviewer who is one of the people whose work it is, under whatever name or key.

    Raises:
        DeniedError: ``self-approval``.
    """
    for name in involved:
        if name and person.is_same(person_of(allowed, name=name)):
            raise DeniedError(
                "self-approval",
                "Who asked for, trained or wrote a model does not decide on it",
                "ask another reviewer: mlops reviewers",
            )


def waiver_list(digests: Iterable[str]) -> str:
    """Return what an approval says about waivers: their digests, sorted."""
    return " ".join(sorted(digests))


def _verify_waivers(grant: Grant, allowed: AllowedSigners, rules: tuple[StageRule, ...]) -> str:
    """Verify each waiver as an approval is, under both policies, and return their list as approvals name it."""
    for text, signature in grant.waivers:
        waiver = verify_waiver(text, signature, allowed)
        _check_binding(waiver, grant)
        for rule in rules:
            check_is_waivable(rule, waiver.check)
        if not all(rule.allow_self for rule in rules):
            person = person_of(allowed, name=waiver.principal)
            check_is_other(person, allowed, grant.requester, grant.author, grant.commit_author)
    return waiver_list(digest_bytes(text.encode()) for text, _ in grant.waivers)


def _rules(grant: Grant, store: Store, policy: Policy) -> tuple[StageRule, StageRule]:
    """Return the rule that was signed and the rule that stands now."""
    try:
        signed = parse_policy(store.read(grant.policy_digest))
        return signed.rule(grant.stage), policy.rule(grant.stage)
    except IntegrityError:
        raise
    except WorkbenchError as error:
        raise DeniedError("policy-invalid", error.message, error.hint) from error


def _check_binding(statement: Statement | Waiver, grant: Grant) -> None:
    """Refuse a statement about anything else than the grant: other bytes, stage, review, policy or people."""
    kind = "waiver" if isinstance(statement, Waiver) else "approval"
    bound = ("model", "model_digest", "stage", "review", "policy_digest", "evidence_digest")
    for name in (*bound, "requester", "author", "commit_author"):
        if getattr(statement, name) != getattr(grant, name):
            raise IntegrityError(
                "grant-mismatch",
                f"The {kind} is about another {name.replace('_', ' ')} than the release",
                f"request a review of these bytes: mlops review request {grant.model}",
            )
