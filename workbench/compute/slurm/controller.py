"""The controller, asked through Slurm's own commands, seldom enough that it does not mind."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from workbench.compute.hosts.host import Answer
from workbench.compute.hosts.posix import PosixHost
from workbench.compute.slurm import scripts
from workbench.compute.slurm.states import FORMAT, Seen, positions, read_queue
from workbench.foundation.errors import UnavailableError

_QUEUE_S, _POSITIONS_S = 1.0, 5.0
"""At most so often is the controller asked for our jobs, and for everybody's that wait."""
_TIMEOUT_S = 60.0
"""Slurm's own commands give up on a controller after some ten seconds."""
_AWAY = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Connection timed out",
    "Zero Bytes were transmitted",
    "communications connection failure",
    "Transport endpoint is not connected",
    "in standby mode",
    "temporarily unable",
    "Unable to establish controller",
    "is DOWN",
)
_STRANGER = ("Munge", "munge", "authentication", "Could not establish a configuration source")
_NOT_FOUND = 127
_LATER = 75
"""What our scripts end with where the same call may be made again (``EX_TEMPFAIL``)."""


@dataclass(frozen=True)
class Queue:
    """One look at the queue.

    Attributes:
        jobs: Our jobs that the controller still knows, by number.
        places: Place of each that waits, from 1; empty where the controller tells nobody.
    """

    jobs: dict[str, Seen] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)


class Controller:
    """Slurm's commands on one host."""

    def __init__(self, host: PosixHost, commands: str) -> None:
        """Ask nothing yet.

        Args:
            host: Where the commands are run.
            commands: Folder of the commands; empty where the path has them.
        """
        self._host = host
        self._commands = commands
        self._lock = threading.Lock()
        self._queue, self._asked_at = Queue(), 0.0
        self._places: dict[str, int] = {}
        self._placed_at = 0.0

    def run(self, *words: str) -> Answer:
        """Run one of Slurm's commands.

        Raises:
            UnavailableError: ``slurm-unreachable``, ``slurm-commands-missing``, or what the host says.
        """
        return self.script(scripts.COMMAND, *words)

    def script(self, script: str, *words: str) -> Answer:
        """Run a script that calls Slurm's commands; see :meth:`run`."""
        answer = self._host.run(["sh", "-c", script, "sh", self._commands, *words], timeout_s=_TIMEOUT_S)
        if answer.code:
            self._refuse(answer)
        return answer

    def queue(self, *, is_fresh: bool = False) -> Queue:
        """Return our jobs as they stood within the last second, or now."""
        with self._lock:
            if is_fresh or time.monotonic() - self._asked_at > _QUEUE_S:
                answer = self.run("squeue", "--me", "--noheader", "--array", "--states=all", f"--format={FORMAT}")
                if answer.code:
                    raise self._unreachable(answer.err)
                jobs = read_queue(answer.out.decode("utf-8", "replace"))
                self._queue, self._asked_at = Queue(jobs, self._places_of(jobs)), time.monotonic()
            return self._queue

    def typed(self, command: str) -> str:
        """Return what a person types to have one of the commands run."""
        return self._host.typed(f"{self._commands}/{command}" if self._commands else command)

    def _places_of(self, jobs: dict[str, Seen]) -> dict[str, int]:
        """Ask for everybody's waiting jobs, where one of ours waits."""
        waiting = [job for job in jobs.values() if job.state == "PENDING"]
        if waiting and time.monotonic() - self._placed_at > _POSITIONS_S:
            answer = self.run("squeue", "--noheader", "--array", "--states=PENDING", f"--format={FORMAT}")
            everybody = read_queue(answer.out.decode("utf-8", "replace")) if answer.code == 0 else {}
            self._places, self._placed_at = dict(positions(everybody.values())), time.monotonic()
        return {job.id: self._places[job.id] for job in waiting if job.id in self._places}

    def _refuse(self, answer: Answer) -> None:
        """Raise where it was not the command that refused."""
        if answer.code == _NOT_FOUND:
            message = f"{self._host.name} has no Slurm commands: {_last(answer.err)}"
            hint = f'say where they are: bin = "/opt/slurm/bin"; look: {self._host.typed("ls -d /opt/slurm*/bin")}'
            raise UnavailableError("slurm-commands-missing", message, hint)
        if answer.code == _LATER or any(text in answer.err for text in (*_AWAY, *_STRANGER)):
            raise self._unreachable(answer.err)

    def _unreachable(self, said: str) -> UnavailableError:
        message = f"Slurm's controller does not answer {self._host.name}: {_last(said)}"
        return UnavailableError("slurm-unreachable", message, f"try: {self.typed('scontrol ping')}")


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
