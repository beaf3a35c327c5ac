"""A target that another package brings: the smallest that keeps the whole protocol."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from workbench.compute.folder import JobFolder
from workbench.compute.hosts.archive import matches
from workbench.compute.hosts.far_folders import status_of_dead
from workbench.compute.targets import Capability, Sighting, TargetFigures, TargetStatus, Travel, read_options
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.errors import PendingError, StorageError, UnavailableError

_CUT = Path(__file__).with_name("cut")
_START = (
    'mkdir "$1/started" 2>/dev/null || exit 0; echo start >>"$1/starts.txt"; '
    'echo $$ >"$1/.pid" && mv "$1/.pid" "$1/pid"; exec "$2" "$1/runner.py" "$1"'
)
"""What is started claims the job itself: whoever starts it may be killed at any moment, and starts it again."""
_DEAF = Path(__file__).with_name("deaf")
_SLOW = Path(__file__).with_name("slow")
"""How often a job that is cancelled has still to be cancelled before it ends."""


@dataclass(frozen=True)
class Options:
    """What ``[targets.<name>]`` may set."""

    folder: str = ""
    lost_after_s: float = 600.0
    grace_s: float = 5.0


class NeighbourTarget:
    """Run jobs in another folder of this machine."""

    refusals: ClassVar = {
        Capability.QUEUE: "a neighbour starts at once",
        Capability.ARRAY: "a neighbour takes one job at a time",
        Capability.CONTAINER: "a neighbour has no containers",
        Capability.PREEMPTIBLE: "a neighbour takes nothing away",
    }
    capabilities = frozenset(Capability) - refusals.keys()

    def __init__(self, project, name, options):
        self.name = name
        self._project = project
        self._options = read_options(Options, name, options)
        self._jobs = Path(self._options.folder) / "jobs"
        self.travel = Travel(lost_after_s=self._options.lost_after_s)

    def check(self):
        """Ask whether anybody is there."""
        if _CUT.exists():
            return (Finding("reach", is_ok=False, message="the neighbour does not answer", hint="ring again"),)
        return (Finding("reach", is_ok=True, message="the neighbour answers"),)

    def figures(self):
        """Count what there is."""
        _ring()
        return TargetFigures(2, 1 << 32, shutil.disk_usage(self._options.folder).free, "0 JPY, neighbour, 2026-11")

    def submit(self, job):
        """Carry the directory over and start the runner, once."""
        _ring()
        there = self._jobs / job
        if not there.exists():
            new = there.with_name(f".{job}.new")
            shutil.rmtree(new, ignore_errors=True)
            try:
                shutil.copytree(JobFolder.of(self._project, job).path, new)
            except (OSError, shutil.Error) as error:
                shutil.rmtree(new, ignore_errors=True)
                message = f"The neighbour has no room for {job}: {error}"
                raise StorageError("far-disk-full", message, "free some space there") from error
            new.rename(there)
        if (there / "pid").exists():
            return
        environment = {**os.environ, "WB_EXECUTION": job, "WB_NEIGHBOUR": self._options.folder}
        for name in ("WORKBENCH_PROJECT", "WORKBENCH_JOB", "WORKBENCH_RUN_FILE"):
            environment.pop(name, None)
        with (there / "log.txt").open("ab") as log:
            subprocess.Popen(
                ["sh", "-c", _START, "sh", str(there), sys.executable],
                cwd=there,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def poll(self, jobs):
        """Look at all jobs."""
        _ring()
        return {job: Sighting(self.status(job), self.events(job, after)) for job, after in jobs.items()}

    def status(self, job):
        """Say how a job stands: its last word, else whether its runner lives."""
        _ring()
        there = JobFolder(self._jobs / job)
        is_alive = self._is_alive(there.path)
        if (end := there.read_exit()) is not None:
            return TargetStatus(end.state, end.reason, end.error)
        if is_alive or not (there.path / "pid").exists():
            return TargetStatus(JobState.RUNNING if there.events.exists() else JobState.STARTING)
        log = there.path / "log.txt"
        return status_of_dead(log.read_text(errors="replace") if log.exists() else "", "the runner was killed")

    def events(self, job, after=0):
        """Read the events."""
        _ring()
        return JobFolder(self._jobs / job).read_events(after)

    def cancel(self, job, grace_s=None):
        """Tell the runner to stop; end what is left."""
        _ring()
        if _SLOW.exists() and (left := int(_SLOW.read_text())):
            _SLOW.write_text(str(left - 1))
            raise PendingError("neighbour-slow", f"{job} has not ended yet", "wait")
        grace_s = self._options.grace_s if grace_s is None else grace_s
        runner = [process for process in _of(job) if "runner.py" in _line(process)]
        for process in runner:
            process.send_signal(signal.SIGTERM)
        psutil.wait_procs(runner, timeout=grace_s + 5)
        for process in _of(job):
            process.kill()

    def fetch(self, job, patterns):
        """Copy files here, each in one step."""
        _ring()
        there, here = self._jobs / job, JobFolder.of(self._project, job).path
        taken = []
        files = [path for path in there.rglob("*") if path.is_file()]
        for path in files:
            if not any(matches(path.relative_to(there).as_posix(), pattern) for pattern in patterns):
                continue
            target = here / path.relative_to(there)
            target.parent.mkdir(parents=True, exist_ok=True)
            new = target.with_name(f".{target.name}.new")
            shutil.copyfile(path, new)
            new.replace(target)
            taken.append(target)
        return tuple(taken)

    def cleanup(self, job):
        """End what is left and take the directory away."""
        _ring()
        if _DEAF.exists():
            raise UnavailableError("neighbour-away", "The neighbour has just gone", "ring again")
        for process in _of(job):
            process.kill()
        shutil.rmtree(self._jobs / job, ignore_errors=True)

    def _is_alive(self, there):
        try:
            process = psutil.Process(int((there / "pid").read_text()))
            is_it = abs(process.create_time() - (there / "pid").stat().st_mtime) < 60
            return is_it and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            return False


def _ring():
    if _CUT.exists():
        raise UnavailableError("neighbour-away", "The neighbour does not answer", "ring again")


def _line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _of(job):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WB_EXECUTION") == job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
