"""The job directory: the one thing that every target carries, and all that is known of a job while it runs.

``spec.json`` and ``input.ipynb`` go in; ``events.jsonl``, ``output.ipynb`` and at last ``exit.json`` come out. Whoever
reads it needs no process to answer: the files are the interface, on this machine and on a far one. The notebook may
write into them, too, so what is read here is taken for an event or a last word only where it is one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.foundation.project import Project

CANCELLED_CODE = 143
"""Exit code of a job that was told to stop: 128 + SIGTERM."""

KEPT_HERE = frozenset(
    {"spec.json", "events.jsonl", "run.json", "sending.json", "sent.json", "view.json", "cancel.json", "process.json"}
    | {"input.ipynb", "pod.json", "abandoned.json"}
)
"""Files of a job directory that are written here alone; what lies over there under these names is never fetched over
them, for ``events.jsonl`` is also how far events have been taken in."""


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

    @classmethod
    def of(cls, said: object) -> Exit:
        """Read what stands in ``exit.json``.

        Raises:
            ValueError: It is no last word.
        """
        match said:
            case {"code": int(code), "reason": reason, "error": error}:
                return cls(code, str(reason), str(error))
        raise ValueError("no last word")

    @property
    def state(self) -> JobState:
        """The state this end means."""
        if self.code == 0:
            return JobState.SUCCEEDED
        return JobState.CANCELLED if self.code == CANCELLED_CODE else JobState.FAILED


def execution_of(job: str, attempt: int) -> str:
    """Name one attempt at a job: ``jb-1f2e`` is the first, ``jb-1f2e.2`` the second.

    Targets, leases and job directories know executions only, so a late result of an earlier attempt cannot be taken
    for one of the attempt that counts.
    """
    return job if attempt == 1 else f"{job}.{attempt}"


def attempt_of(execution: str) -> tuple[str, int]:
    """Return the job and the number of the attempt that an execution is."""
    job, _, attempt = execution.partition(".")
    return job, int(attempt) if attempt else 1


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        cell: Cells that are done.
        cells: Cells in all; 0 until known.
        memory_bytes: Resident memory at the last heartbeat; 0 until known.
    """

    cell: int
    cells: int
    memory_bytes: int = 0


@dataclass(frozen=True)
class View:
    """How a far job looked when its target was last asked; the journal holds what is certain.

    Attributes:
        state: A job state that is not terminal.
        reason: What it waits for.
        queue_position: Place in the queue, from 1; 0 where nobody can tell.
        is_reachable: Whether the target answered.
    """

    state: str
    reason: str = ""
    queue_position: int = 0
    is_reachable: bool = True


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
    def is_apart(self) -> bool:
        """Whether the job is somebody else's program: confined to its directory, all of which it can write."""
        return bool((read_json(self.spec) or {}).get("isolation"))

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
    def exit(self) -> Path:
        """The job's last word; see :class:`Exit`."""
        return self.path / "exit.json"

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
    def pod(self) -> Path:
        """Which pod's events these are, where a pod ran the job; missing until one has spoken."""
        return self.path / "pod.json"

    @property
    def cancel(self) -> Path:
        """Somebody asked for the job's end."""
        return self.path / "cancel.json"

    @property
    def view(self) -> Path:
        """How a far job looked last; see :class:`View`."""
        return self.path / "view.json"

    @property
    def sending(self) -> Path:
        """The target of a far job was asked to take it over; whether it did is not known yet."""
        return self.path / "sending.json"

    @property
    def sent(self) -> Path:
        """The target of a far job has taken it over."""
        return self.path / "sent.json"

    @property
    def abandoned(self) -> Path:
        """A far attempt that was given up, and has been ended over there."""
        return self.path / "abandoned.json"

    @property
    def log(self) -> Path:
        """What supervisor and runner had to say."""
        return self.path / "log.txt"

    def read_events(self, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the whole events with a number above ``after``, up to one that is none.

        A line still being written is left for later.
        """
        try:
            lines = self.events.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return ()
        events: list[JobEvent] = []
        with suppress(ValueError):
            events.extend(map(read_event, lines[max(after, 0) :]))
        return tuple(events)

    def read_progress(self) -> Progress:
        """Count the cells that are done."""
        cell = cells = memory = 0
        for event in self.read_events():
            if event.kind == "start":
                cells = _whole(event.data.get("cells"))
            elif event.kind == "cell_end" and event.data.get("is_ok"):
                cell += 1
            elif event.kind == "heartbeat":
                memory = _whole(event.data.get("memory_bytes"))
        return Progress(cell, cells, memory)

    def read_view(self) -> View | None:
        """Return how a far job looked last, or None for a job of this machine."""
        found = read_json(self.view)
        return View(**found) if found else None

    def read_exit(self) -> Exit | None:
        """Return the job's last word, or None while there is none."""
        with suppress(ValueError):
            return Exit.of(read_json(self.exit))
        return None

    def read_run(self) -> str:
        """Return the MLflow run id; empty while there is none."""
        return str((read_json(self.run) or {}).get("run", ""))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object that is written in one step by its writer, or None where there is none."""
    try:
        value = read_value(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_event(line: str | bytes) -> JobEvent:
    """Read one line of ``events.jsonl``.

    Raises:
        ValueError: It is no event.
    """
    try:
        event = JobEvent(**read_value(line))
    except TypeError as error:
        raise ValueError(str(error)) from error
    texts = isinstance(event.at, str) and isinstance(event.kind, str)
    if not texts or not isinstance(event.seq, int) or not isinstance(event.data, dict):
        raise ValueError("no event")
    return event


def read_value(text: str | bytes) -> Any:
    """Read JSON that may be anybody's.

    Raises:
        ValueError: It is none, or nested too deep.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    is_escaped = b"\\ud" in text.lower() if isinstance(text, bytes) else "\\ud" in text.lower()
    return storable(value) if is_escaped else value


def storable(value: Any) -> Any:
    """Return a value of JSON with a mark in the place of each half of a letter, which no file and no database takes."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
