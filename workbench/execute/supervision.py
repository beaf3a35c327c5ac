"""What a supervisor does once the runner is off: make the run, follow the events, write the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from workbench.compute.folder import CANCELLED_CODE, Exit, JobFolder, Progress
from workbench.compute.processes import end_processes, job_processes
from workbench.compute.targets import TargetStatus
from workbench.execute import ledger, recording
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project

if TYPE_CHECKING:
    from workbench.execute.supervise import RunnerProcess

_POLL_S = 0.1
_PROGRESS_S = 2.0
"""At most so often is progress written to MLflow; the panel reads the events themselves."""


class Supervision:
    """One job, from the runner's start to the journal's last word about it."""

    def __init__(self, project: Project, job: str, folder: JobFolder, runner: RunnerProcess) -> None:
        self._project = project
        self._job = job
        self._folder = folder
        self._runner = runner
        self._run = ""
        self._refusal: WorkbenchError | None = None
        self._spec: dict[str, Any] = json.loads(folder.spec.read_bytes())

    def run(self) -> None:
        """Look after the job until it has ended and that is written down."""
        try:
            self._run = recording.begin_run(self._project, self._spec["job"], self._spec)
            write_atomic(self._folder.run, canonical_json({"run": self._run}))
            ledger.record_started(self._project, self._job, self._run)
            recording.note_begin(self._project, self._folder, self._run, self._spec)
        except WorkbenchError as error:
            # What cannot be recorded is not run: nobody could ever say what came of it.
            self._refusal = error
            self._runner.stop()
        self._follow()
        self._end()

    def _follow(self) -> None:
        noted_at, noted_cell = 0.0, 0
        while self._runner.process.poll() is None:
            time.sleep(_POLL_S)
            if not self._run or time.monotonic() - noted_at < _PROGRESS_S:
                continue
            noted_at, progress = time.monotonic(), self._folder.read_progress()
            if progress.cell != noted_cell:
                noted_cell = progress.cell
                self._note(progress)

    def _note(self, progress: Progress) -> None:
        try:
            recording.note_progress(self._project, self._run, progress)
        except WorkbenchError as error:  # a tracker that is away for a moment must not end a job of hours
            print(error, flush=True)  # noqa: T201 -- into log.txt

    def _end(self) -> None:
        # Whatever the notebook started and did not end (a sleep in the background) ends with the job.
        end_processes(job_processes(self._project.root, self._job), grace_s=2.0)
        last = self._last_word()
        end = TargetStatus(last.state, last.reason, last.error)
        is_run_open = False
        if self._run:
            try:
                recording.end_run(self._project, self._folder, self._run, end)
            except WorkbenchError as error:
                print(error, flush=True)  # noqa: T201 -- into log.txt; close_run tries again
                is_run_open = True
        ledger.record_ended(self._project, self._job, end, self._folder.read_progress(), is_run_open=is_run_open)

    def _last_word(self) -> Exit:
        """Return how the job ended, and leave ``exit.json`` where a killed runner could not."""
        if self._refusal:
            last = Exit(2, self._refusal.code, str(self._refusal))
        elif found := self._folder.read_exit():
            return found
        elif self._runner.was_stopped:
            last = Exit(CANCELLED_CODE, "cancelled", "")
        else:
            code = self._runner.process.returncode
            how = f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
            last = Exit(2, "RunnerDied", f"RunnerDied: the runner {how}; see log.txt in the job's folder")
        write_atomic(self._folder.path / "exit.json", canonical_json(last.__dict__))
        return last
