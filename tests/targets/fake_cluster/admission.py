"""What an API server refuses: unknown fields, wrong types, invalid names and labels, quotas, insecure pods."""

from __future__ import annotations

import base64
import re
from typing import Any

import kubernetes_validate

from tests.targets.fake_cluster.custom import invalid_custom, is_custom, prune_custom, unknown_custom
from tests.targets.fake_cluster.objects import JsonObject, Objects
from workbench.compute.kubernetes.capacity import asked, quantity

VERSION = "1.36.0"
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_VOLATILE = ("emptyDir", "configMap", "persistentVolumeClaim", "secret", "projected", "downwardAPI", "csi", "ephemeral")


class Refused(Exception):  # noqa: N818 -- an answer, not an error
    """An answer that is no success.

    Attributes:
        status: HTTP status.
        reason: The machine-readable word in the ``Status`` object.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def admit(resource: str, found: JsonObject, field_validation: str) -> JsonObject:
    """Check an object that is to be created and return it as it is kept."""
    kind, name = found.get("kind", ""), found.get("metadata", {}).get("name", "")
    if is_custom(kind):
        unknown = unknown_custom(found)
        if unknown and field_validation == "Strict":
            raise Refused(400, "BadRequest", f'strict decoding error: unknown field "{unknown[0]}"')
        found = prune_custom(found)
        if faults := invalid_custom(found):
            raise Refused(422, "Invalid", f'{kind}.{resource} "{name}" is invalid: {"; ".join(faults)}')
    else:
        _validate_schema(found, strict=field_validation == "Strict")
    problems = list(_problems(resource, found))
    if problems:
        raise Refused(422, "Invalid", f'{kind} "{name}" is invalid: {"; ".join(problems)}')
    return found


def _validate_schema(found: JsonObject, *, strict: bool) -> None:
    try:
        kubernetes_validate.validate(found, VERSION, strict=strict)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        if error.validator == "additionalProperties":
            extra = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            field = ".".join(filter(None, [place, extra[0] if extra else "?"]))
            raise Refused(400, "BadRequest", f'strict decoding error: unknown field "{field}"') from error
        raise Refused(400, "BadRequest", f"json: cannot unmarshal: {place}: {error.message[:200]}") from error


def _problems(resource: str, found: JsonObject) -> Any:
    metadata = found["metadata"]
    yield from _named(resource, metadata)
    for key, value in metadata.get("labels", {}).items():
        yield from _label(key, value)
    if resource == "configmaps":
        yield from _config_map(found)
    if resource == "jobs":
        yield from _job(found)
    template = found["spec"].get("template") if resource == "jobs" else found if resource == "pods" else None
    if template:
        yield from _pod(template, "spec.template.spec" if resource == "jobs" else "spec")


def _named(resource: str, metadata: JsonObject) -> Any:
    name = metadata.get("name", "")
    limit = 63 if resource in ("jobs", "rayjobs", "trainjobs") else 253
    pattern = _DNS_LABEL if limit == 63 else _DNS_SUBDOMAIN
    if not pattern.fullmatch(name) or len(name) > limit:
        yield f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 name'


def _label(key: str, value: str) -> Any:
    prefix, _, name = key.rpartition("/")
    if (prefix and not _DNS_SUBDOMAIN.fullmatch(prefix)) or not _LABEL_NAME.fullmatch(name) or len(name) > 63:
        yield f'metadata.labels: Invalid value: "{key}"'
    if not _LABEL_VALUE.fullmatch(value) or len(value) > 63:
        yield f'metadata.labels: Invalid value: "{value}": a valid label must be an empty string or consist of …'


def _config_map(found: JsonObject) -> Any:
    texts, blobs = found.get("data") or {}, found.get("binaryData") or {}
    total = sum(len(text.encode()) for text in texts.values())
    total += sum(len(base64.b64decode(text, validate=True)) for text in blobs.values())
    if total > 1 << 20:
        yield f": Too long: may not be more than {1 << 20} bytes"
    for key in (*texts, *blobs):
        if not _KEY.fullmatch(key) or key in (".", "..") or key.startswith("..") or len(key) > 253:
            yield f'data[{key}]: Invalid value: "{key}"'
    if set(texts) & set(blobs):
        yield "data: duplicate of a key in binaryData"


def _job(found: JsonObject) -> Any:
    spec = found["spec"]
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        yield 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    if spec.get("podFailurePolicy") and pod.get("restartPolicy") != "Never":
        yield "spec.template.spec.restartPolicy: Invalid value: only Never is supported with podFailurePolicy"
    if spec.get("podFailurePolicy") and spec.get("podReplacementPolicy", "Failed") != "Failed":
        yield "spec.podReplacementPolicy: Unsupported value"
    for field in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        if spec.get(field, 0) < 0:
            yield f"spec.{field}: must be greater than or equal to 0"


def _pod(found: JsonObject, place: str) -> Any:
    spec = found["spec"]
    for key, value in found.get("metadata", {}).get("labels", {}).items():
        yield from _label(key, value)
    if spec.get("activeDeadlineSeconds", 1) < 1:
        yield f"{place}.activeDeadlineSeconds: must be between 1 and 2147483647"
    volumes = [one["name"] for one in spec.get("volumes", [])]
    for name in volumes:
        if not _DNS_LABEL.fullmatch(name) or len(name) > 63 or volumes.count(name) > 1:
            yield f'{place}.volumes.name: Invalid value: "{name}"'
    for container in spec["containers"]:
        yield from _container(container, volumes, f"{place}.containers[0]")
    for one in spec.get("tolerations", []):
        if one.get("operator") == "Exists" and one.get("value"):
            yield f"{place}.tolerations: value must be empty when operator is Exists"
        if one.get("effect") not in (None, "", "NoSchedule", "PreferNoSchedule", "NoExecute"):
            yield f"{place}.tolerations.effect: Unsupported value"


def _container(container: JsonObject, volumes: list[str], place: str) -> Any:
    if not container.get("image") or container["image"] != container["image"].strip():
        yield f"{place}.image: Required value"
    if not _DNS_LABEL.fullmatch(container["name"]):
        yield f"{place}.name: Invalid value"
    paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    if len(set(paths)) < len(paths):
        yield f"{place}.volumeMounts: must be unique"
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f'{place}.volumeMounts.name: Not found: "{mount["name"]}"'
    wanted = container.get("resources", {})
    for name, amount in wanted.get("requests", {}).items():
        if name in wanted.get("limits", {}) and quantity(amount) > quantity(wanted["limits"][name]):
            yield f"{place}.resources.requests: must be less than or equal to {name} limit"
        if "/" in name and name not in wanted.get("limits", {}):
            yield f"{place}.resources.limits: must be set for non overcommitable resources"


def check_quota(objects: Objects, pod: JsonObject) -> None:
    """Refuse a pod that a ResourceQuota has no room for, or that does not say what it needs."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    others = [
        one
        for one in objects.list("pods", namespace)
        if one.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]
    for quota in objects.list("resourcequotas", namespace):
        for key, most in quota["spec"]["hard"].items():
            wanted = _counted(pod, key)
            if wanted is None:
                message = f'pods "{name}" is forbidden: failed quota: {quota["metadata"]["name"]}: must specify {key}'
                raise Refused(403, "Forbidden", message)
            used = sum(_counted(one, key) or 0.0 for one in others)
            if used + wanted > quantity(most):
                message = (
                    f'pods "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                    f"requested: {key}={wanted:g}, used: {key}={used:g}, limited: {key}={most}"
                )
                raise Refused(403, "Forbidden", message)


