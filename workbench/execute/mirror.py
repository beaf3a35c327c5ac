"""What is known here of one execution on a far machine: its directory, and the cursor into its events."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import asdict

from workbench.compute.folder import CANCELLED_CODE, JobFolder, View
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import storage_errors


class Mirror:
    """One followed execution; belongs to one process, since one process follows.

    Attributes:
        folder: Its directory here.
        seq: Number of the last event that is here.
        run: Its MLflow run; empty until begun.
        view: How it looked last.
        is_cancelled: Whether the target was told to end it.
        is_homing: Whether its results are being brought home.
        is_lost: Whether it was written down as LOST because its machine does not answer.
        is_superseded: Whether a later attempt counts; then nothing of it is wanted any more.
    """

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.is_superseded = False
        self.seq = _settle(folder)
        self.run = folder.read_run()
        self.view = folder.read_view() or View(JobState.PENDING)
        self.is_cancelled = False
        self.is_homing = False
        self.is_lost = False

    @property
    def is_to_be_cancelled(self) -> bool:
        """Whether somebody asked for its end and the target was not told yet."""
        return not self.is_cancelled and not self.is_superseded and self.folder.cancel.exists()

    @property
    def may_run(self) -> bool:
        """Whether the target may have taken it over: it was asked to, whatever came of that."""
        return self.folder.sending.exists()

    @property
    def execution(self) -> str:
        """Name of the execution."""
        return self.folder.path.name

    def last_word(self, status: TargetStatus) -> TargetStatus:
        """Return the end as the runner wrote it, unless the target knows better what killed the runner."""
        if status.reason:
            return status
        end = self.folder.read_exit()
        return TargetStatus(end.state, end.reason, end.error) if end else status

    def append(self, events: Iterable[JobEvent]) -> None:
        """Append events that are new, in one write; what is here already is passed over.

        Raises:
            StorageError: ``disk-full`` or ``folder-not-writable``.
        """
        new = [event for event in events if event.seq > self.seq]
        if [event.seq for event in new] != list(range(self.seq + 1, self.seq + 1 + len(new))):
            return  # a gap: the target is asked again from where this file ends
        lines = b"".join(json.dumps(asdict(event), ensure_ascii=False).encode() + b"\n" for event in new)
        if not lines:
            return
        with storage_errors(self.folder.events), self.folder.events.open("ab", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            try:
                written = stream.write(lines)
                if written != len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(stream.fileno(), size)  # half a line would be taken for a whole one with its next half
                raise
        self.seq = new[-1].seq

    def close(self, status: TargetStatus) -> None:
        """Leave ``exit.json`` where the far side could not: whoever finds it knows that nothing more comes."""
        if self.folder.read_exit() is None:
            code = CANCELLED_CODE if status.state is JobState.CANCELLED else 2
            last = {"code": code, "reason": status.reason, "error": status.error}
            write_atomic(self.folder.path / "exit.json", canonical_json(last))


def _settle(folder: JobFolder) -> int:
    """Cut off a line that a killed follower left half-written, and return the number of the last whole event."""
    try:
        data = folder.events.read_bytes()
    except FileNotFoundError:
        return 0
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(folder.events, whole)
    return data.count(b"\n")
