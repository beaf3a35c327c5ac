"""Whether names stand under keys, as the project sees it: asked when a review is requested, told with what it proves.

What a stage asks for under ``names`` is verified by :mod:`~workbench.review.proof.names`, wherever a model is opened.
"""

from __future__ import annotations

import contextlib

from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.policies.policy import StageRule
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.rules import NAMES
from workbench.review.proof.deed import DeedKind, verify_deed
from workbench.review.proof.names import check_hands, check_request
from workbench.review.proof.persons import person_of
from workbench.review.record import Review
from workbench.review.signing import key_for, signature_of

_CLAIMED, _SIGNED = NAMES


def check_may_request(project: Project, rule: StageRule, author: str, names: tuple[str, ...], run: str) -> None:
    """Refuse a request that no approval could follow, because the stage asks for signed names.

    Raises:
        DeniedError: ``identity-missing``, ``reviewer-waiting``, ``reviewer-unknown``, ``name-unlisted`` or
            ``request-not-own``.
    """
    if rule.wants_signed_names:
        key = read_public_key(key_for(project, DeedKind.REQUEST))
        allowed = load_reviewers(project)
        check_hands(person_of(allowed, name=project.actor, key=key.blob), allowed, author, names, run)


def sign_request(project: Project, rule: StageRule, data: bytes) -> str:
    """Sign a request and return the signature's digest; empty where it cannot be done and nothing rests on it."""
    if not rule.wants_signed_names:
        return signature_of(project, data, DeedKind.REQUEST)
    armour = sign(key_for(project, DeedKind.REQUEST), data, namespace=DeedKind.REQUEST.namespace)
    verify_deed(data.decode(), armour, load_reviewers(project), DeedKind.REQUEST)
    return project.store.put_bytes(armour.encode())


def signed_request(project: Project, review: Review) -> tuple[str, str]:
    """Return the text of a review's request and the armour under it, as the chain names them; empty without one."""
    text = project.store.read(review.request_digest).decode() if review.request_digest else ""
    for event in project.journal.events(kind="review.requested", subject=review.subject):
        data = event.data or {}
        if data.get("request_digest") == review.request_digest and data.get("signature_digest"):
            with contextlib.suppress(NotFoundError):
                return text, project.store.read(str(data["signature_digest"])).decode("ascii", "replace")
    return text, ""


def names_of(project: Project, request: str, signature: str) -> str:
    """Return whether the names in a request are ``signed`` or only ``claimed``, asked for or not."""
    try:
        check_request(request, signature, load_reviewers(project))
    except (DeniedError, IntegrityError):
        return _CLAIMED
    return _SIGNED
