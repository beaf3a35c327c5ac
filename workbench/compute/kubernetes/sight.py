"""What a cluster's objects say of an execution: pure, so that every story a cluster tells can be told to a test.

The runner's last word says how the notebook went; the cluster says what was done to the pod. Where both speak, what was
done to the pod explains what the runner saw (a kernel that died was out of memory, a SIGTERM was a deadline). An
execution is over when its workload is: ``Failed`` or ``Complete``; ``FailureTarget`` only announces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.compute.folder import Exit
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState

JsonObject = Mapping[str, Any]

TIMEOUT = "timeout"
_IMAGE_ERRORS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
_START_ERRORS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff")
_NODE_LOST = ("DeletionByTaintManager", "DeletionByPodGC")
_DISK_FULL = "No space left on device"
_TEXT = 500


@dataclass(frozen=True)
class Progressing:
    """What one look brought together.

    Attributes:
        workload: The Job (or RayJob, TrainJob); None where the server says that there is none.
        pods: Its pods, oldest first.
        begun: Name of the pod whose events were taken; empty where none has spoken.
        last_word: The runner's own end; None while there is none.
        is_cancelled: Whether somebody here asked for the end.
        warning: Why no pod can be made, in the controller's words; empty where nothing is wrong.
        stuck_s: Seconds for which the pod has been waiting for the same reason.
        grace_s: Seconds that a reason which may pass (an image that does not come) is given.
        queue_position: Place in the queue; 0 where nobody can tell.
    """

    workload: JsonObject | None
    pods: Sequence[JsonObject] = ()
    begun: str = ""
    last_word: Exit | None = None
    is_cancelled: bool = False
    warning: str = ""
    stuck_s: float = 0.0
    grace_s: float = 20.0
    queue_position: int = 0

    @property
    def pod(self) -> JsonObject | None:
        """The pod that counts: the one that has spoken, else the newest."""
        named = [pod for pod in self.pods if name_of(pod) == self.begun]
        return named[0] if named else self.pods[-1] if self.pods else None


def judge(seen: Progressing) -> TargetStatus:
    """Tell how an execution stands."""
    if seen.workload is None:
        return _vanished(seen)
    if seen.last_word and seen.last_word.code == 0 and ended(seen.workload):
        return TargetStatus(JobState.SUCCEEDED)
    if taken := _taken_away(seen):
        return taken
    end = ended(seen.workload)
    if end is not None:
        return _end(seen, end)
    if condition(seen.workload, "FailureTarget") or condition(seen.workload, "SuccessCriteriaMet"):
        return TargetStatus(JobState.RUNNING)  # announced, not done
    if seen.pod is None:
        return _without_pod(seen)
    return _with_pod(seen, seen.pod)


def name_of(thing: JsonObject) -> str:
    """Return an object's name."""
    return str(thing["metadata"]["name"])


def condition(thing: JsonObject, kind: str) -> JsonObject | None:
    """Return a condition that is true, or None."""
    found = thing.get("status", {}).get("conditions") or ()
    return next((entry for entry in found if entry["type"] == kind and entry["status"] == "True"), None)


def ended(workload: JsonObject) -> JsonObject | None:
    """Return the condition that ends a workload: ``Complete`` or ``Failed``."""
    return condition(workload, "Complete") or condition(workload, "Failed")


def is_suspended(workload: JsonObject) -> bool:
    """Tell whether a queue holds a workload back."""
    return bool(workload.get("spec", {}).get("suspend"))


def is_going(workload: JsonObject) -> bool:
    """Tell whether somebody has deleted a workload that is not gone yet."""
    return "deletionTimestamp" in workload["metadata"]


def terminated(pod: JsonObject) -> JsonObject | None:
    """Return how the container ended, or None while it has not."""
    for status in pod.get("status", {}).get("containerStatuses") or ():
        if end := status.get("state", {}).get("terminated"):
            found: JsonObject = end
            return found
    return None


def waiting(pod: JsonObject) -> JsonObject:
    """Return what the container waits for: ``reason`` and ``message``, or nothing."""
    for status in pod.get("status", {}).get("containerStatuses") or ():
        if state := status.get("state", {}).get("waiting"):
            found: JsonObject = state
            return found
    return {}


def is_over(pod: JsonObject) -> bool:
    """Tell whether a pod's containers have ended for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def trouble(pod: JsonObject) -> str:
    """Return the reason that keeps a pod from starting, as one word; empty where nothing does."""
    reason = str(waiting(pod).get("reason", ""))
    return reason if reason in (*_IMAGE_ERRORS, *_START_ERRORS) else ""


def _vanished(seen: Progressing) -> TargetStatus:
    if seen.is_cancelled:
        return TargetStatus(JobState.CANCELLED, "cancelled")
    if seen.last_word:
        return TargetStatus(seen.last_word.state, seen.last_word.reason, seen.last_word.error)
    return TargetStatus(JobState.LOST, "the Job is gone: somebody deleted it, or its time to live was over")


def _taken_away(seen: Progressing) -> TargetStatus | None:
    """Tell of a pod that had begun and was taken away; nobody's fault, so no failure."""
    if not seen.begun or seen.is_cancelled or seen.workload is None or is_going(seen.workload):
        return None
    pod = next((pod for pod in seen.pods if name_of(pod) == seen.begun), None)
    if pod is None:
        if ended(seen.workload) is not None and len(seen.pods) == 0:
            return None  # the workload's own end removed it
        reason = "its queue took it back" if is_suspended(seen.workload) else "its pod was replaced"
        return TargetStatus(JobState.PREEMPTED, f"Preempted: {reason}")
    disruption = condition(pod, "DisruptionTarget")
    if disruption is None or (terminated(pod) is None and not is_over(pod) and disruption["reason"] not in _NODE_LOST):
        return None
    text = f"{disruption.get('reason', '')}: {disruption.get('message', '')}"[:_TEXT]
    if disruption.get("reason") in _NODE_LOST:
        return TargetStatus(JobState.LOST, f"NodeLost: {text}")
    word = "Evicted" if pod["status"].get("reason") == "Evicted" else "Preempted"
    return TargetStatus(JobState.PREEMPTED, f"{word}: {text}")


