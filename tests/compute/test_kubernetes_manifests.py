"""Every object that the Kubernetes target makes is valid and restricted, whatever the options: checked offline."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.targets.fake_cluster.admission import Refused, admit, check_restricted
from tests.targets.fake_cluster.custom import ray_fault
from workbench.compute.kubernetes.capacity import quantity
from workbench.compute.kubernetes.checks import NEEDED, OF_WORKLOADS
from workbench.compute.kubernetes.manifest import Owner, config_map, job, resolved_env, toleration
from workbench.compute.kubernetes.names import label_value, object_name, owner_annotations, owner_labels
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.compute.kubernetes.workloads import WORKLOADS
from workbench.foundation.errors import UsageError

SPEC: dict[str, Any] = {
    "job": "jb-1f2e3d4c",
    "attempt": 2,
    "notebook": "notebooks/訓練.ipynb",
    "target": "tokyo k8s",
    "env": {"DB_PASSWORD": "k8s-secret:db/password", "REGION": "env:REGION"},
    "resources": {"cpus": 2, "memory_bytes": 3 << 30, "gpus": 1, "time_limit_s": 90},
    "grace_s": 5.0,
}
PLAIN = KubernetesOptions(image="papermill:test")
FULL = KubernetesOptions(
    image="registry.example:5000/ml/papermill:1.2",
    service_account="notebooks",
    uid=4711,
    node_selector={"disk": "ssd", "topology.kubernetes.io/zone": "tokyo-1"},
    tolerations=("gpu=a100:NoSchedule", "spot", "node.kubernetes.io/unreachable:NoExecute"),
    image_pull_secrets=("registry",),
    queue="night",
    pvc={"datasets": "/data:ro", "scratch": "/scratch"},
    scratch_gb=1.5,
    ttl_s=60,
)
OWNER = Owner(
    owner_labels("jb-1f2e3d4c.2", SPEC, "Trial für Zwei / 2", "ada@example.org"),
    owner_annotations(SPEC, "Trial für Zwei / 2", "ada@example.org"),
)
VERSIONS = ["1.35.0", "1.36.0", "1.37.0"]


def build(options: KubernetesOptions, workload: str = "job", spec: dict[str, Any] = SPEC) -> dict[str, Any]:
    return WORKLOADS[workload].build("jb-1f2e3d4c.2", OWNER, spec, options)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("spec", [SPEC, {}], ids=["asks", "asks-nothing"])
def test_jobs_are_valid_for_the_strict_schema(version, options, spec) -> None:
    kubernetes_validate.validate(build(options, spec=spec), version, strict=True)
    texts, blobs = {"spec.json": "{}", "runner.py": "x"}, {"bundle.tar.gz": b"\x1f\x8b"}
    kubernetes_validate.validate(config_map("jb-1f2e3d4c.2", OWNER, texts, blobs), version, strict=True)


def test_the_command_of_the_package_agrees(tmp_path) -> None:
    import yaml

    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump_all([build(PLAIN), config_map("jb-1", OWNER, {"spec.json": "{}"}, {})]))
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", "1.36.0", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("passed")) == (0, 2), done.stdout + done.stderr


@pytest.mark.checklist("S3-17")
@pytest.mark.parametrize("options", [PLAIN, FULL], ids=["plain", "full"])
def test_pods_are_restricted(options) -> None:
    found = admit("jobs", build(options), "Strict")
    check_restricted({**found["spec"]["template"], "metadata": {"name": "p"}})
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert container["imagePullPolicy"] == "IfNotPresent"


def plant_field(found: dict[str, Any]) -> None:
    found["spec"]["backOffLimit"] = 0


def plant_type(found: dict[str, Any]) -> None:
    found["spec"]["ttlSecondsAfterFinished"] = "60"


def plant_restart(found: dict[str, Any]) -> None:
    found["spec"]["template"]["spec"]["restartPolicy"] = "Always"


def plant_label(found: dict[str, Any]) -> None:
    found["metadata"]["labels"]["mlops-workbench/actor"] = "ada@example.org"


def plant_mount(found: dict[str, Any]) -> None:
    found["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].append({"name": "no", "mountPath": "/no"})


@pytest.mark.parametrize(
    ("plant", "word"),
    [
        (plant_field, 'unknown field "spec.backOffLimit"'),
        (plant_type, "cannot unmarshal"),
        (plant_restart, "restartPolicy"),
        (plant_label, "metadata.labels"),
        (plant_mount, "volumeMounts"),
    ],
)
def test_a_planted_fault_is_refused(plant, word) -> None:
    found = build(FULL)
    plant(found)
    with pytest.raises(Refused) as caught:
        admit("jobs", found, "Strict")
    assert word in caught.value.message


@pytest.mark.checklist("S3-17")
@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("pod", "runAsNonRoot", False),
        ("pod", "seccompProfile", {"type": "Unconfined"}),
        ("container", "allowPrivilegeEscalation", True),
        ("container", "capabilities", {"drop": ["NET_RAW"]}),
        ("container", "runAsUser", 0),
    ],
)
def test_a_planted_security_fault_is_refused(where, key, value) -> None:
    template = copy.deepcopy(build(PLAIN)["spec"]["template"])
    place = template["spec"] if where == "pod" else template["spec"]["containers"][0]
    place["securityContext"][key] = value
    if key == "runAsNonRoot":
        del template["spec"]["containers"][0]["securityContext"][key]
    with pytest.raises(Refused, match="PodSecurity"):
        check_restricted({**template, "metadata": {"name": "p"}})


@pytest.mark.parametrize("kind", ["rayjob", "trainjob"])
@pytest.mark.parametrize("options", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("spec", [SPEC, {}], ids=["asks", "asks-nothing"])
def test_custom_workloads_are_valid_for_the_schema_of_their_crd(kind, options, spec) -> None:
    found = build(options, kind, spec)
    assert kind == "trainjob" or ray_fault(found) == ""
    assert admit(WORKLOADS[kind].plural, found, "Strict") == found
    found["spec"]["activeDeadlineSecond"] = 3
    assert "activeDeadlineSecond" not in admit(WORKLOADS[kind].plural, found, "Warn")["spec"], "dropped in silence"
    with pytest.raises(Refused, match="unknown field"):
        admit(WORKLOADS[kind].plural, found, "Strict")


@pytest.mark.parametrize(
    ("kind", "path", "value", "word"),
    [
        ("rayjob", ("spec", "ttlSecondsAfterFinished"), "60", "'60' is not of type 'integer'"),
        ("rayjob", ("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams"), 1, "1 is not of type 'object'"),
        ("rayjob", ("spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "nodes"), 1, "nodes"),
        ("rayjob", ("apiVersion",), "ray.io/v2", "ray.io/v2 is not served"),
        ("trainjob", ("spec", "trainer", "numNodes"), "1", "'1' is not of type 'integer'"),
        ("trainjob", ("spec", "runtimeRef"), {}, "'name' is a required property"),
        ("trainjob", ("spec", "runtimePatches", 0, "manager"), None, "None is not of type 'string'"),
        ("trainjob", ("spec", "trainer", "env", 0, "name"), 7, "7 is not of type 'string'"),
    ],
)
def test_a_planted_fault_in_a_custom_workload_is_refused(kind, path, value, word) -> None:
    found = copy.deepcopy(build(FULL, kind))
    place = found
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(Refused) as caught:
        admit(WORKLOADS[kind].plural, found, "Strict")
    assert word in caught.value.message


def test_what_is_asked_for_is_what_is_allowed() -> None:
    (container,) = build(FULL)["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"] == {"cpu": "2000m", "memory": str(3 << 30), "nvidia.com/gpu": "1"}
    secret = next(one for one in container["env"] if one["name"] == "DB_PASSWORD")
    assert secret["valueFrom"] == {"secretKeyRef": {"name": "db", "key": "password"}}
    assert resolved_env(SPEC) == {"DB_PASSWORD": "env:DB_PASSWORD", "REGION": "env:REGION"}


def test_deadlines_stand_behind_one_another() -> None:
    found = job("jb-1", OWNER, SPEC, PLAIN)["spec"]
    pod = found["template"]["spec"]
    assert 90 < pod["activeDeadlineSeconds"] < found["activeDeadlineSeconds"]
    assert "activeDeadlineSeconds" not in job("jb-1", OWNER, {}, PLAIN)["spec"]
    assert found["backoffLimit"] == 0
    assert found["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]


def test_names_and_labels_keep_to_the_syntax() -> None:
    assert object_name("jb-1f2e3d4c.12") == "wb-jb-1f2e3d4c-12"
    assert label_value("アダ@例 x_" + "y" * 80) == "x_" + "y" * 60
    assert label_value("山田") == ""
    assert OWNER.labels["mlops-workbench/attempt"] == "2"


def test_tolerations_are_what_kubectl_taint_means() -> None:
    assert toleration("gpu=a100:NoSchedule") == {
        "key": "gpu",
        "operator": "Equal",
        "value": "a100",
        "effect": "NoSchedule",
    }
    assert toleration("spot") == {"key": "spot", "operator": "Exists"}


def test_a_config_map_over_the_limit_is_refused_here() -> None:
    whole = config_map("jb-1", OWNER, {"spec.json": "é" * 1000}, {"bundle.tar.gz": bytes((1 << 20) - 2000)})
    admit("configmaps", whole, "Strict")
    with pytest.raises(UsageError) as caught:
        config_map("jb-1", OWNER, {"spec.json": "é" * 1000}, {"bundle.tar.gz": bytes((1 << 20) - 1999)})
    assert caught.value.code == "bundle-too-large"


@pytest.mark.parametrize("source", ["k8s-secret:db", "k8s-secret:/x", "k8s-secret:"])
def test_a_secret_source_without_a_key_is_refused(source) -> None:
    with pytest.raises(UsageError) as caught:
        build(PLAIN, spec={"env": {"X": source}})
    assert caught.value.code == "secret-source-invalid"


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", 0.25), ("2", 2.0), ("8Gi", 8 * 2**30), ("1e3", 1000.0), ("5k", 5000.0), ("100n", 1e-7), ("much", 0.0)],
)
def test_quantities_are_read(text, value) -> None:
    assert quantity(text) == pytest.approx(value)


def test_the_adapter_is_cheap_to_import() -> None:
    code = "import sys, workbench.compute.kubernetes; sys.exit('kubernetes' in sys.modules or 'fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_documented_role_grants_what_is_asked_for_and_nothing_that_writes_more() -> None:
    import yaml

    role, capacity = yaml.safe_load_all((Path(__file__).parents[2] / "docs" / "kubernetes-role.yaml").read_text())
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {(group, f"{one}/{sub}" if sub else one, verb) for group, one, sub, verb in NEEDED}
    needed |= {(group, one, verb) for group, one, _ in [WORKLOADS["job"].resource] for verb in OF_WORKLOADS}
    assert needed <= granted
    writing = {one for one in granted if one[2] not in ("get", "list")}
    assert writing - needed == {
        (group, one, verb)
        for group in ("ray.io", "trainer.kubeflow.org")
        for one in ("rayjobs", "trainjobs")
        for verb in ("create", "delete")
    }
    assert {verb for rule in capacity["rules"] for verb in rule["verbs"]} == {"get", "list"}
