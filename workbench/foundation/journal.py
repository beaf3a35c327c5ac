"""The journal: everything that happens on the road, in order, and the state that follows from it.

Two tables in one database. ``events`` is append-only and chained: each event's hash covers its predecessor's
hash and the digest of its own payload, so an edit, a deletion or a swap is found by :meth:`Journal.verify`.
(Truncation and a full rewrite are found only against a checkpoint kept elsewhere: :meth:`Journal.head`.) The
chain binds the payload's *digest*, so a payload can be erased for data-protection law without breaking it; a payload
that is gone without a later event of the chain that says so, or that decisions rest on, breaks it all the same.
``records`` holds the present state of every noun that neither MLflow nor DVC knows (job, review, release,
alert, …) as a JSON body with a state word and a revision.

A change is one transaction: the new record and its event are both there or neither is. SQLite runs in WAL mode
with ``synchronous=FULL``; ``NORMAL`` lost acknowledged commits in simulated power cuts. Writers queue on
``BEGIN IMMEDIATE``, several processes at once. PostgreSQL goes through the same code with an advisory lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import ConflictError, IntegrityError, StorageError, UsageError, storage_errors
from workbench.foundation.log_hold import LogHold

GENESIS = "sha256:" + "0" * 64
"""What the first event names as its predecessor."""

ERASED = "audit.erased"
"""Kind of the event that explains a missing payload; its subject is ``event:<seq>``."""

KEPT_KINDS = (
    "review.requested",
    "review.checked",
    "review.confirmed",
    "review.approved",
    "review.rejected",
    "review.changes-requested",
    "review.waived",
    "review.overridden",
    "review.post-reviewed",
    "release.",
    "policy.",
    "reviewers.",
    "run.verified",
    "holdout.",
    "registry.",
    "audit.",
)
"""Beginnings of kinds whose payload is never erased: a release, a level, a test or the policy in force rests on it."""

_BUSY_TIMEOUT_S = 30
_CHAIN_LOCK = 0x6D6C6F7073  # "mlops": PostgreSQL advisory lock that serialises the chain

_METADATA = sa.MetaData()
_EVENTS = sa.Table(
    "events",
    _METADATA,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("data_digest", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=True),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
_RECORDS = sa.Table(
    "records",
    _METADATA,
    sa.Column("noun", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("changed_seq", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("records_by_change", "noun", "changed_seq"),
    sa.Index("records_by_state", "noun", "state"),
)


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        seq: 1, 2, 3, … without a gap.
        at: UTC time, ISO 8601 with microseconds.
        actor: Who did it (a principal), or ``system``.
        kind: ``noun.past-participle``: ``review.approved``.
        subject: ``noun:id`` of what it happened to: ``review:rv-12ab``.
        data_digest: Digest of the payload's canonical JSON.
        data: The payload; None where it was erased.
        prev: Hash of the event before.
        hash: Hash of this event.
    """

    seq: int
    at: str
    actor: str
    kind: str
    subject: str
    data_digest: str
    data: dict[str, Any] | None
    prev: str
    hash: str


@dataclass(frozen=True)
class Record:
    """The present state of one noun.

    Attributes:
        noun: ``job``, ``review``, ``release``, …
        id: Its id within the noun.
        state: A status word.
        revision: Counts changes, from 1.
        changed_seq: The event that last changed it.
        body: Everything else, as JSON.
    """

    noun: str
    id: str
    state: str
    revision: int
    changed_seq: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Head:
    """The end of the chain; kept elsewhere it is a checkpoint.

    Attributes:
        seq: Number of events.
        hash: Hash of the last one, or :data:`GENESIS`.
    """

    seq: int
    hash: str


