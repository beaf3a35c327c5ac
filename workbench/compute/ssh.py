"""The ssh target: a machine that the OpenSSH binary reaches, with nothing installed there but Python and papermill.

How job directories get there and back is :mod:`workbench.compute.host_target`; here is what only ssh has: who the host
is, and what is looked at before a job may go there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.compute.far_options import HostOptions
from workbench.compute.host_target import HostTarget
from workbench.compute.hosts.findings import check_disk, check_folder, check_packages, check_python, check_tar
from workbench.compute.hosts.locked import LockedEnvironment
from workbench.compute.hosts.openssh import OpenSshHost
from workbench.compute.targets import Capability, TargetFigures, Travel, read_options
from workbench.contract.project import Finding
from workbench.foundation.errors import UsageError, WorkbenchError
from workbench.foundation.project import Project, expanded

_CHECK_S = 15.0


class SshTarget(HostTarget):
    """Run jobs on one machine behind ssh."""

    refusals: Mapping[Capability, str] = {
        Capability.QUEUE: "jobs start at once and share the machine; nothing makes them wait their turn",
        Capability.CONTAINER: "jobs run in a Python environment of that machine, not in an image",
        Capability.PREEMPTIBLE: "nobody takes the machine away in an orderly manner",
        Capability.ARRAY: "jobs are sent one by one over the same connection, which costs little",
    }
    capabilities = frozenset(Capability) - refusals.keys()

    def __init__(self, project: Project, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._options: HostOptions = read_options(HostOptions, name, options)
        if not self._options.host:
            message, where = f"Target '{name}' does not say which host it is", f"[targets.{name}] in workbench.toml"
            raise UsageError("target-option-missing", message, f'add to {where}: host = "user@machine"')
        self._options.validate(name)
        config = self._options.ssh_config
        host = OpenSshHost(
            self._options.host,
            port=self._options.port,
            config=project.root / expanded(config) if config else None,
        )
        super().__init__(
            project,
            host,
            folder=self._options.folder,
            python=self._options.python,
            grace_s=self._options.grace_s,
            keep_days=self._options.keep_days,
            locked=LockedEnvironment.of(project.root, self._options),
        )
        self.travel = Travel(
            bundle_limit_bytes=int(self._options.bundle_limit_mb * 1_000_000),
            env=self._options.env,
            data_sources=self._options.data_sources,
            lost_after_s=self._options.lost_after_s,
        )

    def check(self) -> tuple[Finding, ...]:
        """Connect and look at Python, its packages, the folder and the disk, in one command."""
        try:
            found = self._errand("describe", self._options.folder, timeout_s=_CHECK_S)
        except WorkbenchError as error:
            return (Finding(error.code, is_ok=False, message=error.message, hint=error.hint),)
        here = f"{self._options.host} answers"
        return (
            Finding("reach", True, here),
            check_python(found, self.name),
            self._locked.check() if self._locked else check_packages(found, self._host),
            *check_tar(found, self._host),
            check_folder(found, self._host, self.name),
            check_disk(found, self._host, self._options.min_free_disk_gb),
        )

    def figures(self) -> TargetFigures:
        """Ask for processors, memory, disk, load and GPUs, in one command."""
        found = self._errand("describe", self._options.folder, "gpus", timeout_s=_CHECK_S)
        gpus, gpus_free = found["gpus"]
        return TargetFigures(
            cpus=found["cpus"],
            memory_bytes=found["memory_bytes"],
            free_disk_bytes=found["free_disk_bytes"],
            price_per_hour=self._options.price_per_hour,
            cpus_free=max(0, found["cpus"] - round(found["load"])),
            gpus=gpus,
            gpus_free=gpus_free,
        )
