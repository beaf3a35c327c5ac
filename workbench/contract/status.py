"""The one list of status words. The panel's colours, the CLI's exit codes and the queries all use these."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """State of a tracked run; MLflow's words, and LOST for one that stopped answering on another host."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"


class JobState(StrEnum):
    """State of a job on a target. LOST (no answer) is not FAILED (a known bad end)."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    PREEMPTED = "PREEMPTED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has come to its end."""
        return self not in (JobState.PENDING, JobState.QUEUED, JobState.STARTING, JobState.RUNNING)


class CheckResult(StrEnum):
    """Outcome of one check; a required check that is UNKNOWN blocks."""

    PASS = "pass"  # noqa: S105 -- a result, not a word to get in
    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"


class ReviewState(StrEnum):
    """State of a review."""

    CHECKING = "CHECKING"
    OPEN = "OPEN"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    STALE = "STALE"


class ReleaseState(StrEnum):
    """State of a release on its channel."""

    CURRENT = "CURRENT"
    SUPERSEDED = "SUPERSEDED"
    ROLLED_BACK = "ROLLED_BACK"


class AlertState(StrEnum):
    """State of an alert."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class Assurance(StrEnum):
    """How much a decision proves, weakest first; shown as what it is."""

    LOCAL_SELF = "local-self"
    LOCAL_SIGNED = "local-signed"
    CI_VERIFIED = "ci-verified"
    SERVER_ENFORCED = "server-enforced"
