"""Look whether a cluster could take a job now, and say which command mends what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from workbench.compute.kubernetes.capacity import KUEUE, exceeded, preferred_version, quotas
from workbench.compute.kubernetes.cluster import Cluster, flags
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.compute.kubernetes.workloads import Workload
from workbench.contract.project import Finding
from workbench.foundation.errors import DeniedError, NotFoundError, WorkbenchError

NEEDED = (
    ("", "configmaps", "", "create"),
    ("", "configmaps", "", "patch"),
    ("", "configmaps", "", "delete"),
    ("", "pods", "", "list"),
    ("", "pods", "log", "get"),
    ("", "events", "", "list"),
)
"""Group, resource, subresource and verb, beside those for the workload itself; ``docs/compute.md`` has the Role."""
OF_WORKLOADS = ("create", "get", "list", "delete")


def check_cluster(cluster: Cluster, workload: Workload, options: KubernetesOptions) -> tuple[Finding, ...]:
    """Look at everything that has to hold; stops at what makes the rest pointless."""
    return tuple(_findings(cluster, workload, options))


def _findings(cluster: Cluster, workload: Workload, options: KubernetesOptions) -> Iterator[Finding]:
    yield _image(options)
    try:
        namespace = cluster.namespace
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="check") as pool:
            asked = [
                pool.submit(_may, cluster, group, resource, sub, verb)
                for group, resource, sub, verb in (*NEEDED, *((*workload.resource, verb) for verb in OF_WORKLOADS))
            ]
            forbidden = [refused for future in asked if (refused := future.result())]
    except WorkbenchError as error:
        yield _broken("cluster", error)
        return
    yield Finding("cluster", is_ok=True, message=f"{cluster.host} answers")
    yield _attempt("namespace", f"namespace {namespace} exists", lambda: _find_namespace(cluster))
    yield _permissions(namespace, forbidden, options)
    yield _quota(cluster)
    if workload.group:
        yield _attempt(
            "workload",
            f"the cluster knows {workload.kind}",
            lambda: _find_group(cluster, workload.group, f"{workload.kind} objects (option workload)"),
        )
    if options.queue:
        yield _attempt("queue", f"queue {options.queue} exists", lambda: _find_queue(cluster, options.queue))


def _image(options: KubernetesOptions) -> Finding:
    if options.image:
        return Finding("image", is_ok=True, message=f"image {options.image}")
    hint = 'set image = "registry/name:tag" (with papermill and ipykernel) in [targets.<name>] of workbench.toml'
    return Finding("image", is_ok=False, message="no image is given [image-missing]", hint=hint)


def _may(cluster: Cluster, group: str, resource: str, subresource: str, verb: str) -> str:
    """Ask whether I may; returns what is refused, as ``kubectl auth can-i`` writes it."""
    attributes = {"namespace": cluster.namespace, "verb": verb, "group": group, "resource": resource}
    if subresource:
        attributes["subresource"] = subresource
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = cluster.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    name = f"{resource}.{group}" if group else resource
    return "" if answer["status"]["allowed"] else f"{verb} {name}{f'/{subresource}' if subresource else ''}"


def _permissions(namespace: str, forbidden: list[str], options: KubernetesOptions) -> Finding:
    if not forbidden:
        return Finding("permissions", is_ok=True, message=f"you may run jobs in {namespace}")
    verb, _, resource = forbidden[0].partition(" ")
    look = f"kubectl{flags(options)} -n {namespace} auth can-i {verb} {resource}"
    hint = f"ask for the Role in docs/compute.md, then: {look}"
    message = f"you may not {', '.join(forbidden)} in namespace {namespace} [cluster-forbidden]"
    return Finding("permissions", is_ok=False, message=message, hint=hint)


def _find_namespace(cluster: Cluster) -> None:
    try:
        cluster.get(f"/api/v1/namespaces/{cluster.namespace}")
    except DeniedError:
        return  # whoever may work in a namespace need not be allowed to look at it


def _quota(cluster: Cluster) -> Finding:
    smallest: dict[str, Any] = {"spec": {"containers": [{}]}}
    if full := exceeded(quotas(cluster), smallest, whole=False):
        hint = f"kubectl -n {cluster.namespace} describe resourcequota"
        return Finding("quota", is_ok=False, message=f"{full} [quota-exceeded]", hint=hint)
    return Finding("quota", is_ok=True, message="the namespace's quota leaves room")


def _find_group(cluster: Cluster, group: str, what: str) -> None:
    try:
        preferred_version(cluster, group)
    except NotFoundError as error:
        hint = f"kubectl api-resources --api-group {group}"
        raise NotFoundError("workload-unknown", f"The cluster has no {what}", hint) from error


def _find_queue(cluster: Cluster, queue: str) -> None:
    _find_group(cluster, KUEUE, "Kueue, which option queue needs")
    try:
        cluster.get(cluster.path("localqueues", queue, f"{KUEUE}/{preferred_version(cluster, KUEUE)}"))
    except DeniedError:
        return
    except NotFoundError as error:
        hint = f"kubectl -n {cluster.namespace} get localqueues"
        message = f"Namespace '{cluster.namespace}' has no queue '{queue}'"
        raise NotFoundError("queue-missing", message, hint) from error


def _attempt(name: str, message: str, look: Callable[[], None]) -> Finding:
    try:
        look()
    except WorkbenchError as error:
        return _broken(name, error)
    return Finding(name, is_ok=True, message=message)


def _broken(name: str, error: WorkbenchError) -> Finding:
    return Finding(name, is_ok=False, message=f"{error.message} [{error.code}]", hint=error.hint)
