"""Releases: which approved bytes answer on which channel."""

from __future__ import annotations

from dataclasses import dataclass


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
