"""Files and folders into the cache, and their ``.dvc`` files: what ``dvc add`` does, without importing dvc.

Everything is looked at, hashed and brought onto the disk before the first name changes. What is unusual (a pipeline's
output, a ``.dvc`` file with more in it than a digest, a cache that is no folder) is left to DVC itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.data import git
from workbench.data.content import whole_digest
from workbench.data.dvc import ignored
from workbench.data.dvc.cache import CacheWriter, changing, listing
from workbench.data.dvc.hashing import spread
from workbench.data.dvc.links import choose
from workbench.data.dvc.pointers import (
    Pointer,
    all_pointers,
    has_pipelines,
    pointer_file,
    read_pointer,
    write_pointer,
)
from workbench.data.dvc.repository import CacheSettings
from workbench.data.intent import Intent
from workbench.data.scan import Member, Scan, scan, settle
from workbench.data.state import State, now_ns
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.project import Project


@dataclass(frozen=True)
class Deposit:
    """What lies in the cache and may now be named.

    Attributes:
        pointer: The ``.dvc`` file.
        link: How data and cache share their bytes; empty where nothing had to be stored.
    """

    pointer: Pointer
    link: str


def oddity_of(project: Project, names: list[str], settings: CacheSettings) -> str:
    """Return why DVC itself has to record these paths; empty where the fast path may."""
    if settings.oddity:
        return settings.oddity
    is_new = False
    for name in names:
        try:
            pointer = read_pointer(project, name)
        except IntegrityError:
            pointer = None  # broken: it is written anew
        else:
            if pointer is None and pointer_file(project, name).exists():
                return f"{name}.dvc is not a plain one"
        if pointer and not pointer.is_plain:
            return f"{name}.dvc says more than a digest"
        is_new = is_new or pointer is None
    return "the project has pipelines" if is_new and has_pipelines(project) else ""


@contextmanager
def deposited(project: Project, names: list[str], settings: CacheSettings) -> Iterator[list[Deposit]]:
    """Put paths into the cache and write their ``.dvc`` files; if the block fails these are as they were.

    Raises:
        ConflictError: ``data-overlaps``, ``data-changing`` or ``data-in-git``.
        UsageError: ``data-ignored``, ``data-special``, ``data-linked-folder`` or ``dvcignore-inside``.
        StorageError: ``disk-full``, ``folder-not-writable`` or ``file-not-readable``.
    """
    for name in names:
        _refuse_unfit(project, name, settings)
    with CacheWriter(settings) as writer, State(project) as state:
        built = [_gather(project, name, settings, writer, state) for name in names]
        writer.commit()
        for found, deposit, members, since in built:
            after = _same(project, found)
            state.remember(after, deposit.pointer.digest.removeprefix("md5:"), members, since)
    deposits = [deposit for _, deposit, _, _ in built]
    with Intent(project, [deposit.pointer.version for deposit in deposits]) as intent:
        written = []
        for deposit in deposits:
            data = project.root / deposit.pointer.path
            if settings.uses_git and (text := git.ignoring(project.root, data)) is not None:
                intent.write(data.parent / ".gitignore", text)
                written.append(data.parent / ".gitignore")
            intent.write(pointer_file(project, deposit.pointer.path), deposit.pointer.text.encode())
            written.append(pointer_file(project, deposit.pointer.path))
        yield deposits
    if settings.uses_git and settings.is_staging:
        git.stage(project.root, written)


def _gather(
    project: Project, name: str, settings: CacheSettings, writer: CacheWriter, state: State
) -> tuple[Scan, Deposit, dict[str, str], int]:
    """Put one path on its way into the cache."""
    found = scan(project.root, name)
    if found is None:
        raise NotFoundError("data-missing", f"{name} has just gone", f"bring it back: mlops data log {name}")
    if found.left_out:
        link = f"{name}/{found.left_out[0]}"
        hint = f"put a folder in its place: cp -rL '{link}' '{link}.new'"
        raise UsageError("data-linked-folder", f"{link} is a link to a folder, which DVC would leave out", hint)
    settle(found)
    since = now_ns()
    base = str(project.root / name)
    writer.expect(len(found.members))
    way = choose(
        settings.links, is_chosen=settings.is_chosen, size=found.size, data=Path(base).parent, cache=settings.folder
    )

    def put(member: Member) -> str:
        return writer.put(f"{base}/{member.name}" if found.is_folder else base, member, way)

    known = state.members(found)  # what is known is not read again, unless the cache has lost it
    members = {m.name: known[m.name] for m in found.members if m.name in known and writer.has(known[m.name], m.size)}
    fresh = [(member, member.size) for member in found.members if member.name not in members]
    members.update({member.name: md5 for member, md5 in spread(put, fresh)})
    md5 = whole_digest(found, members)
    if found.is_folder:
        writer.put_bytes(listing(members), ".dir")
    pointer = write_pointer(
        name,
        md5,
        found.size,
        files=len(found.members) if found.is_folder else None,
        is_executable=not found.is_folder and found.members[0].is_executable,
    )
    return found, Deposit(pointer, way), members, since


def _same(project: Project, found: Scan) -> Scan:
    """Look again, after everything was read: only then is it known that nothing changed in between."""
    after = scan(project.root, found.path)
    if after is None or _contents(after) != _contents(found):
        raise changing(project.root / found.path)
    return after


def _contents(found: Scan) -> list[tuple[str, int, int, int]]:
    return [(member.name, member.size, member.mtime_ns, member.inode) for member in found.members]


def _refuse_unfit(project: Project, name: str, settings: CacheSettings) -> None:
    path = project.root / name
    if ignored.is_ignored(project.root, name, is_folder=path.is_dir()):
        hint = "take it out of .dvcignore: dvc check-ignore -d " + repr(name)
        raise UsageError("data-ignored", f"DVC ignores {name}", hint)
    if pointer_file(project, name).is_file():
        return
    for other in all_pointers(project):
        if _overlap(name, other.path):
            message = f"{name} overlaps with {other.path}, which is versioned already"
            hint = f"record the outer folder, or stop tracking one of them: dvc remove {other.path}.dvc"
            raise ConflictError("data-overlaps", message, hint)
    if settings.uses_git and git.is_tracked(project.root, name):
        hint = f"take it out of Git, the file stays: git rm -r --cached '{name}'"
        raise ConflictError("data-in-git", f"{name} is kept by Git itself", hint)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")