class Transaction:
    """One atomic change; obtained from :meth:`Journal.transaction` only."""

    def __init__(self, connection: sa.Connection, head: Head, actor: str) -> None:
        self._connection = connection
        self._head = head
        self._actor = actor

    def append(self, kind: str, subject: str, data: Mapping[str, Any], *, actor: str | None = None) -> Event:
        """Add an event to the chain.

        Args:
            kind: ``noun.past-participle``.
            subject: ``noun:id``.
            data: JSON payload: digests, ids and figures, never a secret and never a person's name.
            actor: Who did it; by default whoever opened the journal.
        """
        body = canonical_json(dict(data))
        event = _link(
            Head(self._head.seq, self._head.hash),
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
            actor=actor or self._actor,
            kind=kind,
            subject=subject,
            data_digest=digest_bytes(body),
            data=json.loads(body),
        )
        row = {**event.__dict__, "data": body.decode()}
        self._connection.execute(_EVENTS.insert().values(row))
        self._head = Head(event.seq, event.hash)
        return event

    def put(self, noun: str, id: str, state: str, body: Mapping[str, Any], *, expect: int | None = None) -> Record:
        """Write a record; append its event first, so that the record names it as its last change.

        Args:
            noun: Kind of record.
            id: Its id.
            state: Its new state word.
            body: Its whole new body.
            expect: The revision this change was decided on (0: must not exist yet); None takes any.

        Raises:
            ConflictError: ``record-changed``: somebody else was faster.
        """
        old = self.get(noun, id)
        revision = old.revision if old else 0
        if expect is not None and expect != revision:
            raise ConflictError(
                "record-changed", f"{noun} {id} was changed by somebody else meanwhile", "look at it again, then repeat"
            )
        values = {
            "state": state,
            "revision": revision + 1,
            "changed_seq": self._head.seq,
            "body": canonical_json(dict(body)).decode(),
        }
        key = (_RECORDS.c.noun == noun) & (_RECORDS.c.id == id)
        if old:
            self._connection.execute(_RECORDS.update().where(key).values(values))
        else:
            self._connection.execute(_RECORDS.insert().values(noun=noun, id=id, **values))
        return Record(noun, id, state, revision + 1, self._head.seq, dict(body))

    def erase(self, seq: int) -> None:
        """Erase an event's payload; the chain binds its digest and stays whole where :data:`ERASED` was appended.

        SQLite overwrites the freed bytes; its write-ahead log and backups hold them until they are replaced themselves.
        """
        if self._connection.dialect.name == "sqlite":
            self._connection.exec_driver_sql("PRAGMA secure_delete=ON")
        self._connection.execute(_EVENTS.update().where(_EVENTS.c.seq == seq).values(data=None))

    def get(self, noun: str, id: str) -> Record | None:
        """Return a record as this transaction sees it."""
        key = (_RECORDS.c.noun == noun) & (_RECORDS.c.id == id)
        row = self._connection.execute(sa.select(_RECORDS).where(key)).mappings().first()
        return _record(row) if row else None


