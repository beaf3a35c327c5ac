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
        cpus_free: Cores that nobody uses now; -1 where the target cannot tell.
        gpus: GPUs it offers.
        gpus_free: GPUs that nobody uses now; -1 where the target cannot tell.
        queued_jobs: Jobs of anybody that wait for it now; -1 where the target cannot tell.
        quota: What is left of a quota, in the target's own words; empty where there is none.
        checked_at: UTC time of the look that this card shows; a far target is not asked at every glance.
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
    cpus_free: int = -1
    gpus: int = 0
    gpus_free: int = -1
    queued_jobs: int = -1
    quota: str = ""
    checked_at: str = ""


@dataclass(frozen=True)
class Resources:
    """What a job asks for and may use at most; 0 where it does not ask.

    Attributes:
        cpus: Processors.
        memory_bytes: Memory of all its processes together.
        gpus: GPUs.
        time_limit_s: Seconds from its start to its end.
    """

    cpus: int = 0
    memory_bytes: int = 0
    gpus: int = 0
    time_limit_s: int = 0


@dataclass(frozen=True)
class JobCard:
    """A job as a list shows it.

    Attributes:
        id: ``jb-…``.
        state: A :class:`~workbench.contract.status.JobState`.
        reason: Why it is in this state: ``cell_error``, ``OOMKilled``, ``Unschedulable: …``; empty where all is well.
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
        queue_position: Place in the target's queue, from 1; 0 where it does not wait or the target cannot tell.
        is_reachable: Whether the target answered when it was last asked; the job itself may be well all the same.
        memory_bytes: Resident memory at the last heartbeat; 0 until known.
        expected_s: Seconds that earlier jobs of this notebook took on this target (median); 0 where there were none.
        machine: Machine that it was submitted on, where its directory lies; empty for jobs from before that was noted.
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
    queue_position: int = 0
    is_reachable: bool = True
    memory_bytes: int = 0
    expected_s: float = 0.0
    machine: str = ""


@dataclass(frozen=True)
class JobFiles:
    """Files of a job that lie here now.

    Attributes:
        job: The job.
        files: Their paths, relative to the project.
        bytes: How large they are together.
    """

    job: str
    files: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class JobEvent:
    """One numbered event of a job.

    Attributes:
        seq: 1, 2, 3, … without a gap.
        at: UTC time.
        kind: ``start``, ``cell_start``, ``cell_end``, ``out``, ``metric``, ``heartbeat``, ``artifact``, ``lost`` or
            ``exit``.
        data: What the kind carries (``docs/architecture.md`` lists it).
    """

    seq: int
    at: str
    kind: str
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class BundleCard:
    """What of a project travels with a notebook to another machine.

    Attributes:
        notebook: The notebook, relative to the project.
        digest: Digest of the bundle; equal files give equal bundles.
        bytes: Its size as it travels, compressed.
        files: How many files are in it.
        unpacked_bytes: Size of these files.
        largest: The largest of them, with their size.
        left_out: What lies in the project and does not travel, with the reason.
    """

    notebook: str
    digest: str
    bytes: int
    files: int
    unpacked_bytes: int
    largest: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
