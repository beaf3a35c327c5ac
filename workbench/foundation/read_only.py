"""A project in which nothing may be written, made readable: a mounted release, a backup, somebody else's folder.

SQLite cannot read a database with a write-ahead log where it may not write beside it, and told that nobody else writes
it would pass the log over. So the journal is read from a private copy, log included, in the system's folder for
temporary files; the project itself stays untouched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from workbench.foundation.errors import StorageError
from workbench.foundation.project import Project

_TRIES = 5


@contextmanager
def readable(project: Project) -> Iterator[Project]:
    """Yield the project, or where its folder may not be written one whose journal is a copy.

    Raises:
        StorageError: ``journal-locked``: it was written all the while; ``file-not-readable``.
    """
    path = project.state_dir / "journal.db"
    is_writable = all(os.access(each, os.W_OK) for each in (path, path.parent))
    if project.config.journal.url or is_writable or not path.is_file():
        yield project
        return
    with tempfile.TemporaryDirectory(prefix="workbench-journal-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        _copy(path, copy)
        settings = replace(project.config.journal, url=f"sqlite:///{copy}")
        frozen = replace(project, config=replace(project.config, journal=settings))
        try:
            yield frozen
        finally:
            frozen.journal.close()


def _copy(path: Path, copy: Path) -> None:
    """Copy a database and its log; again where somebody wrote meanwhile, for halves of two states are none."""
    log, logged = (each.with_name(each.name + "-wal") for each in (path, copy))
    for _ in range(_TRIES):
        before = _state(path), _state(log)
        try:
            shutil.copyfile(path, copy)
            logged.unlink(missing_ok=True)
            if log.exists():
                shutil.copyfile(log, logged)
        except OSError as error:
            raise StorageError(
                "file-not-readable",
                f"Cannot read {path}: {error.strerror}",
                f"check its owner and mode: ls -l '{path}'",
            ) from error
        if before == (_state(path), _state(log)):
            return
    hint = f"wait for its writer, then repeat: lsof '{path}'"
    raise StorageError("journal-locked", f"{path} was written all the while it was read", hint)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns
