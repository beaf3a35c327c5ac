"""What one process records: its cells, the files it reads, its seeds, and the runs that are open in it.

A kernel runs one notebook, so there is one :class:`KernelRecord` in a process; :mod:`~workbench.experiment.session`
keeps it and is what everybody else calls. In a job the process only writes down what it sees, beside the file that
names the run; the job's supervisor, who owns the run, adds it there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from workbench.contract.run import InputFile
from workbench.experiment.capture import facts
from workbench.experiment.capture.cells import CellLog
from workbench.experiment.capture.document import notebook_bytes
from workbench.experiment.capture.git import unchanged_in_git
from workbench.experiment.capture.inputs import InputRecorder, paused
from workbench.experiment.capture.quiet import quietly
from workbench.experiment.capture.readers import watch_readers
from workbench.experiment.capture.seeds import seeds, states, watch_seeds
from workbench.experiment.lifecycle import add_facts
from workbench.experiment.store.liveness import HEARTBEAT_TAG, lease_path
from workbench.experiment.system_metrics import SystemMetrics
from workbench.foundation.durable import write_atomic
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

INPUTS_FILE = "inputs.json"
CAPTURED_FOLDER = "captured"
"""Beside the file that names a job's run: what its kernel saw, for the run's artifacts, and ``tags.json``."""
TAGS_FILE = "tags.json"
_LOOK_S = 120.0
_inside: ContextVar[tuple[str, ...]] = ContextVar("workbench_inside", default=())
"""Runs that were begun here, or before this task was: each thread and each task of asyncio has its own."""


class KernelRecord:
    """One process's record.

    Args:
        project: The project.
        checkout: Fresh checkout that a replay works in.
        say: Says a line to whoever sits before the notebook.
    """

    def __init__(
        self, project: Project, checkout: Path | None = None, say: Callable[[str], object] | None = None
    ) -> None:
        self.project = project
        self.recorder = InputRecorder(project, checkout)
        self.cells = CellLog()
        self.cell = ""
        """What names the cell that runs: its id, or its number among those that this process began."""
        self.began = 0
        self.runs: list[str] = []
        self.opened: dict[str, OpenRun] = {}
        self.steps: dict[tuple[str, str], int] = {}
        self.job_run = ""
        self.joined: list[str] = []
        """Open runs that plain mlflow has been told of, the newest last."""
        self.before_joined: dict[str, str | None] = {}
        """What the environment told plain mlflow before the first of them."""
        self.joining = threading.Lock()
        self.say = say
        self.writer: threading.Thread | None = None
        self._turn = threading.Lock()
        self._is_writing = self._is_wanted = False
        self.is_capturing = project.config.experiment.capture
        self._machine: dict[str, SystemMetrics] = {}

    @property
    def cell_id(self) -> str:
        """Id of the notebook cell that runs; empty where the front end names none."""
        return "" if self.cell.startswith("#") else self.cell

    @property
    def innermost(self) -> str:
        """The open run that whoever asks is in; empty where it is in none."""
        return self.innermost_of(self.runs)

    def innermost_of(self, runs: Sequence[str]) -> str:
        """Return which of some runs whoever asks is in; empty where it is in none.

        A task of asyncio is in the runs that it was begun in. A thread and a later cell inherit none; they are in the
        newest, but never in one that another thread or task has for itself.

        Args:
            runs: Their ids, the newest last.
        """
        own = [run for run in _inside.get() if run in self.opened and run in runs]
        if own:
            return own[-1]
        opened = [self.opened.get(run) for run in tuple(runs)]
        return next((item.run for item in reversed(opened) if item and item.is_shared), "")

    def start(self) -> None:
        """Watch from now on."""
        if self.is_capturing:
            with quietly("what is read"):
                self.recorder.start()
                watch_readers()
            with quietly("seeds"):
                watch_seeds()

    def watch_machine(self, run: str) -> None:
        """Sample what a run takes of the machine, until :meth:`leave_machine`; once a run."""
        settings = self.project.config.experiment
        if settings.system_metrics and run not in self._machine:
            self._machine[run] = SystemMetrics(self.project, run, settings.system_metrics_interval_s)
            self._machine[run].start()

    def leave_machine(self, run: str) -> None:
        """Take no further sample for a run."""
        if run in self._machine:
            self._machine.pop(run).stop()

    def look_after_cell(self, *, in_job: bool) -> None:
        """Digest, in a thread, what the cell has read; in a job, write it down, so that a kill loses nothing."""
        if not self.is_capturing:
            return
        if in_job and (self.writer is None or self.recorder.has_news):
            self._in_thread(self.write_captured)
        elif self.runs and self.recorder.has_news:
            self._in_thread(self._digest)

    def write_captured(self) -> None:
        """Write down what this process saw, for whoever owns the job's run."""
        folder = Path(os.environ["WORKBENCH_RUN_FILE"]).parent
        with paused():
            with quietly("files that were read"):
                write_atomic(folder / INPUTS_FILE, facts.inputs_text(self.recorder).encode())
            with quietly("the environment"):
                machine = facts.machine_facts() | facts.seed_facts(seeds({}))
                captured = folder / CAPTURED_FOLDER
                for name, data in {**machine.files, TAGS_FILE: json.dumps(machine.tags).encode()}.items():
                    write_atomic(captured / name, data)

    def _digest(self) -> None:
        with quietly("files that were read"):
            self.recorder.inputs()

    def _in_thread(self, action: Callable[[], None]) -> None:
        """Carry out an action in the one thread for it, once more where it is at it already."""
        with self._turn:
            self._is_wanted = True
            if not self._is_writing:
                self._is_writing = True
                self.writer = threading.Thread(target=self._write, args=(action,), name="wb-inputs", daemon=True)
                self.writer.start()

    def _write(self, action: Callable[[], None]) -> None:
        while True:
            with self._turn:
                if not self._is_wanted:
                    self._is_writing = False
                    return
                self._is_wanted = False
            action()


