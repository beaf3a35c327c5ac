"""Data of a job that runs elsewhere: references that the far side follows and verifies, never the bytes from here.

``spec.json`` says of each file its digest and where it can be had: the target's own sources first, which are near to
it, then the project's DVC remotes. What nobody has pushed anywhere cannot be had there, which is said before anything
is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.data.content import find_object, read_listing
from workbench.data.dvc.pointers import Pointer, all_pointers
from workbench.data.dvc.repository import cache_settings
from workbench.data.places import Place, named_places, remote_places
from workbench.execute.notebook import Notebook, source_of
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

_BEFORE, _AFTER = r"(?<![\w.-])(?:\.{1,2}/)*", r"(?![\w-])(?!\.\w)"


def data_entries(
    project: Project,
    files_root: Path,
    notebook: Notebook,
    values: Mapping[str, Any],
    data_sources: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Return the ``data`` of ``spec.json``: what the notebook needs, where it can be had, and its digests.

    Args:
        project: The project, whose DVC configuration names the remotes.
        files_root: Folder that travels: the project, or a checkout of it.
        notebook: The notebook; data that its source mentions is needed.
        values: All its parameters, defaults included; data that one names is needed.
        data_sources: The target's option: names of DVC remotes, or folders and ``http(s)`` addresses as the far side
            knows them, laid out as DVC lays out a remote.

    Raises:
        UsageError: ``data-not-pushed`` or ``data-source-unknown``.
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``: nobody here knows what a folder holds.
        UnavailableError: ``remote-plugin-missing``.
    """
    near = named_places(project, data_sources)
    pointers = needed_pointers(project, files_root, notebook, values)
    places = [*near, *remote_places(project).values()] if pointers else []
    return [_entry(project, pointer, _places_with(pointer, places)) for pointer in pointers]


def laid_out_entries(project: Project, checkout: Path, pointers: Iterable[Pointer]) -> list[dict[str, Any]]:
    """Return the ``data`` of ``spec.json`` where the data lies in a checkout that the job's machine can read.

    What was not laid out is left out; a notebook that reads it finds it missing and says so.

    Raises:
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``: nobody here knows what a folder holds.
    """
    here = [pointer for pointer in pointers if (checkout / pointer.path).exists()]
    entries = [_entry(project, pointer, []) for pointer in here]
    for entry in entries:
        for file in entry["files"]:
            file["sources"] = [str(checkout / file["path"])]
    return entries


def needed_pointers(
    project: Project, files_root: Path, notebook: Notebook, values: Mapping[str, Any]
) -> tuple[Pointer, ...]:
    """Return the versioned data that a parameter names, or that the notebook's source mentions by path or file name."""
    root = files_root.resolve()
    folder = notebook.path.parent.relative_to(root).as_posix() if notebook.path.is_relative_to(root) else "."
    source = "\n".join(source_of(cell) for cell in notebook.cells if cell["cell_type"] == "code")
    named = {path for value in _texts(values) for path in _meant(root, folder, value)}
    found = all_pointers(replace(project, root=root))
    return tuple(
        pointer
        for pointer in found
        if any(_overlap(pointer.path, path) for path in named) or _is_mentioned(pointer.path, folder, source)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _meant(root: Path, folder: str, text: str) -> Iterator[str]:
    """Yield the paths that a text may name: seen from the project and from the notebook's folder."""
    if not text or len(text) > 1_000 or "\0" in text or "\n" in text:
        return
    for start in (root, root / folder):
        path = Path(start, text)
        parts: list[str] = []
        for part in path.parts:
            if part == ".." and parts:
                parts.pop()
            elif part != ".":
                parts.append(part)
        plain = Path(*parts)
        if plain.is_relative_to(root) and plain != root:
            yield plain.relative_to(root).as_posix()


def _overlap(one: str, other: str) -> bool:
    """Tell whether two paths are the same, or one lies in the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _is_mentioned(path: str, folder: str, source: str) -> bool:
    """Tell whether source names a path: as seen from the project or from a folder, or a file by its name alone.

    A folder's bare name is too common a word (``images``), so it counts only with a slash or a quote behind it.
    """
    seen = {path, path.removeprefix(f"{folder}/")}
    name = Path(path).name
    if "." in name:
        seen.add(name)
    words = "|".join(re.escape(each) for each in sorted(seen))
    after = _AFTER if "." in name else r"(?=[/\"'])"
    return re.search(f"{_BEFORE}(?:{words}){after}", source) is not None


def _places_with(pointer: Pointer, places: list[Place]) -> list[Place]:
    """Return the places that have a version, or may have it.

    A listing is the last that DVC puts into a remote, so where it is, its files are.

    Raises:
        UsageError: ``data-not-pushed``.
    """
    value = pointer.digest.removeprefix("md5:")
    found = [place for place in places if place.has(value) is not False]
    if not found:
        where = "no DVC remote has it" if places else "the project has no DVC remote that other machines can read"
        message = f"The notebook needs {pointer.path}, and {where}"
        hint = f"mlops data push '{pointer.path}'"
        if not places:
            hint = f"name one (a folder, http(s) or S3): dvc remote add --default storage <url>; then {hint}"
        raise UsageError("data-not-pushed", message, hint)
    return found


def _entry(project: Project, pointer: Pointer, places: list[Place]) -> dict[str, Any]:
    cache = cache_settings(project).folder
    value = pointer.digest.removeprefix("md5:")
    if value.endswith(".dir"):
        members = read_listing(cache, value, pointer.version)
        files = [_file(cache, f"{pointer.path}/{name}", md5, places) for name, md5 in sorted(members.items())]
    else:
        files = [{**_file(cache, pointer.path, value, places), "bytes": pointer.size}]
        if pointer.is_executable:
            files[0]["is_executable"] = True
    return {"path": pointer.path, "version": pointer.version, "files": files}


def _file(cache: Path, path: str, md5: str, places: list[Place]) -> dict[str, Any]:
    here = find_object(cache, md5)
    size = here.stat().st_size if here else 0
    return {"path": path, "digest": f"md5:{md5}", "bytes": size, "sources": [place.address(md5) for place in places]}
