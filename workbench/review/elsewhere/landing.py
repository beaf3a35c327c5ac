"""What came back of checks elsewhere: read as somebody else's word, within bounds, or not at all.

Whoever owns that machine owns the result; what can be ruled out is that it is anybody else's. So a file counts only
where the job itself announced its digest, where it names the luggage that was sent, and where it says no more and no
less than was asked; evidence is kept here and its digest worked out here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from workbench.compute.folder import JobFolder, read_json
from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult
from workbench.execute.results import lost_results, verified_artifacts
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.store import Store
from workbench.review.checks.replayed import read_reported
from workbench.review.elsewhere import refusals
from workbench.review.elsewhere.luggage import Luggage

REPORTS, REFUSAL = "artifacts/checks.json", "artifacts/refusal.json"
_MOST_BYTES = 64 << 20
_MOST_TEXT, _MOST_FIGURES, _MOST_DEPTH, _MOST_S = 4_000, 500, 40, 366 * 86_400.0
_RESULTS = {CheckResult.PASS.value, CheckResult.FAIL.value, CheckResult.UNKNOWN.value}
_SAID = {item.name for item in fields(CheckReport)}
_FIGURE = re.compile(r"[\w .:%<>=()/+-]{1,200}")
_MACHINE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HELD = re.compile(r"[a-z, ]{1,200}")


@dataclass(frozen=True)
class Landed:
    """What checks elsewhere found.

    Attributes:
        reports: By check; those after a format that did not pass are missing.
        where: Target, machine, job and how it was confined, in words.
    """

    reports: Mapping[str, CheckReport]
    where: str


def read_landed(store: Store, folder: JobFolder, luggage: Luggage, *, target: str, job: str) -> Landed:
    """Read what a job of checks brought back, and keep its evidence.

    Args:
        store: Where evidence is kept.
        folder: The job's directory here, after its results came.
        luggage: What was sent.
        target: Where it ran.
        job: Which job it was.

    Raises:
        UnknownResultError: ``checks-refused``: it could not be done there; ``result-too-large``.
        IntegrityError: ``result-damaged`` or ``checks-forged``.
    """
    announced = verified_artifacts(folder)
    if REFUSAL in announced:
        raise _refused(_read(folder, REFUSAL), target)
    if hint := lost_results(folder).get(REPORTS):
        raise refusals.too_large(target, hint)
    if REPORTS not in announced:
        raise refusals.forged(target, "it announced no results")
    said = _read(folder, REPORTS)
    try:
        if set(said) != {"luggage", "machine", "reports"} or said["luggage"] != luggage.digest:
            raise ValueError("they are about something else than was sent")
        machine = said["machine"] if _MACHINE.fullmatch(str(said["machine"])) else "a machine without a name"
        held = str((read_json(folder.exit) or {}).get("isolation") or "not confined")
        held = held if _HELD.fullmatch(held) else "not confined"
        where = f"{target}: {machine}, job {job} ({held})"
        found = [_report(store, entry, luggage, where) for entry in _listed(said["reports"])]
        names = tuple(report.name for report in found)
        is_cut = names == ("format",) and found[0].result != CheckResult.PASS
        if names != luggage.checks and not is_cut:
            raise ValueError(f"they are of other checks: {', '.join(names)[:200]}")
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise refusals.forged(target, f"{type(error).__name__}: {error}") from error
    return Landed({report.name: report for report in found}, where)


def _read(folder: JobFolder, name: str) -> dict[str, Any]:
    """Return a file's value: read once, and the very bytes whose digest the job announced."""
    path = folder.path / name
    if path.stat().st_size > _MOST_BYTES:
        raise refusals.forged(folder.path.name, f"{name} is larger than {_MOST_BYTES:,} bytes")
    data = path.read_bytes()
    if digest_bytes(data) not in read_reported(folder).files:
        raise refusals.forged(folder.path.name, f"{name} is not what its job announced")
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        if not isinstance(value, dict):
            raise TypeError("it is no table")
    except (ValueError, TypeError, RecursionError) as error:
        raise refusals.forged(folder.path.name, f"{name}: {error}") from error
    return value


def _report(store: Store, entry: Any, luggage: Luggage, where: str) -> CheckReport:
    """Build one report; what is not what a check of ours says is refused."""
    said, evidence = entry["report"], entry["evidence"]
    if set(entry) != {"report", "evidence"} or set(said) != _SAID:
        raise ValueError("a report has other fields")
    name, result = _text(said["name"]), _text(said["result"])
    if result not in _RESULTS or name not in luggage.checks:
        raise ValueError(f"'{name[:50]}' is '{result[:50]}'")
    if not isinstance(evidence, dict) or evidence.get("check") != name or evidence.get("result") != result:
        raise ValueError(f"the evidence of {name} is not its own")
    _check_depth(evidence)
    if name == "metric" and "attempts" in evidence:
        counted = (evidence["attempts"], evidence.get("holdout_digest"))
        if counted != (luggage.attempts, luggage.holdout_digest) or not luggage.attempts:
            raise ValueError("metric was measured on other rows, or as another try at them, than was counted here")
    duration = _number(said["duration_s"])
    if not 0 <= duration <= _MOST_S:
        raise ValueError(f"{name} took {duration:g} s")
    figures = dict(said["figures"])
    if len(figures) > _MOST_FIGURES or not all(isinstance(key, str) and _FIGURE.fullmatch(key) for key in figures):
        raise ValueError(f"the figures of {name} have no names")
    return CheckReport(
        name=name,
        result=result,
        is_required=name in luggage.required,
        summary=_text(said["summary"]),
        evidence_digest=store.put_bytes(canonical_json(evidence)),
        duration_s=duration,
        tool=_text(said["tool"]),
        figures={key: _number(value) for key, value in figures.items()},
        where=where,
    )


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError("they are no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise ValueError("a text is none, or too long")
    return _CONTROL.sub(" ", value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a figure is no number")
    return float(value)


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _MOST_DEPTH:
        raise ValueError("evidence is nested too deep")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(each, depth + 1)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _refused(said: Mapping[str, Any], target: str) -> UnknownResultError:
    """Return what the far end would not do; of its words only names are passed on."""
    names, python = said.get("missing"), str(said.get("python"))
    missing = tuple(str(name) for name in names if _MACHINE.fullmatch(str(name))) if isinstance(names, list) else ()
    return refusals.refused(target, missing[:20], python if _MACHINE.fullmatch(python) else "unknown")
