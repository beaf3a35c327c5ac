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
        metrics: Last value of each metric; those of the machine, ``system/…``, are in the history alone.
        models: Names of the models it logged.
        progress: Share of cells that are done, 0 to 1; 1 where it has ended.
        level: Reproducibility level that was proved: ``R0`` (recorded) to ``R4`` (verified).
        is_starred: Whether somebody starred it.
        note: What somebody wrote about it, as MLflow's own pages show it.
        parent: Run that this one is a part of; empty where it stands alone.
        is_deleted: Whether it was deleted, which can be taken back.
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
    level: str = "R0"
    is_starred: bool = False
    note: str = ""
    parent: str = ""
    is_deleted: bool = False


@dataclass(frozen=True)
class InputFile:
    """A file that a run read.

    Attributes:
        path: Relative to the project where it lies inside, else absolute.
        digest: Digest of the whole content.
        dataset_version: Dataset version that holds these bytes; empty where it is not versioned.
        reader: Function whose native code read it; empty for an ordinary ``open``.
    """

    path: str
    digest: str
    dataset_version: str
    reader: str = ""


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
        unversioned: Paths of inputs that no dataset version holds, so that nobody can bring them back.
        resumes: Run that this one goes on from; empty where it began anew.
        offer: What can be done with it now, as a command; empty where nothing suggests itself.
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
    unversioned: tuple[str, ...] = ()
    resumes: str = ""
    offer: str = ""


@dataclass(frozen=True)
class RunGroup:
    """Runs that have one value in common.

    Attributes:
        value: The value; empty for runs that have none.
        runs: How many there are.
        best: Best value of the metric that was asked for; None where none of them has it.
        best_run: Run that has it.
        mean: Mean of that metric over those that have it.
    """

    value: str
    runs: int
    best: float | None = None
    best_run: str = ""
    mean: float | None = None


@dataclass(frozen=True)
class Difference:
    """One thing in which runs differ.

    Attributes:
        kind: ``param``, ``metric``, ``input``, ``code``, ``environment``, ``package``,
            ``machine`` or ``seed``.
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


@dataclass(frozen=True)
class RunDiff:
    """What changed from one run to another.

    Attributes:
        before: The first run.
        after: The second run.
        differences: Parameters, metrics, inputs, packages, code and machine that differ; values are before and after.
        commits: Git commits from the first run's to the second's, oldest first: short id and subject; empty where
            there are none or Git does not know them.
        patch: Readable lines of what differs in the code that was not committed, cut where it is long.
        notebook: Readable lines of what differs between the notebooks, cell by cell, cut where it is long.
        notes: What could not be compared, and why.
    """

    before: RunCard
    after: RunCard
    differences: tuple[Difference, ...]
    commits: tuple[str, ...] = ()
    patch: tuple[str, ...] = ()
    notebook: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunArchive:
    """Runs in one file, carried from one store to another.

    Attributes:
        path: The file.
        digest: Digest of the file.
        bytes: Its size.
        runs: Ids of the runs in it, as they were where they were made.
        added: Ids of the runs that this import made; empty after an export, or where all were there already.
    """

    path: str
    digest: str
    bytes: int
    runs: tuple[str, ...]
    added: tuple[str, ...] = ()
