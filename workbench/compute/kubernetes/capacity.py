"""What a cluster has free: what its nodes offer, less what pods asked for; quotas and queues in their own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.compute.kubernetes.cluster import Cluster, items
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.foundation.errors import DeniedError, NotFoundError

JsonObject = Mapping[str, Any]

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]{0,2})")
KUEUE = "kueue.x-k8s.io"


@dataclass(frozen=True)
class Room:
    """What a cluster offers.

    Attributes:
        cpus: Cores of nodes that take pods.
        cpus_free: Cores that no pod has asked for; -1 where other people's pods cannot be seen.
        memory_bytes: Memory of those nodes.
        disk_bytes: Ephemeral storage of those nodes.
        gpus: GPUs.
        gpus_free: GPUs that no pod has asked for; -1 where that cannot be seen.
        pending: Pods that wait; -1 where that cannot be seen.
    """

    cpus: float = 0.0
    cpus_free: float = -1.0
    memory_bytes: float = 0.0
    disk_bytes: float = 0.0
    gpus: float = 0.0
    gpus_free: float = -1.0
    pending: int = -1


def quantity(text: str | float) -> float:
    """Read a Kubernetes quantity: ``250m``, ``8Gi``, ``1e3``."""
    found = _QUANTITY.fullmatch(str(text))
    if not found or found[2] not in _SUFFIXES:
        return 0.0
    return float(found[1]) * _SUFFIXES[found[2]]


def find_room(cluster: Cluster, options: KubernetesOptions) -> Room:
    """Count what nodes offer and pods have asked for; what one may not see is unknown, not zero."""
    try:
        nodes = [node for node in items(cluster.get("/api/v1/nodes")) if _takes_pods(node)]
    except DeniedError:
        return Room()
    offered = {name: _offered(nodes, name) for name in ("cpu", "memory", "ephemeral-storage", options.gpu_resource)}
    total = Room(offered["cpu"], -1.0, offered["memory"], offered["ephemeral-storage"], offered[options.gpu_resource])
    try:
        pods = items(cluster.get("/api/v1/pods", {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}))
    except DeniedError:
        return total
    names = {node["metadata"]["name"] for node in nodes}
    placed = [pod for pod in pods if pod["spec"].get("nodeName") in names]
    return Room(
        total.cpus,
        max(0.0, total.cpus - sum(asked(pod, "cpu") for pod in placed)),
        total.memory_bytes,
        total.disk_bytes,
        total.gpus,
        max(0.0, total.gpus - sum(asked(pod, options.gpu_resource) for pod in placed)),
        sum(not pod["spec"].get("nodeName") for pod in pods),
    )


def asked(pod: JsonObject, resource: str) -> float:
    """Return what a pod's containers have asked for; an init container counts where it asks for more."""
    spec = pod["spec"]
    together = _requests(spec.get("containers") or (), resource)
    first = max((_requests([one], resource) for one in spec.get("initContainers") or ()), default=0.0)
    return max(together, first)


def quota_text(cluster: Cluster) -> str:
    """Return the namespace's quotas: ``requests.cpu 3 of 8, pods 4 of 10``."""
    parts = []
    for quota in quotas(cluster):
        used = quota.get("status", {}).get("used") or {}
        hard = quota.get("status", {}).get("hard") or quota["spec"].get("hard") or {}
        parts += [f"{name} {used.get(name, '0')} of {most}" for name, most in hard.items()]
    return ", ".join(parts)


def quotas(cluster: Cluster) -> Sequence[JsonObject]:
    """Return the namespace's ResourceQuotas; none where one may not see them."""
    try:
        return items(cluster.get(cluster.path("resourcequotas")))
    except DeniedError:
        return ()


def exceeded(found: Iterable[JsonObject], pod: JsonObject, *, whole: bool) -> str:
    """Tell what a pod would ask for beyond a quota; empty where it fits.

    Args:
        found: ResourceQuotas.
        pod: A pod template.
        whole: Against the whole quota, whatever is used of it now.
    """
    for quota in found:
        used = {} if whole else quota.get("status", {}).get("used") or {}
        for name, most in (quota["spec"].get("hard") or {}).items():
            more = _counted(pod, name)
            if more and quantity(used.get(name, "0")) + more > quantity(most):
                name_of_quota = quota["metadata"]["name"]
                return f"quota '{name_of_quota}' allows {name} {most}, of which {used.get(name, '0')} is used"
    return ""


def queue_text(cluster: Cluster, queue: str) -> str:
    """Return how full a Kueue queue is, in its ClusterQueue's own figures; empty where Kueue is not to be seen."""
    try:
        version = preferred_version(cluster, KUEUE)
        local = cluster.get(cluster.path("localqueues", queue, f"{KUEUE}/{version}"))
        name = local["spec"]["clusterQueue"]
        whole = cluster.get(f"/apis/{KUEUE}/{version}/clusterqueues/{name}")
    except (DeniedError, NotFoundError):
        return ""
    used: dict[str, float] = {}
    for flavor in whole.get("status", {}).get("flavorsReservation") or ():
        for resource in flavor.get("resources") or ():
            used[resource["name"]] = used.get(resource["name"], 0.0) + quantity(resource.get("total", "0"))
    parts = []
    for group in whole["spec"].get("resourceGroups") or ():
        for flavor in group.get("flavors") or ():
            for resource in flavor.get("resources") or ():
                taken = used.get(resource["name"], 0.0)
                parts.append(f"{resource['name']} {_short(taken)} of {resource['nominalQuota']}")
    waiting = local.get("status", {}).get("pendingWorkloads", 0)
    return f"queue {queue} ({name}): {', '.join(parts)}; {waiting} waiting"


def preferred_version(cluster: Cluster, group: str) -> str:
    """Return the version of an API group that the server prefers.

    Raises:
        NotFoundError: The cluster does not know the group.
    """
    return str(cluster.get(f"/apis/{group}")["preferredVersion"]["version"])


def _takes_pods(node: JsonObject) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    is_ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return is_ready and not node["spec"].get("unschedulable")


def _offered(nodes: Iterable[JsonObject], resource: str) -> float:
    return sum(quantity(node["status"].get("allocatable", {}).get(resource, "0")) for node in nodes)


def _requests(containers: Iterable[JsonObject], resource: str) -> float:
    found = 0.0
    for container in containers:
        wanted = container.get("resources") or {}
        requests, limits = wanted.get("requests") or {}, wanted.get("limits") or {}
        found += quantity(requests.get(resource, limits.get(resource, "0")))
    return found


def _counted(pod: JsonObject, name: str) -> float:
    """Return what a quota of this name counts of a pod."""
    if name in ("pods", "count/pods", "count/jobs.batch", "count/configmaps", "configmaps"):
        return 1.0
    kind, _, resource = name.partition(".")
    if kind == "requests":
        return asked(pod, resource)
    if kind == "limits":
        containers = pod["spec"].get("containers") or ()
        return sum(quantity((one.get("resources", {}).get("limits") or {}).get(resource, "0")) for one in containers)
    return asked(pod, name) if name in ("cpu", "memory") else 0.0


def _short(amount: float) -> str:
    return f"{amount / 2**30:g}Gi" if amount >= 2**20 else f"{amount:g}"
