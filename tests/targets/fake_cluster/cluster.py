"""The cluster as a test holds it: started, looked at, hurt, and taken away."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

from tests.targets.fake_cluster import sandbox
from tests.targets.fake_cluster.admission import Refused
from tests.targets.fake_cluster.controller import QUEUE, Controllers
from tests.targets.fake_cluster.kubelet import Kubelet
from tests.targets.fake_cluster.objects import JsonObject, Objects, set_condition
from tests.targets.fake_cluster.operators import Operators, install
from tests.targets.fake_cluster.sandbox import Image
from tests.targets.fake_cluster.server import make_server

GIB = 1 << 30
_TICK_S = 0.05

__all__ = ["FakeCluster", "Image"]


class FakeCluster:
    """A running cluster.

    Attributes:
        namespace: Namespace that enforces the restricted Pod Security Standard.
        forbidden: Pairs of verb and resource (``("get", "pods/log")``) that nobody may.
        faults: Answers that the next requests get.
        requests: What was asked: method and path.
    """

    def __init__(self, folder: Path, namespace: str = "team") -> None:
        self.folder, self.namespace = folder, namespace
        self.token = "t0ken"
        self.objects = Objects()
        self.forbidden: set[tuple[str, str]] = set()
        self.faults: list[Refused] = []
        self.requests: list[tuple[str, str]] = []
        self.custom_groups: dict[str, str] = {}
        self.is_cut = self.is_closed = False
        bare = sandbox.bare_python("python:3.11-slim", folder / "bare")
        self.images = {image.name: image for image in (sandbox.this_python("papermill:test"), bare)}
        self.controllers = Controllers(self.objects)
        self.operators = Operators(self.objects)
        self.kubelet = Kubelet(self.objects, folder, self.images)
        self._populate()
        self._server = make_server(self)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True),
            threading.Thread(target=self._run, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for this cluster."""
        path = self.folder / "kubeconfig"
        host, port = self._server.server_address[:2]
        context = {"cluster": "fake", "user": "ada", "namespace": self.namespace}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "clusters": [{"name": "fake", "cluster": {"server": f"http://{host}:{port}"}}],
                    "users": [{"name": "ada", "user": {"token": self.token}}],
                    "contexts": [{"name": "fake", "context": context}],
                }
            )
        )
        return path

    def close(self) -> None:
        """Take the cluster away with everything that runs on it."""
        self.is_closed = True
        self._threads[1].join(10)
        self._server.shutdown()
        self._server.drop()
        self._server.server_close()
        self.kubelet.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cut(self) -> None:
        """Let nothing through any more."""
        self.is_cut = True
        self._server.drop()

    def mend(self) -> None:
        """Let everything through again."""
        self.is_cut = False

    def drop(self) -> None:
        """Break every connection once."""
        self._server.drop()

    def pods(self, name: str = "") -> list[JsonObject]:
        """Return the pods of a Job, or all."""
        found = self.objects.list("pods", self.namespace)
        return [pod for pod in found if not name or pod["metadata"]["labels"].get("job-name") == name]

    def disrupt(
        self, pod: JsonObject, reason: str, message: str = "preempting to accommodate a higher priority pod"
    ) -> None:
        """Take a pod away, as the scheduler, a drain or the node controller does."""
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            set_condition(kept, "DisruptionTarget", reason=reason, message=message)
            if reason == "TerminationByKubelet":
                kept["status"].update(reason="Evicted", message=message)
        self.objects.delete("pods", pod)

    def add_queue(self, name: str, cpus: int) -> None:
        """Install Kueue's part: a local queue and a cluster queue with so many CPUs."""
        self.custom_groups |= {"kueue.x-k8s.io": "v1beta1", "visibility.kueue.x-k8s.io": "v1beta1"}
        resources = [{"name": "cpu", "nominalQuota": str(cpus)}]
        groups = [{"coveredResources": ["cpu"], "flavors": [{"name": "default", "resources": resources}]}]
        self.objects.add(
            "clusterqueues", {"metadata": {"name": "whole"}, "spec": {"resourceGroups": groups}, "status": {}}
        )
        self.objects.add(
            "localqueues",
            {
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"clusterQueue": "whole"},
                "status": {"pendingWorkloads": 0},
            },
        )

    def add_operators(self) -> None:
        """Install KubeRay and Kubeflow Trainer."""
        install(self.custom_groups)

    def pending_workloads(self, namespace: str, queue: str) -> list[JsonObject]:
        """Return what Kueue's visibility API says of a queue."""
        jobs = [job for job in self.objects.list("jobs", namespace) if job["metadata"]["labels"].get(QUEUE) == queue]
        waiting = sorted(
            (job for job in jobs if job["spec"].get("suspend")), key=lambda job: job["metadata"]["creationTimestamp"]
        )
        return [
            {
                "metadata": {"name": f"job-{job['metadata']['name']}", "ownerReferences": [_reference(job)]},
                "positionInLocalQueue": number,
            }
            for number, job in enumerate(waiting)
        ]

    def _populate(self) -> None:
        self.objects.add("namespaces", {"kind": "Namespace", "metadata": {"name": "default", "labels": {}}})
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.objects.add("namespaces", {"kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}})
        offered = {"cpu": "8", "memory": str(16 * GIB), "ephemeral-storage": str(40 * GIB), "pods": "110"}
        node = {
            "kind": "Node",
            "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1", "disk": "ssd"}},
            "spec": {},
            "status": {"allocatable": offered, "capacity": offered},
        }
        set_condition(node, "Ready")
        node["status"]["images"] = [{"names": [name]} for name in self.images]
        self.objects.add("nodes", node)

    def _run(self) -> None:
        while not self.is_closed:
            self.controllers.tick()
            self.operators.tick()
            self.kubelet.tick()
            time.sleep(_TICK_S)


def _reference(job: JsonObject) -> JsonObject:
    return {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
