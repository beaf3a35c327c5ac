"""Make every version of a dataset again without some rows: the same files, the same order, new digests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.data.care import tables
from workbench.data.care.rows import Remaining, Wanted, without_rows
from workbench.data.content import find_object, read_listing
from workbench.data.dvc.cache import listing
from workbench.data.dvc.pointers import Pointer, parse_pointer, write_pointer
from workbench.foundation.errors import IntegrityError

Put = Callable[[bytes, str], str]
"""Take bytes and the suffix of an object's name into the cache; return that name."""
_LISTING = ".dir"


@dataclass(frozen=True)
class Rewritten:
    """One version, made again.

    Attributes:
        before: What it was.
        after: What it is now.
        rows: Rows taken out.
        kept: Rows left.
        gone: Objects of the version before that the new one does not have.
    """

    before: Pointer
    after: Pointer
    rows: int
    kept: int
    gone: frozenset[str] = field(default_factory=frozenset)


class Rewriter:
    """Rewrites versions one by one and remembers files that several of them share.

    Args:
        cache: Folder of the cache's objects.
        wanted: What to take out.
        put: Takes new bytes; for a preview it only names them.
    """

    def __init__(self, cache: Path, wanted: Wanted, put: Put) -> None:
        self._cache = cache
        self._wanted = wanted
        self._put = put
        self._known: dict[tuple[str, str], tuple[str, int, Remaining]] = {}

    def rewrite(self, pointer: Pointer) -> Rewritten | None:
        """Make a version again; None where it holds no such row.

        Raises:
            IntegrityError: ``data-cache-missing``: the cache has not got all of its bytes.
            UsageError: ``erase-unclear``.
        """
        name = pointer.digest.removeprefix("md5:")
        if not name.endswith(_LISTING):
            new, size, remaining = self._file(name, pointer.path, pointer)
            if new == name:
                return None
            after = repointed(pointer, new, size, None)
            return Rewritten(pointer, after, remaining.rows, remaining.kept, frozenset({name}))
        members = read_listing(self._cache, name, pointer.version)
        if tables.is_table(members):
            return self._table(pointer, members)
        return self._folder(pointer, members)

    def _folder(self, pointer: Pointer, members: dict[str, str]) -> Rewritten | None:
        after: dict[str, str] = {}
        rows = kept = 0
        size = pointer.size
        for path, member in members.items():
            after[path], new_size, remaining = self._file(member, f"{pointer.path}/{path}", pointer)
            rows += remaining.rows
            kept += remaining.kept
            if after[path] != member:
                size += new_size - self._object(member, pointer).stat().st_size
        return self._as_folder(pointer, members, after, (size, rows, kept))

    def _table(self, pointer: Pointer, members: dict[str, str]) -> Rewritten | None:
        objects = {path: self._object(member, pointer) for path, member in members.items()}
        made = tables.without_rows(objects, pointer.path, self._wanted)
        if made is None:
            return None
        after = {path: self._put(data, "") for path, data in made.files.items()}
        size = sum(len(data) for data in made.files.values())
        return self._as_folder(pointer, members, after, (size, made.rows, made.kept))

    def _as_folder(
        self, pointer: Pointer, before: dict[str, str], after: dict[str, str], figures: tuple[int, int, int]
    ) -> Rewritten | None:
        size, rows, kept = figures
        name = pointer.digest.removeprefix("md5:")
        new = self._put(listing(after), _LISTING)
        if new == name:
            return None
        gone = frozenset({name, *before.values()} - {new, *after.values()})
        return Rewritten(pointer, repointed(pointer, new, size, len(after)), rows, kept, gone)

    def _file(self, name: str, path: str, pointer: Pointer) -> tuple[str, int, Remaining]:
        key = (name, Path(path).suffix.lower())
        if key not in self._known:
            data = self._object(name, pointer).read_bytes()
            remaining = without_rows(data, path, self._wanted)
            if remaining.data is None:
                self._known[key] = (name, len(data), remaining)
            else:
                new, size = self._put(remaining.data, ""), len(remaining.data)
                self._known[key] = (new, size, Remaining(None, remaining.rows, remaining.kept))
        return self._known[key]

    def _object(self, name: str, pointer: Pointer) -> Path:
        found = find_object(self._cache, name)
        if found is None:
            hint = f"fetch all versions first: dvc fetch --all-commits '{pointer.path}.dvc'"
            raise IntegrityError(
                "data-cache-missing", f"The cache has not got {pointer.version}, so it cannot be looked into", hint
            )
        return found


def repointed(pointer: Pointer, name: str, size: int, files: int | None) -> Pointer:
    """Return a pointer with another digest and size; what people wrote into the file stays."""
    text = pointer.text.replace(pointer.digest.removeprefix("md5:"), name, 1)
    text = re.sub(r"(?m)^( +size: )\d+$", rf"\g<1>{size}", text, count=1)
    if files is not None:
        text = re.sub(r"(?m)^( +nfiles: )\d+$", rf"\g<1>{files}", text, count=1)
    found = parse_pointer(pointer.path, text)
    if found and (found.digest, found.size, found.files) == (f"md5:{name}", size, files or 1):
        return found
    return write_pointer(pointer.path, name, size, files=files, is_executable=pointer.is_executable)
