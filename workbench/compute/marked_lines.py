"""Read marked lines out of a log back into events and files, for targets of which nothing but a log is to be had.

The travelling runner writes them (``execute/travelling/wire.py``). A log is not to be trusted: it may begin or end in
the middle of a line, have stamps before its lines and other programs' words between them, and come twice. What counts
is the number of an event and the digest of a file; a line that cannot be read is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.compute.folder import KEPT_HERE, storable
from workbench.contract.job import JobEvent
from workbench.foundation.durable import write_atomic

MARK = b"\x1ewb1 "
_MOST_BYTES = 1 << 30
_MOST_PARTS = 200_000


@dataclass
class _Pieces:
    """A file as far as it has come."""

    digest: str
    size: int
    parts: int
    pieces: dict[int, bytes] = field(default_factory=dict)


class MarkedLines:
    """A log that is read piece by piece."""

    def __init__(self) -> None:
        self._rest = b""
        self._events: dict[int, JobEvent] = {}
        self._unfinished: dict[tuple[str, str], _Pieces] = {}
        self._files: dict[str, bytes] = {}

    def feed(self, data: bytes) -> None:
        """Take the next piece of a log; feeding a piece again, or a log from its beginning, changes nothing."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def end(self) -> None:
        """Take the last line, which may lack its end."""
        self._take(self._rest)
        self._rest = b""

    def events(self, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the events with a number above ``after``, in order, up to the first that is missing."""
        found: list[JobEvent] = []
        while (event := self._events.get(after + len(found) + 1)) is not None:
            found.append(event)
        return tuple(found)

    @property
    def highest(self) -> int:
        """The highest number that an event came with; some before it may be missing."""
        return max(self._events, default=0)

    def event(self, number: int) -> JobEvent | None:
        """Return one event, or None where it has not come."""
        return self._events.get(number)

    @property
    def files(self) -> dict[str, bytes]:
        """The files that came whole, by path relative to the job directory."""
        return dict(self._files)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Names of files of which something is missing."""
        return tuple(sorted({name for name, _ in self._unfinished} - set(self._files)))

    def write_files(self, folder: Path) -> tuple[Path, ...]:
        """Write the files that came whole into a job directory, each in one step, and return where they lie.

        The notebook may write marked lines of its own into the log; they are not taken for what is written here alone.

        Raises:
            StorageError: The disk is full or the folder is not writable.
        """
        paths = []
        for name, content in sorted(self._files.items()):
            if name not in KEPT_HERE:
                paths.append(folder / name)
                write_atomic(folder / name, content)
        return tuple(paths)

    def _take(self, line: bytes) -> None:
        # Other programs may have said something on the same line before; after the object nothing counts.
        for piece in line.split(MARK)[1:]:
            try:
                said, _ = json.JSONDecoder().raw_decode(piece.decode("utf-8"))
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict):
                said = storable(said) if b"\\ud" in piece.lower() else said
                self._take_file(said) if "file" in said else self._take_event(said)

    def _take_event(self, said: dict[str, Any]) -> None:
        number, data = said.get("seq"), said.get("data")
        if isinstance(number, int) and number > 0 and isinstance(data, dict):
            event = JobEvent(number, str(said.get("at", "")), str(said.get("kind", "")), data)
            self._events.setdefault(number, event)

    def _take_file(self, said: dict[str, Any]) -> None:
        try:
            name, digest = str(said["file"]), str(said["digest"])
            part, parts, size = int(said["part"]), int(said["parts"]), int(said["bytes"])
            piece = base64.b64decode(said["data"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return
        is_sane = 0 <= part < parts <= _MOST_PARTS and 0 <= size <= _MOST_BYTES and _is_inside(name)
        if not is_sane or name in self._files:
            return
        known = self._unfinished.setdefault((name, digest), _Pieces(digest, size, parts))
        known.pieces[part] = piece
        if len(known.pieces) == known.parts == parts:
            content = _unpacked(known)
            del self._unfinished[name, digest]
            if content is not None:
                self._files[name] = content


def read_log(data: bytes) -> MarkedLines:
    """Return everything that a whole log says."""
    lines = MarkedLines()
    lines.feed(data)
    lines.end()
    return lines


def _unpacked(known: _Pieces) -> bytes | None:
    stream = b"".join(known.pieces[part] for part in range(known.parts))
    try:
        content = zlib.decompressobj().decompress(stream, known.size + 1)
    except zlib.error:
        return None
    is_whole = len(content) == known.size and f"sha256:{hashlib.sha256(content).hexdigest()}" == known.digest
    return content if is_whole else None


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    is_plain = path.as_posix() == name != "."  # "./events.jsonl" is another's name
    return is_plain and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name
