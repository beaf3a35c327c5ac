"""The verbs of sweeps: start, list, show, cancel, wait. Nothing in this file, or imported by it, imports optuna."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from workbench.compute.needs import read_resources, require_capabilities
from workbench.compute.targets import LOCAL, Capability, find_target, require_ready
from workbench.contract.status import JobState
from workbench.contract.sweep import SweepCard, TrialCard
from workbench.execute.ledger import open_records
from workbench.execute.notebook import Notebook, find_notebook, require_kernel
from workbench.execute.reconcile import reconcile_jobs
from workbench.execute.sweeps.record import (
    NOUN,
    SETTINGS,
    card_of,
    find_sweep,
    history_of,
    record_begun,
    record_cancelled,
)
from workbench.execute.sweeps.revival import folder_of, is_controlled, start_controller
from workbench.execute.sweeps.space import MAX_GRID, Space, read_space
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import (
    FailedError,
    PendingError,
    UnavailableError,
    UsageError,
    check_limit,
    did_you_mean,
)
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

MAX_TRIALS, MAX_PARALLEL = 10_000, 256
_DIRECTIONS = ("maximize", "minimize")
_SAMPLERS = ("tpe", "random", "grid")
_PRUNERS = ("none", "median")
_POLL_S = 0.2
_RECONCILE_S = 1.0
_CANCEL_WAIT_S = 90.0


def sweep(
    project: Project,
    notebook: str,
    space: str,
    trials: int = 0,
    *,
    parallel: int = 1,
    target: str = LOCAL,
    metric: str = "",
    direction: str = "maximize",
    sampler: str = "tpe",
    pruner: str = "none",
    name: str = "",
    seed: int = 0,
    cpus: int = 0,
    memory: str = "",
    gpus: int = 0,
    time_limit: str = "",
) -> SweepCard:
    """Search for the parameters with which a notebook's metric is best, as jobs like any other.

    The search outlives this kernel, terminal or browser, and goes on after whatever was killed. The same sweep, asked
    for again while it runs, is not started twice.

    Args:
        project: The project.
        notebook: Path of the notebook, relative to the project or to the working directory.
        space: TOML file that says what may be tried: ``depth = {type = "int", low = 2, high = 12}``.
        trials: How many points are tried at most; for a grid, by default all of them.
        parallel: How many run at the same time.
        target: Name of a target in workbench.toml; ``local`` is always there.
        metric: Metric that counts, its last value; by default the only one that the notebook logs.
        direction: ``maximize`` or ``minimize``.
        sampler: How points are chosen: ``tpe`` learns from those before, ``random``, or ``grid`` for every one.
        pruner: ``median`` ends a trial that is worse than half of those before it were at the same step.
        name: Name of the parent run; by default the notebook's.
        seed: The same seed tries the same points, where one runs at a time and nothing is interrupted.
        cpus: Processors that each trial asks for and may use at most; 0 does not ask.
        memory: Memory that each trial asks for and may use at most: ``8GiB``.
        gpus: GPUs that each trial asks for.
        time_limit: After this long a trial is interrupted and saved, and has failed: ``2h30m``.

    Raises:
        NotFoundError: ``notebook-missing``, ``kernel-missing``, ``space-missing`` or ``target-unknown``.
        UsageError: ``space-invalid``, ``sweep-option-wrong``, ``trials-missing``, ``resources-unreadable``,
            ``target-cannot``, and what is wrong with a notebook or a parameter.
        UnavailableError: ``target-not-ready`` or ``target-cannot``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    source = find_notebook(project.root, notebook)
    if Capability.REMOTE not in find_target(project, target).capabilities:
        require_kernel(source)
    _require_word("direction", direction, _DIRECTIONS)
    _require_word("sampler", sampler, _SAMPLERS)
    _require_word("pruner", pruner, _PRUNERS)
    found = read_space(project, space, source)
    _require_between("parallel", parallel, 1, MAX_PARALLEL)
    resources = read_resources(cpus=cpus, memory=memory, gpus=gpus, time_limit=time_limit)
    settings = {
        "notebook": source.path.relative_to(project.root.resolve()).as_posix(),
        "notebook_digest": digest_bytes(source.data),
        "target": target,
        "space": found.as_json(),
        "trials": _budget(found, sampler, trials),
        "parallel": parallel,
        "metric": metric,
        "direction": direction,
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
        "name": name or source.path.stem,
        "resources": asdict(resources),
    }
    reconcile_jobs(project)
    if running := _same(project, settings):
        return show_sweep(project, running.id)
    require_capabilities(find_target(project, target), resources)
    _require_target(project, target, pruner)
    return _start(project, source, settings)


