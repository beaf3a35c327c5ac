"""The controller of a sweep, in a process of its own (:mod:`~workbench.execute.sweeps.process`).

It asks the study for points, submits each as a job like any other, looks at the jobs and tells the study what came of
them. Each step is written down before the next one is taken, so whoever starts it again after a kill -9 goes on: a
point that was asked for is submitted, a job that was submitted is found in the journal by sweep and trial, a trial that
was told is not told again, and no more points are asked for than there were to be.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from workbench.contract.job import Resources
from workbench.contract.status import JobState
from workbench.contract.sweep import TrialCard
from workbench.execute import jobs as job_verbs
from workbench.execute.ledger import NOUN as JOB
from workbench.execute.ledger import record_cancelling
from workbench.execute.reconcile import reconcile_jobs
from workbench.execute.submission import Order, submit_order
from workbench.execute.sweeps import record as journal
from workbench.execute.sweeps.measures import Measure, has_model, measure, progress
from workbench.execute.sweeps.parent import Parent
from workbench.execute.sweeps.revival import folder_of
from workbench.execute.sweeps.space import Space
from workbench.execute.sweeps.study import Point, Study, open_database, open_file
from workbench.foundation.errors import ConflictError, StorageError, UnavailableError, WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project

PRUNED = "pruned"
_POLL_S = 0.2
_METRICS_S = 1.0
_RECONCILE_S = 1.0
_RETRY_S = 5.0
_LONGEST_RETRY_S = 120.0
_CANCEL_AGAIN_S = 60.0
_TRIES = 3
"""Attempts that a trial's job gets where a machine, not the notebook, is what failed."""
_FAILURES = 5
"""Trials that may fail before any succeeds; then the notebook is what is wrong, and the rest would fail too."""
_MACHINE_FAILED = ("RunnerDied", "target-refused")


@dataclass
class OpenTrial:
    """A trial that has not been told.

    Attributes:
        point: What is tried.
        job: Its job; empty while it could not be submitted.
        is_lost: Whether its job was lost through no fault of the notebook, and has to be tried again.
        steps: Steps that were reported.
        cancelled_at: Monotonic time at which its job was cancelled; 0 where it was not.
    """

    point: Point
    job: str = ""
    is_lost: bool = False
    steps: set[int] = field(default_factory=set)
    cancelled_at: float = 0.0


