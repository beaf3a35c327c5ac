"""What the CRDs of KubeRay and Kubeflow Trainer say of RayJob and TrainJob: excerpts of the released files.

``source`` in each names repository, release and digest of the file it was made from; ``python -m
tests.targets.fake_cluster.crds <crd.yaml> <address>`` makes it again. Left out are descriptions, the status, what no
object of ours has, and types of Kubernetes itself: a whole pod template is marked ``x-pod-template`` and checked
against the schema of Kubernetes, what is marked ``x-left-out`` may be anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
SCHEMAS: dict[str, JsonObject] = {
    found["kind"]: found for found in (json.loads(path.read_bytes()) for path in Path(__file__).parent.glob("*.json"))
}
"""By kind: ``source``, ``kind``, ``apiVersion`` and the ``schema`` of the whole object."""
