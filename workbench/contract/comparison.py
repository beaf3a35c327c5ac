"""A candidate beside the model that is served: what a reviewer looks at before deciding."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.contract.run import Difference
from workbench.contract.table import DataDiff


@dataclass(frozen=True)
class MetricPair:
    """One metric of both models.

    Attributes:
        name: The metric.
        candidate: The candidate's value; empty where it has none.
        champion: The served model's value.
        low: Lower end of the interval of the difference on the same rows; empty where only the runs' values are known.
        high: Upper end.
        is_tested: Whether both answered the same holdout rows in the gate's own check.
    """

    name: str
    candidate: float | None
    champion: float | None
    low: float | None = None
    high: float | None = None
    is_tested: bool = False


@dataclass(frozen=True)
class SlicePair:
    """One slice of the holdout rows.

    Attributes:
        name: Which rows.
        rows: How many; 0 where unknown.
        candidate: The candidate's metric on them; empty where they are too few.
        champion: The served model's, from its own review; empty where it was not measured.
    """

    name: str
    rows: int
    candidate: float | None
    champion: float | None


@dataclass(frozen=True)
class FeatureChange:
    """One input or class of the model that is not what the served model has.

    Attributes:
        kind: ``added``, ``dropped``, ``retyped``, ``moved`` or ``class``.
        name: Which.
        before: As the served model has it.
        after: As the candidate has it.
    """

    kind: str
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class NotebookCell:
    """A code cell of the candidate's notebook.

    Attributes:
        id: Its id: what a comment on it names.
        source: Its text.
    """

    id: str
    source: str


@dataclass(frozen=True)
class ReviewComparison:
    """A candidate beside the model that was served when it was checked, and beside what the reader approved last.

    Attributes:
        review: The review.
        model: Name of the model.
        stage: Stage it is asked for.
        champion_digest: Model that was served there when the candidate was checked; empty where none was.
        champion_version: Its version on the channel; 0 where none.
        champion_run: Run that made it.
        served_digest: Model that is served there now, the candidate itself perhaps; empty where none is.
        served_version: Its version on the channel; 0 where none.
        metrics: Metrics of both.
        slice_column: Feature that slices are cut by; empty without that check.
        slices: The metric by slice.
        features: Changes of the model's signature.
        data: Datasets that differ, each as ``data diff`` shows it.
        packages: Packages that differ.
        settings: Parameters, seeds, machine and code that differ.
        commits: Commits between the two, oldest first.
        patch: What differs in code.
        cells: The code cells of the candidate's notebook, as it was executed.
        notebook: What differs between the notebooks' cells, outputs left out.
        outputs: What differs between them as they were executed, with outputs.
        card: What differs in the model card.
        approved_review: Review of this model for this stage that the reader approved last; empty where none.
        since_approval: What changed since then: what is bound, before and after.
        notes: What could not be compared, and why.
    """

    review: str
    model: str
    stage: str
    champion_digest: str = ""
    champion_version: int = 0
    champion_run: str = ""
    served_digest: str = ""
    served_version: int = 0
    metrics: tuple[MetricPair, ...] = ()
    slice_column: str = ""
    slices: tuple[SlicePair, ...] = ()
    features: tuple[FeatureChange, ...] = ()
    data: tuple[DataDiff, ...] = ()
    packages: tuple[Difference, ...] = ()
    settings: tuple[Difference, ...] = ()
    commits: tuple[str, ...] = ()
    patch: tuple[str, ...] = ()
    cells: tuple[NotebookCell, ...] = ()
    notebook: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    card: tuple[str, ...] = ()
    approved_review: str = ""
    since_approval: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())
