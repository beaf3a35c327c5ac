"""Targets and jobs: where a notebook can run, and how its run is going."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.contract.project import Finding


@dataclass(frozen=True)
class TargetCard:
    """A target as a list shows it.

    Attributes:
        name: Name in ``workbench.toml``.
        kind: Adapter.
        is_ready: Whether every check passed.
        checks: The findings.
        capabilities: What it can do.
        refusals: What it cannot do, with the reason.
        cpus: Cores it offers.
        memory_bytes: Memory it offers.
        free_disk_bytes: Free space where jobs are kept.
        running_jobs: Jobs of this project on it now.
        price_per_hour: Price with currency, source and date (``"0 JPY, own machine, 2026-11"``), or ``"unknown"``.
    """

    name: str
    kind: str
    is_ready: bool
    checks: tuple[Finding, ...]
    capabilities: tuple[str, ...]
    refusals: dict[str, str]
    cpus: int
    memory_bytes: int
    free_disk_bytes: int
    running_jobs: int
    price_per_hour: str


@dataclass(frozen=True)
class JobCard:
    """A job as a list shows it.

    Attributes:
        id: ``jb-…``.
        state: A :class:`~workbench.contract.status.JobState`.
        reason: Why it is in this state: ``cell_error``, ``DeadKernelError``, …; empty where all is well.
        notebook: Relative path of the source notebook.
        target: Name of the target.
        attempt: 1, 2, …; a late result of an earlier attempt is refused.
        actor: Who submitted it.
        run: MLflow run id; empty until known.
        params: What was asked for.
        cell: Cells that are done.
        cells: Code cells in all; 0 until known.
        submitted_at: UTC time.
        started_at: UTC time, or empty.
        ended_at: UTC time, or empty.
        output: Path of the executed notebook, relative to the project; empty until there is one.
        error: ``ename: evalue`` of the cell that failed; empty where none did.
    """

    id: str
    state: str
    reason: str
    notebook: str
    target: str
    attempt: int
    actor: str
    run: str
    params: dict[str, str] = field(default_factory=dict)
    cell: int = 0
    cells: int = 0
    submitted_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    output: str = ""
    error: str = ""


@dataclass(frozen=True)
class JobEvent:
    """One numbered event of a job.

    Attributes:
        seq: 1, 2, 3, … without a gap.
        at: UTC time.
        kind: ``start``, ``cell_start``, ``cell_end``, ``out``, ``metric``, ``heartbeat``, ``artifact`` or ``exit``.
        data: What the kind carries (``docs/architecture.md`` lists it).
    """

    seq: int
    at: str
    kind: str
    data: dict[str, object] = field(default_factory=dict)
