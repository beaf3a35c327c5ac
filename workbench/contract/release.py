"""Releases: which approved bytes answer on which channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReleaseFault:
    """Something that makes a release red until it is mended.

    Attributes:
        kind: ``out-of-band`` (moved past the gate), ``override-owed`` (nobody has looked at an override since),
            ``ended`` (an approval or override that it rests on) or ``unverifiable``.
        message: What is wrong.
        hint: What mends it.
        review: Review that it is about; empty where it is about none.
    """

    kind: str
    message: str
    hint: str
    review: str = ""


@dataclass(frozen=True)
class ReleaseCard:
    """One release on a channel.

    Attributes:
        id: ``rl-…``.
        channel: ``<model>@<stage>``: what callers and runners follow.
        model: Name of the model.
        model_digest: The bytes that answer.
        review: Review that allowed it.
        state: A :class:`~workbench.contract.status.ReleaseState`.
        version: 1, 2, … within the channel; a rollback to version 1 is a new release with version 1's bytes.
        approvers: Principals that approved.
        assurance: Weakest assurance among the approvals.
        actor: Who released it.
        released_at: UTC time.
        answering_after_ms: Milliseconds from the command to a running runner's first possible answer; 0 without one.
        notes: What did not work out and does not undo the release.
        faults: What is wrong with it now: it is red until that is mended.
        names: ``signed`` where who trained it signed the request and everybody with a hand in it had a listed key, else
            ``claimed``; empty for older releases.
    """

    id: str
    channel: str
    model: str
    model_digest: str
    review: str
    state: str
    version: int
    approvers: tuple[str, ...]
    assurance: str
    actor: str
    released_at: str
    answering_after_ms: float = 0.0
    notes: tuple[str, ...] = ()
    faults: tuple[ReleaseFault, ...] = ()
    names: str = ""


@dataclass(frozen=True)
class VerifiedRelease:
    """A release whose statement, policy and bytes were verified just now.

    Attributes:
        channel: Its channel.
        release: Release that stands on it.
        version: Version within the channel.
        model_digest: The bytes.
        review: Review that allowed it.
        approvers: Who approved, or who overrode.
        is_override: Whether it rests on an override.
        until: UTC time at which the first of its approvals ends; empty where none does.
        files: Files that were verified.
        into: Folder that they were written into; empty where they were not.
    """

    channel: str
    release: str
    version: int
    model_digest: str
    review: str
    approvers: tuple[str, ...]
    is_override: bool
    until: str
    files: int
    into: str = ""


@dataclass(frozen=True)
class OutOfBandChange:
    """Something that was moved in MLflow's registry, or in a run's artifacts, past the gate.

    Attributes:
        channel: Channel that it concerns.
        what: ``alias``, ``version``, ``tags`` or ``artifacts``.
        message: What was found.
        hint: What mends it.
        seen_at: UTC time at which it was first seen.
    """

    channel: str
    what: str
    message: str
    hint: str
    seen_at: str


@dataclass(frozen=True)
class RunnerCard:
    """A model runner.

    Attributes:
        channel: Channel it follows.
        url: Where it listens; empty where it does not run.
        pid: Its process; 0 where it does not run.
        is_running: Whether it answered just now.
        model_digest: What it serves; empty before the first release.
        release: Release it serves.
        swaps: Swaps since it started.
        requests: Requests since it started.
        failures: Requests that ended in a server error.
        p50_ms: Median latency of the last requests, in milliseconds.
        p99_ms: 99th percentile, in milliseconds.
        refusal: Why the newest release is not served, where its bytes or statement did not verify.
    """

    channel: str
    url: str
    pid: int
    is_running: bool
    model_digest: str
    release: str
    swaps: int
    requests: int
    failures: int
    p50_ms: float
    p99_ms: float
    refusal: str = ""
