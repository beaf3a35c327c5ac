"""``mlflow.start_run`` and ``mlflow.end_run`` in a captured process: one kind of run, whoever started it.

- A run that MLflow's call starts is handed to the session, which gives it a lease, tags and, at its end, what was
  captured.
- Where the session has a run already (a ``with workbench.run():``, a tracked cell, a job), the first call joins it and
  never ends it: who started it does. Each further explicit ``start_run`` there is a child, and so is the first that
  asks for one (``nested=True``): a loop that starts a run for each trial keeps its trials apart, in a notebook as in a
  job.
- "Run with UUID … is already active" does not come: a run left open by an earlier cell is ended, a ``with`` block
  inside another makes a child.

Runs of another tracking server, which the user has pointed MLflow to, are left alone.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Protocol

from workbench.experiment.capture.quiet import quietly
from workbench.experiment.mlflow_calls.records import Records
from workbench.experiment.mlflow_calls.seam import SEAM, Patches
from workbench.experiment.store.client import experiment_id
from workbench.experiment.store.creation import ensure_store
from workbench.foundation.project import Project

_RUN_ID = "MLFLOW_RUN_ID"
_OPTIONS = SEAM["mlflow.tracking.fluent:start_run"][1:]
_ENDS = ("FINISHED", "FAILED", "KILLED")


class Keeper(Protocol):
    """Who looks after runs: the session."""

    def adopt(self, run_id: str, /) -> None:
        """Take over a run that MLflow's call has started."""

    def release(self, run_id: str, state: str, /) -> bool:
        """End a run that was taken over, as FINISHED, FAILED or KILLED; tell whether it was ours to end."""


