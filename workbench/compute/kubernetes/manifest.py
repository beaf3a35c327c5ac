"""Turn a spec and options into the objects of an execution: pure, so that a test can validate every one of them.

The pod is what the ``restricted`` Pod Security Standard asks for: no root, no capabilities, no escalation, the
runtime's seccomp profile, no token, and a read-only root file system with an emptyDir wherever something has to be
written. The ConfigMap is mounted read-only, so a line of Python copies its files into the job directory and becomes the
runner.

Retries are ours, with the attempt number as fencing token, hence ``backoffLimit: 0``. A pod that is taken away before
it could say anything is replaced by the Job controller (``Ignore`` on ``DisruptionTarget``); ``sight`` calls one that
had begun PREEMPTED. The runner keeps the time limit; behind it stands the pod's deadline, which leaves its
log to be read, and behind that the Job's, which removes pods with their logs and so only limits the waiting.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.compute.kubernetes.names import QUEUE, object_name
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.foundation.errors import UsageError

CONTAINER = "notebook"
CONFIG_MAP_LIMIT = 1 << 20
"""What the API server takes in a ConfigMap, all values together."""
SECRET_SOURCE = "k8s-secret:"  # noqa: S105 -- the name of a kind of source

_CONFIG, _HOME, _TMP = "/opt/mlops-workbench", "/home/job", "/tmp"  # noqa: S108 -- the pod's own
_BOOT = """\
import io, json, os, shutil, sys, tarfile, urllib.request
source, job = sys.argv[1:]
for name in os.listdir(source):
    if not name.startswith(".."):
        shutil.copyfile(os.path.join(source, name), os.path.join(job, name))
os.chdir(job)
with open("spec.json", encoding="utf-8") as stream:
    luggage = json.load(stream).get("luggage")
if luggage:
    with (urllib.request.urlopen(luggage, timeout=60) if "://" in luggage else open(luggage, "rb")) as stream:
        tarfile.open(fileobj=io.BytesIO(stream.read())).extractall(job)
os.execv(sys.executable, [sys.executable, "-u", os.path.join(job, "runner.py"), job])
"""
_SAVING_S = 20
"""What the runner may take beside a cell's own grace to save the notebook and to say its last word."""


@dataclass(frozen=True)
class Owner:
    """Whose an execution is.

    Attributes:
        labels: Labels of every object.
        annotations: Annotations of every object.
    """

    labels: dict[str, str]
    annotations: dict[str, str]


