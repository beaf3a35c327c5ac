"""Whether two runs of one check found the same: the word, the sentence, the figures and what is kept as evidence.

Two words that are the same prove little: whoever ran the checks first may have had other figures written down. Honest
runs differ by what floats do on another processor, so numbers agree within a tolerance; what a machine finds out about
itself (latency, memory) or the calendar says (age of a snapshot) tells nothing about the model and is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from workbench.contract.review import CheckReport
from workbench.foundation.errors import IntegrityError, NotFoundError
from workbench.foundation.store import Store
from workbench.review.policies.policy import CHECK_NAMES, StageRule

TOLERANCE = 1e-4
"""Largest difference of two numbers, relative to the larger; what is nearer to zero than a hundredth of it is zero."""

_OWN = {
    "budget": {"memory_bytes", "latency_ms", "median_ms"},
    "vulnerabilities": {"age_days", "advisories", "snapshot_digest"},
    "reproduced": {"largest_difference", "same_model_bytes", "differing_answers", "job", "run", "target_options"},
}
"""What each run of a check finds for itself, by figure or by key of its evidence."""
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.(\d+))?(?:e[-+]?\d+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def first_difference(store: Store, there: CheckReport, here: CheckReport, rule: StageRule) -> str:
    """Return what two reports of one check say differently first, in words; empty where they agree.

    Args:
        store: Where the evidence of both lies.
        there: What a review shows.
        here: What was found here.
        rule: What policy asks for; a replay may differ by its tolerance, on either side of what was recorded.
    """
    if there.result != here.result:
        return f"'{here.result}' here and '{there.result}'"
    try:
        theirs, ours = _findings(store, there), _findings(store, here)
    except (NotFoundError, IntegrityError, ValueError, AttributeError):
        return "without its evidence"
    tolerance = max(TOLERANCE, 2 * rule.reproduced.tolerance) if here.name == "reproduced" else TOLERANCE
    for name in (*ours, *(name for name in theirs if name not in ours)):
        if not _is_same(theirs.get(name), ours.get(name), tolerance):
            return f"{name} is {_said(ours.get(name))} here and {_said(theirs.get(name))}"
    if not _is_same_sentence(there, here, tolerance):
        return f"'{here.summary}' here and '{there.summary}'"
    return ""


def _findings(store: Store, report: CheckReport) -> dict[str, float | str]:
    """Return figures, numbers and digests; of a check of others, whose evidence may hold anything, figures alone."""
    own = _OWN.get(report.name, set())
    found: dict[str, float | str] = {name: value for name, value in report.figures.items() if name not in own}
    if report.name in CHECK_NAMES and report.evidence_digest:
        evidence = json.loads(store.read(report.evidence_digest))
        found |= _leaves({key: value for key, value in evidence.items() if key not in own}, "evidence")
    return found


def _leaves(value: Any, place: str) -> Iterator[tuple[str, float | str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}.{number}")
    elif isinstance(value, int | float):
        yield place, float(value)
    elif isinstance(value, str) and _DIGEST.fullmatch(value):
        yield place, value


def _is_same(there: float | str | None, here: float | str | None, tolerance: float) -> bool:
    if isinstance(there, float) and isinstance(here, float):
        both_nan = math.isnan(there) and math.isnan(here)
        return both_nan or math.isclose(there, here, rel_tol=tolerance, abs_tol=tolerance / 100)
    return there == here


def _is_same_sentence(there: CheckReport, here: CheckReport, tolerance: float) -> bool:
    """Compare what people read: words as they are, numbers as far as they are written out."""
    if here.name == "reproduced":
        return True  # it says whether the bytes are the same, which an honest replay's need not be
    if _NUMBER.sub("#", there.summary) != _NUMBER.sub("#", here.summary):
        return False
    if here.name in _OWN or here.name not in CHECK_NAMES:
        return True
    pairs = zip(_NUMBER.finditer(there.summary), _NUMBER.finditer(here.summary), strict=True)
    return all(_is_written_alike(one, other, tolerance) for one, other in pairs)


def _is_written_alike(one: re.Match[str], other: re.Match[str], tolerance: float) -> bool:
    there, here = (float(match[0].replace(",", "")) for match in (one, other))
    last_place = 10.0 ** -len(one[1]) if one[1] else 0.0
    return math.isclose(there, here, rel_tol=tolerance, abs_tol=1.01 * last_place)


def _said(value: float | str | None) -> str:
    if value is None:
        return "nothing"
    return f"{value:.6g}" if isinstance(value, float) else value[7:19]
