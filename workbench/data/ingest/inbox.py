"""Look into a watched folder: what is new, what is still being written, what does not look like what came before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.data.ingest.declaration import Declaration, declaration_file
from workbench.data.table import shape_of
from workbench.foundation.agreement import Use, refuse_untrusted
from workbench.foundation.errors import UnavailableError
from workbench.foundation.project import Project

_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp")
_ANY = "null"


@dataclass(frozen=True)
class Arrival:
    """A file in a watched folder.

    Attributes:
        name: Path relative to the folder, in POSIX form.
        path: Where it lies.
        size: Bytes.
        mtime_ns: Time of its last change, nanoseconds since 1970.
        is_settled: Whether it has been left alone for long enough.
    """

    name: str
    path: Path
    size: int
    mtime_ns: int
    is_settled: bool

    @property
    def age_s(self) -> float:
        """Seconds since its last change."""
        return max(0.0, time.time() - self.mtime_ns / 1e9)


def folder_of(project: Project, declaration: Declaration) -> Path:
    """Return the watched folder; an absolute path replaces the project's."""
    return project.root / declaration.folder


def use_of_folder(project: Project, name: str, declaration: Declaration) -> Iterator[Use]:
    """Yield what needs an agreement before a watched folder is read: nothing where that lies in the project.

    A declaration comes with the repository, so somebody else may have written that the files of whoever starts Jupyter
    are to become a version of its data.
    """
    folder = folder_of(project, declaration).resolve()
    if not folder.is_relative_to(project.root.resolve()):
        reads = {f"'{declaration.pattern}'": str(folder)}
        file = declaration_file(project, name).relative_to(project.root).as_posix()
        yield Use(f"watches.{name}", reads, f"versions of {declaration.into}", asdict(declaration), file)


def arrivals(project: Project, name: str, declaration: Declaration, taken: Mapping[str, Any]) -> list[Arrival]:
    """Return the files that have not been taken as they are now, the oldest first.

    Raises:
        DeniedError: ``secrets-untrusted``: the folder is outside the project and nobody agreed that it is read.
        UnavailableError: ``watch-folder-missing``: a share that is not mounted, say.
    """
    refuse_untrusted(use_of_folder(project, name, declaration))
    folder = folder_of(project, declaration)
    if not folder.is_dir():
        message = f"The watched folder {folder} is not there"
        raise UnavailableError("watch-folder-missing", message, f"mount or make it: mkdir -p '{folder}'")
    found = [arrival for arrival in _scan(folder, declaration) if not _is_taken(arrival, taken.get(arrival.name))]
    return sorted(found, key=lambda arrival: (arrival.mtime_ns, arrival.name))


def _scan(folder: Path, declaration: Declaration) -> Iterator[Arrival]:
    real = folder.resolve()
    for path in folder.glob(declaration.pattern):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith(".") or path.suffix.lower() in _UNFINISHED:
            continue
        try:
            if not path.is_file() or path.resolve() != real / name:  # a link, at its end or on its way, leads anywhere
                continue
            status = path.stat()
        except OSError:
            continue  # gone between the listing and the look
        is_settled = time.time() - status.st_mtime >= declaration.settle_s
        yield Arrival(name, path, status.st_size, status.st_mtime_ns, is_settled)


def _is_taken(arrival: Arrival, known: Mapping[str, Any] | None) -> bool:
    return known is not None and (known["size"], known["mtime_ns"]) == (arrival.size, arrival.mtime_ns)


def columns_of(path: Path) -> dict[str, str]:
    """Return a table's column names and types; empty for what is no table."""
    return dict(shape_of(path).columns)


def schema_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return in words how a file's columns differ from those before; empty where it fits in.

    A column without any value has no type yet, and a whole number fits where decimals were: both are how a type
    looks in a short file, not a change.
    """
    told = [f"'{name}' is missing" for name in before if name not in now]
    told += [f"'{name}' is new" for name in now if name not in before]
    told += [
        f"'{name}' is {now[name]} instead of {kind}"
        for name, kind in before.items()
        if name in now and not _fits(kind, now[name])
    ]
    if not told and list(before) != list(now):
        told = [f"the columns come in another order: {', '.join(now)}"]
    return "; ".join(told)


def merged(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that both fit into: the wider type of each."""
    if not before:
        return dict(now)
    return {name: _wider(kind, now.get(name, kind)) for name, kind in before.items()}


def _fits(before: str, now: str) -> bool:
    return before == now or _ANY in (before, now) or {before, now} == {"int64", "double"}


def _wider(before: str, now: str) -> str:
    if before == _ANY:
        return now
    return "double" if "double" in (before, now) else before
