"""The world of a real cluster, rehearsed: it sees the fake one through a kubeconfig and nothing else."""

from __future__ import annotations

import secrets
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.fake_cluster import FakeCluster, sandbox
from tests.targets.scripted import write_job
from tests.targets.worlds.cluster import Cluster
from workbench.compute.kubernetes import KubernetesTarget
from workbench.contract.status import JobState
from workbench.foundation.errors import UnavailableError
from workbench.foundation.project import Project

pytestmark = [
    pytest.mark.skipif(bool(sandbox.why_not()), reason=sandbox.why_not() or "containers can be made"),
    pytest.mark.xdist_group("kubernetes"),
]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    made = FakeCluster(tmp_path / "c")
    monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
    monkeypatch.delenv("WORKBENCH_TEST_IMAGE", raising=False)
    yield made
    made.close()


def test_the_suite_finds_its_way_in_a_cluster_that_it_knows_by_kubeconfig_alone(cluster, tmp_path) -> None:
    world = Cluster(tmp_path / "w")
    assert world.image == "papermill:test", "not python:3.11-slim, and none of the cluster's own"
    assert "far-mlflow" not in world.cannot
    root = tmp_path / "p"
    root.mkdir()
    (root / "workbench.toml").write_text(f'[project]\nname = "p"\n\n[targets.far]\n{world.toml()}')
    project, execution = Project.open(root, actor="ada@example.org"), f"jb-{secrets.token_hex(4)}"
    target = KubernetesTarget(project, "far", _options(root))
    write_job(project, execution, "time.sleep(2)\nend(0)")
    target.submit(execution)
    _until(target, execution, JobState.RUNNING)
    assert len(world.processes(execution)) == 1
    world.cut_link()
    with pytest.raises(UnavailableError):
        target.status(execution) if time.sleep(0.6) is None else None
    world.mend_link()
    _until(target, execution, JobState.SUCCEEDED)
    assert (world.processes(execution), world.starts(execution)) == ([], 1)
    world.close()
    deadline = time.monotonic() + 20
    while cluster.objects.list("jobs", world.namespace) or cluster.objects.list("pods", world.namespace):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert cluster.objects.get("namespaces", "", world.namespace) is None


def test_without_a_cluster_it_says_so(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(pytest.skip.Exception, match="KUBECONFIG names no cluster"):
        Cluster(tmp_path)


def _options(root: Path) -> dict[str, object]:
    found = tomllib.loads((root / "workbench.toml").read_text())["targets"]["far"]
    return {key: value for key, value in found.items() if key != "kind"}


def _until(target: KubernetesTarget, execution: str, state: JobState) -> None:
    deadline = time.monotonic() + 30
    while (status := target.poll({execution: 0})[execution].status).state is not state:
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
