"""More tables that ``policy/gate.toml`` may hold for a stage, one dataclass for each check that came later.

Imported by the model runner: standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FORMATS = ("onnx", "safetensors", "skops", "pickle")
FAIRNESS_METRICS = ("demographic_parity", "equalized_odds", "accuracy")
_INFINITY = float("inf")


ISOLATIONS = ("if-possible", "required")
HERE = "local"
"""The target of checks that are no job: children of the process that checks, on its own machine."""


@dataclass(frozen=True)
class ChecksRule:
    """Where the checks of a stage run.

    Attributes:
        target: ``local``: on the machine that checks, each in a child; another target runs them there, as one job.
        isolation: Of that job. ``required``: without network, files of others and their processes, or not at all;
            ``if-possible`` runs it with whatever of that holds.
        timeout_s: Seconds to wait for that job; after that they are unknown.
    """

    target: str = HERE
    isolation: str = "required"
    timeout_s: float = 3600.0


@dataclass(frozen=True)
class FormatRule:
    """What the ``format`` check lets lie beside the ONNX file.

    Attributes:
        formats: ``onnx`` always; ``safetensors``, ``skops`` and ``pickle`` where they are named.
        names: What a skops file or a pickle may import beyond plain containers and arrays, each name in full:
            ``sklearn.linear_model._logistic.LogisticRegression``. No patterns: a module holds more than what one means.
    """

    formats: tuple[str, ...] = ("onnx",)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class SchemaRule:
    """When the ``schema`` check passes.

    Attributes:
        adapters: Features for whose change callers have an adapter: dropped, renamed, retyped or rescaled.
        rescaled: How many times larger or smaller a feature's spread may be than the served model's was.
    """

    adapters: tuple[str, ...] = ()
    rescaled: float = 5.0


@dataclass(frozen=True)
class LicencesRule:
    """When the ``licences`` check passes; a licence that is on neither list is unknown.

    Attributes:
        allow: SPDX identifiers that may be used.
        deny: SPDX identifiers that may not; they win over ``allow``.
        known: Licence of a package whose own metadata does not say, as ``package=SPDX``.
    """

    allow: tuple[str, ...] = (
        *("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0", "Python-2.0", "Zlib", "0BSD"),
        *("MPL-2.0", "HPND", "Unlicense", "CC0-1.0", "BSL-1.0"),
    )
    deny: tuple[str, ...] = ("AGPL-3.0-only", "AGPL-3.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "SSPL-1.0")
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class VulnerabilitiesRule:
    """When the ``vulnerabilities`` check passes.

    Attributes:
        snapshot: Folder or zip of OSV advisories (JSON), relative to the project.
        maximum_age_days: An older snapshot says nothing.
        accepted: Ids of advisories that were looked at and do not matter here.
    """

    snapshot: str = ""
    maximum_age_days: float = 14.0
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class FairnessRule:
    """When the ``fairness`` check passes.

    Attributes:
        columns: Features that name the groups.
        metric: ``demographic_parity``: how often the answer is the favourable one; ``equalized_odds``: that and
            its mistakes, given the truth; ``accuracy``: how often the answer is right.
        difference: Largest difference between two groups.
        minimum_rows: A group with fewer rows decides nothing.
        favourable: Class that is the good outcome; the last one by default.
        bins: Groups that a number with many values is cut into.
    """

    columns: tuple[str, ...] = ()
    metric: str = "equalized_odds"
    difference: float = 0.1
    minimum_rows: int = 50
    favourable: str = ""
    bins: int = 4


@dataclass(frozen=True)
class ExplanationRule:
    """When the ``explanation`` check passes.

    Attributes:
        repeats: How often each feature is shuffled.
        rows: At most so many holdout rows are used.
        largest_share: Largest share of all importance that one feature may have.
        largest_change: Largest change of a feature's share against the served model.
    """

    repeats: int = 5
    rows: int = 2000
    largest_share: float = 1.0
    largest_change: float = 1.0


def values_of_later_checks(rule: object) -> Iterator[tuple[bool, str, str, str]]:
    """Yield, for each value of a stage's rule: whether it makes sense, its key, what is wrong and what is usual."""
    yield from _checks(getattr(rule, "checks"))  # noqa: B009 - StageRule is made of these tables, and imports them
    for name, values in _VALUES.items():
        yield from values(getattr(rule, name))


