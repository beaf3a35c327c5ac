"""The API server's memory: objects by resource, with uid, resourceVersion, finalizers and owners."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

JsonObject = dict[str, Any]

FOREGROUND = "foregroundDeletion"


def now() -> str:
    """Return the time as objects carry it: whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Objects:
    """Objects by (resource, namespace, name); cluster-wide ones have the namespace ``""``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._kept: dict[tuple[str, str, str], JsonObject] = {}
        self._version = 1000
        self.on_delete: Callable[[str, JsonObject], None] = lambda _resource, _found: None

    def add(self, resource: str, found: JsonObject) -> JsonObject:
        """Take an object that is not there yet."""
        with self.lock:
            found = copy.deepcopy(found)
            metadata = found.setdefault("metadata", {})
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", now())
            metadata.setdefault("generation", 1)
            key = (resource, metadata.get("namespace", ""), metadata["name"])
            assert key not in self._kept, key
            self._touch(found)
            self._kept[key] = found
            return copy.deepcopy(found)

    def get(self, resource: str, namespace: str, name: str) -> JsonObject | None:
        """Return a copy of an object."""
        with self.lock:
            found = self._kept.get((resource, namespace, name))
            return copy.deepcopy(found) if found else None

    def list(self, resource: str, namespace: str = "") -> list[JsonObject]:
        """Return copies of all objects of a resource; without a namespace of all namespaces."""
        with self.lock:
            return [
                copy.deepcopy(found)
                for (kind, where, _), found in self._kept.items()
                if kind == resource and namespace in ("", where)
            ]

    def all(self) -> list[tuple[str, JsonObject]]:
        """Return copies of everything."""
        with self.lock:
            return [(kind, copy.deepcopy(found)) for (kind, _, _), found in self._kept.items()]

    @contextmanager
    def change(self, resource: str, namespace: str, name: str) -> Iterator[JsonObject]:
        """Change an object in place; an object that is gone is a throw-away."""
        with self.lock:
            found = self._kept.get((resource, namespace, name))
            before = copy.deepcopy(found)
            yield found if found is not None else {"metadata": {}, "spec": {}, "status": {}}
            if found is not None and found != before:
                self._touch(found)
                self._settle(resource, found)

    def delete(self, resource: str, found: JsonObject, propagation: str = "Background") -> None:
        """Delete an object: at once, or once its finalizers are gone."""
        metadata = found["metadata"]
        with self.change(resource, metadata.get("namespace", ""), metadata["name"]) as kept:
            if not kept["metadata"].get("name"):
                return
            if propagation == "Foreground":
                finalizers = kept["metadata"].setdefault("finalizers", [])
                if FOREGROUND not in finalizers:
                    finalizers.append(FOREGROUND)
            kept["metadata"].setdefault("deletionTimestamp", now())

    def _touch(self, found: JsonObject) -> None:
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)

    def _settle(self, resource: str, found: JsonObject) -> None:
        metadata = found["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._kept.pop((resource, metadata.get("namespace", ""), metadata["name"]), None)
            self.on_delete(resource, found)


def merge(target: JsonObject, patch: JsonObject) -> None:
    """Merge a JSON merge patch (RFC 7396) into an object."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def set_condition(found: JsonObject, kind: str, status: str = "True", reason: str = "", message: str = "") -> None:
    """Set a condition in an object's status."""
    conditions = found.setdefault("status", {}).setdefault("conditions", [])
    entry = next((one for one in conditions if one["type"] == kind), None)
    if entry is None:
        entry = {"type": kind}
        conditions.append(entry)
    if entry.get("status") != status:
        entry["lastTransitionTime"] = now()
    entry.update(status=status, reason=reason, message=message)


def has_condition(found: JsonObject, kind: str) -> bool:
    """Tell whether a condition is true."""
    conditions = found.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)