def list_sweeps(project: Project, limit: int = 50) -> tuple[SweepCard, ...]:
    """List sweeps, the last changed first.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    check_limit(limit, "mlops sweeps --limit 50")
    reconcile_jobs(project)
    running: dict[str, int] = {}
    for job in open_records(project):
        name = str(job.body.get("sweep", ""))
        running[name] = running.get(name, 0) + 1
    records = project.journal.records(NOUN, limit=limit)
    return tuple(card_of(record, running=running.get(record.id, 0)) for record in records)


def show_sweep(project: Project, sweep: str) -> SweepCard:
    """Show a sweep with every trial.

    Args:
        project: The project.
        sweep: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``sweep-unknown``.
        UsageError: ``sweep-ambiguous``.
    """
    reconcile_jobs(project)
    record = find_sweep(project, sweep)
    history = history_of(project, record)
    running = sum(trial.state == "RUNNING" for trial in history)
    return card_of(record, history, running=running if record.state == JobState.RUNNING else 0)


def cancel_sweep(project: Project, sweep: str) -> SweepCard:
    """Cancel a sweep and the jobs of its trials; what was found so far stays.

    Args:
        project: The project.
        sweep: Its id, or a unique beginning of it.

    Raises:
        NotFoundError: ``sweep-unknown``.
        UsageError: ``sweep-ambiguous``.
    """
    record = record_cancelled(project, find_sweep(project, sweep).id)
    deadline = time.monotonic() + _CANCEL_WAIT_S
    while record.state == JobState.RUNNING and time.monotonic() < deadline:
        if not is_controlled(project, record.id) and folder_of(project, record.id).is_dir():
            start_controller(project, record)  # only a controller ends a sweep
        time.sleep(_POLL_S)
        record = find_sweep(project, record.id)
    return show_sweep(project, record.id)


def wait_for_sweep(
    project: Project,
    sweep: str,
    on_trial: Callable[[TrialCard], None] | None = None,
    timeout_s: float | None = None,
) -> SweepCard:
    """Wait for a sweep's end.

    Args:
        project: The project.
        sweep: Its id, or a unique beginning of it.
        on_trial: Called with each trial as it ends.
        timeout_s: Give up after so many seconds; the sweep goes on.

    Raises:
        NotFoundError: ``sweep-unknown``.
        FailedError: ``sweep-failed``: it came to no value, or was cancelled.
        PendingError: ``sweep-running``: the time is up.
    """
    record = find_sweep(project, sweep)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    seen: set[int] = set()
    reconciled_at, revision = 0.0, -1
    while True:
        if time.monotonic() - reconciled_at >= _RECONCILE_S:
            reconcile_jobs(project)
            reconciled_at = time.monotonic()
        record = find_sweep(project, record.id)
        if on_trial and record.revision != revision:
            for trial in history_of(project, record):
                if trial.state != "RUNNING" and trial.number not in seen:
                    seen.add(trial.number)
                    on_trial(trial)
        revision = record.revision
        if record.state != JobState.RUNNING:
            break
        if deadline is not None and time.monotonic() >= deadline:
            message = f"{record.id} still runs after {timeout_s:g} s"
            raise PendingError("sweep-running", message, f"mlops sweep show {record.id}")
        time.sleep(_POLL_S)
    if record.state != JobState.SUCCEEDED:
        why = record.body.get("error") or "it was cancelled"
        message = f"Sweep {record.id} is {record.state}: {why}"
        raise FailedError("sweep-failed", message, f"mlops sweep show {record.id}")
    return show_sweep(project, record.id)


def _start(project: Project, source: Notebook, settings: Mapping[str, Any]) -> SweepCard:
    sweep_id = f"sw-{secrets.token_hex(4)}"
    folder = folder_of(project, sweep_id)
    try:
        # The notebook as it is now: somebody goes on editing while the trials run.
        write_atomic(folder / "input.ipynb", source.data)
        write_atomic(folder / "space.json", canonical_json(settings["space"]))
        record = record_begun(project, sweep_id, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    start_controller(project, record)
    return card_of(record)


def _same(project: Project, settings: Mapping[str, Any]) -> Record | None:
    """Return the sweep that runs with these very settings; the metric may have become known meanwhile."""
    for record in project.journal.records(NOUN, state=JobState.RUNNING):
        wanted = {**settings, "metric": settings["metric"] or record.body["metric"]}
        if all(record.body.get(key) == wanted[key] for key in SETTINGS) and not record.body.get("is_cancelled"):
            return record
    return None


def _budget(space: Space, sampler: str, trials: int) -> int:
    if sampler != "grid":
        if not trials:
            raise UsageError("trials-missing", "How many points to try is not said", "mlops sweep … --trials 20")
        return _require_between("trials", trials, 1, MAX_TRIALS)
    size = space.grid_size
    if not size or size > MAX_GRID:
        endless = ", ".join(name for name, each in space.dimensions.items() if not each.points())
        what = f"'{endless}' has no step" if endless else f"it has {size:,} points"
        raise UsageError("space-invalid", f"This space is no grid: {what}", "give it a step, or: --sampler random")
    return min(size, _require_between("trials", trials or size, 1, MAX_TRIALS))


def _require_word(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise UsageError("sweep-option-wrong", f"There is no {option} '{word}'", did_you_mean(word, known))


def _require_between(option: str, value: int, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        message = f"{option} is {value}, not between {lowest} and {highest:,}"
        raise UsageError("sweep-option-wrong", message, f"mlops sweep … --{option} {min(max(value, lowest), highest)}")
    return value


def _require_target(project: Project, target: str, pruner: str) -> None:
    found = find_target(project, target)
    needed = (Capability.CANCEL, Capability.LIVE_EVENTS) if pruner != "none" else ()
    for capability in needed:
        if capability not in found.capabilities:
            why = found.refusals.get(capability, f"it lacks '{capability}'")
            message = f"Target '{target}' cannot prune trials: {why}"
            raise UnavailableError("target-cannot", message, "leave it out: --pruner none")
    require_ready(found)