def _end(seen: Progressing, end: JsonObject) -> TargetStatus:
    pod, last = seen.pod, seen.last_word
    if seen.is_cancelled:
        return TargetStatus(JobState.CANCELLED, "cancelled")
    if end["type"] == "Complete":
        return TargetStatus(JobState.SUCCEEDED)
    container = terminated(pod) if pod else None
    if container and container.get("reason") == "OOMKilled":
        return TargetStatus(JobState.FAILED, "OOMKilled", "OOMKilled: the container used more than its memory limit")
    if "DeadlineExceeded" in (end.get("reason"), pod["status"].get("reason") if pod else ""):
        return TargetStatus(JobState.FAILED, TIMEOUT, f"{TIMEOUT}: {_said(end, pod)}")
    if pod and pod["status"].get("reason"):  # Evicted, NodeShutdown, OutOfcpu, UnexpectedAdmissionError, …
        reason = str(pod["status"]["reason"])
        return TargetStatus(JobState.FAILED, reason, f"{reason}: {pod['status'].get('message', '')}"[:_TEXT])
    if last:
        return TargetStatus(last.state, last.reason, last.error)
    if container:
        return _died(container)
    if seen.begun:
        return TargetStatus(JobState.FAILED, "RunnerDied", "RunnerDied: its pod was removed")
    return TargetStatus(JobState.FAILED, str(end.get("reason", "Failed")), str(end.get("message", ""))[:_TEXT])


def _died(container: JsonObject) -> TargetStatus:
    """Tell of a container that ended without the runner's last word."""
    reason, code = str(container.get("reason", "")), container.get("exitCode")
    text = str(container.get("message", "")).strip()
    last_line = text.splitlines()[-1][:_TEXT] if text else f"exit code {code}"
    if reason not in ("Error", "Completed", ""):  # StartError, ContainerCannotRun
        return TargetStatus(JobState.FAILED, reason, f"{reason}: {last_line}")
    if _DISK_FULL in text:  # before the runner could so much as begin
        return TargetStatus(JobState.FAILED, "disk-full", last_line)
    return TargetStatus(JobState.FAILED, "RunnerDied", f"RunnerDied: {last_line}")


def _said(end: JsonObject, pod: JsonObject | None) -> str:
    text = (pod["status"].get("message") if pod else "") or end.get("message", "")
    return str(text)[:_TEXT]


def _without_pod(seen: Progressing) -> TargetStatus:
    if seen.workload is not None and is_going(seen.workload):
        return TargetStatus(JobState.RUNNING if seen.begun else JobState.STARTING, "being deleted")
    if seen.workload is not None and is_suspended(seen.workload):
        return TargetStatus(JobState.QUEUED, "waits for its queue", queue_position=seen.queue_position)
    if "exceeded quota" in seen.warning:
        return TargetStatus(JobState.QUEUED, f"quota-exceeded: {seen.warning}"[:_TEXT])
    if seen.warning and seen.stuck_s >= seen.grace_s:
        return TargetStatus(JobState.FAILED, "FailedCreate", f"FailedCreate: {seen.warning}"[:_TEXT])
    return TargetStatus(JobState.STARTING, seen.warning[:_TEXT])


def _with_pod(seen: Progressing, pod: JsonObject) -> TargetStatus:
    status = pod.get("status", {})
    if status.get("phase", "Pending") != "Pending":
        return TargetStatus(JobState.RUNNING if seen.begun else JobState.STARTING)
    scheduled: JsonObject = next(
        (entry for entry in status.get("conditions") or () if entry["type"] == "PodScheduled"), {}
    )
    if scheduled.get("status") == "False":
        text = str(scheduled.get("message", "")).strip()
        return TargetStatus(JobState.QUEUED, f"{scheduled.get('reason', 'Unschedulable')}: {text}"[:_TEXT])
    reason, text = trouble(pod), str(waiting(pod).get("message", ""))
    if not reason:
        return TargetStatus(JobState.STARTING, str(waiting(pod).get("reason", "")))
    if seen.stuck_s < seen.grace_s and reason not in ("InvalidImageName", "ErrImageNeverPull"):
        return TargetStatus(JobState.STARTING, f"{reason}: {text}"[:_TEXT])
    return TargetStatus(JobState.FAILED, reason, f"{reason}: {text}"[:_TEXT])
