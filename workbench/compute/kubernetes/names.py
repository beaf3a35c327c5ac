"""Names and labels of our objects: derived from the execution, so that doing something twice meets what is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workbench.compute.folder import attempt_of

MANAGER = "mlops-workbench"
"""Value of ``app.kubernetes.io/managed-by`` on everything that is ours."""
PREFIX = "mlops-workbench"
"""Prefix of our own labels."""
EXECUTION = f"{PREFIX}/execution"
PROJECT = f"{PREFIX}/project"
QUEUE = "kueue.x-k8s.io/queue-name"
SELECTOR = f"app.kubernetes.io/managed-by={MANAGER}"

_LABEL_LENGTH = 63


def object_name(execution: str) -> str:
    """Return the name of an execution's objects: a DNS label (``jb-1f2e.2`` is ``wb-jb-1f2e-2``)."""
    return f"wb-{execution.replace('.', '-')}".lower()


def label_value(text: str) -> str:
    """Return the nearest valid label value: letters, digits, ``-_.``, at most 63, an alphanumeric at each end."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:_LABEL_LENGTH].strip("-_.")


def owner_labels(execution: str, spec: Mapping[str, Any], project: str, actor: str) -> dict[str, str]:
    """Return the labels that say whose an object is."""
    job, attempt = attempt_of(execution)
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/name": "notebook-job",
        EXECUTION: label_value(execution),
        f"{PREFIX}/job": label_value(job),
        f"{PREFIX}/attempt": str(attempt),
        PROJECT: label_value(project),
        f"{PREFIX}/actor": label_value(actor),
        f"{PREFIX}/target": label_value(str(spec.get("target", ""))),
    }


def owner_annotations(spec: Mapping[str, Any], project: str, actor: str) -> dict[str, str]:
    """Return the same in full, where no syntax stands in the way."""
    return {
        f"{PREFIX}/project": project,
        f"{PREFIX}/actor": actor,
        f"{PREFIX}/notebook": str(spec.get("notebook", "")),
    }
