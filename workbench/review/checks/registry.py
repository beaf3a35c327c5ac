"""The checks by name, and how one is run: timed, its evidence kept, and whatever goes wrong called unknown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project
from workbench.review.checks.check import Check, CheckInput, Outcome

CHECKS: Mapping[str, str] = {
    "format": "workbench.review.checks.file_format",
    "schema": "workbench.review.checks.schema",
    "metric": "workbench.review.checks.metric",
    "inputs": "workbench.review.checks.inputs",
    "dependencies": "workbench.review.checks.dependencies",
    "hygiene": "workbench.review.checks.hygiene",
    "card": "workbench.review.checks.model_card",
    "budget": "workbench.review.checks.budget",
    "leakage": "workbench.review.checks.leakage",
    "slices": "workbench.review.checks.slices",
    "reproduced": "workbench.review.checks.reproduced",
}
"""Module of each check; policy may name exactly these."""

# What a defect in a check, or bytes nobody thought of, may raise. The answer is the same for all: no result.
_FAULTS = (WorkbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError)


def run_check(name: str, given: CheckInput, is_required: bool) -> CheckReport:
    """Run one check and return its report; a check that raises has no result."""
    started = time.perf_counter()
    try:
        check: Check = import_module(CHECKS[name]).check
        outcome = check(given)
    except _FAULTS as error:
        said = error.message if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        outcome = Outcome(CheckResult.UNKNOWN, f"No result: {said}", "", evidence={"error": str(error)})
    return _report(given.project, name, is_required, outcome, time.perf_counter() - started)


def skip_check(project: Project, name: str, is_required: bool, reason: str) -> CheckReport:
    """Return the report of a check that was not run."""
    return _report(project, name, is_required, Outcome(CheckResult.UNKNOWN, reason, ""), 0.0)


def _report(project: Project, name: str, is_required: bool, outcome: Outcome, duration_s: float) -> CheckReport:
    evidence: dict[str, Any] = {"check": name, "result": outcome.result.value, **outcome.evidence}
    return CheckReport(
        name=name,
        result=outcome.result.value,
        is_required=is_required,
        summary=outcome.summary,
        evidence_digest=project.store.put_bytes(canonical_json(evidence)),
        duration_s=round(duration_s, 3),
        tool=outcome.tool,
        figures={key: float(value) for key, value in outcome.figures.items()},
    )
