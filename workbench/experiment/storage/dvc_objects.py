"""Objects of DVC's cache that no dataset version names; only counted, since ``dvc gc`` is DVC's own.

It knows the working tree and commits, and not the journal: a version whose ``.dvc`` file was never committed goes, too.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from workbench.foundation.project import Project

_MD5 = re.compile(r"\b([0-9a-f]{32})(\.dir)?\b")
_GIT_S = 60


def unnamed_objects(project: Project) -> Iterator[Path]:
    """Yield the objects of ``.dvc/cache`` that no record, ``.dvc`` file, ``dvc.lock`` or commit names."""
    cache = project.root / ".dvc" / "cache" / "files" / "md5"
    if not cache.is_dir():
        return
    named: set[str] = set()
    for text in _texts(project):
        named.update(match[0] for match in _MD5.findall(text))
    objects = sorted(cache.glob("[0-9a-f][0-9a-f]/*"))
    for path in objects:
        digest = (path.parent.name + path.name).removesuffix(".dir")
        if path.name.endswith(".dir") and digest in named:
            named.update(_members(path))
    for path in objects:
        if (path.parent.name + path.name).removesuffix(".dir") not in named:
            yield path


def uncommitted_versions(project: Project) -> list[str]:
    """Return the dataset versions that ``dvc gc --workspace --all-commits`` would take: only the journal names them."""
    cache = project.root / ".dvc" / "cache" / "files" / "md5"
    named: set[str] = set()
    for text in _texts_of_dvc(project):
        named.update(match[0] for match in _MD5.findall(text))
    found = []
    for record in project.journal.records("dataset"):
        digest = str(record.body.get("digest", "")).removeprefix("md5:")
        if digest.removesuffix(".dir") not in named and (cache / digest[:2] / digest[2:]).is_file():
            found.append(record.id)
    return sorted(found)


def _members(listing: Path) -> Iterator[str]:
    try:
        yield from (str(entry["md5"]) for entry in json.loads(listing.read_bytes()))
    except (ValueError, KeyError, TypeError):
        return


def _texts(project: Project) -> Iterator[str]:
    for record in project.journal.records("dataset"):
        yield json.dumps([record.id, record.body])
    for event in project.journal.events(kind="data.*"):
        yield json.dumps(event.data)
    yield from _texts_of_dvc(project)


def _texts_of_dvc(project: Project) -> Iterator[str]:
    for pattern in ("*.dvc", "dvc.lock"):
        for path in project.root.rglob(pattern):
            if path.is_file():
                yield path.read_text(encoding="utf-8", errors="replace")
    command = ["git", "-C", str(project.root), "log", "--all", "--format=", "-p", "--", "*.dvc", "*dvc.lock"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_S, errors="replace")
    except FileNotFoundError:
        return
    yield done.stdout
