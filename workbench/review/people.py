"""People: making a key to sign with, and the list of whose key may decide.

``policy/reviewers`` is an OpenSSH ``allowed_signers`` file in Git, so a change of it is seen and reviewed like code.
"""

from __future__ import annotations

import re
from pathlib import Path

from workbench.contract.review import Reviewer
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, UsageError
from workbench.foundation.identity import AllowedSigners, PublicKey, create_key, parse_public_key, read_public_key
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project, expanded
from workbench.review.persons import person_of
from workbench.review.policy import REVIEWERS_PATH
from workbench.review.statement import CHECKPOINT_NAMESPACE, EVIDENCE_NAMESPACE, NAMESPACES

_PRINCIPAL = re.compile(r"[^\s,\"*?!\[\]#]+")  # what OpenSSH would read as a pattern, a list or a comment is no name


def create_identity(project: Project, path: str = "", principal: str = "") -> Reviewer:
    """Make an SSH key pair to sign with; an existing key is never overwritten.

    The key has no passphrase; put one on it with ``ssh-keygen -p``, and signing goes through your SSH agent.

    Args:
        project: The project.
        path: Where the private key goes; ``~/.ssh/id_ed25519`` by default.
        principal: Your name as reviewer, usually a mail address; by default who you are here.
    """
    name = _checked_principal(principal or project.actor)
    key_path = expanded(path) if path else Path.home() / ".ssh" / "id_ed25519"
    key = create_key(key_path, comment=name)
    return Reviewer(name, key.fingerprint)


def list_reviewers(project: Project) -> tuple[Reviewer, ...]:
    """List whose keys may decide, as ``policy/reviewers`` says."""
    entries = load_reviewers(project).entries
    return tuple(Reviewer(name, entry.key.fingerprint) for entry in entries for name in entry.principals)


def add_reviewer(project: Project, principal: str, public_key: str) -> Reviewer:
    """Let somebody's key decide on models; doing it twice changes nothing.

    Args:
        project: The project.
        principal: Who it is, usually a mail address.
        public_key: Path of an ``id_….pub``, or the line in it.
    """
    name = _checked_principal(principal)
    key = _read_key(public_key)
    path = project.root / REVIEWERS_PATH
    with hold_lock(project.state_dir / "leases" / ".reviewers"):
        allowed = load_reviewers(project)
        owner = person_of(allowed, key=key.blob)
        listed = any(e.key.blob == key.blob and name in e.principals for e in allowed.entries)
        if not listed and owner.names:
            raise ConflictError(
                "key-listed",
                f"The key {key.fingerprint} is {min(owner.names)}'s already",
                "one key is one person; make another: mlops identity create --path …",
            )
        if not listed:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            purposes = ",".join((*NAMESPACES, CHECKPOINT_NAMESPACE, EVIDENCE_NAMESPACE))
            line = f'{name} namespaces="{purposes}" {key.line}\n'
            # Written inside the transaction: a journal that cannot take the event leaves the file as it was.
            with project.journal.transaction() as transaction:
                transaction.append("reviewer.added", f"reviewer:{key.fingerprint}", {"fingerprint": key.fingerprint})
                write_atomic(path, (text + ("\n" if text and not text.endswith("\n") else "") + line).encode())
    return Reviewer(name, key.fingerprint)


def load_reviewers(project: Project) -> AllowedSigners:
    """Read ``policy/reviewers``; a missing file allows nobody."""
    return AllowedSigners.load(project.root / REVIEWERS_PATH)


def _checked_principal(name: str) -> str:
    if not _PRINCIPAL.fullmatch(name):
        raise UsageError(
            "principal-malformed", f"'{name}' is no name for a reviewer", "write a mail address: name@example.com"
        )
    return name


def _read_key(text: str) -> PublicKey:
    """Read a key given as a line or as a path; a private key is refused, whatever it is called."""
    if re.match(r"(ssh|ecdsa|sk)-\S+ ", text.strip()):
        return parse_public_key(text)
    return read_public_key(expanded(text))
