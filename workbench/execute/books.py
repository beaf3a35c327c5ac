"""What is written here of one execution on a far machine: its MLflow run, its end in the journal, and how it looks.

Nothing here asks the target. Each step may be cut off by ``kill -9`` and is done again by the next follower.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from workbench.compute.folder import View, attempt_of
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.execute import ledger, leftovers, recording, results
from workbench.execute.mirror import Mirror
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import IntegrityError, WorkbenchError
from workbench.foundation.project import Project

PUT_AWAY_S = 60.0
"""Whoever ends a job has it put away at once; after so long, whoever did so was killed between."""


class Books:
    """What is written of the executions on one target."""

    def __init__(self, project: Project, target: str) -> None:
        self._project = project
        self._target = target

    def begin_run(self, mirror: Mirror) -> str:
        """Return the execution's MLflow run, begun where it is not yet."""
        if not mirror.run:
            mirror.run = mirror.folder.read_run()
        if not mirror.run:
            spec = json.loads(mirror.folder.spec.read_bytes())
            # One that a killed follower began and did not write down is taken up again.
            mirror.run = recording.running_run(self._project, spec["job"])
            mirror.run = mirror.run or recording.begin_run(self._project, spec["job"], spec)
            write_atomic(mirror.folder.run, canonical_json({"run": mirror.run}))
            recording.note_begin(self._project, mirror.folder, mirror.run, spec)
        return mirror.run

    def take_events(self, mirror: Mirror, events: Iterable[JobEvent]) -> None:
        """Deliver events to the run, then move the cursor: twice doubles nothing, the other way round would lose."""
        run = self.begin_run(mirror)
        ledger.record_started(self._project, mirror.execution, run)
        for event in events:
            results.deliver_event(self._project, run, event)
        mirror.append(events)

    def take_in(self, mirror: Mirror, status: TargetStatus) -> None:
        """Take in the results; of a job that did not succeed they may be half of what was announced.

        Raises:
            IntegrityError: A job that succeeded brought something else than it announced.
        """
        if not mirror.run:
            return
        try:
            results.take_in(self._project, mirror.folder, mirror.run)
        except IntegrityError as error:
            if mirror.last_word(status).state is JobState.SUCCEEDED:
                raise
            print(f"{mirror.execution}: {error.message}", flush=True)  # noqa: T201 -- into follower.log

    def counts(self, mirror: Mirror) -> bool:
        """Tell whether the execution is the job's last attempt."""
        job, attempt = attempt_of(mirror.execution)
        return bool(ledger.find_record(self._project, job).body["attempt"] == attempt)

    def end(self, mirror: Mirror, status: TargetStatus) -> None:
        """Write an end into MLflow and the journal."""
        if mirror.may_run:
            leftovers.note(self._project, mirror.execution, self._target, in_s=PUT_AWAY_S)
        self._write_end(mirror, status, has_run=bool(mirror.run) and self.counts(mirror))
        mirror.close(status)

    def end_as_lost(self, mirror: Mirror, why: str) -> None:
        """Write, once, that nobody knows what became of an execution: its machine does not answer."""
        if mirror.is_lost:
            return
        # Until then it may come back with its results; afterwards nobody waits for them.
        leftovers.note(self._project, mirror.execution, self._target, in_s=ledger.RECOVERABLE.total_seconds())
        mirror.is_lost = True
        self._write_end(mirror, TargetStatus(JobState.LOST, ledger.UNREACHABLE, why), has_run=bool(mirror.run))

    def _write_end(self, mirror: Mirror, status: TargetStatus, *, has_run: bool) -> None:
        is_run_open = False
        if has_run:
            try:
                recording.end_run(self._project, mirror.folder, mirror.run, status)
            except WorkbenchError as error:
                print(error, flush=True)  # noqa: T201 -- close_run tries again
                is_run_open = True
        progress = mirror.folder.read_progress()
        ledger.record_ended(self._project, mirror.execution, status, progress, is_run_open=is_run_open)


def show(mirror: Mirror, status: TargetStatus | None = None, *, is_reachable: bool = True) -> None:
    """Keep how an execution looks, where that has changed."""
    view = mirror.view if status is None else View(status.state, status.reason, status.queue_position)
    view = View(view.state, view.reason, view.queue_position, is_reachable)
    if view != mirror.view:
        mirror.view = view
        write_atomic(mirror.folder.view, canonical_json(asdict(view)))
