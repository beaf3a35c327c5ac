"""Archives on their way: what is sent as one stream, and what came as one and is not yet in its place."""

from __future__ import annotations

import io
import os
import secrets
import tarfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from workbench.foundation.durable import sync_folder
from workbench.foundation.errors import storage_errors

WHOLE = ".whole"
"""Last member of an archive that is sent: a stream cut between two members would else look like its end."""


class Arrivals:
    """Files that came, under names that nobody looks for until all of them are whole."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._files: dict[str, Path] = {}

    def __enter__(self) -> Arrivals:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._files.values():
            path.unlink(missing_ok=True)

    @property
    def names(self) -> set[str]:
        """What came."""
        return set(self._files)

    def take(self, stream: IO[bytes], wanted: frozenset[str]) -> None:
        """Read an archive; of a name not asked for, one that leads elsewhere, or no plain file, nothing is written."""
        with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                is_awaited = member.isreg() and name in wanted and is_plain(name)
                content = archive.extractfile(member) if is_awaited else None
                if content is not None:
                    self._write(name, content)

    def place(self) -> tuple[Path, ...]:
        """Give every file its own name."""
        placed = []
        for name, path in sorted(self._files.items()):
            with storage_errors(self._into / name):
                placed.append(path.replace(self._into / name))
        for folder in {path.parent for path in placed}:
            sync_folder(folder)
        self._files = {}
        return tuple(placed)

    def _write(self, name: str, content: IO[bytes]) -> None:
        path = self._into / name
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{secrets.token_hex(6)}.part")
            self._files[name] = part
            with part.open("wb") as stream:
                while chunk := content.read(1 << 20):
                    stream.write(chunk)
                stream.flush()
                os.fsync(stream.fileno())


def pack(files: Mapping[str, Path | bytes], stream: IO[bytes]) -> None:
    """Write an archive that every ``tar`` reads: in GNU's form a name is its bytes, whatever the locale over there."""
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        for name, content in {**files, WHOLE: b""}.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o600  # a notebook's parameters are nobody else's business on a shared machine
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                with content.open("rb") as source:
                    member.size = os.fstat(source.fileno()).st_size
                    archive.addfile(member, source)


def is_plain(name: str) -> bool:
    """Tell whether a relative path says where it leads: neither up, nor to the root, nor by a detour.

    Names come from a machine that may lie, and ``artifacts/../events.jsonl`` is no artifact, whatever a glob says.
    """
    return not {"", ".", ".."} & set(name.split("/"))


def matches(name: str, glob: str) -> bool:
    """Tell whether a relative path matches: ``*`` stays within a folder, ``**`` is any depth, also none."""
    return _match(name.split("/"), glob.split("/"))


def matching_files(folder: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    """Return the files below a folder that match any pattern, as :func:`matches` says."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = ((path, path.relative_to(folder).as_posix()) for path in files)
    return tuple(path for path, name in names if any(matches(name, pattern) for pattern in patterns))


def _match(parts: list[str], globs: list[str]) -> bool:
    if not globs:
        return not parts
    if globs == ["**"]:
        return bool(parts)
    if globs[0] == "**":
        return any(_match(parts[start:], globs[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], globs[0]) and _match(parts[1:], globs[1:])
