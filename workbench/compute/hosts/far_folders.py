"""Job directories on another machine, looked at as they are written: what is new in each, in one command for all."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.compute.folder import Exit, read_event, read_value
from workbench.compute.hosts.errands import run_errand
from workbench.compute.hosts.posix import PosixHost
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState

_LOOK_S = 8.0
"""Seconds after which a machine that says nothing counts as silent, for now."""
_NOWHERE = (-1, 0)


@dataclass(frozen=True)
class Look:
    """What was found in a job directory.

    Attributes:
        process: ``gone``, ``waiting``, ``alive``, ``dead`` or ``cancelled``: whether a process holds its lock, where
            one should.
        events: Events above the number that was asked for.
        has_events: Whether the runner has ever said anything.
        has_more: Whether not all new events went into this answer.
        exit: The runner's last word, or None.
        reason: Why it has not begun.
        log: The end of the runner's log, where its process died.
        notes: Small files by name, their last 2,000 characters; empty where one is missing.
    """

    process: str
    events: tuple[JobEvent, ...] = ()
    has_events: bool = False
    has_more: bool = False
    exit: Exit | None = None
    reason: str = ""
    log: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


def status_of_dead(log: str, otherwise: str) -> TargetStatus:
    """Tell how a job ended whose runner left no last word.

    Args:
        log: The end of what the runner wrote to its log.
        otherwise: What is said where it wrote nothing.
    """
    said = (log.strip().splitlines() or [otherwise])[-1]
    reason = "disk-full" if os.strerror(errno.ENOSPC) in said else "RunnerDied"
    return TargetStatus(JobState.FAILED, reason, f"{reason}: {said}")


class FarFolders:
    """The job directories below one folder of a machine."""

    def __init__(self, host: PosixHost, python: str, base: str, notes: Sequence[str] = ()) -> None:
        """Look at nothing yet.

        Args:
            host: The machine.
            python: Its Python.
            base: Folder of the job directories.
            notes: Names of small files that are read with every look.
        """
        self._host = host
        self._python = python
        self._base = base
        self._notes = tuple(notes)
        self._offsets: dict[str, tuple[int, int]] = {}

    def look(self, jobs: Mapping[str, int]) -> dict[str, Look]:
        """Look at jobs.

        Args:
            jobs: For each execution, the number of the last event that is known here; -1 asks for none.

        Raises:
            UnavailableError: The machine does not answer.
        """
        words = [self._base, "/".join(self._notes)]
        for job, after in jobs.items():
            seq, offset = self._offsets.get(job, _NOWHERE)
            words += [job, str(max(after, 0)), "-1" if after < 0 else str(offset if seq == after else 0)]
        seen = run_errand(self._host, self._python, "look", words, timeout_s=_LOOK_S)
        return {job: self._read(job, after, seen[job]) for job, after in jobs.items()}

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Read all events of a job above a number, in as many looks as it takes."""
        found: list[JobEvent] = []
        while True:
            new = self.look({job: after + len(found)})[job]
            found += new.events
            if not new.has_more:
                return tuple(found)

    def forget(self, job: str) -> None:
        """Keep nothing in mind of a job that has ended."""
        self._offsets.pop(job, None)

    def _read(self, job: str, after: int, seen: Mapping[str, Any]) -> Look:
        events, is_whole = _read_events(seen["events"], max(after, 0))
        has_more, end = bool(seen["more"]), _read_exit(seen["exit"])
        if is_whole and after >= 0:
            self._offsets[job] = (after + len(events), seen["offset"])
        elif (
            not is_whole and self._offsets.pop(job, _NOWHERE) != _NOWHERE
        ):  # perhaps not the file that the offset was noted for
            has_more = True
        elif not is_whole:
            has_more, end = False, _damaged(f"event {after + len(events) + 1} of events.jsonl cannot be read")
        return Look(
            process=seen["is"],
            events=events,
            has_events=seen["said"],
            has_more=has_more,
            exit=end,
            reason=seen["reason"],
            log=seen["log"],
            notes=seen["notes"],
        )


def _read_events(text: str, after: int) -> tuple[tuple[JobEvent, ...], bool]:
    """Return events in order and without a gap, and whether that is all that the text has.

    Code in a notebook may write into any file of its job; one job's nonsense must not hide the others.
    """
    events: list[JobEvent] = []
    for line in text.split("\n")[:-1]:
        try:
            event = read_event(line)
        except ValueError:
            return tuple(events), False
        if event.seq != after + len(events) + 1:
            return tuple(events), False
        events.append(event)
    return tuple(events), True


def _read_exit(text: str) -> Exit | None:
    if not text:
        return None
    try:
        return Exit.of(read_value(text))
    except ValueError:
        return _damaged("exit.json cannot be read")


def _damaged(what: str) -> Exit:
    return Exit(1, "result-damaged", f"result-damaged: {what}")
