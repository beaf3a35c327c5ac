"""A grant: what whoever opens a model needs to verify that it may answer. :mod:`.verification` verifies it.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners
from workbench.review.proof.persons import Person, person_of
from workbench.review.proof.request import Request, asked_as, parse_request


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
        request: Text of the request that the approvals name; empty for older ones.
        override: (signed text, armoured signature) of the override it rests on instead of approvals; none or one.
        before: (signed text, armoured signature) of its promotion to the stage before; none or one.
        earlier: What that promotion rested on; none or one.
        request_signature: Armoured signature of whoever asked; empty where they did not sign.
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
    request: str = ""
    override: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    earlier: tuple[Grant, ...] = ()
    request_signature: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the grant as JSON; :meth:`from_json` is its inverse. What is optional and empty is left out."""
        value = {name: [list(p) for p in item] if name in _PAIRS else item for name, item in vars(self).items()}
        value["earlier"] = [grant.to_json() for grant in self.earlier]
        return {name: item for name, item in value.items() if item or name not in _OPTIONAL}

    @classmethod
    def from_json(cls, value: Any) -> Grant:
        """Read what :meth:`to_json` returned.

        Raises:
            IntegrityError: ``grant-malformed``.
        """
        try:
            if not isinstance(value, dict) or {*value, *_OPTIONAL} != {field.name for field in fields(cls)}:
                raise ValueError("its fields are not those of a grant")
            pairs = {n: tuple((text, signature) for text, signature in value.get(n, ())) for n in _PAIRS}
            earlier = tuple(cls.from_json(one) for one in value.get("earlier", ()))
            plain = [item for name, item in value.items() if name not in (*_PAIRS, "earlier")]
            for text in [item for several in pairs.values() for pair in several for item in pair] + plain:
                if not isinstance(text, str):
                    raise TypeError("one of its fields is no text")
                text.encode()  # half a character could not be digested
            return cls(**{**value, **pairs, "earlier": earlier})
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            raise IntegrityError(
                "grant-malformed", f"Not a grant: {error}", "release it again: mlops release"
            ) from error


_PAIRS = ("statements", "waivers", "override", "before")
_OPTIONAL = ("waivers", "request", "override", "before", "earlier", "request_signature")


def read_request(grant: Grant) -> Request | None:
    """Return the request that a grant brings; what approvals say of it is theirs to compare.

    Raises:
        IntegrityError: It is no request, or one of something else.
    """
    if not grant.request:
        return None
    request = parse_request(grant.request.encode("utf-8", "surrogatepass"))
    for name in ("model", "model_digest", "stage", "review", "policy_digest", "requester", "author", "commit_author"):
        if getattr(request, name) != getattr(grant, name):
            raise IntegrityError(
                "grant-mismatch",
                f"The request is about another {name.replace('_', ' ')} than the release",
                f"request a review of these bytes: mlops review request {asked_as(grant.model, grant.stage)}",
            )
    return request


def check_is_other(person: Person, allowed: AllowedSigners, *involved: str | Person) -> None:
    """Refuse a reviewer who is one of the people whose work it is, under whatever name or key.

    Raises:
        DeniedError: ``self-approval``.
    """
    for one in involved:
        if one and person.is_same(person_of(allowed, name=one) if isinstance(one, str) else one):
            raise DeniedError(
                "self-approval",
                "Who asked for, trained or wrote a model does not decide on it",
                "ask another reviewer: mlops reviewers",
            )


def involved_in(grant: Grant) -> tuple[str, ...]:
    """Return everybody whose work it is that a grant lets through.

    Raises:
        IntegrityError: Its request is none, or one of something else.
    """
    request = read_request(grant)
    return (grant.requester, grant.author, grant.commit_author, *(request.producers if request else ()))


def waiver_list(digests: Iterable[str]) -> str:
    """Return what an approval says about waivers: their digests, sorted."""
    return " ".join(sorted(digests))
