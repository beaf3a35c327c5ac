"""What a world has to offer: a target for a project, and each thing that may go wrong with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import psutil


class World(ABC):
    """A far machine that was started for a test session.

    Attributes:
        name: Name of the target in ``workbench.toml``.
        lag_s: What it may take from a change over there until it is seen here.
        cannot: Situations that cannot be made here, each with the reason; a test skips with it.
    """

    name = "far"
    lag_s = 5.0

    def __init__(self) -> None:
        self.cannot: dict[str, str] = {}

    @abstractmethod
    def toml(self) -> str:
        """Return the lines of ``[targets.far]``; with ``lost_after_s = 8`` so that a test can wait for it."""

    @abstractmethod
    def cut_link(self) -> None:
        """Let nothing through from here to there; what runs there goes on."""

    @abstractmethod
    def mend_link(self) -> None:
        """Let everything through again; does nothing where it was not cut."""

    @abstractmethod
    def kill_runner(self, execution: str) -> None:
        """Kill the runner of an execution with SIGKILL, as the machine's own administrator might."""

    @abstractmethod
    def processes(self, execution: str) -> list[str]:
        """Return the command lines of what still lives of an execution."""

    @abstractmethod
    def starts(self, execution: str) -> int:
        """Return how many times the runner of an execution was started."""

    @abstractmethod
    def fill_disk(self) -> None:
        """Leave no room where jobs are kept."""

    @abstractmethod
    def free_disk(self) -> None:
        """Make room again; does nothing where it was not filled."""

    def log(self) -> str:
        """Return what its services had to say, for the report of a test that failed."""
        return ""


def runner_command_line(execution: str, folder: str | Path) -> str:
    """Return what the command line of an execution's runner contains."""
    return f"{folder}/jobs/{execution}"


def line_of(process: psutil.Process) -> str:
    """Return a command line; nothing of a process that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
