"""A waiver: a reviewer's signed word that one check need not pass, for these bytes and this evidence alone.

It has a predicate and a signature namespace of its own, so neither an approval nor a rejection can be replayed as one.
What it is bound to (model, stage, review, policy, evidence) is what an approval is bound to; new evidence makes it
void. It lets nothing through by itself: the approvals of a release name the waivers they were given beside.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners, check_moment, verify
from workbench.review.policies.rules import NEVER_WAIVED, StageRule, is_check_name

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
WAIVER_TYPE = "urn:mlops-workbench:waiver:v1"
WAIVE_NAMESPACE = "mlops-workbench.waive"
MINIMUM_REASON = 20
"""Characters; "ok" is no reason."""

_VERDICT = "waive"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AGAIN = "sign it again: mlops review waive"


@dataclass(frozen=True)
class Waiver:
    """A waiver as it is signed.

    Attributes:
        check: The check that need not pass.
        model: Name of the model.
        model_digest: Digest of the frozen model folder.
        stage: Stage it was asked for.
        review: Id of the review.
        policy_digest: Digest of the policy that lists the check as waivable.
        evidence_digest: Digest of the check reports the reviewer saw.
        requester: Who asked.
        author: Who ran the training.
        commit_author: Who wrote the commit the notebook came from; empty without one.
        principal: Who signs.
        at: UTC time of signing.
        reason: Why, in at least 20 characters.
    """

    check: str
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


def intoto_bytes(model: str, model_digest: str, predicate_type: str, predicate: dict[str, Any]) -> bytes:
    """Return an in-toto Statement about one model as canonical JSON."""
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": model, "digest": {"sha256": model_digest.partition(":")[2]}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def build_waiver(waiver: Waiver) -> bytes:
    """Return the canonical bytes that are signed."""
    predicate = {k: v for k, v in asdict(waiver).items() if k not in ("model", "model_digest")}
    predicate["verdict"] = _VERDICT  # says to whoever reads it by hand which namespace it is signed in
    return intoto_bytes(waiver.model, waiver.model_digest, WAIVER_TYPE, predicate)


def parse_waiver(data: bytes) -> Waiver:
    """Read signed bytes; anything but exactly what :func:`build_waiver` writes is refused.

    Raises:
        IntegrityError: ``waiver-malformed``.
    """
    try:
        value = json.loads(data)
        (subject,) = value["subject"]
        predicate = dict(value["predicate"])
        if predicate.pop("verdict") != _VERDICT:
            raise ValueError("it says something else")
        found = Waiver(model=subject["name"], model_digest=f"sha256:{subject['digest']['sha256']}", **predicate)
        if not all(isinstance(item, str) for item in asdict(found).values()):
            raise ValueError("a field is no text")
        if build_waiver(found) != data:
            raise ValueError("it is not in canonical form")
        if not is_check_name(found.check):
            raise ValueError(f"there is no check '{found.check}'")
        if len(found.reason.strip()) < MINIMUM_REASON:
            raise ValueError(f"its reason has fewer than {MINIMUM_REASON} characters")
        if not all((found.model, found.stage, found.review, found.requester, found.author, found.principal)):
            raise ValueError("a name is empty")
        for digest in (found.model_digest, found.policy_digest, found.evidence_digest):
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"'{digest}' is no digest")
        if datetime.fromisoformat(found.at).utcoffset() != timedelta(0):
            raise ValueError(f"'{found.at}' is not a UTC time")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError("waiver-malformed", f"Not a waiver: {error}", _AGAIN) from error
    return found


def verify_waiver(text: str, signature: str, allowed: AllowedSigners) -> Waiver:
    """Verify one signed waiver by itself and return it.

    Raises:
        IntegrityError: Text and signature do not belong together, or not to this purpose.
        DeniedError: Signed by somebody who may not, or at a moment they may not.
    """
    data = text.encode("utf-8", "surrogatepass")
    waiver = parse_waiver(data)
    at = datetime.fromisoformat(waiver.at)
    check_moment(at)
    verify(data, signature, namespace=WAIVE_NAMESPACE, allowed=allowed, principal=waiver.principal, at=at)
    return waiver


def check_is_waivable(rule: StageRule, check: str) -> None:
    """Refuse a check that policy does not let anybody waive.

    Raises:
        DeniedError: ``not-waivable``.
    """
    if check in NEVER_WAIVED or check not in rule.waivable:
        raise DeniedError(
            "not-waivable",
            f"The policy lets nobody waive check '{check}'",
            "policy/gate.toml says which may be, under 'waivable': mlops policy explain",
        )
