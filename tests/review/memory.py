"""A project in memory for searches: the decision functions are the real ones, what they write to can be copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workbench.foundation.canonical import digest_bytes, digest_json
from workbench.foundation.errors import ConflictError, NotFoundError
from workbench.foundation.journal import Event, Record
from workbench.foundation.store import Store

AT = "2026-01-01T00:00:00+00:00"


@dataclass
class MemoryJournal:
    """As much of the journal as decisions ask for; a copy is a few references."""

    events_: tuple[Event, ...] = ()
    records_: dict[tuple[str, str], Record] = field(default_factory=dict)
    actor: str = ""
    at: str = AT

    def copy(self) -> MemoryJournal:
        return MemoryJournal(self.events_, dict(self.records_), self.actor, self.at)

    @contextmanager
    def transaction(self) -> Iterator[MemoryJournal]:
        before = self.events_, dict(self.records_)
        try:
            yield self
        except BaseException:
            self.events_, self.records_ = before
            raise

    def append(self, kind: str, subject: str, data: dict[str, Any], *, actor: str | None = None) -> Event:
        event = Event(
            len(self.events_) + 1,
            self.at,
            actor or self.actor,
            kind,
            subject,
            digest_json(dict(data)),
            dict(data),
            "",
            "",
        )
        self.events_ = (*self.events_, event)
        return event

    def put(self, noun: str, id: str, state: str, body: Any, *, expect: int | None = None) -> Record:
        old = self.records_.get((noun, id))
        revision = old.revision if old else 0
        if expect is not None and expect != revision:
            raise ConflictError("record-changed", "", "")
        record = Record(noun, id, state, revision + 1, len(self.events_), dict(body))
        self.records_[noun, id] = record
        return record

    def get(self, noun: str, id: str) -> Record | None:
        return self.records_.get((noun, id))

    record = get

    def records(
        self, noun: str, *, state: str | None = None, limit: int | None = None, prefix: str = ""
    ) -> list[Record]:
        found = [r for (n, _), r in self.records_.items() if n == noun and state in (None, r.state)]
        found = [r for r in found if r.id.startswith(prefix)]
        return sorted(found, key=lambda r: -r.changed_seq)[:limit]

    def events(
        self, *, after: int = 0, kind: str | None = None, subject: str | None = None, limit: int | None = None
    ) -> list[Event]:
        found = [e for e in self.events_ if e.seq > after and subject in (None, e.subject)]
        if kind:
            found = [e for e in found if e.kind == kind or (kind.endswith(".*") and e.kind.startswith(kind[:-1]))]
        return found[:limit]


class MemoryStore(Store):
    """Blobs in a dictionary that all states share: what is named by its content cannot differ."""

    blobs: dict[str, bytes] = {}  # noqa: RUF012 - shared on purpose

    def put_bytes(self, data: bytes) -> Any:
        digest = digest_bytes(data)
        self.blobs[digest] = data
        return digest

    def read(self, digest: str) -> bytes:
        if digest not in self.blobs:
            raise NotFoundError("digest-unknown", digest, "")
        return self.blobs[digest]

    @lru_cache(maxsize=256)  # noqa: B019 - blobs never change
    def tree(self, digest: str) -> Any:
        return super().tree(digest)


@dataclass
class MemoryProject:
    """A project as one person sees it; several share journal and store."""

    root: Path
    actor: str
    key_path: Path
    shared: list[MemoryJournal]
    store: MemoryStore

    config = SimpleNamespace(notices=(), gate=SimpleNamespace(account=""))  # nobody is told, no server enforces

    @property
    def journal(self) -> MemoryJournal:
        self.shared[0].actor = self.actor
        return self.shared[0]