class Journal:
    """Open a journal; cheap, and safe from several processes and threads.

    Args:
        url: SQLAlchemy URL (``sqlite:////…/journal.db`` or ``postgresql+psycopg://…``).
        actor: Principal that events are ascribed to by default.

    Raises:
        UsageError: ``journal-url-invalid``: no address of a database, or of one that nothing here can speak to.
    """

    def __init__(self, url: str, *, actor: str = "system") -> None:
        try:
            self._url = sa.make_url(url)
            self._engine = _engine(self._url)
        except (ArgumentError, ImportError, ValueError) as error:  # the address itself may hold a password: not shown
            raise UsageError(
                "journal-url-invalid",
                "The journal's address is none of a database that can be used here",
                'write url = "postgresql+psycopg://user@host/name" under [journal] in workbench.toml, or nothing',
            ) from error
        self._actor = actor
        self._hold: LogHold | None = None
        self._is_ready = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open one atomic change; an exception inside leaves nothing behind.

        Raises:
            StorageError: ``disk-full``, ``folder-not-writable``, ``journal-locked`` or ``journal-unreadable``.
        """
        self._prepare()
        with self._translated(), self._engine.execution_options(is_writing=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))
            yield Transaction(connection, _head(connection), self._actor)

    def head(self) -> Head:
        """Return the end of the chain."""
        with self._reading() as connection:
            return _head(connection)

    def events(
        self, *, after: int = 0, kind: str | None = None, subject: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return events in order.

        Args:
            after: Only those with a larger ``seq``.
            kind: Only this kind; a trailing ``.*`` takes the whole noun (``review.*``).
            subject: Only this ``noun:id``.
            limit: At most so many.
        """
        query = sa.select(_EVENTS).where(_EVENTS.c.seq > after).order_by(_EVENTS.c.seq)
        if kind and kind.endswith(".*"):
            query = query.where(_EVENTS.c.kind.startswith(kind[:-1], autoescape=True))
        elif kind:
            query = query.where(_EVENTS.c.kind == kind)
        if subject:
            query = query.where(_EVENTS.c.subject == subject)
        if limit is not None:
            query = query.limit(limit)
        with self._reading() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def record(self, noun: str, id: str) -> Record | None:
        """Return one record, or None."""
        key = (_RECORDS.c.noun == noun) & (_RECORDS.c.id == id)
        with self._reading() as connection:
            row = connection.execute(sa.select(_RECORDS).where(key)).mappings().first()
        return _record(row) if row else None

    def records(
        self, noun: str, *, state: str | None = None, limit: int | None = None, prefix: str = ""
    ) -> list[Record]:
        """Return the records of a noun, the last changed first.

        Args:
            noun: Kind of record.
            state: Only those in this state.
            limit: At most so many.
            prefix: Only those whose id begins with this.
        """
        query = sa.select(_RECORDS).where(_RECORDS.c.noun == noun).order_by(_RECORDS.c.changed_seq.desc())
        if prefix:
            query = query.where(_RECORDS.c.id.startswith(prefix, autoescape=True))
        if state is not None:
            query = query.where(_RECORDS.c.state == state)
        if limit is not None:
            query = query.limit(limit)
        with self._reading() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def count(self, noun: str, *, states: Iterable[str] = ()) -> int:
        """Return how many records of a noun there are, without reading them.

        Args:
            noun: Kind of record.
            states: Only those in one of these states; none given counts all.
        """
        query = sa.select(sa.func.count()).select_from(_RECORDS).where(_RECORDS.c.noun == noun)
        if wanted := tuple(states):
            query = query.where(_RECORDS.c.state.in_(wanted))
        with self._reading() as connection:
            return int(connection.execute(query).scalar_one())

    def verify(self, checkpoint: Head | None = None) -> Head:
        """Walk the whole chain and return its end.

        Args:
            checkpoint: An earlier end, kept elsewhere; the chain must pass through it.

        Raises:
            IntegrityError: ``journal-broken`` names the first event that is not what was written;
                ``journal-truncated``: the chain ends before, or passes beside, the checkpoint.
        """
        head = Head(0, GENESIS)
        met_checkpoint = checkpoint is None or checkpoint.seq == 0
        unexplained: dict[str, int] = {}
        with self._reading() as connection:
            for row in (
                connection.execution_options(yield_per=1000)
                .execute(sa.select(_EVENTS).order_by(_EVENTS.c.seq))
                .mappings()
            ):
                head = _check(head, row)
                if row["data"] is None:
                    if row["kind"].startswith(KEPT_KINDS):
                        raise _broken(head.seq)
                    unexplained[f"event:{head.seq}"] = head.seq
                elif row["kind"] == ERASED:
                    unexplained.pop(row["subject"], None)
                met_checkpoint = met_checkpoint or (checkpoint is not None and head == checkpoint)
        if unexplained:
            raise _broken(min(unexplained.values()))
        if not met_checkpoint:
            raise IntegrityError(
                "journal-truncated",
                f"The journal does not pass through its checkpoint at event {checkpoint.seq if checkpoint else 0}",
                "restore the journal from a backup and keep this file for the investigation",
            )
        return head

    def close(self) -> None:
        """Give back connections."""
        hold, self._hold, self._is_ready = self._hold, None, False
        if hold:
            hold.loosen()  # first, or the log would stay
        self._engine.dispose()
        if hold:
            hold.release()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        self._prepare()
        with self._translated(), self._engine.connect() as connection:
            yield connection

    def _prepare(self) -> None:
        if self._is_ready:
            return
        path = Path(self._url.database) if self._url.get_backend_name() == "sqlite" and self._url.database else None
        if path:
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        with self._translated(), self._engine.execution_options(is_writing=True).begin() as connection:
            _METADATA.create_all(connection)
            self._hold = _hold(connection, path) if path else None
        self._is_ready = True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise _storage_error(error, self._url) from error
        except DatabaseError as error:
            raise StorageError(
                "journal-unreadable",
                f"{self._url.database} is damaged or no journal: {error.orig}",
                "keep the file, then restore it from a backup",
            ) from error