class OpenRun:
    """A run of this process between its beginning and its end: its lease, and the facts that take a moment to find.

    Args:
        record: The process's record.
        run: Id of the run, which exists.
        source: Absolute path of the notebook or script; None where unknown.
        is_fluent: Whether plain mlflow began it, so that nobody but mlflow says where it ends.
    """

    def __init__(self, record: KernelRecord, run: str, source: Path | None, *, is_fluent: bool = False) -> None:
        self.run = run
        self.is_fluent = is_fluent
        self.cell = record.cell
        self.fate: tuple[str, str] | None = None
        """State and error that it ends with, whatever mlflow says."""
        self._record, self._source = record, source
        self._seeds: dict[str, str] = {}
        with quietly("seeds"):
            self._seeds = states() if record.is_capturing else {}
        self._lease = Lease(lease_path(record.project, run))
        self._thread, self._task = threading.current_thread(), _current_task()
        record.opened[run] = self
        record.runs.append(run)
        _inside.set((*(other for other in _inside.get() if other in record.opened), run))
        self._looking = threading.Thread(target=self._look, name="wb-facts", daemon=True)
        self._looking.start()
        record.watch_machine(run)

    @property
    def is_shared(self) -> bool:
        """Whether one who was not begun inside this run may be meant to be in it: no thread or task is busy with it."""
        if self._thread is threading.current_thread():
            return self._task is None or self._task.done() or self._task is _current_task()
        return self._thread is threading.main_thread() or not self._thread.is_alive()

    def close(self, end: Callable[[], bool]) -> tuple[InputFile, ...]:
        """Add what was captured, end the run and give its lease back.

        Args:
            end: Writes the end.

        Returns:
            Files it read that neither a dataset version nor Git has.
        """
        try:
            self._record.leave_machine(self.run)
            self._looking.join(timeout=_LOOK_S)
            if self._record.is_capturing:
                with quietly("what a run rests on"):
                    add_facts(self._record.project, self.run, self._captured())
            end()
        finally:
            self._record.runs.remove(self.run)
            self._record.opened.pop(self.run, None)
            self._lease.release()
        return self._unversioned()

    def _look(self) -> None:
        """Find out what takes a moment, in a thread; what this thread opens is no input of the user's."""
        with paused():
            self._find_out(self._record.project)

    def _find_out(self, project: Project) -> None:
        with quietly("the state of a run's code"):
            beat = facts.Facts({HEARTBEAT_TAG: str(int(time.time()))})
            add_facts(project, self.run, beat | facts.code_facts(project))
        if self._record.is_capturing:
            with quietly("the environment"):
                add_facts(project, self.run, facts.machine_facts())
        with quietly("the end of a dead run"):
            from workbench.experiment.reap import reap_dead_runs  # reading runs imports SQLAlchemy

            reap_dead_runs(project)

    def _captured(self) -> facts.Facts:
        """Gather each kind of fact for itself, so that one that fails costs no other."""
        found = facts.Facts()
        notebook = notebook_bytes(self._source)
        log = self._record.cells
        kinds: dict[str, Callable[[], facts.Facts]] = {
            "the notebook": lambda: facts.notebook_facts(notebook),
            "the executed cells": lambda: facts.cell_facts(log.cells(), log.untracked, notebook),
            "seeds": lambda: facts.seed_facts(seeds(self._seeds)),
            "files that were read": lambda: facts.input_facts(self._record.recorder),
        }
        for what, gather in kinds.items():
            with quietly(what), paused():
                found |= gather()
        return found

    def _unversioned(self) -> tuple[InputFile, ...]:
        if not self._record.is_capturing:
            return ()
        with quietly("which files are versioned"), paused():
            loose = [item for item in self._record.recorder.inputs() if not item.dataset_version]
            known = unchanged_in_git(self._record.project, [item.path for item in loose])
            return tuple(item for item in loose if item.path not in known)
        return ()


def _current_task() -> Any:
    """Return the task of asyncio that runs in this thread; None where there is none."""
    asyncio = sys.modules.get("asyncio")  # nobody who has not imported it runs a task
    try:
        return asyncio.current_task() if asyncio else None
    except RuntimeError:
        return None


def note_of(unversioned: tuple[InputFile, ...]) -> str:
    """Return what a person is told of files that nobody could bring back; empty where there are none."""
    if not unversioned:
        return ""
    names = [item.path for item in unversioned]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    inside = [name for name in names if not Path(name).is_absolute()]
    command = f" → %mlops data snapshot {' '.join(map(_quoted, inside[:4]))}" if inside else ""
    what = "1 file that was read is" if len(names) == 1 else f"{len(names)} files that were read are"
    return f"{what} not versioned: {shown}{command}"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
