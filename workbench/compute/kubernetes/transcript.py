"""What a pod has said so far: events to be handed on, files that came with them, and the rest, which is for people."""

from __future__ import annotations

import threading
from pathlib import Path

from workbench.compute.folder import Exit
from workbench.compute.marked_lines import MARK, MarkedLines
from workbench.contract.job import JobEvent

_KEPT = 1 << 20
"""Bytes of other lines that are kept; a log is no place for more."""


class Transcript:
    """Take lines, which may come twice, from one thread, and answer for them in others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines = MarkedLines()
        self._others: list[bytes] = []
        self._kept = 0
        self._stamp = b""

    @property
    def has_begun(self) -> bool:
        """Whether the runner has said anything."""
        with self._lock:
            return self._lines.highest > 0

    @property
    def last_word(self) -> Exit | None:
        """The runner's end, once it was said."""
        with self._lock:
            last = self._lines.event(self._lines.highest)
        return end_of(last) if last and last.kind == "exit" else None

    def take(self, stamp: bytes, line: bytes) -> None:
        """Take a line of the log with the time it was written at."""
        with self._lock:
            if MARK in line:
                self._lines.feed(line + b"\n")
            elif stamp > self._stamp and self._kept < _KEPT:
                self._others.append(line)
                self._kept += len(line)
            self._stamp = max(self._stamp, stamp)

    def events(self, after: int) -> tuple[JobEvent, ...]:
        """Return the events above a number, as far as they go without a gap."""
        with self._lock:
            return self._lines.events(after)

    def has_gap(self, after: int) -> bool:
        """Tell whether later events are here but not the next one."""
        with self._lock:
            return self._lines.highest > after and self._lines.event(after + 1) is None

    def bridge(self, after: int) -> tuple[JobEvent, ...]:
        """Return the events above a number where some will never come: one of kind ``lost`` in the place of each."""
        with self._lock:
            highest = self._lines.highest
            last = self._lines.event(highest)
            at = last.at if last else ""
            numbers = range(after + 1, highest + 1)
            return tuple(self._lines.event(number) or JobEvent(number, at, "lost", {}) for number in numbers)

    def write(self, folder: Path, log: Path) -> None:
        """Write the files that came whole into a job directory, and what was no event into its log.

        Raises:
            StorageError: The disk is full or the folder is not writable.
        """
        with self._lock:
            self._lines.write_files(folder)
            others = b"".join(line + b"\n" for line in self._others)
        if others:
            log.write_bytes(others)


def end_of(event: JobEvent) -> Exit:
    """Read the runner's last word."""
    code = event.data.get("code")
    reason, error = str(event.data.get("reason", "")), str(event.data.get("error", ""))
    return Exit(code if isinstance(code, int) else 1, reason, error)
