"""The controllers: Jobs with their pods, a scheduler, Kueue's admission, garbage collection and time to live."""

from __future__ import annotations

import copy
import random
import string
import time
from typing import Any

from tests.targets.fake_cluster.admission import Refused, check_quota, check_restricted
from tests.targets.fake_cluster.objects import (
    FOREGROUND,
    JsonObject,
    Objects,
    has_condition,
    now,
    set_condition,
)
from workbench.compute.kubernetes.capacity import asked, quantity

TRACKING = "batch.kubernetes.io/job-tracking"
QUEUE = "kueue.x-k8s.io/queue-name"


class Controllers:
    """Everything that brings the cluster nearer to what objects ask for."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._finished_at: dict[str, float] = {}
        self._failed_create: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._targeted: dict[str, float] = {}

    def tick(self) -> None:
        """Take one step."""
        self._collect()
        for job in self.objects.list("jobs"):
            self._queue(job)
            self._job(self.objects.get("jobs", job["metadata"]["namespace"], job["metadata"]["name"]) or job)
        for pod in self.objects.list("pods"):
            if not pod["spec"].get("nodeName"):
                self._schedule(pod)

    # Jobs

    def _job(self, job: JsonObject) -> None:
        metadata = job["metadata"]
        pods = self._pods_of(job)
        for pod in pods:
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                self._release(pod)
        if has_condition(job, "Complete") or has_condition(job, "Failed"):
            self._expire(job)
            return
        if metadata.get("deletionTimestamp"):
            return
        active = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        if job["spec"].get("suspend"):
            self._suspend(job, active)
            return
        self._started.setdefault(metadata["uid"], time.monotonic())
        done = [pod for pod in pods if pod["status"].get("phase") == "Succeeded"]
        failed = [pod for pod in pods if pod["status"].get("phase") == "Failed" and not _is_ignored(job, pod)]
        limit = job["spec"].get("activeDeadlineSeconds")
        is_late = limit and time.monotonic() - self._started[metadata["uid"]] > limit
        if has_condition(job, "FailureTarget") or failed or is_late:
            self._fail(job, active, is_late=bool(is_late))
        elif done:
            self._complete(job)
        elif not active:
            self._create_pod(job)

    def _fail(self, job: JsonObject, active: list[JsonObject], *, is_late: bool) -> None:
        """First ``FailureTarget``; ``Failed`` once no pod is left that has not ended."""
        with self._change(job) as kept:
            if not has_condition(kept, "FailureTarget"):
                reason = "DeadlineExceeded" if is_late else "BackoffLimitExceeded"
                text = (
                    "Job was active longer than specified deadline"
                    if is_late
                    else "Job has reached the specified backoff limit"
                )
                set_condition(kept, "FailureTarget", reason=reason, message=text)
                self._targeted[job["metadata"]["uid"]] = time.monotonic()
                return
        for pod in active:
            self.objects.delete("pods", pod)
        if not active and time.monotonic() - self._targeted.get(job["metadata"]["uid"], 0.0) > 0.6:
            with self._change(job) as kept:
                target = next(one for one in kept["status"]["conditions"] if one["type"] == "FailureTarget")
                set_condition(kept, "Failed", reason=target["reason"], message=target["message"])
                kept["status"].update(failed=1, active=0)

    def _complete(self, job: JsonObject) -> None:
        with self._change(job) as kept:
            if not has_condition(kept, "SuccessCriteriaMet"):
                set_condition(kept, "SuccessCriteriaMet", reason="CompletionsReached")
                return
            set_condition(kept, "Complete", reason="CompletionsReached")
            kept["status"].update(succeeded=1, active=0, completionTime=now())

    def _suspend(self, job: JsonObject, active: list[JsonObject]) -> None:
        for pod in active:
            self.objects.delete("pods", pod)
        self._started.pop(job["metadata"]["uid"], None)
        with self._change(job) as kept:
            set_condition(kept, "Suspended", reason="JobSuspended", message="Job suspended")
            kept["status"].pop("startTime", None)

    def _create_pod(self, job: JsonObject) -> None:
        metadata, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
        if time.monotonic() - self._failed_create.get(metadata["uid"], 0.0) < 1.0:
            return
        suffix = "".join(random.choices(string.ascii_lowercase, k=5))
        name = f"{metadata['name']}-{suffix}"
        labels = {**template.get("metadata", {}).get("labels", {}), "job-name": metadata["name"]}
        labels |= {
            "batch.kubernetes.io/job-name": metadata["name"],
            "batch.kubernetes.io/controller-uid": metadata["uid"],
        }
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": template.get("metadata", {}).get("annotations", {}),
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
                "finalizers": [TRACKING, "fake/kubelet"],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        try:
            self.admit_pod(pod)
        except Refused as refused:
            self._failed_create[metadata["uid"]] = time.monotonic()
            self.event(job, "FailedCreate", f"Error creating: {refused.message}")
            return
        self.objects.add("pods", pod)
        with self._change(job) as kept:
            set_condition(kept, "Suspended", "False", "JobResumed") if "suspend" in kept["spec"] else None
            kept["status"].update(active=1, startTime=kept["status"].get("startTime") or now())

    def admit_pod(self, pod: JsonObject) -> None:
        """Refuse a pod as the API server does when a controller creates one."""
        namespace = self.objects.get("namespaces", "", pod["metadata"]["namespace"]) or {"metadata": {}}
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") == "restricted":
            check_restricted(pod)
        check_quota(self.objects, pod)

    def event(self, about: JsonObject, reason: str, message: str) -> None:
        """Write a warning."""
        metadata = about["metadata"]
        name = f"{metadata['name']}.{time.monotonic_ns():x}"
        reference = {"kind": about["kind"], "namespace": metadata["namespace"], "name": metadata["name"]}
        self.objects.add(
            "events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": metadata["namespace"]},
                "involvedObject": {**reference, "uid": metadata["uid"]},
                "reason": reason,
                "message": message,
                "type": "Warning",
                "lastTimestamp": now(),
            },
        )

    def _expire(self, job: JsonObject) -> None:
        ended = self._finished_at.setdefault(job["metadata"]["uid"], time.monotonic())
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is not None and time.monotonic() - ended >= ttl:
            self.objects.delete("jobs", job, "Foreground")

    def _pods_of(self, job: JsonObject) -> list[JsonObject]:
        uid = job["metadata"]["uid"]
        pods = self.objects.list("pods", job["metadata"]["namespace"])
        return [pod for pod in pods if any(one["uid"] == uid for one in pod["metadata"].get("ownerReferences", []))]

    def _release(self, pod: JsonObject) -> None:
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            held = kept["metadata"].get("finalizers", [])
            kept["metadata"]["finalizers"] = [one for one in held if one != TRACKING]

    def _change(self, job: JsonObject) -> Any:
        return self.objects.change("jobs", job["metadata"]["namespace"], job["metadata"]["name"])

    # Kueue

    def _queue(self, job: JsonObject) -> None:
        """Admit a queued job where its queue has room for one more."""
        queue = job["metadata"].get("labels", {}).get(QUEUE)
        namespace = job["metadata"]["namespace"]
        local = self.objects.get("localqueues", namespace, queue) if queue else None
        if local is None or not job["spec"].get("suspend") or has_condition(job, "Failed"):
            return
        jobs = [one for one in self.objects.list("jobs", namespace) if one["metadata"]["labels"].get(QUEUE) == queue]
        running = [one for one in jobs if not one["spec"].get("suspend") and not _is_finished(one)]
        waiting = [one for one in jobs if one["spec"].get("suspend") and not _is_finished(one)]
        whole = self.objects.get("clusterqueues", "", local["spec"]["clusterQueue"]) or {}
        room = quantity(whole["spec"]["resourceGroups"][0]["flavors"][0]["resources"][0]["nominalQuota"])
        used = sum(asked({"spec": one["spec"]["template"]["spec"]}, "cpu") for one in running)
        first = min(waiting, key=lambda one: int(one["metadata"]["resourceVersion"]))
        need = asked({"spec": job["spec"]["template"]["spec"]}, "cpu")
        reserved = [{"name": "default", "resources": [{"name": "cpu", "total": f"{used:g}"}]}]
        with self.objects.change("clusterqueues", "", local["spec"]["clusterQueue"]) as kept:
            kept["status"]["flavorsReservation"] = reserved
        with self.objects.change("localqueues", namespace, queue) as kept:
            kept["status"]["pendingWorkloads"] = len(waiting)
        if (
            first["metadata"]["uid"] == job["metadata"]["uid"]
            and used + need <= room
            and not whole["spec"].get("stopPolicy")
        ):
            with self._change(job) as kept:
                kept["spec"]["suspend"] = False

    # Scheduler

    def _schedule(self, pod: JsonObject) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            return
        nodes = self.objects.list("nodes")
        reasons = []
        for node in nodes:
            if reason := self._why_not(pod, node):
                reasons.append(reason)
                continue
            with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
                kept["spec"]["nodeName"] = node["metadata"]["name"]
                set_condition(kept, "PodScheduled")
                kept["status"]["startTime"] = now()
            return
        text = f"0/{len(nodes)} nodes are available: {len(nodes)} {reasons[0] if reasons else 'no nodes'}."
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            set_condition(kept, "PodScheduled", "False", "Unschedulable", text)

    def _why_not(self, pod: JsonObject, node: JsonObject) -> str:
        labels = node["metadata"].get("labels", {})
        if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
            return "node(s) didn't match Pod's node affinity/selector"
        tolerated = pod["spec"].get("tolerations", [])
        for taint in node["spec"].get("taints", []):
            if not any(_tolerates(one, taint) for one in tolerated):
                return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
        placed = [one for one in self.objects.list("pods") if one["spec"].get("nodeName") == node["metadata"]["name"]]
        placed = [one for one in placed if one["status"].get("phase") not in ("Succeeded", "Failed")]
        wanted = pod["spec"]["containers"][0].get("resources", {}).get("requests", {})
        for name in wanted:
            free = quantity(node["status"]["allocatable"].get(name, "0")) - sum(asked(one, name) for one in placed)
            if asked(pod, name) > free:
                return f"Insufficient {name}"
        return ""

    # Garbage

    def _collect(self) -> None:
        everything = self.objects.all()
        alive = {found["metadata"]["uid"] for _, found in everything}
        places = {found["metadata"]["name"] for resource, found in everything if resource == "namespaces"}
        for resource, found in everything:
            owners = found["metadata"].get("ownerReferences", [])
            is_homeless = found["metadata"].get("namespace", "") not in {"", *places}
            if is_homeless or (owners and not any(owner["uid"] in alive for owner in owners)):
                self.objects.delete(resource, found)
            if FOREGROUND in found["metadata"].get("finalizers", []):
                uid = found["metadata"]["uid"]
                theirs = [(kind, one) for kind, one in everything if _is_owned(one, uid)]
                for kind, one in theirs:
                    self.objects.delete(kind, one)
                if not theirs:
                    with self.objects.change(
                        resource, found["metadata"]["namespace"], found["metadata"]["name"]
                    ) as kept:
                        kept["metadata"]["finalizers"] = []
            is_over = found.get("status", {}).get("phase") in ("Succeeded", "Failed") or _has_no_owner(found, alive)
            if resource == "pods" and found["metadata"].get("deletionTimestamp") and is_over:
                self._release(found)


def _has_no_owner(pod: JsonObject, alive: set[str]) -> bool:
    return not any(one["uid"] in alive for one in pod["metadata"].get("ownerReferences", []))


def _is_owned(found: JsonObject, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in found["metadata"].get("ownerReferences", []))


def _is_finished(job: JsonObject) -> bool:
    return has_condition(job, "Complete") or has_condition(job, "Failed")


def _is_ignored(job: JsonObject, pod: JsonObject) -> bool:
    for rule in job["spec"].get("podFailurePolicy", {}).get("rules", []):
        kinds = [one["type"] for one in rule.get("onPodConditions", [])]
        if rule["action"] == "Ignore" and any(has_condition(pod, kind) for kind in kinds):
            return True
    return False


def _tolerates(one: JsonObject, taint: JsonObject) -> bool:
    if one.get("effect") and one["effect"] != taint["effect"]:
        return False
    if one.get("operator", "Equal") == "Exists":
        return not one.get("key") or one["key"] == taint["key"]
    return one.get("key") == taint["key"] and one.get("value", "") == taint.get("value", "")
