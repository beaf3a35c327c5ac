"""The parent run of a sweep in MLflow: its settings, its best value as it rises, and at the end what was best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.contract.status import JobState, RunState
from workbench.contract.sweep import TrialCard
from workbench.execute.sweeps.record import record_facts
from workbench.experiment.capture.git import git_state
from workbench.experiment.lifecycle import Origin, begin_run, end_run
from workbench.experiment.runs import list_runs
from workbench.experiment.store.tracking import log_metrics, log_params, set_tags
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

_STATES = {JobState.SUCCEEDED: RunState.FINISHED, JobState.FAILED: RunState.FAILED}
_SHOWN = ("sampler", "pruner", "direction", "trials", "parallel", "seed")


class Parent:
    """One parent run; every step may be repeated."""

    def __init__(self, project: Project, record: Record) -> None:
        self._project, self._sweep, self._body = project, record.id, record.body
        self.run = str(record.body.get("run", ""))

    def begin(self) -> None:
        """Make the run, unless an earlier controller did."""
        if self.run:
            return
        self.run = self._left_behind() or self._begin()
        record_facts(self._project, self._sweep, run=self.run)

    def note(self, trial: TrialCard, metric: str, body: Mapping[str, Any]) -> None:
        """Keep a trial's end with its run, and the best value with the parent's, where this is it."""
        best = body.get("best", {})
        if trial.run:
            set_tags(self._project, trial.run, {"workbench.trial_state": trial.state})
        if best.get("trial") == trial.number and metric:
            ended = sum(body["counts"].values())
            log_metrics(self._project, self.run, {metric: float(best["value"])}, step=ended)
            tags = {"workbench.best_trial": str(trial.number), "workbench.best_run": trial.run}
            set_tags(self._project, self.run, tags)

    def end(self, state: JobState, error: str, body: Mapping[str, Any]) -> None:
        """End the run with the parameters of the best trial."""
        if not self.run:
            return
        best = body.get("best", {})
        log_params(self._project, self.run, {f"best.{name}": value for name, value in best.get("params", {}).items()})
        end_run(self._project, self.run, _STATES.get(state, RunState.KILLED), error)

    def _begin(self) -> str:
        origin = Origin(
            source=self._body["notebook"],
            notebook_digest=self._body["notebook_digest"],
            commit=git_state(self._project),
            target=self._body["target"],
            sweep=self._sweep,
        )
        params = {key: self._body[key] for key in _SHOWN} | dict(self._body["space"]["fixed"])
        return begin_run(self._project, origin, name=self._body["name"], params=params)

    def _left_behind(self) -> str:
        """Find the run of a controller that died between making it and noting it down."""
        found = list_runs(self._project, f"tags.`workbench.sweep` = '{self._sweep}'", state=RunState.RUNNING)
        return next((run.id for run in found if not run.job), "")
