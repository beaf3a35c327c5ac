"""Gather the trials of a sweep that are sent at the same time: a target with arrays takes them as one order.

A queue of a thousand jobs that differ in a parameter is what arrays were made for: one entry for the scheduler to look
at, one command to send. Whoever is alone, or asks for something else than the others, is sent as ever.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping

from workbench.compute.folder import JobFolder, read_json
from workbench.compute.targets import Capability, Target

GATHER_S = 1.0
"""Seconds that a trial waits for the next one of its sweep."""
MOST = 500
"""Trials in one order; Slurm's own bound is a thousand unless a cluster says otherwise."""


class Gathering:
    """Which of the executions that are due are sent together, as seen by one follower."""

    def __init__(self) -> None:
        self._groups: dict[str, str] = {}
        self._seen: dict[str, float] = {}
        self._alone: set[str] = set()

    def batches(self, target: Target, due: Mapping[str, JobFolder]) -> list[tuple[str, ...]]:
        """Return what may be sent now: single executions, and groups that nobody has joined for a while.

        Args:
            target: Where they go.
            due: Executions that are to be sent, with their directories.
        """
        if Capability.ARRAY not in target.capabilities:
            return [(execution,) for execution in due]
        groups: dict[str, list[str]] = defaultdict(list)
        for execution, folder in due.items():
            groups[self._group_of(execution, folder)].append(execution)
        now = time.monotonic()
        ready: list[tuple[str, ...]] = []
        for group, members in groups.items():
            last = max(self._seen.setdefault(execution, now) for execution in members)
            if not group.startswith("{"):
                ready += [(execution,) for execution in members]
            elif now - last >= GATHER_S or len(members) >= MOST:
                ready.append(tuple(sorted(members)[:MOST]))
        return ready

    def part(self, executions: tuple[str, ...]) -> None:
        """Send these one by one from now on: together they were refused, and each is to be told its own reason."""
        self._alone |= set(executions)

    def _group_of(self, execution: str, folder: JobFolder) -> str:
        """Name what an execution may be sent with: trials of the same sweep that ask for the same."""
        if execution in self._alone:
            return execution
        if execution not in self._groups:
            spec = read_json(folder.spec) or {}
            key = {"sweep": spec.get("sweep", ""), "resources": spec.get("resources", {})}
            self._groups[execution] = json.dumps(key, sort_keys=True) if key["sweep"] else execution
        return self._groups[execution]
