"""Runs: what was tried, with what, and what came out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunCard:
    """A run as a list shows it.

    Attributes:
        id: MLflow run id.
        name: MLflow run name.
        state: A :class:`~workbench.contract.status.RunState`.
        started_at: UTC time.
        duration_s: Seconds until the end, or until now.
        actor: Who ran it.
        source: Notebook it came from, relative to the project; empty where unknown.
        job: Id of the job it ran in; empty for an interactive run.
        target: Target it ran on.
        params: Parameters as MLflow holds them.
        metrics: Last value of each metric.
        models: Names of the models it logged.
        progress: Share of cells that are done, 0 to 1; 1 where it has ended.
    """

    id: str
    name: str
    state: str
    started_at: str
    duration_s: float
    actor: str
    source: str
    job: str
    target: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    progress: float = 1.0


@dataclass(frozen=True)
class InputFile:
    """A file that a run read.

    Attributes:
        path: Relative to the project where it lies inside, else absolute.
        digest: Digest of the whole content.
        dataset_version: Dataset version that holds these bytes; empty where it is not versioned.
    """

    path: str
    digest: str
    dataset_version: str


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric.

    Attributes:
        step: MLflow's step.
        at: UTC time.
        value: The value.
    """

    step: int
    at: str
    value: float


@dataclass(frozen=True)
class RunDetail:
    """A run with everything that was captured.

    Attributes:
        card: The run as a list shows it.
        inputs: Files it read.
        commit: Git commit of the project, with ``+dirty`` where files differed; empty without Git.
        notebook_digest: Digest of the source notebook's bytes; empty where there is none.
        environment_digest: Digest of the sorted ``name==version`` list.
        python: Python version.
        tags: MLflow tags that are not MLflow's own.
        history: All values of each metric, in order.
        artifacts: Paths of its artifacts.
        error: ``ename: evalue`` of the cell that failed; empty where none did.
    """

    card: RunCard
    inputs: tuple[InputFile, ...]
    commit: str
    notebook_digest: str
    environment_digest: str
    python: str
    tags: dict[str, str]
    history: dict[str, tuple[MetricPoint, ...]]
    artifacts: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Difference:
    """One thing in which runs differ.

    Attributes:
        kind: ``param``, ``metric``, ``input``, ``code`` or ``environment``.
        name: Which one.
        values: One per compared run, in order; empty string where a run has none.
    """

    kind: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class RunComparison:
    """Runs side by side.

    Attributes:
        runs: The compared runs, in the order asked for.
        differences: Only what differs.
    """

    runs: tuple[RunCard, ...]
    differences: tuple[Difference, ...]
