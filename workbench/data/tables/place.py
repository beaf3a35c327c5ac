"""Where data lies that somebody named: a version, a path or a table's bare name; in the work tree or in DVC's cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.data.catalogue import NOUN, RECORDED
from workbench.data.content import file_md5
from workbench.data.dvc.cache import object_path
from workbench.data.dvc.pointers import all_pointers, parse_pointer
from workbench.data.dvc.repository import cache_settings
from workbench.data.tables import blocks
from workbench.data.tables.sources import format_of, read_source
from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project, expanded

FOLDER = "data"


@dataclass(frozen=True)
class Place:
    """Data that can be read, wherever its bytes lie.

    Attributes:
        label: What it is called: the version's id, else the path.
        path: Its path in the project, or elsewhere.
        digest: Of the version; empty for what is not versioned.
        root: The file or folder, where it lies in a work tree.
        objects: By relative path (``""`` for a single file), where DVC's cache has it; empty for a work tree.
        md5: By relative path, what DVC calls each file.
    """

    label: str
    path: str
    digest: str = ""
    root: Path | None = None
    objects: dict[str, Path] = field(default_factory=dict)
    md5: dict[str, str] = field(default_factory=dict)

    def locate(self, name: str) -> Path:
        """Return where one file of a folder lies.

        Raises:
            IntegrityError: ``data-cache-missing``.
        """
        if self.root is not None:
            return self.root / name if name else self.root
        if name not in self.objects:
            message = f"{self.label} has no file '{name}'"
            raise IntegrityError("data-cache-missing", message, f"fetch it: dvc fetch '{self.path}.dvc'")
        return self.objects[name]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.root.is_dir() if self.root is not None else "" not in self.objects

    @cached_property
    def index(self) -> blocks.Index | None:
        """What the table's ``table.json`` says; None where this is no table of blocks."""
        if not self.is_folder:
            return None
        if self.root is not None and not (self.root / blocks.INDEX).is_file():
            return None
        if self.root is None and blocks.INDEX not in self.objects:
            return None
        return blocks.read_index(self.locate(blocks.INDEX))

    @property
    def is_table(self) -> bool:
        """Whether rows and columns can be read from it."""
        return self.index is not None or (not self.is_folder and bool(format_of(Path(self.path))))

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that name a row; empty where none are known."""
        return self.index.recipe.key if self.index else ()

    def content(self) -> str:
        """Return a digest of the content, for what is remembered about it."""
        if self.index is not None:
            return self.index.digest
        if self.digest:
            return self.digest
        return f"md5:{file_md5(self.locate(''))}"

    def read(self, columns: tuple[str, ...] | None = None) -> Any:
        """Return an Arrow table.

        Raises:
            UsageError: ``not-a-table``, and what a file's reader says.
            IntegrityError: ``table-damaged``.
        """
        if self.index is not None:
            try:
                return blocks.read_table(self.index, self.locate, columns)
            except IntegrityError:
                # An import may have put another table in its place, and swept the blocks, while this one was read.
                fresh = blocks.read_index(self.locate(blocks.INDEX))
                if fresh.digest == self.index.digest:
                    raise
                return blocks.read_table(fresh, self.locate, columns)
        if not self.is_table:
            hint = "name a table (data/<name>.table), or a CSV, TSV, Parquet, Feather or Excel file"
            raise UsageError("not-a-table", f"{self.label} is no table", hint)
        table = read_source(self.locate(""), name=Path(self.path).name).table
        return table if columns is None else table.select([name for name in table.column_names if name in columns])

    @cached_property
    def whole(self) -> Any:
        """The whole table, read once."""
        return self.read()

    def files(self) -> dict[str, tuple[str, int]]:
        """Return digest and size of every file, by relative path."""
        if self.root is None:
            return {name: (self.md5[name], path.stat().st_size) for name, path in self.objects.items()}
        if not self.root.is_dir():
            return {"": (file_md5(self.root), self.root.stat().st_size)}
        found = sorted(path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): (file_md5(path), path.stat().st_size) for path in found}


def find_place(project: Project, name: str) -> Place:
    """Return the data that somebody means.

    Args:
        project: The project.
        name: ``data/readings.csv@0123456789ab`` (digits may be cut short), ``data/readings.csv``, a path elsewhere, or
            ``readings`` for ``data/readings.table``.

    Raises:
        NotFoundError: ``version-unknown`` or ``data-missing``.
        UsageError: ``version-ambiguous``.
        IntegrityError: ``data-cache-missing``: the version's bytes are not here.
    """
    path = _existing(project, name)
    if path is not None:
        full = path.resolve()
        is_inside = full.is_relative_to(project.root.resolve())
        label = full.relative_to(project.root.resolve()).as_posix() if is_inside else str(path)
        return Place(label, label, root=full)
    if "@" in name:
        return _version(project, name)
    folder = project.root / FOLDER
    known = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    raise NotFoundError("data-missing", f"There is no {name}", did_you_mean(PurePosixPath(name).name, known))


def table_path(name: str) -> str:
    """Return the path of the table ``name`` in a project."""
    return f"{FOLDER}/{name}{blocks.SUFFIX}"


def _existing(project: Project, name: str) -> Path | None:
    try:
        given = expanded(name)
        for path in (project.root / given, Path.cwd() / given, project.root / table_path(name)):
            if name.strip() and path.exists():
                return path
    except OSError:
        return None  # a name that no file system takes
    return None


def _version(project: Project, name: str) -> Place:
    known: dict[str, tuple[str, str]] = {}
    for record in project.journal.records(NOUN, state=RECORDED):
        known[record.id] = (record.body["path"], record.body["pointer"])
    for pointer in all_pointers(project):
        known.setdefault(pointer.version, (pointer.path, pointer.text))
    wanted = name
    if name.partition("@")[0] and table_path(name.partition("@")[0]) in {path for path, _ in known.values()}:
        wanted = f"{table_path(name.partition('@')[0])}@{name.partition('@')[2]}"
    matches = [found for found in known if found == wanted] or [found for found in known if found.startswith(wanted)]
    if not matches:
        raise NotFoundError("version-unknown", f"There is no dataset version '{name}'", did_you_mean(wanted, known))
    if len(matches) > 1:
        hint = f"known: {', '.join(sorted(matches))}"
        raise UsageError("version-ambiguous", f"'{name}' is the beginning of several versions", hint)
    path, text = known[matches[0]]
    parsed = parse_pointer(path, text)
    if parsed is None:
        raise IntegrityError("pointer-malformed", f"The record of {matches[0]} is not usable", "mlops audit verify")
    return _cached(project, matches[0], path, parsed.digest)


def _cached(project: Project, label: str, path: str, digest: str) -> Place:
    cache = cache_settings(project).folder
    value = digest.removeprefix("md5:")
    source = object_path(cache, value)
    if not source.is_file():
        hint = f"fetch it from the remote: dvc fetch '{path}.dvc'"
        raise IntegrityError("data-cache-missing", f"The cache no longer has {label}", hint)
    if not value.endswith(".dir"):
        return Place(label, path, digest, objects={"": source}, md5={"": value})
    data = source.read_bytes()
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != value.removesuffix(".dir"):
        hint = f"remove it and fetch it again: rm -f '{source}' && dvc fetch"
        raise IntegrityError("data-cache-damaged", f"The cache's bytes of {label} are damaged", hint)
    entries = {entry["relpath"]: entry["md5"] for entry in json.loads(data)}
    objects = {name: object_path(cache, member) for name, member in entries.items()}
    return Place(label, path, digest, objects=objects, md5=entries)
