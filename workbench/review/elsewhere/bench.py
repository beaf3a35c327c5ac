"""Where checks run over there: ``python -P -m workbench.review.elsewhere.bench <luggage> <out> <digest>``.

It has a project with nothing in it but a store with the two models. Each check confines its own child once more, so one
model's bytes meet nothing of another check's. If the format does not pass, nothing else opens the model.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from workbench.contract.status import CheckResult
from workbench.foundation.config import FILE_NAME, load_config
from workbench.foundation.project import Project
from workbench.review.checks.registry import run_check
from workbench.review.elsewhere.luggage import GIVEN, POLICY, unpacked_input, unpacked_material
from workbench.review.policies.policy import parse_policy

REPORTS = "checks.json"


def main(folder: Path, out: Path, digest: str) -> None:
    """Run the checks and write what they found."""
    root = folder / "project"
    root.mkdir()
    (root / FILE_NAME).write_text('[project]\nname = "elsewhere"\n', encoding="utf-8")
    project = Project(root, load_config(root / FILE_NAME), "checks@elsewhere")
    said = json.loads((folder / GIVEN).read_bytes())
    given = unpacked_input(folder, project, parse_policy((folder / POLICY).read_bytes()), said)
    found = []
    for name in said["checks"]:
        material = unpacked_material(folder, name) if name in said["materials"] else None
        report = run_check(name, given, name in given.rule.required, material)
        evidence = json.loads(project.store.read(report.evidence_digest))
        found.append({"report": asdict(report), "evidence": evidence})
        if name == "format" and report.result != CheckResult.PASS:
            break
    told = {"luggage": digest, "machine": platform.node(), "reports": found}
    (out / REPORTS).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
