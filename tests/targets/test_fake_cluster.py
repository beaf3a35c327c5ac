"""The fake cluster is held to what real components do, through the official client; then planted faults are found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, config

from tests.targets.fake_cluster import FakeCluster, sandbox

pytestmark = [
    pytest.mark.skipif(bool(sandbox.why_not()), reason=sandbox.why_not() or "containers can be made"),
    pytest.mark.xdist_group("kubernetes"),
]
NAMESPACE = "team"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    made = FakeCluster(tmp_path_factory.mktemp("fake") / "c", NAMESPACE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def api(cluster: FakeCluster) -> client.ApiClient:
    return config.new_client_from_config(str(cluster.kubeconfig))


def pod_spec(*command: str, **more: Any) -> dict[str, Any]:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "main",
                "image": "papermill:test",
                "command": list(command),
                "securityContext": security,
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
        **more,
    }


def job(name: str, *command: str, pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"test": name}}, "spec": pod_spec(*command, **(pod or {}))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def until(is_so: Callable[[], Any], timeout_s: float = 20) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.03)
    return found


def conditions(api: client.ApiClient, name: str) -> list[str]:
    found = client.BatchV1Api(api).read_namespaced_job(name, NAMESPACE).status.conditions or []
    return [one.type for one in found if one.status == "True"]


def only_pod(api: client.ApiClient, name: str) -> client.V1Pod:
    found = client.CoreV1Api(api).list_namespaced_pod(NAMESPACE, label_selector=f"job-name={name}").items
    return found[0] if found else None


def test_a_job_completes_in_steps_and_its_log_can_be_read(api) -> None:
    command = ("python3", "-c", "import os, sys; print('uid', os.getuid(), flush=True); print('e', file=sys.stderr)")
    client.BatchV1Api(api).create_namespaced_job(NAMESPACE, job("good", *command))
    until(lambda: "Complete" in conditions(api, "good"))
    assert conditions(api, "good") == ["SuccessCriteriaMet", "Complete"]
    pod = only_pod(api, "good")
    assert pod.status.phase == "Succeeded"
    assert pod.status.container_statuses[0].state.terminated.reason == "Completed"
    core = client.CoreV1Api(api)
    assert core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE).splitlines() == ["uid 1000", "e"]
    stamped = core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE, timestamps=True, tail_lines=1)
    assert stamped.split(" ")[0].endswith("Z")
    assert len(stamped.splitlines()) == 1


def test_failure_is_announced_before_it_is_one(api) -> None:
    client.BatchV1Api(api).create_namespaced_job(NAMESPACE, job("bad", "python3", "-c", "raise SystemExit('no luck')"))
    seen = []

    def failed() -> bool:
        seen.append(conditions(api, "bad"))
        return "Failed" in seen[-1]

    until(failed)
    assert ["FailureTarget"] in seen
    end = only_pod(api, "bad").status.container_statuses[0].state.terminated
    assert (end.exit_code, end.reason, end.message) == (1, "Error", "no luck\n")


def test_a_first_process_without_a_handler_ignores_sigterm(api, cluster) -> None:
    body = job("deaf", "python3", "-c", "import time; time.sleep(60)", pod={"terminationGracePeriodSeconds": 2})
    client.BatchV1Api(api).create_namespaced_job(NAMESPACE, body)
    until(lambda: (pod := only_pod(api, "deaf")) and pod.status.phase == "Running")
    time.sleep(0.5)
    began = time.monotonic()
    client.BatchV1Api(api).delete_namespaced_job("deaf", NAMESPACE, propagation_policy="Foreground")
    until(lambda: only_pod(api, "deaf") is None)
    assert time.monotonic() - began > 1.5
    with pytest.raises(client.ApiException, match="404"):
        client.BatchV1Api(api).read_namespaced_job("deaf", NAMESPACE)


def test_time_to_live_and_owners_take_things_away(api) -> None:
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    made = batch.create_namespaced_job(NAMESPACE, job("brief", "true", ttlSecondsAfterFinished=1))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "brief", "uid": made.metadata.uid}
    metadata = {"name": "brief", "ownerReferences": [owner]}
    core.create_namespaced_config_map(NAMESPACE, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    until(lambda: not batch.list_namespaced_job(NAMESPACE, field_selector="metadata.name=brief").items)
    until(lambda: not core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=brief").items)
    until(lambda: only_pod(api, "brief") is None)


def test_immutable_means_its_data_alone(api) -> None:
    core = client.CoreV1Api(api)
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "fixed"},
        "immutable": True,
        "data": {"a": "1"},
    }
    core.create_namespaced_config_map(NAMESPACE, body)
    with pytest.raises(client.ApiException) as caught:
        core.create_namespaced_config_map(NAMESPACE, body)
    assert (caught.value.status, "AlreadyExists" in caught.value.body) == (409, True)
    patch = {"_content_type": "application/merge-patch+json"}
    core.patch_namespaced_config_map("fixed", NAMESPACE, {"metadata": {"labels": {"x": "y"}}}, **patch)
    with pytest.raises(client.ApiException, match="422"):
        core.patch_namespaced_config_map("fixed", NAMESPACE, {"data": {"a": "2"}}, **patch)


@pytest.mark.parametrize(
    ("field_validation", "status"),
    [("Strict", 400), (None, 201)],
)
def test_unknown_fields_are_dropped_in_silence_unless_strict(api, cluster, field_validation, status) -> None:
    cluster.custom_groups["ray.io"] = "v1"
    custom = client.CustomObjectsApi(api)
    body = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": f"ray-{status}"},
        "spec": {"entrypoint": "true", "shutdownAfterJobFinish": True},
    }
    arguments = ("ray.io", "v1", NAMESPACE, "rayjobs", body)
    if status == 400:
        with pytest.raises(client.ApiException) as caught:
            custom.create_namespaced_custom_object(*arguments, field_validation=field_validation)
        assert 'unknown field \\"spec.shutdownAfterJobFinish\\"' in caught.value.body
    else:
        made = custom.create_namespaced_custom_object(*arguments)
        assert "shutdownAfterJobFinish" not in made["spec"]


def test_an_insecure_pod_is_refused_in_the_jobs_events(api) -> None:
    body = job("rooty", "true", pod={"securityContext": {"runAsUser": 0}})
    client.BatchV1Api(api).create_namespaced_job(NAMESPACE, body)
    found = until(
        lambda: [
            one
            for one in client.CoreV1Api(api).list_namespaced_event(NAMESPACE).items
            if one.involved_object.name == "rooty"
        ]
    )
    assert "violates PodSecurity" in found[0].message


def test_readers_of_a_log_follow_it_and_may_begin_later(api, cluster) -> None:
    code = "import time\nfor n in range(6):\n    print(n, flush=True)\n    time.sleep(0.5)"
    client.BatchV1Api(api).create_namespaced_job(NAMESPACE, job("chatty", "python3", "-c", code))
    until(lambda: (pod := only_pod(api, "chatty")) and pod.status.phase == "Running")
    name, core = only_pod(api, "chatty").metadata.name, client.CoreV1Api(api)
    began = time.monotonic()
    answer = core.read_namespaced_pod_log(name, NAMESPACE, follow=True, _preload_content=False)
    assert b"".join(answer.stream(amt=None)).split() == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert time.monotonic() - began > 1
    last = core.read_namespaced_pod_log(name, NAMESPACE, timestamps=True).splitlines()[-1].split(" ")[0]
    request = api.param_serialize(
        "GET",
        f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log",
        query_params=[("sinceTime", last)],
        auth_settings=["BearerToken"],
    )
    later = api.call_api(*request).read().split()
    assert b"5" in later, "whole seconds: what is of the same second comes again"
    assert b"0" not in later


def test_nobody_gets_in_without_a_token(cluster) -> None:
    stranger = client.ApiClient(
        client.Configuration(host=str(config.new_client_from_config(str(cluster.kubeconfig)).configuration.host))
    )
    with pytest.raises(client.ApiException, match="401"):
        client.CoreV1Api(stranger).list_namespaced_pod(NAMESPACE)
