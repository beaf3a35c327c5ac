"""The search itself: the one file that imports optuna, and what it remembers.

A study lies in one file of Optuna's journal format in the sweep's folder, or in PostgreSQL where the project's journal
does. Only the controller writes to it, and it holds the sweep's lease: a lock of Optuna's own would only be one more
thing that a killed process leaves behind. Every step may be repeated: what is asked stays asked, what is told stays
told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from workbench.execute.sweeps.space import Dimension, Space, Value
from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import IntegrityError, StorageError, UnavailableError, storage_errors

STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAILED": TrialState.FAIL}
_WORDS = {state: word for word, state in STATES.items()}


@dataclass(frozen=True)
class Point:
    """A trial as the study remembers it.

    Attributes:
        number: 0, 1, 2, …
        state: RUNNING, COMPLETE, PRUNED or FAILED.
        value: What it reached.
        values: What is tried, by parameter.
        steps: Steps at which it reported.
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Value]
    steps: frozenset[int]


class Study:
    """Ask for points and tell what became of them."""

    def __init__(self, settings: Mapping[str, Any], space: Space, storage: BaseStorage) -> None:
        """Open a study, which exists afterwards.

        Args:
            settings: ``id``, ``direction``, ``sampler``, ``pruner`` and ``seed`` of the sweep.
            space: What may be tried.
            storage: Where it is remembered.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._study = optuna.create_study(
            storage=storage,
            study_name=settings["id"],
            direction=settings["direction"],
            pruner=_pruner(settings["pruner"]),
            load_if_exists=True,
        )
        known = self._study.get_trials(deepcopy=False)
        # A seed that began anew after each restart would try the same points again.
        self._study.sampler = _sampler(settings["sampler"], int(settings["seed"]) + len(known), space)
        running = (trial for trial in known if trial.state is TrialState.RUNNING)
        self._trials = {trial.number: Trial(self._study, trial._trial_id) for trial in running}

    def points(self) -> tuple[Point, ...]:
        """Return every trial, in order; one that was asked for and then abandoned is completed."""
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._suggest(self._trials[trial.number])
        return tuple(_point(trial) for trial in self._study.get_trials())

    def ask(self) -> Point:
        """Return a new point to try."""
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return Point(trial.number, "RUNNING", None, self._suggest(trial), frozenset())

    def report(self, number: int, step: int, value: float) -> None:
        """Say how far a trial has come."""
        self._trials[number].report(value, step)

    def is_hopeless(self, number: int) -> bool:
        """Whether the pruner would end a trial now."""
        return bool(self._trials[number].should_prune())

    def tell(self, number: int, state: str, value: float | None) -> None:
        """Say how a trial ended, once: what it was told first is what counts."""
        told = value if state == "COMPLETE" else None
        self._study.tell(number, told, state=STATES[state], skip_if_finished=True)
        self._trials.pop(number, None)

    def _suggest(self, trial: Trial) -> dict[str, Value]:
        """Return a trial's values; those that it has already stay."""
        return {name: _suggested(trial, name, each) for name, each in self._space.dimensions.items()}


def open_file(path: Path) -> BaseStorage:
    """Open the storage in a file; what a killed process left half written at its end is cut off.

    Raises:
        IntegrityError: ``study-damaged``.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")
            if whole[2]:
                os.truncate(path, len(whole[0]) + len(whole[1]))
        try:
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_LeaseIsHeld()))
        except (ValueError, KeyError) as error:
            hint = "start another sweep; the runs of this one stay"
            raise IntegrityError("study-damaged", f"{path} is not what Optuna wrote: {error}", hint) from error
        sync_folder(path.parent)
    return storage


def open_database(url: str) -> BaseStorage:
    """Open the storage in PostgreSQL.

    Raises:
        UnavailableError: ``study-unavailable``.
        StorageError: ``study-outdated``: another version of Optuna made its tables.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        message = f"The database of the journal, which keeps studies too, does not answer: {reason}"
        raise UnavailableError("study-unavailable", message, "start it, then: mlops sweeps") from error
    except RuntimeError as error:
        is_older = "storage upgrade" in str(error)
        hint = "optuna storage upgrade --storage <the journal's url>" if is_older else "pip install --upgrade optuna"
        raise StorageError("study-outdated", f"Another Optuna made the tables of studies: {error}", hint) from error


class _LeaseIsHeld:
    """No lock: whoever writes holds the lease of the sweep."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return


class _Grid(BaseSampler):  # type: ignore[misc]
    """Give each trial the point of its number; Optuna's own grid wants to stop the loop, which is ours."""

    def __init__(self, space: Space) -> None:
        self._points: tuple[dict[str, Value], ...] = tuple(space.grid())

    def infer_relative_search_space(self, *_: Any) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, _study: Any, trial: FrozenTrial, param_name: str, _distribution: Any) -> Value:
        point = self._points[int(trial.number) % len(self._points)]
        return point[param_name]


def _sampler(name: str, seed: int, space: Space) -> BaseSampler:
    if name == "grid":
        return _Grid(space)
    return RandomSampler(seed) if name == "random" else TPESampler(seed=seed)


def _pruner(name: str) -> optuna.pruners.BasePruner:
    return optuna.pruners.MedianPruner() if name == "median" else optuna.pruners.NopPruner()


def _suggested(trial: Trial, name: str, dimension: Dimension) -> Value:
    points = dimension.points()
    high = points[-1] if points else dimension.high  # a step that does not end at high ends below it
    if dimension.kind == "categorical":
        found = trial.suggest_categorical(name, dimension.choices)
    elif dimension.kind == "int":
        step = int(dimension.step) or 1
        found = trial.suggest_int(name, int(dimension.low), int(high), step=step, log=dimension.log)
    else:
        step_or_none = dimension.step or None
        found = trial.suggest_float(name, dimension.low, float(high), step=step_or_none, log=dimension.log)
    value: Value = found
    return value


def _point(trial: FrozenTrial) -> Point:
    state = _WORDS.get(trial.state, "RUNNING")
    value = trial.value if state == "COMPLETE" else None
    return Point(trial.number, state, value, trial.params, frozenset(trial.intermediate_values))
