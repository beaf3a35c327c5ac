"""The rules a policy is made of: one dataclass for each table that ``policy/gate.toml`` may hold.

Imported by the model runner: standard library only, and :mod:`~workbench.review.policies.check_rules`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.review.policies.check_rules import (
    ChecksRule,
    ExplanationRule,
    FairnessRule,
    FormatRule,
    LicencesRule,
    SchemaRule,
    VulnerabilitiesRule,
)

POLICY_PATH = Path("policy") / "gate.toml"

CHECK_NAMES = (
    "format",
    "schema",
    "metric",
    "inputs",
    "dependencies",
    "hygiene",
    "card",
    "budget",
    "leakage",
    "slices",
    "fairness",
    "explanation",
    "licences",
    "vulnerabilities",
    "reproduced",
)
"""Checks that a policy may name, in the order they are run; ``checks/`` holds one file for each."""

_CHECKS, _FORMAT, _SCHEMA, _FAIRNESS = ChecksRule(), FormatRule(), SchemaRule(), FairnessRule()
_EXPLANATION, _LICENCES, _VULNERABILITIES = ExplanationRule(), LicencesRule(), VulnerabilitiesRule()
_PLUG_IN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+")


def is_check_name(name: str) -> bool:
    """Tell whether a policy may name this check: one of ours, or ``vendor.check``, which somebody else brings.

    Where it is not installed it has no result, so it blocks: a runner need not know it, a typo lets nothing through.
    """
    return name in CHECK_NAMES or bool(_PLUG_IN.fullmatch(name))


NEVER_WAIVED = ("format",)
"""Checks that nobody may waive: without them nothing else may open the model."""

COMPARISONS = ("non-inferior", "superior")
NAMES = ("claimed", "signed")
"""Whether names are believed as people give them, or only under keys of ``policy/reviewers``."""
LEVELS = ("R0", "R1", "R2", "R3", "R4")


@dataclass(frozen=True)
class MetricRule:
    """When the ``metric`` check passes.

    Attributes:
        comparison: ``non-inferior``: the interval of the difference stays above ``-margin``; ``superior``: above 0.
        margin: Acceptable loss, in the metric's own unit.
        confidence: Of the two-sided interval.
        minimum: What the metric must reach (or, for an error, stay below) whatever it is compared with.
        minimum_rows: Fewer holdout rows than this decide nothing.
        resamples: Bootstrap resamples.
    """

    comparison: str = "non-inferior"
    margin: float = 0.01
    confidence: float = 0.95
    minimum: float | None = None
    minimum_rows: int = 100
    resamples: int = 4000


@dataclass(frozen=True)
class ReproducedRule:
    """When the ``reproduced`` check passes.

    Attributes:
        tolerance: Largest difference of a metric, relative to its size.
        timeout_s: Seconds to wait for the replay; after that the result is unknown.
        isolation: ``required``: the author's notebook is not run where it could not be kept from the network, from
            files of others and from their processes; ``if-possible`` runs it with whatever of that holds.
        target: Target that it runs on: ``sandbox`` is this machine, another is one of ``workbench.toml``.
    """

    tolerance: float = 1e-6
    timeout_s: float = 3600.0
    isolation: str = "required"
    target: str = "sandbox"


@dataclass(frozen=True)
class InputsRule:
    """When the ``inputs`` check passes.

    Attributes:
        minimum_level: Lowest reproducibility level of the run, ``R0`` to ``R4``.
    """

    minimum_level: str = "R1"


@dataclass(frozen=True)
class HygieneRule:
    """When the ``hygiene`` check passes.

    Attributes:
        allow_hidden_state: Whether cells may have been run out of order, edited or deleted after they ran.
    """

    allow_hidden_state: bool = False


@dataclass(frozen=True)
class CardRule:
    """When the ``card`` check passes.

    Attributes:
        minimum_words: Fewer words (or, in Japanese, half as many characters) in a section count as not written.
    """

    minimum_words: int = 5


@dataclass(frozen=True)
class BudgetRule:
    """When the ``budget`` check passes; a limit that is not given is not looked at.

    Attributes:
        size_bytes: Of all files of the model folder together.
        memory_bytes: That loading the model and answering add to the process.
        latency_ms: 95th percentile of answering one row, in the calmest of five rounds.
    """

    size_bytes: int | None = None
    memory_bytes: int | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class LeakageRule:
    """When the ``leakage`` check passes.

    Attributes:
        overlap: Largest share of holdout rows that were also trained on.
        oracle: How much of the answer one feature alone may give away: 0 nothing, 1 everything.
        time: Feature that holds the time of a row; training must end before the holdout begins. Empty: no such feature.
    """

    overlap: float = 0.01
    oracle: float = 0.99
    time: str = ""


@dataclass(frozen=True)
class SlicesRule:
    """When the ``slices`` check passes.

    Attributes:
        column: Feature whose values the holdout rows are sliced by; a number with many values is cut at its quantiles.
        gap: How much worse than all rows together a slice may be, in the metric's own unit.
        minimum_rows: A slice with fewer rows decides nothing.
        minimum_class_rows: For a metric of classes, so does a slice with fewer rows of one of them.
        bins: Slices that a number is cut into.
    """

    column: str = ""
    gap: float = 0.1
    minimum_rows: int = 50
    minimum_class_rows: int = 20
    bins: int = 4


UNKNOWN_CLASS = ""
"""Class of an input that nobody has described; it asks every group that is asked by classes."""


@dataclass(frozen=True)
class GroupRule:
    """People of whom some must approve too, always or where the candidate has one of these traits.

    Attributes:
        members: Who they are, as ``policy/reviewers`` calls them.
        approvals: How many of them must approve; they count among the stage's ``approvals`` as well.
        classes: Classes of a data card (``personal``); one input of that class asks for them.
        paths: Patterns of files (``data/people/*``); a notebook or an input that fits asks for them.
        tags: Tags of the run, ``name`` or ``name=value``, as patterns.
    """

    members: tuple[str, ...]
    approvals: int = 1
    classes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def is_asked(self, traits: Iterable[str] | None) -> bool:
        """Tell whether a candidate needs these people; one of which nobody knows traits or a class needs them.

        Args:
            traits: ``class:…``, ``path:…`` and ``tag:name=value`` of the candidate.
        """
        wanted = [f"class:{name}" for name in self.classes] + [f"path:{path}" for path in self.paths]
        wanted += [f"tag:{tag}" if "=" in tag else f"tag:{tag}=*" for tag in self.tags]
        if not wanted or traits is None or (self.classes and f"class:{UNKNOWN_CLASS}" in (traits := tuple(traits))):
            return True
        return any(fnmatch.fnmatchcase(trait, pattern) for trait in traits for pattern in wanted)


@dataclass(frozen=True)
class BreakGlassRule:
    """Who may let a model through for a day without the approvals; nobody by default.

    Attributes:
        members: Who they are, as ``policy/reviewers`` calls them.
    """

    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageRule:
    """What one stage asks for.

    Attributes:
        required: Checks that must pass.
        approvals: People who must approve.
        allow_self: Whether requester and author count among them.
        names: ``signed``: who trained it signs the request, and everybody with a hand in it has a key in
            ``policy/reviewers``; ``claimed``: their names are believed.
        optional: Checks that are run and shown, and need not pass.
        waivable: Required checks that a reviewer may waive, with a signed reason; never ``format``.
        after: Stage on which the same bytes must have been released before; empty for none.
        soak_h: Hours that must lie between that release and this one.
        expires_days: Days that an approval counts; by default it does not expire.
        groups: People of whom some must approve too, by name of the group.
        break_glass: Who may override for 24 hours.
        ci: Machines whose signature under the same check results makes a decision ``ci-verified``.
        checks: Where the checks run.
        metric: Thresholds of ``metric``.
        reproduced: Thresholds of ``reproduced``.
        inputs: Thresholds of ``inputs``.
        hygiene: Thresholds of ``hygiene``.
        card: Thresholds of ``card``.
        budget: Thresholds of ``budget``.
        leakage: Thresholds of ``leakage``.
        slices: Thresholds of ``slices``.
        format: What may lie beside the ONNX file.
        schema: What callers of the served model are ready for.
        fairness: Thresholds of ``fairness``.
        explanation: Thresholds of ``explanation``.
        licences: Licences that may be used.
        vulnerabilities: Where known ones are listed.
    """

    required: tuple[str, ...]
    approvals: int
    allow_self: bool = False
    names: str = "claimed"
    optional: tuple[str, ...] = ()
    waivable: tuple[str, ...] = ()
    after: str = ""
    soak_h: float = 0.0
    expires_days: float | None = None
    groups: dict[str, GroupRule] = field(default_factory=dict)
    break_glass: BreakGlassRule = BreakGlassRule()
    ci: tuple[str, ...] = ()
    checks: ChecksRule = _CHECKS
    metric: MetricRule = MetricRule()
    reproduced: ReproducedRule = ReproducedRule()
    inputs: InputsRule = InputsRule()
    hygiene: HygieneRule = HygieneRule()
    card: CardRule = CardRule()
    budget: BudgetRule = BudgetRule()
    leakage: LeakageRule = LeakageRule()
    slices: SlicesRule = SlicesRule()
    format: FormatRule = _FORMAT
    schema: SchemaRule = _SCHEMA
    fairness: FairnessRule = _FAIRNESS
    explanation: ExplanationRule = _EXPLANATION
    licences: LicencesRule = _LICENCES
    vulnerabilities: VulnerabilitiesRule = _VULNERABILITIES

    @property
    def wants_signed_names(self) -> bool:
        """Whether a name counts only under a key that others know."""
        return self.names == "signed"
