"""A deed: something that was done to a candidate, as an in-toto Statement with a predicate and a namespace of its own.

Approvals, rejections and waivers have typed statements (:mod:`~.proof.statement`, :mod:`~.proof.waiver`), because
a release rests on every field of them. What else happens is written down in the same shape, so that one tool reads
all of it and ``ssh-keygen -Y verify`` checks it by hand: who asked, what was checked, what was said, who overrode,
who promoted, who went back, who changed the policy. A signature under one kind is worth nothing as another.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workbench.foundation.errors import IntegrityError
from workbench.foundation.identity import AllowedSigners, check_moment, verify
from workbench.review.proof.waiver import intoto_bytes

_HEX = re.compile(r"[0-9a-f]{64}")


class DeedKind(StrEnum):
    """What was done."""

    REQUEST = "request"
    CHECK = "check"
    COMMENT = "comment"
    OVERRIDE = "override"
    POST_REVIEW = "post-review"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    POLICY = "policy"

    @property
    def namespace(self) -> str:
        """Purpose of the signature: ``mlops-workbench.promote``."""
        return f"mlops-workbench.{self.value}"

    @property
    def predicate_type(self) -> str:
        """The statement's ``predicateType``."""
        return f"urn:mlops-workbench:{self.value}:v1"


DEED_NAMESPACES = tuple(kind.namespace for kind in DeedKind)
"""Purposes that a reviewer's key is allowed for beside deciding."""


@dataclass(frozen=True)
class Deed:
    """A deed as it is signed.

    Attributes:
        kind: What was done.
        name: What it was done to: a model's name, or ``policy/gate.toml``.
        digest: Digest of that.
        principal: Who did it.
        at: UTC time.
        facts: Everything else that the predicate says: strings, and lists or tables of strings.
    """

    kind: DeedKind
    name: str
    digest: str
    principal: str
    at: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> datetime:
        """When it was done."""
        return datetime.fromisoformat(self.at)

    def fact(self, name: str) -> str:
        """Return a fact that is a string; empty where there is none."""
        value = self.facts.get(name, "")
        return value if isinstance(value, str) else ""


def build_deed(deed: Deed) -> bytes:
    """Return the canonical bytes that are signed."""
    predicate = {**deed.facts, "verdict": deed.kind.value, "principal": deed.principal, "at": deed.at}
    return intoto_bytes(deed.name, deed.digest, deed.kind.predicate_type, predicate)


def parse_deed(data: bytes, kind: DeedKind) -> Deed:
    """Read signed bytes; anything but exactly what :func:`build_deed` writes is refused.

    Raises:
        IntegrityError: ``deed-malformed``.
    """
    try:
        value = json.loads(data)
        (subject,) = value["subject"]
        facts = dict(value["predicate"])
        said, principal, at = (facts.pop(name) for name in ("verdict", "principal", "at"))
        if said != kind:
            raise ValueError(f"it says '{said}'")
        found = Deed(kind, subject["name"], f"sha256:{subject['digest']['sha256']}", principal, at, facts)
        if not all(isinstance(item, str) and item for item in (found.name, principal, at)):
            raise ValueError("a name is empty or no text")
        if not _HEX.fullmatch(found.digest.removeprefix("sha256:")):
            raise ValueError(f"'{found.digest}' is no digest")
        if found.moment.utcoffset() != timedelta(0):
            raise ValueError(f"'{at}' is not a UTC time")
        if build_deed(found) != data:  # also catches unknown fields, double keys and another layout
            raise ValueError("it is not in canonical form")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError("deed-malformed", f"Not a statement of '{kind}': {error}", _again(kind)) from error
    return found


def verify_deed(text: str, signature: str, allowed: AllowedSigners, kind: DeedKind) -> Deed:
    """Verify one signed deed by itself and return it.

    Raises:
        IntegrityError: Text and signature do not belong together, or not to this purpose.
        DeniedError: Signed by somebody who may not, or at a moment they may not.
    """
    data = text.encode("utf-8", "surrogatepass")
    deed = parse_deed(data, kind)
    check_moment(deed.moment)
    verify(data, signature, namespace=kind.namespace, allowed=allowed, principal=deed.principal, at=deed.moment)
    return deed


def _again(kind: DeedKind) -> str:
    verb = {"promote": "release", "rollback": "rollback", "policy": "policy sign"}.get(kind.value, f"review {kind}")
    return f"sign it again: mlops {verb}"
