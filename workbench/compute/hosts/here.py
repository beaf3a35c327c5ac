"""This machine, spoken to like any other."""

from __future__ import annotations

from workbench.compute.hosts.posix import PosixHost


class HereHost(PosixHost):
    """Run commands on the machine that we are on."""

    name = "this machine"

    def arguments(self, line: str) -> list[str]:
        """Have the line read by a shell."""
        return ["sh", "-c", line]
