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
import threading
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

    def owner(self) -> str:
        """Return the session's run that a call made here belongs to; empty where it belongs to none."""

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
        self._left: set[str] = set()  # the session's runs that have ended
        self._starting = threading.RLock()  # MLflow reads the environment as it starts a run

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
        found = self._innermost(self._keeper.owner()) if self._stack.get() else None
        run: str = found.info.run_id if found else ""
        return run if run in self._records.runs else ""

    def leave(self, owner: str) -> None:
        """Forget a run of the session that ends, and end what was started inside and left open.

        Tasks of one thread share MLflow's stack of active runs: what lies above may be another's. A thread that helped
        has a stack of its own, and is told when it calls next.
        """
        while self._raise(owner):
            self._end_top()
        self._records.forget(owner)
        self._joined.discard(owner)
        self._left.add(owner)

    def join_for_model(self, model_class: Any, patches: Patches) -> None:
        """Let ``log_model`` belong to the session's run, as it belongs to the fluent API's.

        ``mlflow.active_run`` itself joins nothing: ``while mlflow.active_run(): mlflow.end_run()`` has to end.
        """
        original = vars(model_class)["log"].__func__

        @classmethod  # type: ignore[misc]
        @functools.wraps(original)
        def log(cls: Any, *arguments: Any, **named: Any) -> Any:
            if self._keeper.owner() and self._is_here():
                with quietly("the run of a model"):
                    self._get_or_start_run()
            return original(cls, *arguments, **named)

        patches.replace_plainly(model_class, "log", log)

    def _start_run(self, run_id: str | None = None, *more: Any, **named: Any) -> Any:
        if not self._is_here():
            return self._start(run_id, *more, **named)
        ensure_store(self._project)
        self._forget_ended()
        options = dict(zip(_OPTIONS, more, strict=False)) | named
        owner = self._keeper.owner()
        is_child = bool(run_id or options.get("nested") or options.get("parent_run_id"))
        if owner and not is_child and not self._innermost(owner) and owner not in self._joined:
            return self._join(owner, options)
        if self._stack.get() and not options.get("nested"):
            options["nested"] = self._make_room(owner)
        if owner and not run_id and not options.get("parent_run_id"):
            options["nested"] = True
            if not self._stack.get():
                options["parent_run_id"] = owner
            elif not self._raise(owner):
                self._join(owner, {})  # what lies there is another task's: no parent
        run = self._started({**options, "run_id": run_id})
        self._take(run.info.run_id, owner)
        return run

    def _join(self, owner: str, options: dict[str, Any]) -> Any:
        """Continue the session's run, without leaving what an earlier cell has open."""
        run = self._started({**options, "run_id": owner, "nested": True, "parent_run_id": None})
        self._take(owner, owner)
        return run

    def _started(self, options: dict[str, Any]) -> Any:
        """Let MLflow start a run; the one that the environment names it would resume, and take out."""
        with self._starting:
            named = os.environ.pop(_RUN_ID, None)
            try:
                return self._start(**options)
            finally:
                if named is not None:
                    os.environ[_RUN_ID] = named

    def _end_run(self, status: str = "FINISHED") -> None:
        self._forget_ended()
        self._raise(self._keeper.owner())
        self._end_top(status)

    def _end_top(self, status: str = "FINISHED") -> None:
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
        self._forget_ended()
        owner, active = self._keeper.owner(), self._stack.get()
        if active and not (owner and self._is_here()):
            return active[-1]
        if owner and self._is_here():
            return self._innermost(owner) or self._join(owner, {})
        return self._fluent.start_run()

    def _innermost(self, owner: str) -> Any:
        """Return the newest active run that is the session's, or was started inside it; None where there is none.

        Tasks of one thread share MLflow's stack, so it may lie below another's. What is not ours hides what is below.
        """
        for run in reversed(self._stack.get()):
            inside = self._inside.get(run.info.run_id)
            if inside == owner:
                return run
            if not inside or not owner:
                return None
        return None

    def _raise(self, owner: str) -> bool:
        """Lay the newest active run inside one of the session's on top; tell whether there is one."""
        found, active = self._innermost(owner), self._stack.get()
        if found is not None and active[-1] is not found:
            active[:] = [*(run for run in active if run is not found), found]
        return found is not None

    def _forget_ended(self) -> None:
        """End what this thread has open inside runs of the session that another has ended, and forget those."""
        active = self._stack.get()
        while active and self._inside.get(active[-1].info.run_id) in self._left:
            if active[-1].info.run_id in self._left:
                active.pop()
            else:
                self._end_top()

    def _make_room(self, owner: str) -> bool:
        """End what an earlier cell left open; tell whether the new run is a child of what remains."""
        while active := self._stack.get():
            top = active[-1].info.run_id
            is_left_open = top in self._adopted and top not in self._entered and self._inside.get(top) == owner
            if not is_left_open:
                return True
            self._end_top()
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
