"""People: making a key to sign with, and the list of whose key may decide.

``policy/reviewers`` is an OpenSSH ``allowed_signers`` file in Git, so a change of it is seen and reviewed like code;
what it adds counts once others have signed for it (:mod:`~workbench.review.policies.reviewers`).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from workbench.contract.review import Decision, Identity, Reviewer
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.identity import AllowedSigners, PublicKey, create_key, parse_public_key, read_public_key
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project, expanded
from workbench.review.policies.enrolment import enrol_alone
from workbench.review.policies.reviewers import REVIEWERS_PATH, load_reviewers, read_files
from workbench.review.proof.persons import Person, person_of, signer_of
from workbench.review.proof.statement import CHECKPOINT_NAMESPACE, EVIDENCE_NAMESPACE, NAMESPACES

_PRINCIPAL = re.compile(r"[^\s,\"*?!\[\]#]+")  # what OpenSSH would read as a pattern, a list or a comment is no name


def create_identity(project: Project, path: str = "", principal: str = "") -> Identity:
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
    public = f"{key_path.absolute()}.pub"
    offer = f"mlops reviewers add {shlex.quote(name)} {shlex.quote(public)}"
    return Identity(name, key.fingerprint, public, is_in_force=False, offer=offer)  # a new key stands in no list yet


def list_reviewers(project: Project) -> tuple[Reviewer, ...]:
    """List whose keys may decide, as ``policy/reviewers`` says, and which of its lines wait or were revoked."""
    counting = load_reviewers(project).unrevoked
    entries = read_files(project).entries
    return tuple(Reviewer(name, e.key.fingerprint, e in counting) for e in entries for name in e.principals)


def add_reviewer(project: Project, principal: str, public_key: str, only: tuple[str, ...] = ()) -> Reviewer:
    """Let somebody's key decide on models; doing it twice changes nothing.

    A machine's key is for its own purpose only: ``--only check`` for a CI job that runs checks.
    Once a review was requested, a line that is added waits until other reviewers have signed for it
    (``mlops policy propose``); the only reviewer there is signs here.

    Args:
        project: The project.
        principal: Who it is, usually a mail address; several names of one person with commas between, of which the
            first is recorded.
        public_key: Path of an ``id_….pub``, or the line in it.
        only: What it may sign, where not everything: ``check``, ``comment``, ``approve``, ….

    Raises:
        UsageError: ``principal-malformed``, ``key-malformed`` or ``purpose-unknown``.
        NotFoundError: ``key-missing``.
        ConflictError: ``key-listed``: it is somebody else's, or stands there for other purposes.
    """
    names = tuple(_checked_principal(each) for each in principal.split(","))
    name = names[0]
    purposes = _purposes(only)
    key = _read_key(public_key)
    path = project.root / REVIEWERS_PATH
    with hold_lock(project.state_dir / "leases" / ".reviewers"):
        allowed = read_files(project)
        owner = person_of(allowed, key=key.blob)
        lines = [entry for entry in allowed.entries if entry.key.blob == key.blob and name in entry.principals]
        listed = bool(lines)
        if only and listed and all(set(line.namespaces) != set(purposes) for line in lines):
            raise ConflictError(
                "key-listed",
                f"The key {key.fingerprint} is listed for other purposes already",
                "change namespaces in its line of policy/reviewers by hand, or make another key",
            )
        if not listed and owner.names:
            raise ConflictError(
                "key-listed",
                f"The key {key.fingerprint} is {min(owner.names)}'s already",
                "one key is one person; make another: mlops identity create --path …",
            )
        if not listed:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            line = f'{",".join(names)} namespaces="{",".join(purposes)}" {key.line}\n'
            # Written inside the transaction: a journal that cannot take the event leaves the file as it was.
            with project.journal.transaction() as transaction:
                transaction.append("reviewer.added", f"reviewer:{key.fingerprint}", {"fingerprint": key.fingerprint})
                write_atomic(path, (text + ("\n" if text and not text.endswith("\n") else "") + line).encode())
    enrol_alone(project, f"added {name} with {key.fingerprint}")
    found = Reviewer(name, key.fingerprint)
    return next((listed for listed in list_reviewers(project) if replace(listed, is_in_force=True) == found), found)


def _purposes(only: tuple[str, ...]) -> tuple[str, ...]:
    """Return the namespaces of these purposes, of all where none is named."""
    known = {space.partition(".")[2]: space for space in (*NAMESPACES, CHECKPOINT_NAMESPACE, EVIDENCE_NAMESPACE)}
    for purpose in only:
        if purpose not in known:
            raise UsageError(
                "purpose-unknown", f"No signature has the purpose '{purpose}'", did_you_mean(purpose, known)
            )
    return tuple(known[purpose] for purpose in only) or tuple(known.values())


def who_said(project: Project, decision: Decision, allowed: AllowedSigners) -> Person:
    """Return whose decision it is, by its signature too; by the name alone where the signature is gone."""
    try:
        signature = project.store.read(decision.signature_digest).decode("ascii")
        return signer_of(allowed, decision.principal, signature)
    except (NotFoundError, IntegrityError, UnicodeDecodeError):
        return person_of(allowed, name=decision.principal)


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