class FluentRuns:
    """The fluent API's runs, looked after by the session.

    Args:
        modules: ``mlflow``, ``mlflow.tracking.fluent`` and ``mlflow.tracking._tracking_service.utils``.
        project: Where runs go while the user has set no tracking URI.
        records: Takes what is logged to them.
        keeper: The session.
    """

    def __init__(self, modules: tuple[Any, Any, Any], project: Project, records: Records, keeper: Keeper) -> None:
        self._mlflow, self._fluent, self._uris = modules
        self._project, self._records, self._keeper = project, records, keeper
        self._start, self._end = self._fluent.start_run, self._fluent.end_run
        self._default_uri = self._uris._get_default_tracking_uri
        self._experiment_of_user = self._fluent._get_experiment_id_from_env
        self._stack = self._fluent._active_run_stack
        self._joined: set[str] = set()  # the session's runs that a call has joined
        self._adopted: set[str] = set()  # runs that calls have started
        self._entered: set[str] = set()  # runs that are used with ``with``
        self._inside: dict[str, str] = {}  # the session's run that each was started in

    def patch(self, patches: Patches) -> None:
        """Put ourselves in the place of MLflow's functions."""
        enter = self._fluent.ActiveRun.__enter__

        def __enter__(run: Any) -> Any:  # noqa: N807 - takes the place of ActiveRun's
            self._entered.add(run.info.run_id)
            return enter(run)

        both = (self._fluent, self._mlflow)
        patches.replace(both, "start_run", self._start_run)
        patches.replace(both, "end_run", self._end_run)
        patches.replace((self._fluent,), "_get_or_start_run", self._get_or_start_run)
        patches.replace((self._fluent,), "_get_experiment_id_from_env", self._experiment)
        patches.replace((self._fluent.ActiveRun,), "__enter__", __enter__)
        patches.replace((self._uris,), "_get_default_tracking_uri", self._uri)

    def current(self) -> str:
        """Return the run of ours that a call without a run logs to; empty where that is to be found out or not ours."""
        active = self._stack.get()
        if not active:
            return ""
        run: str = active[-1].info.run_id
        return run if run in self._records.runs and self._inside.get(run) == os.environ.get(_RUN_ID, "") else ""

    def leave(self, owner: str) -> None:
        """Forget a run of the session that ends, and end what was started inside and left open."""
        while (active := self._stack.get()) and self._inside.get(active[-1].info.run_id) == owner:
            self._end_run()
        self._records.forget(owner)
        self._joined.discard(owner)

    def join_for_model(self, model_class: Any, patches: Patches) -> None:
        """Let ``log_model`` belong to the session's run, as it belongs to the fluent API's.

        ``mlflow.active_run`` itself joins nothing: ``while mlflow.active_run(): mlflow.end_run()`` has to end.
        """
        original = vars(model_class)["log"].__func__

        @classmethod  # type: ignore[misc]
        @functools.wraps(original)
        def log(cls: Any, *arguments: Any, **named: Any) -> Any:
            if os.environ.get(_RUN_ID) and self._is_here():
                with quietly("the run of a model"):
                    self._get_or_start_run()
            return original(cls, *arguments, **named)

        patches.replace_plainly(model_class, "log", log)

    def _start_run(self, run_id: str | None = None, *more: Any, **named: Any) -> Any:
        if not self._is_here():
            return self._start(run_id, *more, **named)
        ensure_store(self._project)
        options = dict(zip(_OPTIONS, more, strict=False)) | named
        owner = os.environ.get(_RUN_ID, "")
        is_child = bool(run_id or options.get("nested") or options.get("parent_run_id"))
        if owner and not is_child and not self._is_inside(owner) and owner not in self._joined:
            return self._join(owner, options)
        os.environ.pop(_RUN_ID, None)  # MLflow would resume it
        try:
            if self._stack.get() and not options.get("nested"):
                options["nested"] = self._make_room(owner)
            if owner and not run_id and not options.get("parent_run_id"):
                options["nested"] = True
                if not self._stack.get():
                    options["parent_run_id"] = owner
            run = self._start(run_id, **options)
        finally:
            if owner:
                os.environ[_RUN_ID] = owner
        self._take(run.info.run_id, owner)
        return run

    def _join(self, owner: str, options: dict[str, Any]) -> Any:
        """Continue the session's run, without leaving what an earlier cell has open."""
        try:
            run = self._start(**{**options, "run_id": owner, "nested": True, "parent_run_id": None})
        finally:
            os.environ[_RUN_ID] = owner
        self._take(owner, owner)
        return run

    def _end_run(self, status: str = "FINISHED") -> None:
        active = self._stack.get()
        top = active[-1].info.run_id if active else ""
        if top not in self._joined and top not in self._adopted:
            self._end(status)
            return
        active.pop()
        self._entered.discard(top)
        self._fluent._last_active_run_id.set(top)
        if (monitor := self._fluent.run_id_to_system_metrics_monitor.pop(top, None)) is not None:
            monitor.finish()
        if top in self._joined:
            return  # who started it ends it; until then it is one that further calls go on with
        self._adopted.discard(top)
        is_ended = False
        with quietly("the end of a run that mlflow started"):
            is_ended = self._keeper.release(top, status if status in _ENDS else "FINISHED")
        self._records.forget(top)
        self._inside.pop(top, None)
        if not is_ended:
            self._mlflow.MlflowClient().set_terminated(top, status)

    def _get_or_start_run(self) -> Any:
        """Return the active run, join the session's or start one: what ``mlflow.log_metric`` does first."""
        owner, active = os.environ.get(_RUN_ID, ""), self._stack.get()
        if active and (not owner or self._is_inside(owner) or not self._is_here()):
            return active[-1]
        return self._join(owner, {}) if owner and self._is_here() else self._fluent.start_run()

    def _is_inside(self, owner: str) -> bool:
        """Tell whether the innermost active run is the session's, or was started inside it."""
        active = self._stack.get()
        return bool(active) and self._inside.get(active[-1].info.run_id) == owner

    def _make_room(self, owner: str) -> bool:
        """End what an earlier cell left open; tell whether the new run is a child of what remains."""
        while active := self._stack.get():
            top = active[-1].info.run_id
            is_left_open = top in self._adopted and top not in self._entered and self._inside.get(top) == owner
            if not is_left_open:
                return True
            self._end_run()
        return False

    def _take(self, run: str, owner: str) -> None:
        self._records.runs.add(run)
        self._inside[run] = owner
        if run == owner:
            self._joined.add(run)
            return
        self._adopted.add(run)
        with quietly("a run that mlflow started"):
            self._keeper.adopt(run)

    def _is_here(self) -> bool:
        return bool(self._uris.get_tracking_uri() == self._project.tracking_uri)

    def _uri(self) -> str:
        """Return the project's store, where the user has set none."""
        uri = ""
        with quietly("MLflow's default store"):
            ensure_store(self._project)
            uri = self._project.tracking_uri
        return uri or str(self._default_uri())

    def _experiment(self) -> str | None:
        """Return the project's experiment, where the user has set none."""
        found: str | None = self._experiment_of_user()
        if found is None and self._is_here():
            with quietly("the project's experiment"):
                found = experiment_id(self._project)
        return found