def _counted(pod: JsonObject, key: str) -> float | None:
    if key in ("pods", "count/pods"):
        return 1.0
    kind, _, resource = key.partition(".")
    if kind not in ("requests", "limits") or not resource:
        return 0.0
    wanted = pod["spec"]["containers"][0].get("resources", {}).get(kind, {})
    if resource in ("cpu", "memory") and resource not in wanted:
        return None
    return asked(pod, resource) if kind == "requests" else quantity(wanted.get(resource, "0"))


def check_restricted(pod: JsonObject) -> None:
    """Refuse what the Pod Security Standard ``restricted`` does."""
    problems = list(_insecure(pod["spec"]))
    if problems:
        message = f'pods "{pod["metadata"]["name"]}" is forbidden: violates PodSecurity "restricted:latest": '
        raise Refused(403, "Forbidden", message + ", ".join(problems))


def _insecure(spec: JsonObject) -> Any:
    pod = spec.get("securityContext", {})
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation != false"
        if "ALL" not in own.get("capabilities", {}).get("drop", []):
            yield "unrestricted capabilities"
        if not own.get("runAsNonRoot", pod.get("runAsNonRoot")):
            yield "runAsNonRoot != true"
        if own.get("runAsUser", pod.get("runAsUser")) == 0:
            yield "runAsUser=0"
        profile = own.get("seccompProfile", pod.get("seccompProfile", {})).get("type")
        if profile not in ("RuntimeDefault", "Localhost"):
            yield "seccompProfile"
        if own.get("privileged"):
            yield "privileged"
    for volume in spec.get("volumes", []):
        if not any(kind in volume for kind in _VOLATILE):
            yield "restricted volume types"
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "host namespaces"
