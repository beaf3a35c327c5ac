"""Several small files written all or none: ``.dvc`` files and ``.gitignore``, until the journal has the version.

What they were before lies in ``.workbench/data-intent.json`` while they are being written. A process that dies in
between leaves it there, and the next one that holds the data lock takes the half-done work back.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from workbench.foundation.durable import write_atomic
from workbench.foundation.project import Project

_FILE = "data-intent.json"


class Intent:
    """Files that are being written. They are put back if the block fails; what is in the cache may stay there."""

    def __init__(self, project: Project, versions: list[str]) -> None:
        """Take the project and the ids of the versions that the journal will have in the end."""
        self._project = project
        self._versions = versions
        self._files: dict[str, dict[str, str | None]] = {}

    def __enter__(self) -> Intent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            _put_back(self._project, self._files)
        if self._files:
            _file(self._project).unlink(missing_ok=True)

    def write(self, file: Path, data: bytes) -> bool:
        """Write a file, unless it says that already; tell whether it was written."""
        try:
            before: bytes | None = file.read_bytes()
            mode = stat.S_IMODE(file.stat().st_mode)
        except FileNotFoundError:
            before, mode = None, 0o644
        if before == data:
            return False
        note = self._files.setdefault(file.relative_to(self._project.root).as_posix(), {"before": _text(before)})
        note["after"] = _text(data)
        body = {"versions": self._versions, "files": self._files}
        write_atomic(_file(self._project), json.dumps(body).encode())
        write_atomic(file, data, mode=mode)
        return True


def take_back(project: Project, is_recorded: Callable[[str], bool]) -> None:
    """Take back what a process left half done; call it with the data lock held.

    Args:
        project: The project.
        is_recorded: Tells whether the journal has a version. If it has them all, the work was done.
    """
    file = _file(project)
    try:
        body = json.loads(file.read_bytes())
        versions, files = body["versions"], body["files"]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        file.unlink(missing_ok=True)  # never whole, so nothing was written after it
        return
    if not all(is_recorded(version) for version in versions):
        _put_back(project, files)
    file.unlink(missing_ok=True)


def _put_back(project: Project, files: dict[str, dict[str, str | None]]) -> None:
    """Put back what still is as it was written; what somebody has changed since is theirs."""
    for name, note in files.items():
        file = project.root / name
        before = note["before"]
        with contextlib.suppress(FileNotFoundError):
            if _text(file.read_bytes()) != note["after"]:
                continue
            if before is None:
                file.unlink()
            else:
                write_atomic(file, before.encode("utf-8", "surrogateescape"), mode=stat.S_IMODE(file.stat().st_mode))


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _file(project: Project) -> Path:
    return project.state_dir / _FILE
