"""What must stay: every digest and every run that something names, followed from blob to blob."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from workbench.experiment.store.creation import sqlite_path
from workbench.foundation.project import Project

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_RUN = re.compile(r"\b[0-9a-f]{32}\b")
_MAX_NAMING = 64 << 20
"""A blob that names others (a manifest, a statement, evidence) is smaller than this."""
_NOUNS = ("review", "release", "alert", "window", "job", "dataset")


def needed_blobs(project: Project) -> set[str]:
    """Return the hex digests of all blobs that anything names, directly or through another blob.

    Looked through: all records and events of the journal, channels, runners, prediction logs, tags of runs (deleted
    ones too) and ``policy/``. Whatever looks like a digest counts; a blob too many is kept rather than one too few.
    """
    found: set[str] = set()
    for text in _texts(project):
        found.update(_DIGEST.findall(text))
    for folder in (project.state_dir / "predictions").glob("*/*"):
        found.update(_of_prefix(project, folder.name))
    waiting = list(found)
    while waiting:
        for digest in _named_in(project.store.path_of(f"sha256:{waiting.pop()}")):
            if digest not in found:
                found.add(digest)
                waiting.append(digest)
    return found


def needed_runs(project: Project) -> set[str]:
    """Return the ids of runs that a review, a release, a model version or anything else in the journal rests on."""
    found = {
        str(record.body["run"])
        for noun in ("review", "release")
        for record in project.journal.records(noun)
        if record.body.get("run")
    }
    path = sqlite_path(project)
    if path and path.is_file():
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            for version in connection.execute("SELECT run_id, source, storage_location FROM model_versions"):
                for text in filter(None, version):  # whoever registers a path need not say whose it is
                    found.update(_RUN.findall(text))
        finally:
            connection.close()
    return found


def _texts(project: Project) -> Iterator[str]:
    for noun in _NOUNS:
        for record in project.journal.records(noun):
            yield json.dumps(record.body)
    for event in project.journal.events():
        yield f"{event.subject} {json.dumps(event.data)}"
    state = project.state_dir
    for pattern in ("channels/*", "runners/*.json", "predictions/*/*/layout.json", "jobs/*/*.json"):
        yield from _read(state.glob(pattern))
    yield from _read((project.root / "policy").rglob("*"))
    path = sqlite_path(project)
    if path and path.is_file():
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            for table in ("tags", "params", "model_version_tags"):
                query = f"SELECT value FROM {table} WHERE instr(value, 'sha256:')"  # noqa: S608 - our own names
                yield from (value for (value,) in connection.execute(query))
        finally:
            connection.close()


def _read(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")


def _of_prefix(project: Project, prefix: str) -> Iterator[str]:
    """Yield the blobs that a prediction log's folder names by the beginning of a digest."""
    if re.fullmatch(r"[0-9a-f]{16}", prefix):
        yield from (path.name for path in (project.store.root / "blobs" / "sha256" / prefix[:2]).glob(f"{prefix}*"))


def _named_in(path: Path) -> Iterable[str]:
    """Return the digests that a blob names, where it is a text that may name some."""
    try:
        if path.stat().st_size > _MAX_NAMING:
            return ()
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    return _DIGEST.findall(data.decode("utf-8", errors="replace")) if b"sha256:" in data else ()
