"""What Slurm's words mean: how a job waits, runs and ends, told from the queue and from what lies in its directory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.compute.folder import Exit
from workbench.compute.hosts.far_folders import status_of_dead
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState

FORMAT = "%i|%T|%r|%N|%Q|%P"
"""Job (or ``array_task``), state, reason, nodes, priority, partition."""

_ALIVE = {
    "PENDING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.QUEUED,
    "SPECIAL_EXIT": JobState.QUEUED,
    "CONFIGURING": JobState.STARTING,
    "RUNNING": JobState.RUNNING,
    "COMPLETING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STAGE_OUT": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
    "SUSPENDED": JobState.RUNNING,
}
_ENDS = {
    "OUT_OF_MEMORY": (JobState.FAILED, "OOMKilled", "Slurm ended it at its memory limit"),
    "TIMEOUT": (JobState.FAILED, "timeout", "it reached its time limit"),
    "DEADLINE": (JobState.FAILED, "timeout", "it could not end before its deadline"),
    "PREEMPTED": (JobState.PREEMPTED, "Preempted", "another job took its place"),
    "REVOKED": (JobState.CANCELLED, "cancelled", ""),
    "CANCELLED": (JobState.CANCELLED, "cancelled", ""),
    "NODE_FAIL": (JobState.LOST, "NodeFail", "the node it ran on failed"),
    "BOOT_FAIL": (JobState.LOST, "NodeFail", "the node it was given did not start"),
}
_OUT_OF_MEMORY = re.compile(r"oom[-_ ]?kill|Exceeded (job|step) memory limit|exceeded memory limit", re.IGNORECASE)
"""What ``slurmstepd`` writes where the memory of a job is watched by cgroups, or by counting."""

_NEVER = {
    "AccountNotAllowed": "its account may not use the partition",
    "BadConstraints": "no node has what it asks for",
    "DependencyNeverSatisfied": "what it waits for has failed",
    "InvalidAccount": "its account is not valid any more",
    "InvalidQOS": "its quality of service is not valid any more",
    "JobHeldAdmin": "an administrator holds it",
    "JobHeldUser": "it is held: scontrol release",
    "MaxMemPerLimit": "it asks for more memory than the partition gives to a job",
    "NodeDown": "the node it needs is down",
    "PartitionConfig": "the partition has no node with what it asks for",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition takes no jobs",
    "PartitionNodeLimit": "it asks for more nodes than the partition gives to a job",
    "PartitionTimeLimit": "it asks for more time than the partition gives to a job",
    "QOSNotAllowed": "its quality of service may not use the partition",
    "ReqNodeNotAvail": "the nodes it needs are down, drained or reserved",
}
_NEVER_LIMIT = re.compile(r"(Assoc|QOS)(Max\w*Per(Job|Node)\w*|Max(Wall|Cpu)\w*PerJob\w*|Min\w+)")


@dataclass(frozen=True)
class Seen:
    """A job as the controller sees it.

    Attributes:
        id: Its number; ``array_task`` for a task of an array.
        state: Slurm's word.
        reason: Why it waits, or ended.
        nodes: Where it runs; empty while it waits.
        priority: The higher, the sooner.
        partition: Where it waits.
    """

    id: str
    state: str
    reason: str
    nodes: str = ""
    priority: int = 0
    partition: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in _ALIVE


@dataclass(frozen=True)
class Left:
    """What lies in a job's directory.

    Attributes:
        exit: The runner's last word.
        starting: What is being done before the runner begins.
        has_events: Whether the runner has said anything.
        is_cancel_asked: Somebody asked for its end.
        is_timed_out: Slurm warned it of its time limit.
        slurm_log: The end of what Slurm and the batch script wrote.
        runner_log: The end of what the runner wrote.
    """

    exit: Exit | None = None
    starting: str = ""
    has_events: bool = False
    is_cancel_asked: bool = False
    is_timed_out: bool = False
    slurm_log: str = ""
    runner_log: str = ""


def read_queue(text: str) -> dict[str, Seen]:
    """Read what ``squeue`` answered in :data:`FORMAT`."""
    found = {}
    for line in text.splitlines():
        id_, state, reason, nodes, priority, partition = line.split("|", 5)
        found[id_] = Seen(id_, state, "" if reason == "None" else reason, nodes, int(priority or 0), partition)
    return found


def positions(waiting: Iterable[Seen]) -> Mapping[str, int]:
    """Return each waiting job's place in the queue of its partition, from 1, by priority and then by number."""
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    for job in sorted(waiting, key=lambda job: (-job.priority, [int(part) for part in re.findall(r"\d+", job.id)])):
        counts[job.partition] = places[job.id] = counts.get(job.partition, 0) + 1
    return places


def status_alive(seen: Seen, left: Left, position: int) -> TargetStatus:
    """Tell how a job waits or runs."""
    state = _ALIVE[seen.state]
    if state is JobState.QUEUED:
        return TargetStatus(state, waiting_reason(seen.reason), queue_position=position)
    reason = seen.state.capitalize() if seen.state in ("SUSPENDED", "STOPPED") else ""
    if state is JobState.RUNNING and not left.has_events:
        return TargetStatus(JobState.STARTING, reason or left.starting)
    return TargetStatus(state, reason)


def waiting_reason(reason: str) -> str:
    """Say why a job waits; ``Unschedulable: …`` where no waiting helps."""
    name = re.split("[, ]", reason, maxsplit=1)[0]
    if name in _NEVER:
        return f"Unschedulable: {reason}: {_NEVER[name]}"
    if _NEVER_LIMIT.fullmatch(name):
        return f"Unschedulable: {reason}: it asks for more than a limit of the cluster allows"
    return reason


def status_ended(seen: Seen | None, left: Left) -> TargetStatus | None:
    """Tell how a job ended, or return None where the files do not say yet: a shared file system may lag behind.

    What the runner says of its notebook counts, unless Slurm knows what kept the runner from its work.
    """
    end = left.exit
    if end and (end.code == 0 or end.reason not in ("cancelled", "DeadKernelError")):
        return TargetStatus(end.state, end.reason, end.error)
    if killed := _killed(seen, left):
        return killed
    if end:
        return TargetStatus(end.state, end.reason, end.error)
    if left.is_cancel_asked:
        return TargetStatus(JobState.CANCELLED, "cancelled")
    return None


def status_silent(seen: Seen | None, left: Left) -> TargetStatus:
    """Tell how a job ended of which no last word has come."""
    if seen is None:
        return TargetStatus(JobState.LOST, "Slurm knows it no longer and it left no last word")
    how = f"the batch job ended as {seen.state}"
    if not left.has_events:
        how += " before it began: does every node see its folder?"
    return status_of_dead(left.runner_log or left.slurm_log, how)


def _killed(seen: Seen | None, left: Left) -> TargetStatus | None:
    """Say what Slurm did to a job, if it did anything."""
    word = seen.state if seen else ""
    if word not in _ENDS and _OUT_OF_MEMORY.search(left.slurm_log):
        word = "OUT_OF_MEMORY"  # counted, not by cgroups: Slurm itself calls that FAILED, JobLaunchFailure
    if left.is_timed_out and not left.is_cancel_asked:
        word = "TIMEOUT"
    if word not in _ENDS:
        return None
    state, reason, why = _ENDS[word]
    return TargetStatus(state, reason, f"{reason}: {why}" if why else "")
