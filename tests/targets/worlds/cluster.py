"""A world in whatever cluster ``KUBECONFIG`` points to, reached through a link that can be cut.

The suite makes a namespace of its own, which enforces the restricted Pod Security Standard, and takes it away again.
The image is ``WORKBENCH_TEST_IMAGE``, else one that the cluster's nodes already have.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.targets.link import Link
from tests.targets.scripted import write_job
from tests.targets.worlds.world import World
from workbench.compute.kubernetes import KubernetesTarget
from workbench.compute.kubernetes.cluster import Cluster as Api
from workbench.compute.kubernetes.cluster import items
from workbench.compute.kubernetes.names import EXECUTION, object_name
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.compute.kubernetes.sight import is_over
from workbench.foundation.project import Project

BARE = "python:3.11-slim"
_SYSTEM = (
    "pause", "coredns", "kube-", "etcd", "k3s", "rancher/", "kindest/", "kindnet", "local-path", "metrics-server",
    "flannel", "calico", "cilium", "traefik", "klipper", "registry.k8s.io/", "k8s.gcr.io/", "storage-provisioner",
)  # fmt: skip
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class Cluster(World):
    """A real cluster."""

    lag_s = 10.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        if not os.environ.get("KUBECONFIG"):
            pytest.skip("KUBECONFIG names no cluster")
        self._link, self._kubeconfig = linked(Path(os.environ["KUBECONFIG"].split(os.pathsep)[0]), folder)
        self.namespace = f"mlops-workbench-{secrets.token_hex(3)}"
        self._api = Api(KubernetesOptions(kubeconfig=str(self._kubeconfig), namespace=self.namespace))
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": self.namespace, "labels": labels}
        self._api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.image = os.environ.get("WORKBENCH_TEST_IMAGE") or find_image(self._api)
        self.cannot = {
            "disk-full": "an emptyDir has no size of its own before the node evicts the pod",
            "files-while-running": "a pod is never connected into; its files come with its last words",
            "killed-runner": "nobody gets at a pod's processes from outside",
        }
        if not self._has_mlflow(folder / "probe"):
            self.cannot["far-mlflow"] = f"{self.image} has no mlflow"

    def close(self) -> None:
        """Take the namespace away."""
        self.mend_link()
        self._api.delete(f"/api/v1/namespaces/{self.namespace}", "Background")
        self._link.break_off()

    def toml(self) -> str:
        return (
            f'kind = "kubernetes"\nkubeconfig = "{self._kubeconfig}"\nnamespace = "{self.namespace}"\n'
            f'image = "{self.image}"\nlost_after_s = 8.0\n'
        )

    def cut_link(self) -> None:
        self._link.break_off()

    def mend_link(self) -> None:
        self._link.mend()

    def kill_runner(self, execution: str) -> None:
        raise NotImplementedError(self.cannot["killed-runner"])

    def processes(self, execution: str) -> list[str]:
        """Return the pods that still have any."""
        query = {"labelSelector": f"{EXECUTION}={execution}"}
        pods = items(self._api.get(self._api.path("pods"), query))
        return [pod["metadata"]["name"] for pod in pods if not is_over(pod)]

    def starts(self, execution: str) -> int:
        found = self._api.find(self._api.path("jobs", object_name(execution), "batch/v1")) or {}
        status = found.get("status", {})
        return sum(int(status.get(key, 0)) for key in ("active", "succeeded", "failed"))

    def fill_disk(self) -> None:
        raise NotImplementedError(self.cannot["disk-full"])

    def free_disk(self) -> None:
        """Nothing was filled."""

    def log(self) -> str:
        pods = items(self._api.get(self._api.path("pods")))
        return "\n".join(f"{pod['metadata']['name']}: {pod.get('status')}" for pod in pods)[-4000:]

    def _has_mlflow(self, folder: Path) -> bool:
        """Ask the image, with the smallest job there is."""
        folder.mkdir()
        (folder / "workbench.toml").write_text('[project]\nname = "probe"\n')
        project = Project.open(folder, actor="probe@example.org")
        options = {"kubeconfig": str(self._kubeconfig), "namespace": self.namespace, "image": self.image}
        target = KubernetesTarget(project, "probe", options)
        execution = f"jb-{secrets.token_hex(4)}"
        script = 'import importlib.util\nsay("out", text=str(bool(importlib.util.find_spec("mlflow"))))\nend(0)'
        write_job(project, execution, script)
        target.submit(execution)
        deadline, seen = time.monotonic() + 120, []
        while True:
            sighting = target.poll({execution: len(seen)})[execution]
            seen += sighting.events
            if sighting.status.state.is_terminal:
                assert len(seen) == 3, (sighting.status, seen)
                return seen[1].data["text"] == "True"
            assert time.monotonic() < deadline, (sighting.status, self.log())
            time.sleep(0.2)


def linked(kubeconfig: Path, folder: Path) -> tuple[Link, Path]:
    """Return a link to a cluster's API server and a kubeconfig that goes through it, still verified by its own name."""
    found: dict[str, Any] = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    context = next(one["context"] for one in found["contexts"] if one["name"] == found["current-context"])
    cluster = next(one["cluster"] for one in found["clusters"] if one["name"] == context["cluster"])
    for entry in (*(one["cluster"] for one in found["clusters"]), *(one["user"] for one in found["users"])):
        for key in _FILES:
            if key in entry:
                entry[key] = str(kubeconfig.parent / entry[key])
    parts = urlsplit(cluster["server"])
    link = Link(parts.port or 443, parts.hostname or "127.0.0.1")
    cluster["server"] = f"{parts.scheme}://127.0.0.1:{link.port}{parts.path}"
    if parts.scheme == "https" and parts.hostname != "127.0.0.1":
        cluster.setdefault("tls-server-name", parts.hostname)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    path.chmod(0o600)
    return link, path


def find_image(api: Api) -> str:
    """Return an image that a node has and that is neither the bare Python nor the cluster's own."""
    names = [
        name
        for node in items(api.get("/api/v1/nodes"))
        for image in node["status"].get("images") or ()
        for name in image.get("names") or ()
        if "@" not in name and not name.endswith(BARE) and not any(word in name for word in _SYSTEM)
    ]
    if not names:
        pytest.skip("no node has an image to test with; name one: WORKBENCH_TEST_IMAGE")
    return sorted(names, key=lambda name: ("papermill" not in name, "jupyter" not in name, name))[0]
