"""Stand-ins for KubeRay and Kubeflow Trainer: a RayJob and a TrainJob each become one pod, as far as a test needs."""

from __future__ import annotations

import copy

from tests.targets.fake_cluster.custom import ray_fault
from tests.targets.fake_cluster.objects import JsonObject, Objects, merge, set_condition

_RUNTIME_POD = {"restartPolicy": "Never", "containers": [{"name": "node", "image": "runtime"}]}
_OPERATOR = "fake/kubelet"


def install(groups: dict[str, str]) -> None:
    """Make the API groups known."""
    groups |= {"ray.io": "v1", "trainer.kubeflow.org": "v1alpha1"}


class Operators:
    """Bring custom workloads further."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def tick(self) -> None:
        """Take one step."""
        for resource, make, needed in (("rayjobs", _ray_pod, "rayClusterSpec"), ("trainjobs", _train_pod, "trainer")):
            for found in self.objects.list(resource):
                is_going = found["metadata"].get("deletionTimestamp")
                if is_going or found["spec"].get("suspend") or needed not in found["spec"]:
                    continue
                if resource == "rayjobs" and (fault := ray_fault(found)):
                    self._refuse(found, fault)
                    continue
                self._bring_on(resource, found, make(found))

    def _refuse(self, found: JsonObject, fault: str) -> None:
        """Say of a RayJob what KubeRay says of one that it does not begin."""
        metadata = found["metadata"]
        with self.objects.change("rayjobs", metadata["namespace"], metadata["name"]) as kept:
            words = {"jobDeploymentStatus": "ValidationFailed", "reason": "ValidationFailed", "message": fault}
            kept.setdefault("status", {}).update(words)

    def _bring_on(self, resource: str, found: JsonObject, pod: JsonObject) -> None:
        metadata = found["metadata"]
        known = self.objects.get("pods", metadata["namespace"], pod["metadata"]["name"])
        if known is None and not found.get("status", {}).get("isStarted"):
            owner = {key: found[key] for key in ("apiVersion", "kind")} | {
                "name": metadata["name"],
                "uid": metadata["uid"],
            }
            pod["metadata"] |= {
                "namespace": metadata["namespace"],
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
                "finalizers": [_OPERATOR],
            }
            self.objects.add("pods", {"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Pending"}, **pod})
            with self.objects.change(resource, metadata["namespace"], metadata["name"]) as kept:
                kept.setdefault("status", {})["isStarted"] = True
            return
        phase = (known or {}).get("status", {}).get("phase")
        with self.objects.change(resource, metadata["namespace"], metadata["name"]) as kept:
            if resource == "rayjobs":
                _say_ray(kept, phase)
            elif phase in ("Succeeded", "Failed"):
                set_condition(kept, "Complete" if phase == "Succeeded" else "Failed", reason="JobsCompleted")


def _say_ray(kept: JsonObject, phase: str | None) -> None:
    status = kept.setdefault("status", {})
    if phase in ("Succeeded", "Failed"):
        job, deployment = ("SUCCEEDED", "Complete") if phase == "Succeeded" else ("FAILED", "Failed")
        status.update(jobStatus=job, jobDeploymentStatus=deployment)
        if phase == "Failed":
            status.update(reason="AppFailed", message="Job entrypoint command failed")
    else:
        status.update(jobStatus="RUNNING", jobDeploymentStatus="Running")


def _ray_pod(found: JsonObject) -> JsonObject:
    """Return a pod that is head and submitter at once: the submitter's labels, the head's file system, the driver."""
    head = copy.deepcopy(found["spec"]["rayClusterSpec"]["headGroupSpec"]["template"])
    submitter = found["spec"]["submitterPodTemplate"]
    container = head["spec"]["containers"][0]
    container["command"] = ["/bin/bash", "-c", f"exec {found['spec']['entrypoint']}"]
    head["spec"]["restartPolicy"] = "Never"
    return {
        "metadata": {"name": f"{found['metadata']['name']}-submit", "labels": dict(submitter["metadata"]["labels"])},
        "spec": head["spec"],
    }


def _train_pod(found: JsonObject) -> JsonObject:
    """Return the runtime's pod with the TrainJob's patch and trainer put over it."""
    spec, trainer = copy.deepcopy(_RUNTIME_POD), found["spec"]["trainer"]
    patched = found["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]
    template = copy.deepcopy(patched["template"]["spec"]["template"])
    container = spec["containers"][0]
    for one in template["spec"].pop("containers", []):
        merge(container, one)
    merge(spec, template["spec"])
    container |= {key: trainer[key] for key in ("image", "command", "env") if key in trainer}
    container["resources"] = trainer.get("resourcesPerNode", {})
    metadata = {"name": f"{found['metadata']['name']}-node-0-0", "labels": template["metadata"]["labels"]}
    return {"metadata": metadata, "spec": spec}