def _checks(rule: ChecksRule) -> Iterator[tuple[bool, str, str, str]]:
    yield bool(rule.target), "checks.target", "must name a target", "local is the machine that checks"
    known = f"known: {', '.join(ISOLATIONS)}"
    yield rule.isolation in ISOLATIONS, "checks.isolation", f"'{rule.isolation}' is none", known
    yield 0 < rule.timeout_s < _INFINITY, "checks.timeout_s", "must be above 0", "3600 is usual"


def _format(rule: FormatRule) -> Iterator[tuple[bool, str, str, str]]:
    unknown = next((name for name in rule.formats if name not in FORMATS), "")
    yield not unknown, "format.formats", f"names no format '{unknown}'", f"known: {', '.join(FORMATS)}"
    yield (
        "onnx" in rule.formats,
        "format.formats",
        "leaves 'onnx' out, which is what runners open",
        'formats = ["onnx"]',
    )
    pattern = next((name for name in rule.names if "*" in name or "." not in name), "")
    yield (
        not pattern,
        "format.names",
        f"'{pattern}' is no full name",
        "sklearn.linear_model._logistic.LogisticRegression",
    )


def _schema(rule: SchemaRule) -> Iterator[tuple[bool, str, str, str]]:
    yield 1 < rule.rescaled < _INFINITY, "schema.rescaled", "must be above 1", "5 is usual"


def _licences(rule: LicencesRule) -> Iterator[tuple[bool, str, str, str]]:
    wrong = next((pair for pair in rule.known if pair.count("=") != 1), "")
    yield not wrong, "licences.known", f"'{wrong}' is no package=SPDX", 'known = ["mypackage=MIT"]'


def _vulnerabilities(rule: VulnerabilitiesRule) -> Iterator[tuple[bool, str, str, str]]:
    is_age = 0 < rule.maximum_age_days < _INFINITY
    yield is_age, "vulnerabilities.maximum_age_days", "must be above 0", "14 is usual"


def _fairness(rule: FairnessRule) -> Iterator[tuple[bool, str, str, str]]:
    known = ", ".join(FAIRNESS_METRICS)
    yield rule.metric in FAIRNESS_METRICS, "fairness.metric", f"'{rule.metric}' is none", f"known: {known}"
    yield 0 <= rule.difference <= 1, "fairness.difference", "must be 0 to 1", "0.1 is usual"
    yield rule.minimum_rows >= 2, "fairness.minimum_rows", "must be 2 or more", "50 is usual"
    yield 2 <= rule.bins <= 100, "fairness.bins", "must be 2 to 100", "4 is usual"


def _explanation(rule: ExplanationRule) -> Iterator[tuple[bool, str, str, str]]:
    yield 1 <= rule.repeats <= 100, "explanation.repeats", "must be 1 to 100", "5 is usual"
    yield 10 <= rule.rows <= 100_000, "explanation.rows", "must be 10 to 100000", "2000 is usual"
    yield 0 < rule.largest_share <= 1, "explanation.largest_share", "must be above 0 and at most 1", "0.8 is usual"
    yield 0 < rule.largest_change <= 1, "explanation.largest_change", "must be above 0 and at most 1", "0.3 is usual"


_VALUES: Mapping[str, Callable[[Any], Iterator[tuple[bool, str, str, str]]]] = {
    "format": _format,
    "schema": _schema,
    "licences": _licences,
    "vulnerabilities": _vulnerabilities,
    "fairness": _fairness,
    "explanation": _explanation,
}