class Controller:
    """One sweep, from wherever it stands to its end."""

    def __init__(self, project: Project, record: Record) -> None:
        self._project, self._sweep, self._body = project, record.id, record.body
        self._folder = folder_of(project, record.id)
        self._notebook = (self._folder / "input.ipynb").read_bytes()
        self._space = Space.from_json(record.body["space"])
        self._metric = str(record.body["metric"])
        self._study = self._open_study()
        self._parent = Parent(project, record)
        self._open: dict[int, OpenTrial] = {}
        self._asked = self._failed_first = 0
        self._error = ""
        self._retry_at, self._pause_s, self._read_at, self._reconciled_at = 0.0, _RETRY_S, 0.0, 0.0

    def run(self) -> None:
        """Go on until the budget is spent and every trial has ended."""
        self._parent.begin()
        self._pick_up()
        while not self._error and not self._is_cancelled():
            self._look()
            self._fill()
            if not self._open and self._asked >= self._body["trials"]:
                break
            self._prune()
            time.sleep(_POLL_S)
        is_cancelled = self._is_cancelled()
        self._cancel_rest()
        self._end(is_cancelled=is_cancelled)

    def _open_study(self) -> Study:
        url = self._project.config.journal.url
        storage = open_database(url) if url.startswith("postgresql") else open_file(self._folder / "study.log")
        return Study({**self._body, "id": self._sweep}, self._space, storage)

    def _pick_up(self) -> None:
        """Take over what an earlier controller left: open trials with their jobs, and ends that it did not write."""
        told, jobs = journal.ended_trials(self._project, self._sweep), journal.jobs_of(self._project, self._sweep)
        for point in self._study.points():
            self._asked += 1
            records = jobs.get(point.number, [])
            last = records[-1] if records else None
            trial = OpenTrial(point, last.id if last else "", steps=set(point.steps))
            if point.state == "RUNNING":
                self._open[point.number] = trial
            elif point.number not in told:
                reason = str(last.body.get("reason", "")) if last else ""
                self._note(trial, last, point.state, point.value, reason)
            if point.state == "FAILED" and self._failed_first >= 0:
                self._failed_first += 1
            elif point.state in ("COMPLETE", "PRUNED"):
                self._failed_first = -1

    def _look(self) -> None:
        """See which jobs have ended."""
        if time.monotonic() - self._reconciled_at >= _RECONCILE_S:
            reconcile_jobs(self._project)
            self._reconciled_at = time.monotonic()
        for trial in list(self._open.values()):
            record = self._project.journal.record(JOB, trial.job) if trial.job else None
            if record is not None and JobState(record.state).is_terminal:
                self._take(trial, record)

    def _take(self, trial: OpenTrial, record: Record) -> None:
        """Tell the study what an ended job means for its trial."""
        reason = str(record.body.get("reason", ""))
        is_machines_fault = record.state in (JobState.LOST, JobState.PREEMPTED) or reason in _MACHINE_FAILED
        if is_machines_fault and record.body["attempt"] < _TRIES:
            trial.is_lost, trial.cancelled_at = True, 0.0
            return
        run = str(record.body.get("run", ""))
        found = Measure(self._metric, None)
        if record.state == JobState.SUCCEEDED:
            found = measure(self._project, run, self._metric)
            if found.metric and not self._metric:
                self._metric = found.metric
                journal.record_facts(self._project, self._sweep, metric=found.metric)
        if run and self._metric and self._body["pruner"] != "none":
            self._report(trial, run)  # it may have ended between two looks; later trials are compared with it
        state = "COMPLETE" if found.value is not None else "FAILED"
        if record.state == JobState.CANCELLED and reason == PRUNED:
            state = "PRUNED"
        self._study.tell(trial.point.number, state, found.value)
        del self._open[trial.point.number]
        self._note(trial, record, state, found.value, found.problem or reason)
        self._count_failures(state, record, found)

    def _count_failures(self, state: str, record: Record, found: Measure) -> None:
        if state != "FAILED":
            self._failed_first = -1
        elif self._failed_first >= 0:
            self._failed_first += 1
        if self._failed_first >= min(_FAILURES, self._body["trials"]):
            why = found.problem or record.body.get("error") or record.body.get("reason", "")
            self._error = f"the first {self._failed_first} trials all failed, the last one with: {why}"

    def _note(self, trial: OpenTrial, record: Record | None, state: str, value: float | None, reason: str = "") -> None:
        """Write an end into the journal and, where it is the best one yet, onto the parent run."""
        run = str(record.body.get("run", "")) if record else ""
        params = self._space.typed(trial.point.values)
        searched = {name: params[name] for name in self._space.dimensions if name in params}
        reason = "" if state == "COMPLETE" else reason
        card = TrialCard(trial.point.number, state, value, searched, trial.job, run, reason=reason)
        best = None
        if value is not None and self._is_best(value):
            is_model = has_model(self._project, run)
            best = {"trial": card.number, "value": value, "params": searched, "run": run, "has_model": is_model}
        self._body = journal.record_trial(self._project, self._sweep, card, best).body
        self._parent.note(card, self._metric, self._body)

    def _is_best(self, value: float) -> bool:
        best = self._body.get("best")
        if not best:
            return True
        sign = 1 if self._body["direction"] == "maximize" else -1
        return sign * value > sign * float(best["value"])

    def _prune(self) -> None:
        """Report how far trials have come, and cancel the jobs of those that the pruner gives up."""
        if self._body["pruner"] == "none" or not self._metric or time.monotonic() - self._read_at < _METRICS_S:
            return
        self._read_at = time.monotonic()
        for trial in self._open.values():
            record = self._project.journal.record(JOB, trial.job) if trial.job else None
            if record is None or not record.body.get("run"):
                continue
            if record.body.get("cancel_reason") == PRUNED:
                self._cancel(trial)
                continue
            if self._report(trial, record.body["run"]):
                record_cancelling(self._project, trial.job, PRUNED)
                self._cancel(trial)

    def _report(self, trial: OpenTrial, run: str) -> bool:
        """Report what is new of a trial and return whether the pruner would have ended it at one of these steps."""
        for step, value in progress(self._project, run, self._metric).items():
            if step not in trial.steps:
                trial.steps.add(step)
                self._study.report(trial.point.number, step, value)
                if self._study.is_hopeless(trial.point.number):
                    return True
        return False

    def _cancel(self, trial: OpenTrial) -> None:
        """Cancel a trial's job beside the loop, since it may save its work first; and again where that did not help."""
        if trial.cancelled_at and time.monotonic() - trial.cancelled_at < _CANCEL_AGAIN_S:
            return
        trial.cancelled_at = time.monotonic()
        threading.Thread(target=self._cancel_job, args=(trial.job,), name=f"cancel-{trial.job}", daemon=True).start()

    def _cancel_job(self, job: str) -> None:
        try:
            job_verbs.cancel(self._project, job)
        except WorkbenchError as error:
            _say(f"{job}: {error}")

    def _fill(self) -> None:
        """Submit what has no job, and ask for new points while there is room for more."""
        if time.monotonic() < self._retry_at:
            return
        waiting = [trial for trial in self._open.values() if trial.is_lost or not trial.job]
        while not self._error and (waiting or self._has_room()):
            trial = waiting.pop(0) if waiting else self._ask()
            try:
                self._submit(trial)
            except (UnavailableError, StorageError) as error:
                self._wait(error)
                return
            except WorkbenchError as error:
                self._error = str(error)
                return
        if self._body.get("error"):
            self._body = journal.record_facts(self._project, self._sweep, error="").body
        self._pause_s = _RETRY_S

    def _submit(self, trial: OpenTrial) -> None:
        if not trial.is_lost:
            trial.job = submit_order(self._project, self._order(trial.point)).id
            return
        try:
            job_verbs.retry(self._project, trial.job)
        except ConflictError as error:
            _say(str(error))  # a machine that was given up has answered after all
        trial.is_lost = False

    def _has_room(self) -> bool:
        return self._asked < int(self._body["trials"]) and len(self._open) < int(self._body["parallel"])

    def _ask(self) -> OpenTrial:
        point = self._study.ask()
        self._asked += 1
        self._open[point.number] = OpenTrial(point)
        return self._open[point.number]

    def _order(self, point: Point) -> Order:
        return Order(
            notebook=self._body["notebook"],
            files_root=self._project.root,
            params=self._space.typed(point.values),
            target=self._body["target"],
            name=f"{self._body['name']} {point.number}",
            notebook_data=self._notebook,
            sweep=self._sweep,
            trial=point.number,
            parent=self._parent.run,
            resources=Resources(**self._body.get("resources", {})),
        )

    def _wait(self, error: WorkbenchError) -> None:
        """Try again later: a target that does not answer now is no reason to lose a sweep."""
        _say(str(error))
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_RETRY_S)
        self._body = journal.record_facts(self._project, self._sweep, error=error.message).body

    def _is_cancelled(self) -> bool:
        record = self._project.journal.record(journal.NOUN, self._sweep)
        return record is None or bool(record.body.get("is_cancelled"))

    def _cancel_rest(self) -> None:
        """End what still runs, and tell the study so."""
        for trial in self._open.values():
            if trial.job:
                self._cancel_job(trial.job)
        for trial in self._open.values():
            record = self._project.journal.record(JOB, trial.job) if trial.job else None
            self._study.tell(trial.point.number, "FAILED", None)
            if record is not None:  # what was only asked for has not been tried
                self._note(trial, record, "FAILED", None, "cancelled")

    def _end(self, *, is_cancelled: bool) -> None:
        has_value = bool(self._body.get("best"))
        state = JobState.SUCCEEDED if has_value and not self._error else JobState.FAILED
        if is_cancelled:
            state = JobState.CANCELLED
        elif state is JobState.FAILED and not self._error:
            self._error = "no trial came to a value"
        self._parent.end(state, self._error, self._body)
        journal.record_ended(self._project, self._sweep, state, "" if is_cancelled else self._error)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- into log.txt
