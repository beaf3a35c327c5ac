"""The machine-learning bill of materials: CycloneDX 1.6 JSON, written from what was reviewed.

Specification: https://cyclonedx.org/docs/1.6/json/ (ECMA-424). The tests validate it against the schema.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from typing import Any

from workbench import __version__
from workbench.contract.model import ModelManifest
from workbench.experiment.levels.facts import read_artifact
from workbench.experiment.runs import reader_of
from workbench.experiment.store.rows import RunQuery
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project
from workbench.foundation.store import TreeEntry
from workbench.review.record import Review

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:mlops-workbench:bom")


def recorded_packages(project: Project, review: Review) -> tuple[tuple[str, str], ...]:
    """Return name and version of each package of the environment that the review names by digest.

    None where the run kept no list, or one that was changed since the review was requested.
    """
    rows = reader_of(project).search(RunQuery(limit=1, ids=(review.run,)))
    data = read_artifact(project, rows[0].artifact_uri, "workbench/environment.json") if rows else None
    try:
        entries = json.loads(data or b"{}").get("packages", [])
        packages = tuple(sorted((str(e["name"]), str(e["version"])) for e in entries))
    except (ValueError, AttributeError, TypeError, KeyError):
        return ()
    lines = sorted(f"{name}=={version}" for name, version in packages)
    return packages if digest_bytes("\n".join(lines).encode()) == review.environment_digest else ()


def build_bom(
    review: Review, manifest: ModelManifest, tree: Iterable[TreeEntry], packages: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """Return the BOM: the model with its card, its files, the data it was trained on and the packages that made it."""
    data: list[dict[str, Any]] = [
        {"type": "data", "bom-ref": f"data:{v}", "name": v, "data": [{"type": "dataset", "name": v}]}
        for v in dict.fromkeys(review.dataset_versions)
    ]
    libraries: list[dict[str, Any]] = [
        {"type": "library", "bom-ref": f"pkg:pypi/{_normal(name)}@{version}", "name": name, "version": version,
         "purl": f"pkg:pypi/{_normal(name)}@{version}"}
        for name, version in packages
    ]  # fmt: skip
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": review.model,
        "version": review.model_digest[7:19],
        "hashes": _hashes(review.model_digest),
        "modelCard": _card(review, manifest, [str(item["bom-ref"]) for item in data]),
        "properties": _properties(review),
    }
    listed = [{"type": "file", "bom-ref": f"file:{e.path}", "name": e.path, "hashes": _hashes(e.digest)} for e in tree]
    needed = sorted({str(item["bom-ref"]) for item in [*data, *libraries, *listed]})
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, review.id + review.model_digest)}",
        "version": 1,
        "metadata": {
            "timestamp": review.requested_at,
            "tools": {"components": [{"type": "application", "name": "mlops-workbench", "version": __version__}]},
            "component": model,
        },
        "components": [*listed, *data, *libraries],
        "dependencies": [{"ref": "model", "dependsOn": needed}],
    }


def _card(review: Review, manifest: ModelManifest, data: list[str]) -> dict[str, Any]:
    answers = ", ".join(manifest.classes) or "value"
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": manifest.task,
            "datasets": [{"ref": ref} for ref in data],
            "inputs": [{"format": f"{feature.name}: {feature.dtype}"} for feature in manifest.features],
            "outputs": [{"format": answers}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(review)},
    }


def _metrics(review: Review) -> list[dict[str, Any]]:
    """Return what the author recorded and what the check measured, each named as what it is."""
    found: list[dict[str, Any]] = [
        {"type": name, "value": repr(value), "slice": "recorded by the author's run"}
        for name, value in sorted(review.metrics.items())
    ]
    for report in review.checks:
        figures = report.figures
        if report.name == "metric" and {"estimate", "low", "high"} <= set(figures):
            interval = {"lowerBound": repr(figures["low"]), "upperBound": repr(figures["high"])}
            value = repr(figures["estimate"])
            row = {"type": report.summary, "value": value, "slice": "holdout", "confidenceInterval": interval}
            found.append(row)
    return found


def _properties(review: Review) -> list[dict[str, str]]:
    names = ("stage", "run", "commit", "notebook_digest", "environment_digest", "policy_digest", "evidence_digest")
    found = {"review": review.id, **{name: str(getattr(review, name)) for name in names}}
    return [{"name": f"mlops-workbench:{name}", "value": value} for name, value in found.items() if value]


def _hashes(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest.partition(":")[2]}]


def _normal(name: str) -> str:
    """Return a package's name as a package URL spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()
