"""The kinds of objects that can run an execution: a Job, and RayJob and TrainJob where the cluster has them.

Each is created with strict field validation: what a custom resource does not know is otherwise dropped in silence. A
RayJob's notebook is the driver on the head node and its log what ``ray job submit`` repeats; a TrainJob's notebook is
the trainer of one node. Both end with the conditions that a Job has, after :meth:`Workload.read`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.compute.kubernetes import manifest
from workbench.compute.kubernetes.manifest import Owner
from workbench.compute.kubernetes.names import EXECUTION, PREFIX, QUEUE
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.foundation.errors import UsageError, did_you_mean

JsonObject = dict[str, Any]
Build = Callable[[str, Owner, Mapping[str, Any], KubernetesOptions], JsonObject]


@dataclass(frozen=True)
class Workload:
    """A kind of object that runs an execution.

    Attributes:
        kind: Its kind.
        api: Group and version.
        plural: Its name in a path.
        container: Container whose log is the runner's.
        build: Makes the object.
        read: Brings its status into the form of a Job's.
    """

    kind: str
    api: str
    plural: str
    container: str
    build: Build
    read: Callable[[JsonObject], JsonObject]

    @property
    def group(self) -> str:
        """API group, for what is no part of Kubernetes itself; empty for a Job."""
        group = self.api.partition("/")[0]
        return "" if group == "batch" else group

    @property
    def resource(self) -> tuple[str, str, str]:
        """Group, resource and subresource, as a question for permission has them."""
        return self.api.partition("/")[0], self.plural, ""


def find_workload(options: KubernetesOptions, target: str) -> Workload:
    """Return the kind of object that the options ask for.

    Raises:
        UsageError: ``workload-unknown``.
    """
    if options.workload not in WORKLOADS:
        message = f"Target '{target}' has no workload '{options.workload}'"
        raise UsageError("workload-unknown", message, did_you_mean(options.workload, WORKLOADS))
    return WORKLOADS[options.workload]


def ray_job(execution: str, owner: Owner, spec: Mapping[str, Any], options: KubernetesOptions) -> JsonObject:
    """Return a RayJob whose driver is the runner, on a cluster of one head."""
    head = manifest.pod_template(execution, owner, spec, options)
    del head["metadata"]["labels"][EXECUTION]  # the pod that is listened to is the submitter
    runner = head["spec"]["containers"][0]
    entrypoint = shlex.join(runner.pop("command"))
    del runner["workingDir"]
    del head["spec"]["restartPolicy"]  # the operator's own
    head["spec"].pop("activeDeadlineSeconds", None)
    submitter = manifest.pod_template(execution, owner, {}, options)
    submitter["spec"]["containers"][0].pop("command")  # the operator's own
    submitter["spec"]["volumes"] = [volume for volume in submitter["spec"]["volumes"] if "emptyDir" in volume]
    kept = {volume["name"] for volume in submitter["spec"]["volumes"]}
    mounts = submitter["spec"]["containers"][0]["volumeMounts"]
    submitter["spec"]["containers"][0]["volumeMounts"] = [mount for mount in mounts if mount["name"] in kept]
    body: JsonObject = {
        "entrypoint": entrypoint,
        "submissionMode": "K8sJobMode",
        "backoffLimit": 0,
        "submitterConfig": {"backoffLimit": 0},
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": options.ttl_s,
        "rayClusterSpec": {
            "rayVersion": options.ray_version,
            "headGroupSpec": {"rayStartParams": {"dashboard-host": "0.0.0.0"}, "template": head},  # noqa: S104 -- in the pod
        },
        "submitterPodTemplate": submitter,
    }
    if limit := manifest.deadline_s(spec, options):
        body["activeDeadlineSeconds"] = limit + math.ceil(options.pending_s)
    return _whole(WORKLOADS["rayjob"], manifest.metadata(execution, owner), body, options)


def train_job(execution: str, owner: Owner, spec: Mapping[str, Any], options: KubernetesOptions) -> JsonObject:
    """Return a TrainJob of one node whose trainer is the runner."""
    pod = manifest.pod_template(execution, owner, spec, options)
    runner = pod["spec"]["containers"][0]
    allowed = (
        "serviceAccountName",
        "volumes",
        "imagePullSecrets",
        "securityContext",
        "nodeSelector",
        "tolerations",
    )
    patch = {key: value for key, value in pod["spec"].items() if key in allowed}
    patch["containers"] = [
        {
            "name": "node",
            "volumeMounts": runner["volumeMounts"],
            "securityContext": runner["securityContext"],
        }
    ]
    template = {"metadata": pod["metadata"], "spec": patch}
    jobs = [{"name": "node", "template": {"spec": {"template": template}}}]
    trainer: JsonObject = {
        "image": options.image,
        "command": runner["command"],
        "env": runner["env"],
        "numNodes": 1,
    }
    if runner["resources"]:
        trainer["resourcesPerNode"] = runner["resources"]
    body: JsonObject = {
        "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": options.runtime},
        "trainer": trainer,
        "runtimePatches": [
            {
                "manager": f"{PREFIX}/target",
                "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}},
            }
        ],
    }
    if limit := manifest.deadline_s(spec, options):
        body["activeDeadlineSeconds"] = limit + math.ceil(options.pending_s)
    return _whole(WORKLOADS["trainjob"], manifest.metadata(execution, owner), body, options)


def _whole(workload: Workload, metadata: JsonObject, body: JsonObject, options: KubernetesOptions) -> JsonObject:
    if options.queue:
        metadata["labels"][QUEUE] = options.queue
        body = {**body, "suspend": True}
    return {"apiVersion": workload.api, "kind": workload.kind, "metadata": metadata, "spec": body}


def _as_it_is(found: JsonObject) -> JsonObject:
    return found


def _read_ray_job(found: JsonObject) -> JsonObject:
    """Say with a Job's conditions what a RayJob says with two words."""
    status = found.get("status") or {}
    deployment, job = status.get("jobDeploymentStatus", ""), status.get("jobStatus", "")
    kind = ""
    if deployment in ("Failed", "ValidationFailed") or (deployment == "Complete" and job != "SUCCEEDED"):
        kind = "Failed"
    elif deployment == "Complete":
        kind = "Complete"
    reason, message = status.get("reason", job), status.get("message", "")
    conditions = [{"type": kind, "status": "True", "reason": reason, "message": message}] if kind else []
    return {**found, "status": {**status, "conditions": conditions}}


WORKLOADS: Mapping[str, Workload] = {
    "job": Workload("Job", "batch/v1", "jobs", manifest.CONTAINER, manifest.job, _as_it_is),
    "rayjob": Workload("RayJob", "ray.io/v1", "rayjobs", manifest.CONTAINER, ray_job, _read_ray_job),
    "trainjob": Workload("TrainJob", "trainer.kubeflow.org/v1alpha1", "trainjobs", "node", train_job, _as_it_is),
}
