"""The protocol of a machine that takes files and commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What a command said.

    Attributes:
        code: Its exit code.
        out: Its standard output.
        err: Its standard error, decoded; bytes that are no UTF-8 are replaced.
    """

    code: int
    out: bytes
    err: str


class Host(Protocol):
    """Run commands on a machine and carry files there and back.

    Paths are the machine's own, POSIX, and may begin with ``~/``. Whatever keeps the machine from answering is an
    ``UnavailableError`` whose code tells which: ``host-unreachable``, ``host-key-unknown``, ``host-key-changed`` or
    ``host-authentication-failed``. A full disk there is ``StorageError("far-disk-full")``.

    Attributes:
        name: How messages call it.
    """

    name: str

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Answer:
        """Run a command to its end; words are quoted, never read by a shell as anything but words."""

    def start(self, command: Sequence[str], *, folder: str, log: str, env: Mapping[str, str] | None = None) -> int:
        """Start a command that outlives the connection, in a session of its own, and return its process id.

        Args:
            command: Its words.
            folder: Working directory.
            log: File in ``folder`` that takes stdout and stderr.
            env: Variables to add; never a secret, since other users can read a command line.
        """

    def put(self, files: Mapping[str, Path | bytes], folder: str) -> None:
        """Write a whole folder at once: it has another name until every file is there and synced.

        A folder that is there already is left as it is: what was put once is not put twice.

        Args:
            files: Relative path to bytes or a file here.
            folder: Folder to make.
        """

    def get(
        self, folder: str, patterns: Sequence[str], into: Path, *, without: Collection[str] = ()
    ) -> tuple[Path, ...]:
        """Bring the files of a folder that match; each has another name here until it is whole.

        Args:
            folder: Folder to look in.
            patterns: Globs relative to it; ``**`` means any depth.
            into: Folder here; relative paths are kept.
            without: Relative paths that are left there, whatever matches them.

        Returns:
            Where the files lie now.
        """
