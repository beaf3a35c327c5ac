"""The project at a glance, and a problem in any door's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """An error as ``application/problem+json`` carries it.

    Attributes:
        code: Stable kebab-case code.
        message: What happened.
        hint: What mends it; may be empty.
        status: HTTP status.
    """

    code: str
    message: str
    hint: str
    status: int


@dataclass(frozen=True)
class Hello:
    """What the server extension answers before any project is known.

    Attributes:
        version: Version of this package; the panel compares it with its own.
        server_ok: Whether the extension can do all it should; False where live updates could not be set up.
    """

    version: str
    server_ok: bool


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, by ``mlops doctor`` or by a target's check.

    Attributes:
        name: ``python``, ``disk``, ``journal``, ``kernel``, …
        is_ok: Whether it is as it must be.
        message: What was found.
        hint: What mends it; empty where nothing needs mending.
    """

    name: str
    is_ok: bool
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Created:
    """What ``mlops init`` made.

    Attributes:
        root: Absolute path of the project.
        template: Template it was made from.
        files: Relative paths of what was written now; empty where everything was there already.
    """

    root: str
    template: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class ProjectStatus:
    """One line per room: what the panel's header shows and what the five-minute newcomer asks.

    Attributes:
        name: Project name.
        description: One sentence.
        root: Absolute path on the machine that answers.
        actor: Who is acting.
        version: Version of this package; the panel compares it with its own.
        runs: Number of runs.
        datasets: Number of dataset versions.
        open_jobs: Jobs not yet at their end.
        open_reviews: Reviews that wait for somebody.
        channels: Channels with a current release.
        open_alerts: Alerts nobody resolved.
        journal_seq: Number of events; rises with every change, so a reader can poll cheaply.
    """

    name: str
    description: str
    root: str
    actor: str
    version: str
    runs: int
    datasets: int
    open_jobs: int
    open_reviews: int
    channels: int
    open_alerts: int
    journal_seq: int


@dataclass(frozen=True)
class JournalEvent:
    """One event of the journal, without its payload.

    Attributes:
        seq: Position, from 1.
        at: UTC time.
        actor: Who did it.
        kind: ``review.approved``, …
        subject: ``review:rv-…``.
    """

    seq: int
    at: str
    actor: str
    kind: str
    subject: str


@dataclass(frozen=True)
class ErasedPayload:
    """An event whose payload was erased; that it happened stays.

    Attributes:
        seq: Its number.
        kind: Its kind.
        subject: What it happened to.
        data_digest: Digest of what it said.
    """

    seq: int
    kind: str
    subject: str
    data_digest: str


@dataclass(frozen=True)
class AuditReport:
    """Outcome of walking the journal's chain.

    Attributes:
        events: Number of events.
        head: Hash of the last one; write it down elsewhere and it is a checkpoint.
        since: Time of the first event, or empty.
        until: Time of the last event, or empty.
        checkpoints: Number of signed checkpoints that it passes through.
        proved_events: Number of events that the newest of them covers; what came later rests on the chain alone.
        proved_at: When that one was signed; empty without any.
        proved_by: Who signed it; empty without any.
    """

    events: int
    head: str
    since: str
    until: str
    checkpoints: int = 0
    proved_events: int = 0
    proved_at: str = ""
    proved_by: str = ""
