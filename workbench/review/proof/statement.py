"""What a reviewer signs, and how anybody verifies it without trusting the journal, the database or us.

A decision is an in-toto Statement: the subject is the frozen model by digest, the predicate names verdict, stage,
review, policy, evidence, requester, author and signer. Its canonical JSON is signed as SSHSIG in a namespace of its
own for each verdict, so a rejection can never be replayed as an approval, and ``ssh-keygen -Y verify -f
policy/reviewers`` checks it by hand.

A :class:`~workbench.review.proof.grant.Grant` carries such statements to whoever opens the model.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners, check_moment, verify
from workbench.review.proof.deed import DEED_NAMESPACES
from workbench.review.proof.waiver import (
    STATEMENT_TYPE,
    WAIVE_NAMESPACE,
    intoto_bytes,
)

__all__ = [
    "NAMESPACES",
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "Statement",
    "Verdict",
    "build_statement",
    "parse_statement",
    "verify_decision",
]

PREDICATE_TYPE = "urn:mlops-workbench:decision:v1"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RESIGN = "ask the reviewer to approve it: mlops review approve"


class Verdict(StrEnum):
    """What a reviewer says."""

    APPROVE = "approve"
    REJECT = "reject"
    CHANGES_REQUESTED = "changes-requested"

    @property
    def namespace(self) -> str:
        """Purpose of the signature: ``mlops-workbench.approve``."""
        return f"mlops-workbench.{self.value}"


NAMESPACES = (*(verdict.namespace for verdict in Verdict), WAIVE_NAMESPACE, *DEED_NAMESPACES)
"""Purposes that a reviewer's key is allowed for."""
CHECKPOINT_NAMESPACE = "mlops-workbench.checkpoint"
"""Purpose of a signature under the journal's end; worthless as an approval."""
EVIDENCE_NAMESPACE = "mlops-workbench.evidence"
"""Purpose of a signature under exported evidence."""


@dataclass(frozen=True)
class Statement:
    """A decision as it is signed.

    Attributes:
        verdict: ``approve``, ``changes-requested`` or ``reject``.
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
        request_digest: Digest of the request that the reviewer was shown. Older decisions do not speak of it.
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
    request_digest: str = ""


_UNSAID_WHERE_EMPTY = ("waivers", "request_digest")


def build_statement(statement: Statement) -> bytes:
    """Return the canonical bytes that are signed."""
    predicate = {k: v for k, v in vars(statement).items() if k not in ("model", "model_digest")}
    for name in _UNSAID_WHERE_EMPTY:
        if not predicate[name]:
            del predicate[name]
    return intoto_bytes(statement.model, statement.model_digest, PREDICATE_TYPE, predicate)


def parse_statement(data: bytes) -> Statement:
    """Read signed bytes; anything but exactly what :func:`build_statement` writes is refused.

    Raises:
        IntegrityError: ``statement-malformed``.
    """
    try:
        value = json.loads(data.decode())
        (subject,) = value["subject"]
        found = Statement(
            model=subject["name"], model_digest=f"sha256:{subject['digest']['sha256']}", **value["predicate"]
        )
        if set(map(type, vars(found).values())) != {str}:
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
    check_moment(at)
    verify(data, signature, namespace=verdict.namespace, allowed=allowed, principal=statement.principal, at=at)
    return statement
