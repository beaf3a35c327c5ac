"""The Slurm target: a job directory on the cluster's shared file system, and a batch job that runs in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.compute.folder import KEPT_HERE, JobFolder
from workbench.compute.hosts.errands import run_errand
from workbench.compute.hosts.far_folders import FarFolders, Look
from workbench.compute.hosts.findings import check_disk, check_folder, check_packages, check_python, check_tar
from workbench.compute.hosts.here import HereHost
from workbench.compute.hosts.locked import LockedEnvironment
from workbench.compute.hosts.openssh import OpenSshHost
from workbench.compute.hosts.posix import PosixHost
from workbench.compute.slurm import scripts
from workbench.compute.slurm.batch import batch_words, refusal
from workbench.compute.slurm.cluster import Survey, check_cluster, read_survey
from workbench.compute.slurm.controller import Controller
from workbench.compute.slurm.options import SlurmOptions
from workbench.compute.slurm.states import Left, Seen, status_alive, status_ended, status_silent
from workbench.compute.targets import Capability, Sighting, TargetFigures, TargetStatus, Travel, read_options
from workbench.contract.job import JobEvent
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.errors import NotFoundError, PendingError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.project import Project, expanded

_PATIENCE_S = 30.0
"""Seconds that a shared file system may take to show what a node wrote, after Slurm says that the job has ended."""
_LEAVING_S = 5.0
"""Seconds that a job which has said its last word may take to leave the node."""
_GONE_S = 90.0
"""Seconds until a job that was cancelled has ended: Slurm's own ``KillWait``, half a minute, and the epilog."""
_REFUSED = 70
_NOTES = ("slurm.json", "slurm.cancel", "slurm.timeout", "slurm.txt", "log.txt")


