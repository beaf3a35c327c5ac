"""The checks by name, and how one is run: timed, its evidence kept, and whatever goes wrong called unknown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import UnknownResultError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review.checks.check import Check, CheckInput, Outcome
from workbench.review.sandbox.apart import Material, look_apart, run_plug_in

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
    "fairness": "workbench.review.checks.fairness",
    "explanation": "workbench.review.checks.explanation",
    "licences": "workbench.review.checks.licences",
    "vulnerabilities": "workbench.review.checks.vulnerabilities",
    "reproduced": "workbench.review.checks.reproduced",
}
"""Module of each check of our own."""

GROUP = "workbench.checks"
"""Entry points of checks that somebody else brings: ``"vendor.check" = "package.module:function"``."""

FAULTS = (
    *(WorkbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError),
    *(ImportError, AssertionError, RuntimeError),
)
"""What a defect in a check, or bytes nobody thought of, may raise. The answer is the same for all: no result."""


def run_check(name: str, given: CheckInput, is_required: bool, material: Material | None = None) -> CheckReport:
    """Run one check and return its report; a check that raises has no result.

    Args:
        name: The check.
        given: What it is given.
        is_required: Whether policy asks for it.
        material: What it is to look at, where that was gathered before.
    """
    started = time.perf_counter()
    try:
        outcome = look_apart(name, material) if material is not None else _outcome(name, given)
        # Within: evidence that cannot be written down, such as a NaN, is no result either.
        return _report(given.project, name, is_required, outcome, time.perf_counter() - started)
    except FAULTS as error:
        return without_result(given.project, name, is_required, error, time.perf_counter() - started)


def without_result(
    project: Project, name: str, is_required: bool, error: BaseException, duration_s: float = 0.0
) -> CheckReport:
    """Return the report of a check that came to no result, for the reason that an error says."""
    outcome = Outcome(CheckResult.UNKNOWN, _said(error), "", evidence={"error": str(error)})
    return _report(project, name, is_required, outcome, duration_s)


def _said(error: BaseException) -> str:
    """Return why there is no result and what mends that, in one line: a summary is all that most readers see."""
    if not isinstance(error, WorkbenchError):
        return f"No result: {type(error).__name__}: {error}"
    if not error.hint:
        return f"No result: {error.message} [{error.code}]"
    return f"No result: {error.message} [{error.code}] → {error.hint}"


def gathered(name: str, given: CheckInput) -> Material | None:
    """Fetch what a check that is judged apart looks at; None for one that looks at frozen bytes."""
    module = import_module(CHECKS[name]) if name in CHECKS else None
    found: Material | None = module.gather(given) if module and hasattr(module, "gather") else None
    return found


def _outcome(name: str, given: CheckInput) -> Outcome:
    """Run a check: what judges bytes of others, or is somebody else's program, does so in a child that is confined.

    A check with ``gather`` and ``look`` is judged apart; one with ``check`` looks at records here and has every model
    opened, and every notebook run, in children of its own.
    """
    if name not in CHECKS:
        return run_plug_in(find_plug_in(name), given)
    if (material := gathered(name, given)) is not None:
        return look_apart(name, material)
    ours: Check = import_module(CHECKS[name]).check
    return ours(given)


def find_plug_in(name: str) -> EntryPoint:
    """Return what an installed package brings under exactly this name; it is not imported here.

    Raises:
        UnknownResultError: ``check-missing`` or ``check-ambiguous``: what cannot be run has no result.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        hint = "install the package that brings it, or take it out of policy/gate.toml"
        raise UnknownResultError("check-missing", f"No installed package brings check '{name}'", hint)
    if len({point.value for point in found}) > 1:
        said = f"Several packages bring check '{name}': {', '.join(sorted(point.value for point in found))}"
        packages = sorted({point.dist.name for point in found if point.dist})
        raise UnknownResultError("check-ambiguous", said, f"leave one: pip uninstall {' '.join(packages[1:])}")
    return found[0]


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
