"""Checkpoints: the journal's end, signed with a person's SSH key and kept where the journal is not.

The chain alone shows an edit, a deletion and a swap. Who can write the whole file can also cut its end off or make up
all of it anew; that is found by a head that somebody signed and keeps elsewhere. A checkpoint is an in-toto Statement
(subject: the head; predicate: number of events, signer, time, digest of the checkpoint before it in the same place)
in canonical JSON, signed as SSHSIG in a namespace of its own, so ``ssh-keygen -Y verify`` checks it by hand.

What it cannot see: a journal cut off *behind* the newest checkpoint, and a place from which the newest checkpoints
were taken away. So make them often, in a place that forgets nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.contract.audit import Checkpoint
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners, check_moment, read_public_key, sign, verify
from workbench.foundation.journal import Head, Journal
from workbench.foundation.project import Project, expanded
from workbench.project.checkpoint_places import Folder, Place, find_place
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.statement import CHECKPOINT_NAMESPACE, STATEMENT_TYPE
from workbench.review.signing import own_key

PREDICATE_TYPE = "urn:mlops-workbench:checkpoint:v1"
_NAME = re.compile(r"checkpoint-\d{12}-[0-9a-f]{12}\.json")
_KEEP = "keep this journal for the investigation and restore it from a backup"


@dataclass(frozen=True)
class Signed:
    """A checkpoint as it lies in its place.

    Attributes:
        name: File name.
        data: The signed bytes.
        signature: The armour.
        head: The end it tells of.
        at: When it was signed.
        principal: Who says that they signed; proved by :func:`check_signature`.
        previous: Digest of the checkpoint before; empty for the first.
    """

    name: str
    data: bytes
    signature: str
    head: Head
    at: str
    principal: str
    previous: str


def make_checkpoint(project: Project, to: str = "git") -> Checkpoint:
    """Sign the journal's end and keep it elsewhere, so that cutting off or rewriting the journal is found.

    Doing it twice without anything having happened changes nothing. A journal that does not pass through the
    checkpoints that are there already is not signed.

    Args:
        project: The project.
        to: ``git`` for a ref beside the branches (push it: ``git push origin 'refs/workbench/*'``), a folder or a
            URL that fsspec opens.

    Raises:
        DeniedError: ``identity-missing``.
        IntegrityError: The journal is broken, or not the one that was signed before.
        UsageError: ``journal-empty`` or ``git-missing``.
        ConflictError: ``checkpoint-raced``.
    """
    key_path = own_key(project)
    place = find_place(project, to)
    known = read_checkpoints(place)
    newest = known[-1] if known else None
    head = project.journal.verify(newest.head if newest else None)
    if head.seq == 0:
        raise UsageError("journal-empty", "Nothing has happened yet that could be signed", "mlops status")
    if newest is None or newest.head != head:
        newest = _sign(project, key_path, head, newest)
        # The signature first: a statement without one would look tampered with.
        place.write({f"{newest.name}.sig": newest.signature.encode(), newest.name: newest.data})
    return _card(project, place, newest)


def read_checkpoints(place: Place) -> tuple[Signed, ...]:
    """Return what a place holds, the one with the fewest events first; nothing is verified here.

    Raises:
        IntegrityError: ``checkpoint-malformed``, or its signature is missing.
    """
    names = place.names()
    found = []
    for name in filter(_NAME.fullmatch, names):
        if f"{name}.sig" not in names:
            raise IntegrityError("checkpoint-malformed", f"{name} has no signature", _KEEP)
        found.append(_parse(name, place.read(name), place.read(f"{name}.sig")))
    return tuple(sorted(found, key=lambda signed: signed.head.seq))


def verify_checkpoints(project: Project, where: str, signers: str = "") -> tuple[Head, tuple[Signed, ...]]:
    """Walk the chain and hold it against signed checkpoints.

    Args:
        project: The project.
        where: One checkpoint's file, or a place as :func:`make_checkpoint` takes it.
        signers: An ``allowed_signers`` file kept elsewhere; ``policy/reviewers`` by default.

    Raises:
        NotFoundError: ``checkpoint-missing``: there is none.
        IntegrityError: The journal, or the row of checkpoints, is not what was signed.
        DeniedError: Signed by somebody who may not.
    """
    path = expanded(where)
    is_file = where != "git" and "://" not in where and path.is_file()
    found = _read_file(path) if is_file else read_checkpoints(find_place(project, where))
    if not found:
        raise NotFoundError("checkpoint-missing", f"There is no checkpoint in {where}", "mlops audit checkpoint")
    allowed = AllowedSigners.load(expanded(signers)) if signers else load_reviewers(project)
    for signed in found:
        check_signature(signed, allowed)
    if not is_file:
        _check_row(found)
    head = project.journal.verify(found[-1].head)
    for signed in found[:-1]:
        _check_passes(project.journal, signed.head)
    return head, found


def check_signature(signed: Signed, allowed: AllowedSigners) -> None:
    """Refuse a checkpoint that its signer did not sign, or may not."""
    at = datetime.fromisoformat(signed.at)
    check_moment(at)
    verify(
        signed.data,
        signed.signature,
        namespace=CHECKPOINT_NAMESPACE,
        allowed=allowed,
        principal=signed.principal,
        at=at,
    )


def _check_row(found: tuple[Signed, ...]) -> None:
    """Refuse a row with a gap: each names one before it by digest, or none where it was the first.

    Two that were made at the same moment name the same one; neither is the other's fault.
    """
    before = {""}
    for signed in found:
        if signed.previous not in before:
            raise IntegrityError("checkpoint-gone", f"A checkpoint before {signed.name} was removed or replaced", _KEEP)
        before.add(digest_bytes(signed.data))


def _check_passes(journal: Journal, head: Head) -> None:
    event = next(iter(journal.events(after=head.seq - 1, limit=1)), None)
    if event is None or event.hash != head.hash:
        raise IntegrityError("journal-truncated", f"The journal does not pass through event {head.seq}", _KEEP)


def _read_file(path: Path) -> tuple[Signed, ...]:
    signature = path.with_name(path.name + ".sig")
    if not signature.is_file():
        raise IntegrityError("checkpoint-malformed", f"{path.name} has no signature beside it", f"bring {signature}")
    folder = Folder(path.parent)
    return (_parse(path.name, folder.read(path.name), folder.read(signature.name)),)


def _sign(project: Project, key_path: Path, head: Head, before: Signed | None) -> Signed:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    previous = digest_bytes(before.data) if before else ""
    data = canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": "journal", "digest": {"sha256": head.hash.partition(":")[2]}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {"at": at, "events": head.seq, "previous": previous, "principal": project.actor},
        }
    )
    name = f"checkpoint-{head.seq:012d}-{head.hash[7:19]}.json"
    armour = sign(key_path, data, namespace=CHECKPOINT_NAMESPACE)
    return Signed(name, data, armour, head, at, project.actor, previous)


def _parse(name: str, data: bytes, signature: bytes) -> Signed:
    """Read a checkpoint; anything but exactly what :func:`_sign` writes is refused."""
    try:
        value = json.loads(data)
        (subject,) = value["subject"]
        said = value["predicate"]
        is_kind = (value["_type"], value["predicateType"]) == (STATEMENT_TYPE, PREDICATE_TYPE)
        if not is_kind or set(said) != {"at", "events", "previous", "principal"} or canonical_json(value) != data:
            raise ValueError("its fields are not those of a checkpoint")
        if isinstance(said["events"], bool) or not isinstance(said["events"], int) or said["events"] < 1:
            raise ValueError("its number of events is none")
        if not all(isinstance(said[key], str) for key in ("at", "previous", "principal")):
            raise ValueError("a field is no text")
        if datetime.fromisoformat(said["at"]).utcoffset() != timedelta(0):
            raise ValueError("its time is not in UTC")
        head = Head(said["events"], "sha256:" + subject["digest"]["sha256"])
        armour = signature.decode("ascii")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError("checkpoint-malformed", f"{name} is no checkpoint: {error}", _KEEP) from error
    return Signed(name, data, armour, head, said["at"], said["principal"], said["previous"])


def _card(project: Project, place: Place, signed: Signed) -> Checkpoint:
    try:
        check_signature(signed, load_reviewers(project))
        is_listed = True
    except DeniedError:
        is_listed = False
    key = read_public_key(project.key_path) if project.key_path and signed.principal == project.actor else None
    return Checkpoint(
        name=signed.name,
        place=place.label,
        events=signed.head.seq,
        head=signed.head.hash,
        at=signed.at,
        principal=signed.principal,
        fingerprint=key.fingerprint if key else "",
        is_listed=is_listed,
    )
