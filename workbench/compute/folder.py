"""The job directory: the one thing that every target carries, and all that is known of a job while it runs.

``spec.json`` and ``input.ipynb`` go in; ``events.jsonl``, ``output.ipynb`` and at last ``exit.json`` come out. Whoever
reads it needs no process to answer: the files are the interface, on this machine and on a far one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.foundation.project import Project

CANCELLED_CODE = 143
"""Exit code of a job that was told to stop: 128 + SIGTERM."""


@dataclass(frozen=True)
class Exit:
    """The last word of a job.

    Attributes:
        code: 0 where all cells ran; 1 for an error in a cell; 143 where it was cancelled.
        reason: ``cell_error``, ``DeadKernelError``, ``cancelled``, …; empty where all is well.
        error: ``ename: evalue``; empty where there is none.
    """

    code: int
    reason: str
    error: str

    @property
    def state(self) -> JobState:
        """The state this end means."""
        if self.code == 0:
            return JobState.SUCCEEDED
        return JobState.CANCELLED if self.code == CANCELLED_CODE else JobState.FAILED


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        cell: Cells that are done.
        cells: Cells in all; 0 until known.
    """

    cell: int
    cells: int


@dataclass(frozen=True)
class JobFolder:
    """The files of one job.

    Attributes:
        path: Absolute path of the job directory.
    """

    path: Path

    @classmethod
    def of(cls, project: Project, job: str) -> JobFolder:
        """Return the directory of a job in this project; it need not exist."""
        return cls(project.state_dir / "jobs" / job)

    @property
    def spec(self) -> Path:
        """What to run."""
        return self.path / "spec.json"

    @property
    def input(self) -> Path:
        """The notebook as it was when the job was submitted."""
        return self.path / "input.ipynb"

    @property
    def output(self) -> Path:
        """The executed notebook, saved after every cell."""
        return self.path / "output.ipynb"

    @property
    def runner(self) -> Path:
        """The travelling file."""
        return self.path / "runner.py"

    @property
    def events(self) -> Path:
        """One numbered event a line."""
        return self.path / "events.jsonl"

    @property
    def run(self) -> Path:
        """Which MLflow run the kernel writes into."""
        return self.path / "run.json"

    @property
    def inputs(self) -> Path:
        """Which files the kernel read, where it said so."""
        return self.path / "inputs.json"

    @property
    def process(self) -> Path:
        """Which process of this machine looks after the job; missing where none ever did."""
        return self.path / "process.json"

    @property
    def cancel(self) -> Path:
        """Somebody asked for the job's end."""
        return self.path / "cancel.json"

    @property
    def log(self) -> Path:
        """What supervisor and runner had to say."""
        return self.path / "log.txt"

    def read_events(self, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the whole events with a number above ``after``; a line still being written is left for later."""
        try:
            lines = self.events.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return ()
        return tuple(JobEvent(**json.loads(line)) for line in lines[after:])

    def read_progress(self) -> Progress:
        """Count the cells that are done."""
        cell = cells = 0
        for event in self.read_events():
            if event.kind == "start":
                cells = _whole(event.data.get("cells"))
            elif event.kind == "cell_end" and event.data.get("is_ok"):
                cell += 1
        return Progress(cell, cells)

    def read_exit(self) -> Exit | None:
        """Return the job's last word, or None while there is none."""
        found = read_json(self.path / "exit.json")
        if found is None:
            return None
        return Exit(int(found["code"]), str(found["reason"]), str(found["error"]))

    def read_run(self) -> str:
        """Return the MLflow run id; empty while there is none."""
        return str((read_json(self.run) or {}).get("run", ""))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object that is written in one step by its writer, or None where there is none."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
