"""What a cluster's objects mean, story by story, without a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.compute.folder import Exit
from workbench.compute.kubernetes.sight import Progressing, judge
from workbench.compute.kubernetes.workloads import WORKLOADS
from workbench.contract.status import JobState

SAID_FINE, SAID_ERROR = Exit(0, "", ""), Exit(1, "cell_error", "ValueError: no")
SAID_DEAD, SAID_STOPPED = Exit(137, "DeadKernelError", "DeadKernelError: killed"), Exit(143, "cancelled", "")


def condition(kind: str, reason: str = "", message: str = "", status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def workload(*conditions: dict[str, str], suspend: bool = False, **metadata: Any) -> dict[str, Any]:
    spec = {"suspend": True} if suspend else {}
    return {"metadata": {"name": "wb-jb-1", **metadata}, "spec": spec, "status": {"conditions": list(conditions)}}


def pod(phase: str = "Running", *conditions: dict[str, str], name: str = "p1", **more: Any) -> dict[str, Any]:
    state = more.pop("state", None)
    statuses = [{"name": "notebook", "state": state}] if state else []
    status = {"phase": phase, "conditions": list(conditions), "containerStatuses": statuses, **more}
    return {"metadata": {"name": name}, "spec": {}, "status": status}


def ended(reason: str = "Error", code: int = 1, message: str = "") -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "message": message}}


def held(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


FAILED = condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
TARGET = condition("FailureTarget", "BackoffLimitExceeded")
LATE = condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
DONE = condition("Complete", "CompletionsReached")
PREEMPTING = condition("DisruptionTarget", "PreemptionByScheduler", "a higher priority pod")
DRAINED = condition("DisruptionTarget", "EvictionByEvictionAPI", "drained")
PRESSED = condition("DisruptionTarget", "TerminationByKubelet", "The node was low on memory")
TAINTED = condition("DisruptionTarget", "DeletionByTaintManager", "unreachable")
NOWHERE = condition("PodScheduled", "Unschedulable", "0/1 nodes are available", status="False")

STORIES = [
    # what was seen, then state and the beginning of the reason
    (Progressing(workload()), JobState.STARTING, ""),
    (Progressing(workload(suspend=True), queue_position=3), JobState.QUEUED, "waits for its queue"),
    (Progressing(workload(), [pod("Pending", NOWHERE)]), JobState.QUEUED, "Unschedulable: 0/1 nodes"),
    (
        Progressing(workload(), [pod("Pending", state=held("ContainerCreating"))]),
        JobState.STARTING,
        "ContainerCreating",
    ),
    (Progressing(workload(), [pod()]), JobState.STARTING, ""),
    (Progressing(workload(), [pod()], "p1"), JobState.RUNNING, ""),
    # images and containers that do not come up
    (Progressing(workload(), [pod("Pending", state=held("ErrImagePull", "x"))]), JobState.STARTING, "ErrImagePull: x"),
    (
        Progressing(workload(), [pod("Pending", state=held("ImagePullBackOff", "x"))], stuck_s=30),
        JobState.FAILED,
        "ImagePullBackOff",
    ),
    (Progressing(workload(), [pod("Pending", state=held("InvalidImageName"))]), JobState.FAILED, "InvalidImageName"),
    (
        Progressing(workload(), [pod("Pending", state=held("CreateContainerConfigError"))], stuck_s=30),
        JobState.FAILED,
        "CreateContainerConfigError",
    ),
    # no pod can be made
    (Progressing(workload(), warning="exceeded quota: q", stuck_s=999), JobState.QUEUED, "quota-exceeded: exceeded"),
    (Progressing(workload(), warning="violates PodSecurity", stuck_s=1), JobState.STARTING, "violates PodSecurity"),
    (Progressing(workload(), warning="violates PodSecurity", stuck_s=30), JobState.FAILED, "FailedCreate"),
    # ends
    (Progressing(workload(DONE), [pod("Succeeded")], "p1", SAID_FINE), JobState.SUCCEEDED, ""),
    (Progressing(workload(DONE), [pod("Succeeded")], "p1"), JobState.SUCCEEDED, ""),
    (Progressing(workload(TARGET), [pod("Failed", state=ended())], "p1", SAID_ERROR), JobState.RUNNING, ""),
    (
        Progressing(workload(TARGET, FAILED), [pod("Failed", state=ended())], "p1", SAID_ERROR),
        JobState.FAILED,
        "cell_error",
    ),
    (Progressing(workload(FAILED), [pod("Failed", state=ended("OOMKilled", 137))], "p1"), JobState.FAILED, "OOMKilled"),
    (
        Progressing(workload(FAILED), [pod("Failed", state=ended("OOMKilled", 137))], "p1", SAID_DEAD),
        JobState.FAILED,
        "OOMKilled",
    ),
    (
        Progressing(workload(FAILED), [pod("Failed", state=ended())], "p1", SAID_DEAD),
        JobState.FAILED,
        "DeadKernelError",
    ),
    (
        Progressing(workload(FAILED), [pod("Failed", reason="DeadlineExceeded", state=ended())], "p1", SAID_STOPPED),
        JobState.FAILED,
        "timeout",
    ),
    (Progressing(workload(LATE)), JobState.FAILED, "timeout"),
    (
        Progressing(workload(FAILED), [pod("Failed", reason="Evicted", message="scratch")], "p1"),
        JobState.FAILED,
        "Evicted",
    ),
    (
        Progressing(workload(FAILED), [pod("Failed", state=ended(message="a\nno papermill\n"))]),
        JobState.FAILED,
        "RunnerDied",
    ),
    (Progressing(workload(FAILED), [pod("Failed", state=ended("StartError", 128))]), JobState.FAILED, "StartError"),
    (Progressing(workload(FAILED), [], "p1"), JobState.FAILED, "RunnerDied"),
    (Progressing(workload(FAILED), [], "p1", SAID_ERROR), JobState.FAILED, "cell_error"),
    (
        Progressing(workload(FAILED), [pod("Failed", state=ended(message="[Errno 28] No space left on device"))]),
        JobState.FAILED,
        "disk-full",
    ),
    # taken away
    (Progressing(workload(), [pod("Running", PREEMPTING)], "p1"), JobState.RUNNING, ""),
    (
        Progressing(workload(), [pod("Failed", PREEMPTING)], "p1", SAID_STOPPED),
        JobState.PREEMPTED,
        "Preempted: Preemption",
    ),
    (Progressing(workload(), [pod("Failed", DRAINED)], "p1"), JobState.PREEMPTED, "Preempted: EvictionByEvictionAPI"),
    (Progressing(workload(), [pod("Failed", PRESSED, reason="Evicted")], "p1"), JobState.PREEMPTED, "Evicted: "),
    (Progressing(workload(), [pod("Running", TAINTED)], "p1"), JobState.LOST, "NodeLost"),
    (Progressing(workload(), [pod("Running", name="p2")], "p1"), JobState.PREEMPTED, "Preempted: its pod was replaced"),
    (Progressing(workload(), [pod("Failed", DRAINED), pod("Pending", name="p2")]), JobState.STARTING, ""),
    (Progressing(workload(suspend=True), [], "p1"), JobState.PREEMPTED, "Preempted: its queue took it back"),
    # asked for, or gone
    (Progressing(workload(), [pod("Failed", DRAINED)], "p1", is_cancelled=True), JobState.RUNNING, ""),
    (
        Progressing(workload(FAILED), [pod("Failed", state=ended())], "p1", is_cancelled=True),
        JobState.CANCELLED,
        "cancelled",
    ),
    (Progressing(workload(deletionTimestamp="now"), [], "p1"), JobState.RUNNING, "being deleted"),
    (Progressing(None, is_cancelled=True), JobState.CANCELLED, "cancelled"),
    (Progressing(None, last_word=SAID_FINE), JobState.SUCCEEDED, ""),
    (Progressing(None), JobState.LOST, "the Job is gone"),
]


@pytest.mark.parametrize(("seen", "state", "reason"), STORIES)
def test_each_story_has_one_end(seen, state, reason) -> None:
    status = judge(seen)
    assert status.state is state, status
    assert status.reason == reason if not reason else status.reason.startswith(reason)


def test_the_last_line_that_was_said_is_the_error() -> None:
    status = judge(Progressing(workload(FAILED), [pod("Failed", state=ended(message="Traceback\nImportError: x\n"))]))
    assert status.error == "RunnerDied: ImportError: x"


@pytest.mark.parametrize(
    ("deployment", "job", "kind"),
    [
        ("Running", "RUNNING", ""),
        ("Complete", "SUCCEEDED", "Complete"),
        ("Complete", "FAILED", "Failed"),
        ("Complete", "STOPPED", "Failed"),
        ("Failed", "", "Failed"),
        ("ValidationFailed", "", "Failed"),
        ("Suspended", "", ""),
        ("Initializing", "", ""),
    ],
)
def test_a_rayjob_ends_with_a_jobs_conditions(deployment, job, kind) -> None:
    found = {"metadata": {"name": "x"}, "status": {"jobDeploymentStatus": deployment, "jobStatus": job}}
    assert [one["type"] for one in WORKLOADS["rayjob"].read(found)["status"]["conditions"]] == ([kind] if kind else [])
