"""Make an excerpt of a CRD: ``python -m tests.targets.fake_cluster.crds <crd.yaml> <address it was read from>``."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml

LEFT_OUT = (
    "affinity", "authOptions", "autoscalerOptions", "deletionStrategy", "gcsFaultToleranceOptions", "headService",
    "historyServerOptions", "initializer", "networkPolicy", "volumes", "workerGroupSpecs",
)  # fmt: skip
"""Fields whose names an object may have, and whose content is another's affair."""


def excerpt(node: Any) -> Any:
    """Return a schema without prose and without what is left out."""
    if isinstance(node, list):
        return [excerpt(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "nodeName" in node.get("properties", {}).get("spec", {}).get("properties", {}):
        return {"x-pod-template": True}
    kept = {key: excerpt(value) for key, value in node.items() if key not in ("description", "properties")}
    if "properties" in node:
        kept["properties"] = {
            name: {"x-left-out": True} if name in LEFT_OUT else excerpt(value)
            for name, value in node["properties"].items()
        }
    return kept


def main(path: Path, address: str) -> None:
    """Write the excerpt of a CRD's storage version beside this file."""
    crd = yaml.safe_load(path.read_bytes())["spec"]
    version = next(one for one in crd["versions"] if one["storage"])
    schema = excerpt(version["schema"]["openAPIV3Schema"])
    schema["properties"]["status"] = {"x-left-out": True}
    found = {
        "source": {"address": address, "digest": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"},
        "kind": crd["names"]["kind"],
        "apiVersion": f"{crd['group']}/{version['name']}",
        "schema": schema,
    }
    text = json.dumps(found, separators=(",", ":"), sort_keys=True)
    (Path(__file__).parent / f"{crd['names']['plural']}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