class SlurmTarget:
    """Run jobs on a cluster that Slurm queues for."""

    refusals: Mapping[Capability, str] = {
        Capability.CONTAINER: "jobs run in the Python of the cluster, not in an image",
    }
    capabilities = frozenset(Capability) - refusals.keys()

    def __init__(self, project: Project, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._project = project
        self._options: SlurmOptions = read_options(SlurmOptions, name, options)
        self._options.validate(name)
        self._host = self._reach()
        self._controller = Controller(self._host, self._options.bin)
        self._folders = FarFolders(self._host, self._options.python, f"{self._options.folder}/jobs", _NOTES)
        self._locked = LockedEnvironment.of(project.root, self._options)
        self._silent_since: dict[str, float] = {}
        self.travel = Travel(
            bundle_limit_bytes=int(self._options.bundle_limit_mb * 1_000_000),
            env=self._options.env,
            data_sources=self._options.data_sources,
            lost_after_s=self._options.lost_after_s,
        )

    def check(self) -> tuple[Finding, ...]:
        """Look at Slurm's commands, the controller, the partition, the folder, the disk and Python."""
        try:
            machine = self._describe()  # first: it notices a shell that speaks into every answer
            cluster = check_cluster(
                self._survey(), self._options.partition, self.name, self._controller.typed("scontrol ping")
            )
        except WorkbenchError as error:
            return (Finding(error.code, is_ok=False, message=error.message, hint=error.hint),)
        return (
            *cluster,
            check_python(machine, self.name),
            self._locked.check() if self._locked else check_packages(machine, self._host),
            *check_tar(machine, self._host),
            check_folder(machine, self._host, self.name),
            check_disk(machine, self._host, self._options.min_free_disk_gb),
        )

    def figures(self) -> TargetFigures:
        """Count what the partition has, what of it is free, and who waits."""
        survey = self._survey()
        found = survey.partition(self._options.partition)
        nodes = found.nodes if found else ()
        return TargetFigures(
            cpus=sum(node.cpus for node in nodes),
            memory_bytes=sum(node.memory_bytes for node in nodes),
            free_disk_bytes=self._describe()["free_disk_bytes"],
            price_per_hour=self._options.price_per_hour,
            cpus_free=sum(node.cpus_free for node in nodes),
            gpus=sum(node.gpus for node in nodes),
            gpus_free=sum(node.gpus_free for node in nodes),
            queued_jobs=found.waiting if found else -1,
            quota=survey.limits,
        )

    def submit(self, job: str) -> None:
        """Put the job directory on the cluster and queue it; what was done before is not done again.

        Raises:
            UnavailableError: Host or controller does not answer; call again.
            StorageError: ``far-disk-full`` or ``far-folder-refused``.
            WorkbenchError: Slurm refuses it for good: ``partition-missing``, ``quota-exceeded``,
                ``target-too-small``, …
        """
        folder = self._put(job)
        words = batch_words(job, self._spec(job), self._options)
        self._batch(scripts.SUBMIT, folder, job, words)

    def submit_many(self, jobs: Sequence[str], parallel: int = 0) -> None:
        """Queue many jobs that ask for the same as one array; like :meth:`submit` for each, in one order.

        Args:
            jobs: Executions; at most as many as the cluster's ``MaxArraySize``, 1,000 unless it says otherwise.
            parallel: At most so many run at once; 0 sets no bound.

        Raises:
            WorkbenchError: As :meth:`submit` says.
        """
        if not jobs:
            return
        specs = [self._spec(job) for job in jobs]
        if any(spec.get("resources") != specs[0].get("resources") for spec in specs):
            message = "The jobs of an array have to ask for the same resources"
            raise UsageError("array-resources-differ", message, "submit them one by one")
        for job in jobs:
            self._put(job)
        name = f"wb-{hashlib.sha256(' '.join(jobs).encode()).hexdigest()[:12]}"
        folder = f"{self._options.folder}/arrays/{name}"
        tasks = "".join(f"{job}\n" for job in jobs)
        self._host.put({"tasks": tasks.encode(), "job.sh": scripts.JOB.encode()}, folder)
        words = batch_words(name, specs[0], self._options)
        bound = f"%{parallel}" if parallel else ""
        words += ["--output=%a.txt", f"--array=0-{len(jobs) - 1}{bound}"]
        self._batch(scripts.SUBMIT_MANY, folder, name, words)

    def poll(self, jobs: Mapping[str, int]) -> Mapping[str, Sighting]:
        """Look at all these jobs with ``squeue``, at most once a second, and one command for their directories."""
        # The queue comes first: what ends after this look has written its last word, or will be seen by the next.
        queue = self._controller.queue()
        looks = self._folders.look(jobs)
        return {job: self._sighting(job, looks[job], queue.jobs, queue.places) for job in jobs}

    def status(self, job: str) -> TargetStatus:
        """Look at one job."""
        queue = self._controller.queue()
        return self._status(job, self._folders.look({job: -1})[job], queue.jobs, queue.places)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Read all events of a job, in as many looks as it takes."""
        return self._folders.events(job, after)

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """Take a waiting job out of the queue; let a running one save its work, and kill what is left after the grace.

        Raises:
            UnavailableError: Host or controller does not answer.
            PendingError: ``slurm-job-left``: Slurm has not ended it yet; call again.
        """
        grace_s = self._options.grace_s if grace_s is None else max(grace_s, 0.0)
        noted = self._host.run(["sh", "-c", scripts.MARK, "sh", self._folder(job)]).out
        number = json.loads(noted)["id"] if noted else ""
        if not number:
            return
        self._controller.run("scancel", "--state=PENDING", number)
        if grace_s:
            self._controller.run("scancel", "--batch", "--signal=TERM", number)
        if not self._has_ended(number, grace_s):
            self._controller.run("scancel", number)
            if not self._has_ended(number, _GONE_S):
                message = f"Slurm has not ended job {number} ({job}) within {_GONE_S:g} s"
                raise PendingError("slurm-job-left", message, self._controller.typed(f"scontrol show job {number}"))

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Bring files of the job directory into the one here; each is whole before it has its name."""
        into = JobFolder.of(self._project, job).path
        return self._host.get(self._folder(job), patterns, into, without=KEPT_HERE)

    def cleanup(self, job: str) -> None:
        """End what is left of the job in Slurm; its directory stays there for ``keep_days``."""
        number = self._folders.look({job: -1})[job].notes["slurm.json"]
        if number and json.loads(number)["id"] in self._alive():
            self._controller.run("scancel", json.loads(number)["id"])
        self._folders.forget(job)
        self._silent_since.pop(job, None)
        words = [self._folder(job), job, "-1", f"{self._options.keep_days:g}"]
        run_errand(self._host, self._options.python, "end", words)

    def _sighting(self, job: str, look: Look, queue: Mapping[str, Seen], places: Mapping[str, int]) -> Sighting:
        if look.has_more:  # its end is told once all that was said before it is here
            return Sighting(TargetStatus(JobState.RUNNING), look.events)
        return Sighting(self._status(job, look, queue, places), look.events)

    def _status(self, job: str, look: Look, queue: Mapping[str, Seen], places: Mapping[str, int]) -> TargetStatus:
        note = look.notes["slurm.json"]
        number = json.loads(note)["id"] if note else ""
        seen, left = queue.get(number), _left(look)
        is_alive = seen is not None and seen.is_alive
        is_cut_off = left.exit is not None and left.exit.reason in ("cancelled", "DeadKernelError")
        # A program that is kept apart may write its last word early, and files are fetched after the last of it.
        if seen and is_alive and (left.exit is None or JobFolder.of(self._project, job).is_apart):
            self._silent_since.pop(job, None)
            return status_alive(seen, left, places.get(number, 0))
        # Slurm is about to say why it was cut off, or that the last of its processes has gone.
        if seen and is_alive and self._may_still_come(job, _PATIENCE_S if is_cut_off else _LEAVING_S):
            return status_alive(seen, left, places.get(number, 0))
        if (ended := status_ended(seen, left)) is not None:
            self._silent_since.pop(job, None)
            return ended
        if self._may_still_come(job, _PATIENCE_S):
            return TargetStatus(JobState.RUNNING if left.has_events else JobState.QUEUED)
        return status_silent(seen, left)

    def _may_still_come(self, job: str, patience_s: float) -> bool:
        """Give a job's last word, or Slurm's, some time to be seen."""
        return time.monotonic() - self._silent_since.setdefault(job, time.monotonic()) < patience_s

    def _has_ended(self, number: str, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while number in self._alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def _alive(self) -> set[str]:
        return {seen.id for seen in self._controller.queue(is_fresh=True).jobs.values() if seen.is_alive}

    def _batch(self, script: str, folder: str, name: str, words: Sequence[str]) -> None:
        answer = self._controller.script(script, folder, name, self._options.python, *words)
        if answer.code == _REFUSED:
            error = refusal(answer.err, self._options, self.name, self._controller.typed("sinfo"))
            if error.code == "partition-missing":
                hint = did_you_mean(self._options.partition, self._survey().partitions)
                raise NotFoundError(error.code, error.message, f"{hint}; change [targets.{self.name}]")
            raise error
        if answer.code:
            raise self._host.storage_error(folder, answer)

    def _put(self, job: str) -> str:
        here = JobFolder.of(self._project, job).path
        names = ("spec.json", "input.ipynb", *self._spec(job)["files"])
        files: dict[str, Path | bytes] = {name: here / name for name in names}
        files |= self._locked.files() if self._locked else {}
        setup = "".join(f"{line}\n" for line in self._options.setup)
        self._host.put({**files, "job.sh": scripts.JOB.encode(), "setup.sh": setup.encode()}, self._folder(job))
        return self._folder(job)

    def _spec(self, job: str) -> dict[str, Any]:
        spec: dict[str, Any] = json.loads(JobFolder.of(self._project, job).spec.read_bytes())
        return spec

    def _folder(self, job: str) -> str:
        return f"{self._options.folder}/jobs/{job}"

    def _survey(self) -> Survey:
        return read_survey(self._controller.script(scripts.SURVEY, self._options.partition).out.decode())

    def _describe(self) -> dict[str, Any]:
        found: dict[str, Any] = run_errand(self._host, self._options.python, "describe", [self._options.folder])
        return found

    def _reach(self) -> PosixHost:
        if not self._options.host:
            return HereHost()
        config = self._options.ssh_config
        path = self._project.root / expanded(config) if config else None
        return OpenSshHost(self._options.host, port=self._options.port, config=path)


def _left(look: Look) -> Left:
    return Left(
        exit=look.exit,
        starting=look.reason,
        has_events=look.has_events,
        is_cancel_asked=bool(look.notes["slurm.cancel"]),
        is_timed_out=bool(look.notes["slurm.timeout"]),
        slurm_log=look.notes["slurm.txt"],
        runner_log=look.notes["log.txt"],
    )
