"""Releases as the journal keeps them, and the channel file that follows from them.

The record is written first, with its event, in one transaction; the channel file is derived from it. Whoever reads
next writes the file again where a crash came between the two, or somebody changed it by hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from workbench.contract.release import ReleaseCard, ReleaseFault
from workbench.contract.status import ReleaseState
from workbench.foundation.canonical import digest_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, StorageError
from workbench.foundation.journal import Record
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project
from workbench.review.proof.grant import Grant
from workbench.serving.channel import ChannelFile, channel_path

NOUN = "release"
_ATTEMPTS = 20


@dataclass(frozen=True)
class Promotion:
    """What is about to become a release.

    Attributes:
        grant: Proof, already verified.
        run: MLflow run that made the model.
        approvers: Who approved.
        assurance: Weakest assurance among the approvals.
        statement: Digest of the promotion's own statement in the store.
        signature: Digest of its signature; empty where nobody signed.
        is_anew: Whether it is made also where the channel's release rests on the same proof already.
        names: Whether names of those whose work it is are ``signed`` or ``claimed``.
    """

    grant: Grant
    run: str
    approvers: tuple[str, ...]
    assurance: str
    statement: str = ""
    signature: str = ""
    is_anew: bool = False
    names: str = ""


def history(project: Project, channel: str) -> list[Record]:
    """Return a channel's releases, the newest first."""
    found = [record for record in project.journal.records(NOUN) if record.body["channel"] == channel]
    return sorted(found, key=lambda record: int(record.body["version"]), reverse=True)


def current_releases(project: Project) -> dict[str, Record]:
    """Return the release that answers on each channel."""
    return {str(r.body["channel"]): r for r in project.journal.records(NOUN, state=ReleaseState.CURRENT.value)}


def rests_on(record: Record, grant: Grant) -> bool:
    """Tell whether a release rests on exactly this proof.

    The bytes do not decide it: once an override or an approval has ended, they serve on only with the proof that came
    after it.
    """
    return bool(record.body["grant"] == grant.to_json())


def promote(project: Project, promotion: Promotion, kind: str, leaves: ReleaseState) -> Record:
    """Make a release current and its predecessor what ``leaves`` says, with the event, in one transaction.

    Raises:
        ConflictError: ``record-changed``: others released on this channel all the time.
        StorageError: The journal cannot be written; nothing has changed.
    """
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(ConflictError):  # somebody released on this channel meanwhile: go after them
            return _promote(project, promotion, kind, leaves)
    return _promote(project, promotion, kind, leaves)


def sync_channel(project: Project, channel: str) -> None:
    """Make the channel file say what the journal says.

    Raises:
        StorageError: The file cannot be written.
    """
    path = channel_path(project, channel)
    with hold_lock(project.state_dir / "leases" / f".channel-{channel}"):
        # Read inside the lock: else a slow writer could put an older release over a newer one.
        record = current_releases(project).get(channel)
        if record is not None and _content(path) != (wanted := channel_file(record).render()):
            write_atomic(path, wanted)


def sync_channels(project: Project) -> None:
    """Heal every channel file on the way of a read, which must not fail where nothing can be written."""
    for channel, record in current_releases(project).items():
        if _content(channel_path(project, channel)) != channel_file(record).render():
            with contextlib.suppress(StorageError):
                sync_channel(project, channel)


def channel_file(record: Record) -> ChannelFile:
    """Return what the channel file of a release holds."""
    body = record.body
    return ChannelFile(
        release=record.id,
        channel=body["channel"],
        model=body["model"],
        model_digest=body["model_digest"],
        version=body["version"],
        grant=body["grant"],
    )


def card_of(
    record: Record,
    *,
    answering_after_ms: float = 0.0,
    notes: tuple[str, ...] = (),
    faults: tuple[ReleaseFault, ...] = (),
) -> ReleaseCard:
    """Return a release as doors show it."""
    body = record.body
    return ReleaseCard(
        id=record.id,
        channel=body["channel"],
        model=body["model"],
        model_digest=body["model_digest"],
        review=body["review"],
        state=record.state,
        version=body["version"],
        approvers=tuple(body["approvers"]),
        assurance=body["assurance"],
        actor=body["actor"],
        released_at=body["released_at"],
        answering_after_ms=answering_after_ms,
        notes=notes,
        faults=faults,
        names=body.get("names", ""),
    )


def _promote(project: Project, promotion: Promotion, kind: str, leaves: ReleaseState) -> Record:
    grant = promotion.grant
    channel = grant.channel
    known = history(project, channel)
    version = int(known[0].body["version"]) + 1 if known else 1
    current = next((record for record in known if record.state == ReleaseState.CURRENT), None)
    if current and rests_on(current, grant) and not promotion.is_anew:
        return current
    name = _name(project, channel, version)
    body = _body(project, promotion, version)
    event = {key: body[key] for key in ("channel", "model", "model_digest", "review", "version", "assurance", "names")}
    with project.journal.transaction() as change:
        signed = {"statement": promotion.statement, "signature": promotion.signature}
        change.append(kind, f"{NOUN}:{name}", {**event, **signed, "replaces": current.id if current else ""})
        if current:
            change.put(NOUN, current.id, leaves.value, current.body, expect=current.revision)
        return change.put(NOUN, name, ReleaseState.CURRENT.value, body, expect=0)


def _name(project: Project, channel: str, version: int) -> str:
    """Return the id, which follows from channel and version: two releases at once collide, and one tries again."""
    for salt in count():
        name = "rl-" + digest_json([channel, version, salt])[7:15]
        other = project.journal.record(NOUN, name)
        if other is None or (other.body["channel"], other.body["version"]) == (channel, version):
            return name
    raise AssertionError("unreachable")


def _body(project: Project, promotion: Promotion, version: int) -> Mapping[str, Any]:
    grant = promotion.grant
    return {
        "channel": grant.channel,
        "model": grant.model,
        "model_digest": grant.model_digest,
        "review": grant.review,
        "version": version,
        "approvers": list(promotion.approvers),
        "assurance": promotion.assurance,
        "names": promotion.names,
        "actor": project.actor,
        "released_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": promotion.run,
        "grant": grant.to_json(),
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
