"""The journal carried out of the project: signed checkpoints, and all of it as JSON lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement that the journal had this end at this moment.

    Attributes:
        name: ``checkpoint-<events>-<hash>.json``; its signature is the file of the same name and ``.sig``.
        place: Where it lies: a Git ref, a folder or a URL.
        events: Number of events it covers.
        head: Hash of the last of them.
        at: UTC time of signing.
        principal: Who signed.
        fingerprint: The key that signed.
        is_listed: Whether ``policy/reviewers`` lets that key sign checkpoints; where not, ``audit verify`` needs
            ``--signers``.
    """

    name: str
    place: str
    events: int
    head: str
    at: str
    principal: str
    fingerprint: str
    is_listed: bool


@dataclass(frozen=True)
class ExportedJournal:
    """The journal as JSON lines.

    Attributes:
        path: The file.
        guide: How to verify it without this package.
        events: Number of events.
        head: Hash of the last one.
        digest: Digest of the file.
        size: Bytes.
    """

    path: str
    guide: str
    events: int
    head: str
    digest: str
    size: int
