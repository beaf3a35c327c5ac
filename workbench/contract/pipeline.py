"""Pipelines: notebooks as stages, and what a run of them did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StageCard:
    """A stage of ``dvc.yaml``.

    Attributes:
        name: Its name.
        command: What DVC runs.
        notebook: Notebook that it runs; empty for a stage of another kind.
        state: ``FRESH``, ``STALE`` or ``NEW`` (it never ran).
        reasons: Why it is stale: ``data/x.csv modified``, ``train.depth changed``; empty where it is fresh.
        inputs: Paths it depends on, without the notebook.
        outputs: Paths it makes.
        params: Keys of ``params.yaml`` it depends on.
        job: Its last job; empty where none is known here.
    """

    name: str
    command: str
    notebook: str
    state: str
    reasons: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[str, ...] = ()
    job: str = ""


@dataclass(frozen=True)
class PipelineRun:
    """One run of the stale stages.

    Attributes:
        id: ``pl-…``.
        state: RUNNING, SUCCEEDED, FAILED or LOST.
        wanted: Stages that were asked for; empty for all.
        ran: Stages whose notebook was run.
        cached: Stages whose outputs were taken from the run cache.
        error: Why it failed; empty where it did not.
        actor: Who asked for it.
        started_at: UTC time.
        ended_at: UTC time; empty while it runs.
        jobs: Job of each stage that ran.
    """

    id: str
    state: str
    wanted: tuple[str, ...]
    ran: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    error: str = ""
    actor: str = ""
    started_at: str = ""
    ended_at: str = ""
    jobs: dict[str, str] = field(default_factory=dict)
