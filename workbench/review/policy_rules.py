"""The rules a policy is made of: one dataclass for each table that ``policy/gate.toml`` may hold.

Imported by the model runner: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    "reproduced",
)
"""Checks that a policy may name, in the order they are run; ``checks/`` holds one file for each."""

NEVER_WAIVED = ("format",)
"""Checks that nobody may waive: without them nothing else may open the model."""

COMPARISONS = ("non-inferior", "superior")
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
    """

    tolerance: float = 1e-6
    timeout_s: float = 3600.0


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


@dataclass(frozen=True)
class StageRule:
    """What one stage asks for.

    Attributes:
        required: Checks that must pass.
        approvals: People who must approve.
        allow_self: Whether requester and author count among them.
        optional: Checks that are run and shown, and need not pass.
        waivable: Required checks that a reviewer may waive, with a signed reason; never ``format``.
        metric: Thresholds of ``metric``.
        reproduced: Thresholds of ``reproduced``.
        inputs: Thresholds of ``inputs``.
        hygiene: Thresholds of ``hygiene``.
        card: Thresholds of ``card``.
        budget: Thresholds of ``budget``.
        leakage: Thresholds of ``leakage``.
        slices: Thresholds of ``slices``.
    """

    required: tuple[str, ...]
    approvals: int
    allow_self: bool = False
    optional: tuple[str, ...] = ()
    waivable: tuple[str, ...] = ()
    metric: MetricRule = MetricRule()
    reproduced: ReproducedRule = ReproducedRule()
    inputs: InputsRule = InputsRule()
    hygiene: HygieneRule = HygieneRule()
    card: CardRule = CardRule()
    budget: BudgetRule = BudgetRule()
    leakage: LeakageRule = LeakageRule()
    slices: SlicesRule = SlicesRule()
