"""Signing what happens by the way: a request, a check, a comment are signed where that costs nobody anything.

Deciding, overriding and promoting ask for a key and fail without one. These do not: whoever has no key may still ask
and comment, and a process in the background must not wait for somebody to touch a token.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

from workbench.foundation.errors import DeniedError, NotFoundError, UnavailableError, UsageError
from workbench.foundation.identity import AllowedSigners, PublicKey, read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.policies.reviewers import load_reviewers, read_files
from workbench.review.proof.deed import DeedKind

_TOUCHED = "sk-"


def signature_of(project: Project, data: bytes, kind: DeedKind) -> str:
    """Sign a statement in passing and return the signature's digest in the store; empty where it cannot be done."""
    if project.key_path is None:
        return ""
    try:
        if read_public_key(project.key_path).kind.startswith(_TOUCHED):
            return ""
        return project.store.put_bytes(sign(project.key_path, data, namespace=kind.namespace).encode())
    except (NotFoundError, UnavailableError, UsageError):
        return ""


def may_sign(project: Project, kind: DeedKind) -> bool:
    """Tell whether the actor's key is allowed for a purpose."""
    if project.key_path is None:
        return False
    key = read_public_key(project.key_path)
    return project.actor in load_reviewers(project).principals_of(key, kind.namespace, datetime.now(UTC))


def how_to_be_let_sign(allowed: AllowedSigners, actor: str, key_path: Path, namespace: str) -> str:
    """Return the hint for somebody who may not sign for a purpose: a line of their own, or one more word in it."""
    key = read_public_key(key_path)
    if any(entry.key.blob == key.blob for entry in allowed.entries):
        return f"an owner writes {namespace} into their line's namespaces in policy/reviewers"
    return f"an owner adds them: mlops reviewers add {actor} {shlex.quote(f'{key_path}.pub')}"


def own_key(project: Project) -> Path:
    """Return the actor's private key.

    Raises:
        DeniedError: ``identity-missing``.
    """
    if project.key_path is None:
        raise DeniedError("identity-missing", f"{project.actor} has no SSH key here", "mlops identity create")
    return project.key_path


def key_for(project: Project, kind: DeedKind) -> Path:
    """Return the actor's private key, where it may sign for a purpose.

    Raises:
        DeniedError: ``identity-missing``, ``reviewer-waiting`` or ``reviewer-unknown``.
    """
    key_path = own_key(project)
    key = read_public_key(key_path)
    if not may_sign(project, kind):
        check_is_in_force(project, key)
        raise DeniedError(
            "reviewer-unknown",
            f"{project.actor} with key {key.fingerprint} may not sign as '{kind}'",
            how_to_be_let_sign(load_reviewers(project), project.actor, key_path, kind.namespace),
        )
    return key_path


def check_is_in_force(project: Project, key: PublicKey) -> None:
    """Refuse a key that stands in ``policy/reviewers`` and counts for nothing yet.

    Raises:
        DeniedError: ``reviewer-waiting``.
    """
    listed, allowed = read_files(project).entries, load_reviewers(project).entries
    if any(entry.key == key and entry not in allowed for entry in listed):
        raise DeniedError(
            "reviewer-waiting",
            f"{key.fingerprint} stands in policy/reviewers, and others have not signed for that yet",
            "see what is missing: mlops policy",
        )
