"""Sweeps: many jobs of one notebook, whose parameters somebody searches through."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrialCard:
    """One point of a search.

    Attributes:
        number: 0, 1, 2, …
        state: RUNNING, COMPLETE, PRUNED or FAILED.
        value: What it reached; None where it has no value.
        params: What was tried.
        job: Its last job; empty while none was submitted.
        run: MLflow run of that job; empty until known.
        duration_s: Seconds that the job took; 0 until it has ended.
        reason: Why it was pruned or failed; empty where all is well.
    """

    number: int
    state: str
    value: float | None = None
    params: dict[str, str] = field(default_factory=dict)
    job: str = ""
    run: str = ""
    duration_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class SweepCard:
    """A search over the parameters of a notebook.

    Attributes:
        id: ``sw-…``.
        state: RUNNING, SUCCEEDED, FAILED or CANCELLED, as a :class:`~workbench.contract.status.JobState`.
        notebook: Relative path of the notebook.
        target: Name of the target.
        metric: What is looked at; empty until the first trial says which one it logs.
        direction: ``maximize`` or ``minimize``.
        sampler: ``tpe``, ``random`` or ``grid``.
        pruner: ``median`` or ``none``.
        trials: How many there will be at most.
        parallel: How many run at the same time.
        running: Trials that run now.
        complete: Trials with a value.
        pruned: Trials that were ended early because others did better.
        failed: Trials without a value.
        best_trial: Number of the best one; -1 while there is none.
        best_value: What it reached; None while there is none.
        best_params: What it tried.
        best_run: Its MLflow run.
        run: The parent MLflow run of all; empty until known.
        name: Its name.
        actor: Who asked for it.
        started_at: UTC time.
        ended_at: UTC time; empty while it runs.
        error: What keeps it from going on, or why it failed; empty where all is well.
        offer: What can be done with it now, as a command; empty where nothing suggests itself.
        history: Every trial, in order; only where one sweep is shown.
    """

    id: str
    state: str
    notebook: str
    target: str
    metric: str
    direction: str
    sampler: str
    pruner: str
    trials: int
    parallel: int
    running: int = 0
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    best_trial: int = -1
    best_value: float | None = None
    best_params: dict[str, str] = field(default_factory=dict)
    best_run: str = ""
    run: str = ""
    name: str = ""
    actor: str = ""
    started_at: str = ""
    ended_at: str = ""
    error: str = ""
    offer: str = ""
    history: tuple[TrialCard, ...] = ()
