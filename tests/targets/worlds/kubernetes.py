"""A world in a Kubernetes cluster: the fake one, whose containers are real processes in real mount namespaces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.targets.fake_cluster import FakeCluster, sandbox
from tests.targets.fake_cluster.kubelet import Running
from tests.targets.worlds.world import World
from workbench.compute.kubernetes.names import object_name


class Kubernetes(World):
    """A cluster of one node in this process; followers reach it through its kubeconfig. Its emptyDirs have 64 MiB."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        if reason := sandbox.why_not():
            pytest.skip(reason)
        self._volumes = folder / "cluster" / "volumes"
        self._volumes.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self._volumes)], check=True)
        self.cluster = FakeCluster(folder / "cluster")
        self._kubeconfig = self.cluster.kubeconfig
        self.cannot = {
            "files-while-running": "a pod is never connected into; its files come with its last words",
        }

    def close(self) -> None:
        """Take the cluster away."""
        subprocess.run(["umount", "-l", str(self._volumes)], check=False)
        self.cluster.close()

    def toml(self) -> str:
        return f'kind = "kubernetes"\nkubeconfig = "{self._kubeconfig}"\nimage = "papermill:test"\nlost_after_s = 8.0\n'

    def cut_link(self) -> None:
        self.cluster.cut()

    def mend_link(self) -> None:
        self.cluster.mend()

    def kill_runner(self, execution: str) -> None:
        for running in self._running(execution):
            running.signal(9)

    def processes(self, execution: str) -> list[str]:
        found = []
        for running in self._running(execution):
            for process in running.processes():
                try:
                    found.append(" ".join(process.cmdline()))
                except psutil.Error:
                    continue
        return found

    def starts(self, execution: str) -> int:
        return self.cluster.kubelet.starts.get(object_name(execution), 0)

    def fill_disk(self) -> None:
        with (self._volumes / "ballast").open("wb") as stream:
            try:
                while True:
                    stream.write(b"\0" * 65536)
                    stream.flush()
            except OSError:
                return

    def free_disk(self) -> None:
        (self._volumes / "ballast").unlink(missing_ok=True)

    def log(self) -> str:
        return "\n".join(f"{pod['metadata']['name']}: {pod['status']}" for pod in self.cluster.pods())[-4000:]

    def _running(self, execution: str) -> list[Running]:
        uids = [pod["metadata"]["uid"] for pod in self.cluster.pods(object_name(execution))]
        return [running for uid, running in list(self.cluster.kubelet.running.items()) if uid in uids]
