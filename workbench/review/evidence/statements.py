"""The statements of a review: everything that was said about it, in the order in which the journal's chain tells it.

A decision has to be signed by somebody whom ``policy/reviewers`` allows, or nothing is exported. Where the key was
revoked or the name taken off the list since, it is verified under the list of its time, and the zip says that it counts
no more: that is when an auditor asks. What is signed in passing (a request, a check, a comment, a promotion) may lack a
signature, or carry one of a key that nobody listed: then the zip says so and claims no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.journal import Event
from workbench.foundation.project import Project
from workbench.review.policies.reviewers import lists_since, load_reviewers
from workbench.review.proof.deed import DeedKind, parse_deed, verify_deed
from workbench.review.proof.statement import Verdict, verify_decision
from workbench.review.proof.waiver import verify_waiver
from workbench.review.record import Review
from workbench.review.standing import WAIVE

_POLICIES = ("policy.proposed", "policy.signed")
_Lists = tuple[AllowedSigners, ...]
_PASSING = (DeedKind.REQUEST, DeedKind.CHECK, DeedKind.COMMENT, DeedKind.PROMOTE, DeedKind.ROLLBACK)


class Standing(StrEnum):
    """How a statement is vouched for; the ending of its signature's file name."""

    SIGNED = ".sig"
    WITHDRAWN = ".withdrawn.sig"
    UNLISTED = ".unlisted.sig"
    UNSIGNED = ""


@dataclass(frozen=True)
class SaidStatement:
    """One statement as it lies in the store.

    Attributes:
        kind: Its verdict: ``request``, ``check``, ``approve``, ``promote``, …
        text: The bytes.
        signature: The armour; empty where nobody signed.
        standing: What the signature is worth.
    """

    kind: str
    text: bytes
    signature: bytes
    standing: Standing

    def fact(self, name: str) -> str:
        """Return what the predicate says under a name; empty where it says nothing."""
        value = json.loads(self.text)["predicate"].get(name, "")
        return value if isinstance(value, str) else ""

    def files(self, number: int) -> dict[str, bytes]:
        """Return its file and its signature's, by name."""
        name = f"statements/{number:02d}-{self.kind}.json"
        found = {name: self.text}
        return found | ({f"{name}{self.standing}": self.signature} if self.standing else {})


def events_of(project: Project, review: Review) -> tuple[Event, ...]:
    """Return what the chain tells of a review and of the releases that rest on it, in order."""
    told = project.journal.events(subject=review.subject)
    released = project.journal.events(kind="release.*")
    told += [e for e in released if e.subject != review.subject and (e.data or {}).get("review") == review.id]
    return tuple(sorted(told, key=lambda event: event.seq))


def begin_of(project: Project, review: Review) -> int:
    """Return the number of the event with which a review begins."""
    return next((event.seq for event in project.journal.events(subject=review.subject)), 0)


def statements_of(project: Project, review: Review) -> tuple[SaidStatement, ...]:
    """Return every statement about a review, each verified; those for a policy that had to be signed come first.

    A comment whose payload was erased is gone with its statement.

    Raises:
        IntegrityError: What is kept is not what was signed, or is about something else.
        DeniedError: A decision's signer was in no list of reviewers that was in force since the request.
        NotFoundError: A statement is no longer in the store.
    """
    lists = (load_reviewers(project), *(listed for _, listed in lists_since(project, begin_of(project, review))))
    asked = project.journal.events(kind="policy.*")
    policies = [e for e in asked if e.kind in _POLICIES and (e.data or {}).get("after") == review.policy_digest]
    named = dict(_named([*policies, *events_of(project, review)]))
    return tuple(_read(project, review, lists, *pair) for pair in named.items())


def _named(events: list[Event]) -> Iterator[tuple[str, str]]:
    """Yield digest of statement and of signature; of a request that was opened again, once, as it was signed first."""
    seen: set[str] = set()
    for event in events:
        data: dict[str, Any] = event.data or {}
        statement = str(data.get("statement_digest") or data.get("statement") or "")
        if event.kind == "review.requested":
            statement = str(data.get("request_digest", ""))
        if statement and statement not in seen:
            seen.add(statement)
            yield statement, str(data.get("signature_digest") or data.get("signature") or "")


def _read(project: Project, review: Review, lists: _Lists, statement: str, signature: str) -> SaidStatement:
    text = project.store.read(statement)
    armour = project.store.read(signature) if signature else b""
    try:
        kind = str(json.loads(text)["predicate"]["verdict"])
        (subject,) = json.loads(text)["subject"]
        about = f"sha256:{subject['digest']['sha256']}"
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("deed-malformed", f"{statement} is no statement: {error}", "mlops audit verify") from error
    if about != (review.policy_digest if kind == DeedKind.POLICY else review.model_digest):
        raise IntegrityError(
            "statement-other", f"{statement} is about other bytes than {review.id}", "mlops audit verify"
        )
    return SaidStatement(kind, text, armour, _verified(kind, text, armour, lists))


def _verified(kind: str, text: bytes, armour: bytes, lists: _Lists) -> Standing:
    """Verify a statement as what it says it is, and return what its signature is worth.

    Args:
        kind: Its verdict.
        text: What was signed.
        armour: The signature; empty where there is none.
        lists: The reviewers in force now, then those that were in force since the request.
    """
    words = text.decode("utf-8", "surrogatepass"), armour.decode("ascii", "replace")
    is_passing = kind not in (*Verdict, WAIVE) and DeedKind(kind) in _PASSING
    if is_passing:
        parse_deed(text, DeedKind(kind))
        if not armour:
            return Standing.UNSIGNED
    now, *since = lists
    try:
        _verify(kind, *words, now)
    except DeniedError:
        if any(_holds(kind, *words, known) for known in since):
            return Standing.WITHDRAWN
        if not is_passing:
            raise
        return Standing.UNLISTED
    return Standing.SIGNED


def _verify(kind: str, text: str, signature: str, allowed: AllowedSigners) -> None:
    if kind in tuple(Verdict):
        verify_decision(text, signature, allowed, Verdict(kind))
    elif kind == WAIVE:
        verify_waiver(text, signature, allowed)
    else:
        verify_deed(text, signature, allowed, DeedKind(kind))


def _holds(kind: str, text: str, signature: str, allowed: AllowedSigners) -> bool:
    try:
        _verify(kind, text, signature, allowed)
    except DeniedError:
        return False
    return True
