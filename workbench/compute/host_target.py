"""A target whose jobs lie in folders of one machine with a POSIX shell, whatever that machine is reached by.

The job directory is put there in one step and started once (``hosts/errands``); from then on the job needs nobody.
All jobs of the target are looked at with one command, events are read on from where the last look ended, and results
are brought back under other names until they are whole. What a silence means is never guessed: it raises
``UnavailableError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.compute.folder import KEPT_HERE, JobFolder, attempt_of, read_json
from workbench.compute.hosts.errands import run_errand
from workbench.compute.hosts.far_folders import FarFolders, Look, status_of_dead
from workbench.compute.hosts.locked import LockedEnvironment
from workbench.compute.hosts.posix import PosixHost
from workbench.compute.targets import Sighting, TargetStatus
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.foundation.errors import PendingError, UnavailableError
from workbench.foundation.project import Project

_OURS = frozenset({"events.jsonl", "exit.json", "output.ipynb", "log.txt", "sent.json", "sending.json", "view.json"})
"""What comes back, or is only about this side: never sent."""
_BUNDLE = "bundle.tar.gz"
_SHARED_BYTES = 1 << 20


class HostTarget:
    """Carry job directories to one machine and back."""

    def __init__(
        self,
        project: Project,
        host: PosixHost,
        *,
        folder: str,
        python: str,
        grace_s: float,
        keep_days: float,
        locked: LockedEnvironment | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            project: The project.
            host: The machine.
            folder: Folder there that jobs are kept in.
            python: Python there that has papermill and ipykernel.
            grace_s: Seconds a cancelled job has to save its work.
            keep_days: Days that a job's directory stays there after its results came home.
            locked: The environment that jobs get there; None uses ``python`` as it is.
        """
        self._project = project
        self._host = host
        self._base = folder
        self._python = python
        self._grace_s = grace_s
        self._keep_days = keep_days
        self._locked = locked
        self._folders = FarFolders(host, python, f"{folder}/jobs")

    def lacks(self, modules: Sequence[str]) -> tuple[str, ...]:
        """Return which of these modules jobs would not find there; asked of its Python, or of the requirements.

        Raises:
            UnavailableError: The machine does not answer.
        """
        if self._locked:
            return self._locked.lacks(modules)
        missing = self._errand("describe", self._base, *modules)["missing"]
        return tuple(name for name in modules if name in missing)

    def submit(self, job: str) -> None:
        """Put the job directory there and start it; what was done before is not done again.

        Raises:
            UnavailableError: The machine does not answer; call again.
            StorageError: ``far-disk-full`` or ``far-folder-refused``.
        """
        folder, files = self._folder(job), self._files(job)
        shared = self._share(job, files)
        self._host.put(files, folder)
        self._errand("begin", folder, job, shared, *self._command())

    def poll(self, jobs: Mapping[str, int]) -> Mapping[str, Sighting]:
        """Look at all these jobs with one command."""
        looks = self._folders.look(jobs)
        return {job: self._sighting(job, looks[job]) for job in jobs}

    def status(self, job: str) -> TargetStatus:
        """Look at one job."""
        return self._status(job, self._folders.look({job: -1})[job])

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Read all events of a job, in as many looks as it takes."""
        return self._folders.events(job, after)

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """Have the job's own process save its work, and kill what is left after the grace.

        Raises:
            UnavailableError: The machine does not answer.
            PendingError: ``far-processes-left``: some have not died yet, as those that wait for a disk; call again.
        """
        self._end(job, self._grace_s if grace_s is None else max(grace_s, 0.0))

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Bring files of the job directory into the one here; each is whole before it has its name.

        Raises:
            UnavailableError: ``far-files-changing``: somebody else's program still runs, and could put a link to any
                file in their place.
        """
        if JobFolder.of(self._project, job).is_apart and self._folders.look({job: -1})[job].process == "alive":
            message = f"{job} still runs on {self._host.name}, confined; its files come when it has ended"
            raise UnavailableError("far-files-changing", message, f"mlops logs {attempt_of(job)[0]}")
        into = JobFolder.of(self._project, job).path
        return self._host.get(self._folder(job), patterns, into, without=KEPT_HERE)

    def cleanup(self, job: str) -> None:
        """End what outlived the job; its directory stays there for ``keep_days``."""
        self._folders.forget(job)
        self._end(job, -1)

    def _end(self, job: str, grace_s: float) -> None:
        words = [self._folder(job), job, f"{grace_s:g}", f"{self._keep_days:g}"]
        if left := self._errand("end", *words, timeout_s=max(grace_s, 0) + 30):
            message = f"Processes of {job} on {self._host.name} would not end: {', '.join(map(str, left))}"
            raise PendingError("far-processes-left", message, self._host.typed(f"ps -fp {','.join(map(str, left))}"))

    def _command(self) -> list[str]:
        """Return what runs in the job directory."""
        runner = ["runner.py", "."]
        return self._locked.command(self._python, runner) if self._locked else [self._python, *runner]

    def _sighting(self, job: str, look: Look) -> Sighting:
        if look.has_more:  # its end is told once all that was said before it is here
            return Sighting(TargetStatus(JobState.RUNNING), look.events)
        return Sighting(self._status(job, look), look.events)

    def _status(self, job: str, look: Look) -> TargetStatus:
        """Turn what a look saw into a status; of a job that is kept apart, its own last word is not the end of it."""
        if look.exit and look.process == "alive" and JobFolder.of(self._project, job).is_apart:
            return TargetStatus(JobState.RUNNING)
        return _status(look)

    def _errand(self, errand: Any, *words: str, timeout_s: float = 30.0) -> Any:
        return run_errand(self._host, self._python, errand, words, timeout_s=timeout_s)

    def _folder(self, job: str) -> str:
        return f"{self._base}/jobs/{job}"

    def _files(self, job: str) -> dict[str, Path | bytes]:
        """Return what is put there."""
        here = JobFolder.of(self._project, job).path
        files: dict[str, Path | bytes] = {
            path.relative_to(here).as_posix(): path
            for path in sorted(here.rglob("*"))
            if path.is_file() and path.name not in _OURS and not path.name.startswith(".")
        }
        return {**files, **(self._locked.files() if self._locked else {})}

    def _share(self, job: str, files: dict[str, Path | bytes]) -> str:
        """Put a large bundle where other jobs find it, take it out of ``files``, and return where it lies.

        Fifty trials of a sweep have one bundle; over a narrow link it is sent once.
        """
        bundle = files.get(_BUNDLE)
        digest = str((read_json(JobFolder.of(self._project, job).spec) or {}).get("bundle", {}).get("digest", ""))
        if not isinstance(bundle, Path) or not digest or bundle.stat().st_size < _SHARED_BYTES:
            return ""
        folder = f"{self._base}/bundles/{digest.replace(':', '-')}"
        self._host.put({_BUNDLE: files.pop(_BUNDLE)}, folder)
        return f"{folder}/{_BUNDLE}"


def _status(look: Look) -> TargetStatus:
    """Turn what a look saw into a status; an end that was written down counts before all else."""
    if look.exit:
        return TargetStatus(look.exit.state, look.exit.reason, look.exit.error)
    match look.process:
        case "alive":
            return TargetStatus(JobState.RUNNING if look.has_events else JobState.STARTING, look.reason)
        case "waiting":
            return TargetStatus(JobState.PENDING, "put, not started")
        case "cancelled":
            return TargetStatus(JobState.CANCELLED, "cancelled")
        case "dead":
            return status_of_dead(look.log, "killed, or the machine was restarted")
    return TargetStatus(JobState.LOST, "job directory gone")