def _engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url)
    if url.get_backend_name() != "sqlite":
        return engine

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; sqlite3's own guess is too late for writers
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_S * 1000}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _hold(connection: sa.Connection, path: Path) -> LogHold | None:
    """Hold the write-ahead log, where there is one and it lies in a file: a simulated disk has none."""
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal" or not path.exists():
        return None
    with storage_errors(path):
        return LogHold(path)


def _storage_error(error: OperationalError, url: sa.URL) -> StorageError:
    reason = str(error.orig)
    if "full" in reason:
        return StorageError("disk-full", f"No space left to write {url.database}", "free some space, then repeat")
    if "readonly" in reason or "unable to open" in reason:
        hint = f"check owner and mode: ls -ld '{Path(url.database or '.').parent}'"
        return StorageError("folder-not-writable", f"Cannot open {url.database} for writing", hint)
    if "locked" in reason:
        hint = f"see who writes to it, wait for its end, then repeat: lsof '{url.database}'"
        return StorageError("journal-locked", f"{url.database} stayed locked for {_BUSY_TIMEOUT_S} s", hint)
    hint = "start its database, or mend url under [journal] in workbench.toml, then: mlops doctor"
    return StorageError("journal-unreachable", f"The journal does not answer: {reason.splitlines()[0]}", hint)


def _head(connection: sa.Connection) -> Head:
    row = connection.execute(sa.select(_EVENTS.c.seq, _EVENTS.c.hash).order_by(_EVENTS.c.seq.desc()).limit(1)).first()
    return Head(row.seq, row.hash) if row else Head(0, GENESIS)


def _link(
    before: Head, *, at: str, actor: str, kind: str, subject: str, data_digest: str, data: dict[str, Any] | None
) -> Event:
    """Build the event that follows ``before``; the one place that says what the hash covers."""
    seq = before.seq + 1
    hashed = canonical_json([before.hash, seq, at, actor, kind, subject, data_digest])
    return Event(seq, at, actor, kind, subject, data_digest, data, before.hash, digest_bytes(hashed))


def _check(before: Head, row: sa.RowMapping) -> Head:
    event = _event(row)
    expected = _link(
        before,
        at=event.at,
        actor=event.actor,
        kind=event.kind,
        subject=event.subject,
        data_digest=event.data_digest,
        data=event.data,
    )
    payload_differs = row["data"] is not None and digest_bytes(row["data"].encode()) != event.data_digest
    if expected != event or payload_differs:
        raise _broken(before.seq + 1)
    return Head(event.seq, event.hash)


def _broken(seq: int) -> IntegrityError:
    return IntegrityError(
        "journal-broken",
        f"Event {seq} of the journal is not what was written",
        "restore the journal from a backup and keep this file for the investigation",
    )


def _event(row: sa.RowMapping) -> Event:
    try:
        data = json.loads(row["data"]) if row["data"] is not None else None
    except ValueError:
        data = {}  # damaged payload: verify() finds it by its digest
    return Event(**{**dict(row), "data": data})


def _record(row: sa.RowMapping) -> Record:
    try:
        body = json.loads(row["body"])
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _damaged(row["noun"], row["id"], "its body is no JSON object")
    return Record(**{**dict(row), "body": _Body(row["noun"], row["id"], body)})


class _Body(dict[str, Any]):
    """A record's body: a field that should be there and is not means damage, in every room alike."""

    def __init__(self, noun: str, id: str, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._noun, self._id = noun, id

    def __missing__(self, key: str) -> NoReturn:
        raise _damaged(self._noun, self._id, f"it has no '{key}'")


def _damaged(noun: str, id: str, what: str) -> IntegrityError:
    return IntegrityError(
        "record-damaged",
        f"The journal's record of {noun} {id} is damaged: {what}",
        "keep the file, restore it from a backup, then: mlops audit verify",
    )
