"""The sandbox target: this machine, for a notebook that is somebody else's program.

It is always there and nobody sets it up. Jobs travel to it as to any far machine, as a bundle and data with digests,
into a folder of the project's state, and what runs there is confined to that folder (``foundation/confinement``): no
HOME, no network, none of the project's own files, and what it logs comes back as from far away.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from workbench.compute.host_target import HostTarget
from workbench.compute.hosts.here import HereHost
from workbench.compute.local import LocalTarget
from workbench.compute.targets import Capability, TargetFigures, Travel
from workbench.contract.project import Finding
from workbench.foundation.project import Project

_BUNDLE_LIMIT_BYTES = 2_000_000_000
"""A bundle goes no further than this disk, so it may be larger than one that is sent."""
_GRACE_S = 10.0
_TRIAL = """
import sys
from pathlib import Path
from workbench.foundation.confinement import launch
sys.exit(launch([sys.executable, "-S", "-c", ""], Path(sys.argv[1]), {}))
"""
_TRIAL_S = 60


def can_confine() -> bool:
    """Tell whether this machine keeps somebody else's program apart, by starting one that does nothing.

    macOS does not, nor do most containers; their users choose another target or accept less.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-c", _TRIAL, folder]
        return subprocess.run(command, check=False, capture_output=True, timeout=_TRIAL_S).returncode == 0


class SandboxTarget(HostTarget):
    """Run jobs on this machine, confined."""

    refusals: Mapping[Capability, str] = {
        Capability.QUEUE: "jobs start at once and share the machine; nothing makes them wait their turn",
        Capability.CONTAINER: "jobs run in the Python environment of this machine, not in an image",
        Capability.PREEMPTIBLE: "nobody takes this machine away",
        Capability.ARRAY: "jobs start one by one, which costs little here",
    }
    capabilities = frozenset(Capability) - refusals.keys()

    def __init__(self, project: Project, name: str, _options: Mapping[str, Any]) -> None:
        self.name = name
        self._local = LocalTarget(project, name, {})
        super().__init__(
            project,
            HereHost(),
            folder=str(project.state_dir / "sandbox"),
            python=sys.executable,  # as it was started: resolved, it would not find its packages
            grace_s=_GRACE_S,
            keep_days=0.0,
        )
        self.travel: Travel | None = Travel(bundle_limit_bytes=_BUNDLE_LIMIT_BYTES, is_here=True, isolation="required")

    def check(self) -> tuple[Finding, ...]:
        """Look for the kernel, papermill, disk space and a writable folder."""
        return self._local.check()

    def figures(self) -> TargetFigures:
        """Return what this machine offers."""
        return self._local.figures()