def config_map(execution: str, owner: Owner, texts: Mapping[str, str], blobs: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the immutable ConfigMap that carries an execution's files.

    Raises:
        UsageError: ``bundle-too-large``: the API server would refuse it.
    """
    total = sum(len(text.encode()) for text in texts.values()) + sum(len(blob) for blob in blobs.values())
    if total > CONFIG_MAP_LIMIT:
        message = f"Notebook, runner and bundle have {total:,} bytes; a ConfigMap holds {CONFIG_MAP_LIMIT:,}"
        hint = 'name an object store: store = "s3://bucket/prefix" in [targets.<name>] of workbench.toml'
        raise UsageError("bundle-too-large", message, f"{hint}, or clear the notebook's outputs")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(execution, owner),
        "immutable": True,
        "data": dict(texts),
        "binaryData": {name: base64.b64encode(blob).decode() for name, blob in blobs.items()},
    }


def job(execution: str, owner: Owner, spec: Mapping[str, Any], options: KubernetesOptions) -> dict[str, Any]:
    """Return the ``batch/v1`` Job of an execution."""
    head = metadata(execution, owner)
    body: dict[str, Any] = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "ttlSecondsAfterFinished": options.ttl_s,
        "template": pod_template(execution, owner, spec, options),
    }
    if limit := deadline_s(spec, options):
        body["activeDeadlineSeconds"] = limit + math.ceil(options.pending_s)
    if options.queue:
        head["labels"][QUEUE] = options.queue
        body["suspend"] = True  # Kueue admits it
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": body}


def pod_template(execution: str, owner: Owner, spec: Mapping[str, Any], options: KubernetesOptions) -> dict[str, Any]:
    """Return the pod that runs the notebook."""
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # other people's services are no variables of ours
        "terminationGracePeriodSeconds": grace_period_s(spec, options),
        "securityContext": pod_security(options),
        "containers": [container(spec, options)],
        "volumes": volumes(execution, options),
    }
    if limit := deadline_s(spec, options):
        pod["activeDeadlineSeconds"] = limit
    if options.service_account:
        pod["serviceAccountName"] = options.service_account
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    if options.tolerations:
        pod["tolerations"] = [toleration(text) for text in options.tolerations]
    if options.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in options.image_pull_secrets]
    return {"metadata": {"labels": dict(owner.labels), "annotations": dict(owner.annotations)}, "spec": pod}


def pod_security(options: KubernetesOptions) -> dict[str, Any]:
    """Return the pod's part of the restricted standard; fsGroup lets the user write into every emptyDir and claim."""
    return {
        "runAsNonRoot": True,
        "runAsUser": options.uid,
        "runAsGroup": options.uid,
        "fsGroup": options.uid,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container(spec: Mapping[str, Any], options: KubernetesOptions) -> dict[str, Any]:
    """Return the one container."""
    return {
        "name": CONTAINER,
        "image": options.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [options.python, "-c", _BOOT, _CONFIG, options.folder],
        "env": variables(spec),
        "workingDir": options.folder,
        "resources": resources(spec, options),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts(options),
    }


def variables(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return writable places for everything that wants one, and variables that come from the cluster's own secrets."""
    places = {
        "HOME": _HOME,
        "IPYTHONDIR": f"{_HOME}/.ipython",
        "JUPYTER_CONFIG_DIR": f"{_HOME}/.jupyter",
        "JUPYTER_DATA_DIR": f"{_HOME}/.local/share/jupyter",
        "JUPYTER_RUNTIME_DIR": f"{_HOME}/.jupyter-runtime",
        "MPLCONFIGDIR": f"{_HOME}/.matplotlib",
        "XDG_CACHE_HOME": f"{_HOME}/.cache",
        "TMPDIR": _TMP,
        "USER": "job",  # a bare user id has no name in /etc/passwd, and getpass asks for one
        "LOGNAME": "job",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WORKBENCH_JOB": str(spec.get("job", "")),
    }
    found: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in places.items()]
    for name, source in sorted(dict(spec.get("env", {})).items()):
        if source.startswith(SECRET_SOURCE):
            secret, key = secret_key(name, source)
            found.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    return found


def secret_key(variable: str, source: str) -> tuple[str, str]:
    """Split ``k8s-secret:name/key``.

    Raises:
        UsageError: ``secret-source-invalid``.
    """
    name, _, key = source.removeprefix(SECRET_SOURCE).partition("/")
    if not name or not key:
        message = f"The source '{source}' of {variable} names no secret and key"
        raise UsageError("secret-source-invalid", message, f'write {variable} = "{SECRET_SOURCE}name/key"')
    return name, key


def resolved_env(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the spec's sources as the runner sees them: what the cluster has put in the environment is there."""
    env: dict[str, str] = dict(spec.get("env", {}))
    return {name: f"env:{name}" if source.startswith(SECRET_SOURCE) else source for name, source in env.items()}


def resources(spec: Mapping[str, Any], options: KubernetesOptions) -> dict[str, Any]:
    """Return requests and limits, which are equal: a job gets what it asked for and no more."""
    wanted = dict(spec.get("resources", {}))
    amounts: dict[str, str] = {}
    if cpus := float(wanted.get("cpus", 0)):
        amounts["cpu"] = f"{math.ceil(cpus * 1000)}m"
    if memory_bytes := int(wanted.get("memory_bytes", 0)):
        amounts["memory"] = str(memory_bytes)
    if gpus := int(wanted.get("gpus", 0)):
        amounts[options.gpu_resource] = str(gpus)
    return {"requests": dict(amounts), "limits": dict(amounts)} if amounts else {}


def mounts(options: KubernetesOptions) -> list[dict[str, Any]]:
    """Return where what is mounted in the container."""
    found: list[dict[str, Any]] = [
        {"name": "config", "mountPath": _CONFIG, "readOnly": True},
        {"name": "job", "mountPath": options.folder},
        {"name": "home", "mountPath": _HOME},
        {"name": "tmp", "mountPath": _TMP},
    ]
    for number, place in enumerate(options.pvc.values()):
        path, _, mode = place.partition(":")
        found.append({"name": f"claim-{number}", "mountPath": path, "readOnly": mode == "ro"})
    return found


def volumes(execution: str, options: KubernetesOptions) -> list[dict[str, Any]]:
    """Return the volumes behind the mounts."""
    scratch = {"sizeLimit": f"{math.ceil(options.scratch_gb * 1024)}Mi"} if options.scratch_gb else {}
    found: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": object_name(execution)}},
        {"name": "job", "emptyDir": scratch},
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    for number, (claim, place) in enumerate(options.pvc.items()):
        reference = {"claimName": claim, "readOnly": place.endswith(":ro")}
        found.append({"name": f"claim-{number}", "persistentVolumeClaim": reference})
    return found


def toleration(text: str) -> dict[str, str]:
    """Return the toleration of a taint that is written as ``kubectl taint`` does: ``key[=value][:effect]``."""
    taint, _, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    found = {"key": key, "operator": "Equal", "value": value} if equals else {"key": key, "operator": "Exists"}
    return {**found, "effect": effect} if effect else found


def deadline_s(spec: Mapping[str, Any], options: KubernetesOptions) -> int:
    """Return the seconds after which a pod is ended; 0 where the job has no time limit.

    The runner keeps the limit itself and counts from the kernel's start; this is for a runner that does not come to it.
    """
    limit_s = float(dict(spec.get("resources", {})).get("time_limit_s", 0))
    return math.ceil(limit_s + options.startup_s) if limit_s else 0


def grace_period_s(spec: Mapping[str, Any], options: KubernetesOptions) -> int:
    """Return the seconds between SIGTERM and SIGKILL."""
    return math.ceil(max(options.grace_s, float(spec.get("grace_s", 0)))) + _SAVING_S


def metadata(execution: str, owner: Owner) -> dict[str, Any]:
    """Return name, labels and annotations of an execution's object."""
    return {
        "name": object_name(execution),
        "labels": dict(owner.labels),
        "annotations": dict(owner.annotations),
    }
