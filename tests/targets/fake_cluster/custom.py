"""Custom resources as an API server takes them: by the schema of their CRD (``crds``).

Unknown fields are refused with strict field validation and dropped without; a field of the wrong type, a missing one
and a value that is not allowed are refused always.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate

from tests.targets.fake_cluster.crds import SCHEMAS
from tests.targets.fake_cluster.objects import JsonObject

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_RAY_JOB = 47


def is_custom(kind: str) -> bool:
    """Tell whether a kind is one of theirs."""
    return kind in SCHEMAS


def unknown_custom(found: JsonObject) -> list[str]:
    """Return the paths of fields that the CRD does not know."""
    return [path for path, _, _ in _unknown(found["spec"], _spec_schema(found), "spec")]


def prune_custom(found: JsonObject) -> JsonObject:
    """Return an object without what the CRD does not know: what happens, in silence, without strict validation."""
    found = copy.deepcopy(found)
    for _, parent, key in list(_unknown(found["spec"], _spec_schema(found), "spec")):
        parent.pop(key, None)
    return found


def invalid_custom(found: JsonObject) -> list[str]:
    """Return what is wrong with an object: its version, types, missing fields, values that are not allowed."""
    known = SCHEMAS[found["kind"]]
    if found["apiVersion"] != known["apiVersion"]:
        return [f"apiVersion: {found['apiVersion']} is not served"]
    checker = jsonschema.Draft202012Validator(known["schema"])
    faults = [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in checker.iter_errors(found)]
    for path, template in _pod_templates(found["spec"], _spec_schema(found), "spec"):
        wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": template}
        try:
            kubernetes_validate.validate(copy.deepcopy(wrapped), "1.36.0", strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{path}: {error.message[:100]}")
    return faults


def ray_fault(found: JsonObject) -> str:
    """Return why KubeRay's operator itself would not begin a RayJob; the rules that may concern one of ours.

    Written after ``ValidateRayJobMetadata``, ``ValidateRayJobSpec`` and ``ValidateRayClusterSpec`` of KubeRay v1.7.0.
    """
    name, spec = found["metadata"]["name"], found["spec"]
    is_kept = not spec.get("shutdownAfterJobFinishes")
    rules = {
        f"RayJob name should be no more than {_LONGEST_RAY_JOB} characters": len(name) > _LONGEST_RAY_JOB,
        "RayJob name should be a valid DNS1035 label": not _DNS_1035.fullmatch(name),
        "a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended": is_kept
        and spec.get("suspend"),
        "a RayJob with shutdownAfterJobFinishes set to false cannot have TTLSecondsAfterFinished": is_kept
        and spec.get("ttlSecondsAfterFinished"),
        "headGroupSpec should have at least one container": not spec["rayClusterSpec"]["headGroupSpec"]["template"][
            "spec"
        ].get("containers"),
        "activeDeadlineSeconds must be a positive integer": spec.get("activeDeadlineSeconds", 1) <= 0,
    }
    broken = [rule for rule, is_broken in rules.items() if is_broken]
    return f"The RayJob spec is invalid: {broken[0]}" if broken else ""


def _spec_schema(found: JsonObject) -> JsonObject:
    schema: JsonObject = SCHEMAS[found["kind"]]["schema"]["properties"]["spec"]
    return schema


def _unknown(value: Any, schema: JsonObject, path: str) -> Iterator[tuple[str, JsonObject, str]]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _unknown(one, schema.get("items", {}), f"{path}[{number}]")
    elif isinstance(value, dict) and "properties" in schema:
        for key in list(value):
            if key not in schema["properties"]:
                yield f"{path}.{key}", value, key
            else:
                yield from _unknown(value[key], schema["properties"][key], f"{path}.{key}")


def _pod_templates(value: Any, schema: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    if "x-pod-template" in schema:
        yield path, value
    elif isinstance(value, dict):
        for key in value:
            yield from _pod_templates(value[key], schema.get("properties", {}).get(key, {}), f"{path}.{key}")
