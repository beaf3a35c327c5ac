"""The local target: a detached process on this machine, which outlives kernel, browser and terminal.

``submit`` starts the supervisor and returns; the supervisor holds the lease ``job-<id>`` for as long as it lives, so
anybody can tell at once whether the job still has somebody who looks after it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder, read_json
from workbench.compute.hosts.archive import matching_files
from workbench.compute.targets import Capability, Sighting, TargetFigures, TargetStatus, Travel, read_options
from workbench.contract.job import JobEvent
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.background import spawn_detached
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.lease import HEARTBEAT_S, inspect_lease
from workbench.foundation.project import Project

SUPERVISOR = "workbench.execute.supervise"
"""Started by name: rooms do not import upwards."""

_GIB = 1 << 30
_RECORDING_S = 30.0
"""What a supervisor may take, after the job has ended, to write the end down."""


@dataclass(frozen=True)
class LocalOptions:
    """What ``[targets.<name>]`` may set beside ``kind``.

    Attributes:
        grace_s: Seconds a cancelled job has to save its work.
        min_free_disk_gb: Free space, in GiB, below which no job starts.
        price_per_hour: Price with currency, source and date.
        env: Variables that the kernel gets, with where each value comes from; see ``execute/secrets``.
    """

    grace_s: float = 10.0
    min_free_disk_gb: float = 0.25
    price_per_hour: str = "unknown"
    env: dict[str, str] = field(default_factory=dict)


class LocalTarget:
    """Run jobs as detached processes of this machine."""

    capabilities = frozenset(
        {
            Capability.CANCEL,
            Capability.LIVE_EVENTS,
            Capability.OUTLIVES_CALLER,
            Capability.FETCH,
            Capability.GPU,
            Capability.LIMITS,  # the runner keeps them: spec.json carries what was asked for
        }
    )
    refusals: Mapping[Capability, str] = {
        Capability.REMOTE: "jobs run on this very machine",
        Capability.QUEUE: "jobs start at once and share the machine; nothing makes them wait their turn",
        Capability.CONTAINER: "jobs run in the environment that submitted them",
        Capability.PREEMPTIBLE: "nobody takes this machine away",
        Capability.ARRAY: "jobs start one by one, which costs nothing here",
    }

    travel: Travel | None = None

    def __init__(self, project: Project, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._project = project
        self._options: LocalOptions = read_options(LocalOptions, name, options)
        self.env: Mapping[str, str] = self._options.env

    def check(self) -> tuple[Finding, ...]:
        """Look for the kernel, papermill, disk space and a writable folder, without importing or writing anything."""
        return (_find_package("ipykernel"), _find_package("papermill"), self._check_folder(), self._check_disk())

    def figures(self) -> TargetFigures:
        """Return what this machine offers to a process like this one."""
        import psutil

        from workbench.compute.hosts.errands.describe import gpus as count_gpus

        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        memory_bytes = int(psutil.virtual_memory().total)
        gpus, gpus_free = count_gpus()
        return TargetFigures(
            cpus,
            memory_bytes,
            self._free_disk_bytes(),
            self._options.price_per_hour,
            gpus=gpus,
            gpus_free=gpus_free,
        )

    def submit(self, job: str) -> None:
        """Start the detached supervisor of a job."""
        from workbench.compute.processes import started_at

        folder = JobFolder.of(self._project, job)
        pid = spawn_detached(
            SUPERVISOR,
            [str(self._project.root), job],
            log=folder.log,
            cwd=self._project.root,
            env={
                "WORKBENCH_JOB": job,
                "WORKBENCH_PROJECT": str(self._project.root),
                "WORKBENCH_ACTOR": self._project.actor,
                "WORKBENCH_RUN_FILE": str(folder.run),
            },
        )
        write_atomic(folder.process, canonical_json({"pid": pid, "started": started_at(pid)}))

    def status(self, job: str) -> TargetStatus:
        """Tell a job's state from its lease and its directory."""
        folder = JobFolder.of(self._project, job)
        if self._is_supervised(job):
            state = JobState.RUNNING if folder.events.exists() else JobState.STARTING
            return TargetStatus(state)
        if (end := folder.read_exit()) is not None:
            return TargetStatus(end.state, end.reason, end.error)
        if folder.cancel.exists():  # before the supervisor could so much as say so
            return TargetStatus(JobState.CANCELLED, "cancelled")
        return TargetStatus(JobState.LOST, "supervisor died")

    def poll(self, jobs: Mapping[str, int]) -> Mapping[str, Sighting]:
        """Look at jobs, which costs nothing here."""
        return {job: Sighting(self.status(job), self.events(job, after)) for job, after in jobs.items()}

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the events of a job."""
        return JobFolder.of(self._project, job).read_events(after)

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """Tell the supervisor to stop, wait until it has written the end down, and end whatever is left."""
        import psutil

        from workbench.compute.processes import end_processes, job_processes

        grace_s = self._options.grace_s if grace_s is None else grace_s
        write_atomic(JobFolder.of(self._project, job).cancel, canonical_json({"grace_s": grace_s}))
        supervisor = self._supervisor(job)
        others = job_processes(self._project.root, job, supervisor)
        if supervisor:
            with suppress(psutil.NoSuchProcess):  # it came to its end this moment
                process = psutil.Process(supervisor)
                process.terminate()
                psutil.wait_procs([process], timeout=grace_s + _RECORDING_S)
        end_processes([*others, *job_processes(self._project.root, job)], grace_s=0 if supervisor else grace_s)

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files of the job directory that match; they are here already."""
        return matching_files(JobFolder.of(self._project, job).path, patterns)

    def cleanup(self, job: str) -> None:
        """End processes that outlived their job."""
        from workbench.compute.processes import end_processes, job_processes

        end_processes(job_processes(self._project.root, job), grace_s=1.0)

    def _is_supervised(self, job: str) -> bool:
        lease = inspect_lease(self._project.state_dir / "leases" / f"job-{job}")
        if lease.is_alive:
            return True
        folder = JobFolder.of(self._project, job)
        if folder.read_exit() is not None:
            return False
        if folder.process.exists():
            # It was started but may not have come to its lease yet: an interpreter takes a moment.
            return bool(self._supervisor(job))
        spec = folder.spec.stat().st_mtime if folder.spec.exists() else 0.0
        return time.time() - spec < 2 * HEARTBEAT_S

    def _supervisor(self, job: str) -> int:
        """Return the process id of a living supervisor, or 0."""
        from workbench.compute.processes import is_same_process

        noted = read_json(JobFolder.of(self._project, job).process) or {}
        pid, started = int(noted.get("pid", 0)), float(noted.get("started", 0.0))
        return pid if pid and is_same_process(pid, started) else 0

    def _check_folder(self) -> Finding:
        folder = self._project.state_dir
        while not folder.exists():
            folder = folder.parent
        if os.access(folder, os.W_OK | os.X_OK):
            return Finding("folder", is_ok=True, message=f"{folder} is writable")
        hint = f"check its owner and mode: ls -ld '{folder}'"
        return Finding("folder", is_ok=False, message=f"cannot write {folder}", hint=hint)

    def _check_disk(self) -> Finding:
        free_gb = self._free_disk_bytes() / _GIB
        is_ok = free_gb >= self._options.min_free_disk_gb
        message = f"{free_gb:.1f} GiB free, {self._options.min_free_disk_gb:g} needed"
        hint = "" if is_ok else f"free some space, or lower min_free_disk_gb of [targets.{self.name}]"
        return Finding("disk", is_ok=is_ok, message=message, hint=hint)

    def _free_disk_bytes(self) -> int:
        return shutil.disk_usage(self._project.root).free


def _find_package(name: str) -> Finding:
    try:
        return Finding(name, is_ok=True, message=f"{name} {version(name)}")
    except PackageNotFoundError:
        return Finding(name, is_ok=False, message=f"{name} is not installed", hint=f"pip install {name}")
