"""Which files a run has read.

They are found with an audit hook on ``open``: no wrapper around pandas, no call to remember. A hook cannot be removed
again (PEP 578), so one is installed once and asks whether a recorder listens. It never raises into the user's code and
costs about a microsecond for a path it has met. Files that native code opens on its own (Parquet, also through pandas
3) it cannot see: ``readers`` wraps the readers that do so, and what these miss can be named with
:func:`workbench.experiment.session.log_input`.
"""

from __future__ import annotations

import hashlib
import os
import site
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.contract.run import InputFile
from workbench.data.versions import version_of
from workbench.foundation.config import FILE_NAME
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import STATE_DIR, Project

MAX_INPUTS = 2_000
_CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".ipynb", ".dvc", ".egg-link")
_NOT_INPUTS = frozenset(
    {STATE_DIR, ".git", ".dvc", ".ipynb_checkpoints", "__pycache__", ".venv", "node_modules", FILE_NAME}
)
_OF_PACKAGES = (f".dist-info{os.sep}", f".egg-info{os.sep}")
"""What an installed package says of itself, wherever it lies: the environment, which is recorded as such."""
_SYSTEM = (
    "/proc/",
    "/sys/",
    "/dev/",
    "/etc/",
    "/usr/",
    "/lib",
    "/bin/",
    "/run/",
    "/opt/",
    "/var/",
    "/System/",
    "/Library/",
)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Sighting:
    """A file as it was when it was first opened."""

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, path: str) -> _Sighting:
        status = os.stat(path)  # noqa: PTH116 - called inside open(); a Path costs more than the call
        return cls(status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


class InputRecorder:
    """Remember which data files this process opens for reading.

    Args:
        project: Files inside it are named relative to it.
        checkout: A fresh checkout of the project that a reproduction runs in; files there count as the project's own.
    """

    def __init__(self, project: Project, checkout: Path | None = None) -> None:
        self._project = project
        self._roots = [f"{os.path.realpath(root)}{os.sep}" for root in (checkout, project.root) if root]
        self._ignored = _ignored_roots()
        self._temporary = os.path.realpath(tempfile.gettempdir()) + os.sep
        self._seen: set[str] = set()
        self._written: set[str] = set()
        self._found: dict[str, _Sighting] = {}
        self._readers: dict[str, str] = {}
        self._known: dict[str, InputFile] = {}
        self._digested: dict[str, InputFile] = {}
        self._working = threading.Lock()
        self.is_paused = False

    def start(self) -> None:
        """Listen from now on; the recorder before, if any, no longer does."""
        global _listening  # noqa: PLW0603 - an audit hook is process-wide and cannot be removed
        _install_hook()
        _listening = self

    def stop(self) -> None:
        """Listen no longer; what was found stays."""
        global _listening  # noqa: PLW0603
        if _listening is self:
            _listening = None

    @property
    def has_news(self) -> bool:
        """Whether files were found that have not been digested yet."""
        return len(self._found) > len(self._digested)

    @property
    def is_full(self) -> bool:
        """Whether more files were read than are recorded."""
        return len(self._found) >= MAX_INPUTS

    def note(self, path: str, reader: str = "") -> None:
        """Take a path that is opened for reading; called from the hook and from the readers that native code hides.

        Args:
            path: The path as it was given.
            reader: Function that reads it, where the hook would not see it; empty for an ordinary ``open``.
        """
        if self.is_paused or path in self._seen or self.is_full or _own_thread.depth:
            return
        full = os.path.realpath(path)
        if path.startswith(os.sep):
            self._seen.add(path)  # a relative one may be another file tomorrow
        if full not in self._found and full not in self._written and self._is_input(full) and os.path.isfile(full):  # noqa: PTH113
            self._readers[full] = reader  # first: a thread may digest what is found at once
            self._found[full] = _Sighting.of(full)

    def take(self, item: InputFile) -> None:
        """Take an input whose digest and version are known: a version that was read out of DVC's cache."""
        if not (self.is_paused or self.is_full):
            key = f"{item.path}@{item.dataset_version}"
            self._known[key] = item
            self._found.setdefault(key, _Sighting(0, 0, 0, 0))

    def note_written(self, path: str) -> None:
        """Take a path that is opened for writing: reading it again later is no input."""
        if not (self.is_paused or _own_thread.depth):
            self._written.add(os.path.realpath(path))

    def inputs(self) -> tuple[InputFile, ...]:
        """Return the files with digest and dataset version, sorted by path; digests each file once.

        A file that has changed since it was opened has an empty digest: what was read is not known any more.
        """
        with self._working, paused():
            for full, sighting in list(self._found.items()):
                if full not in self._digested:
                    self._digested[full] = self._known.get(full) or self._input(full, sighting)
            return tuple(sorted(self._digested.values(), key=lambda item: item.path))

    def _is_input(self, full: str) -> bool:
        if full.endswith(_CODE) or any(each in full for each in _OF_PACKAGES):
            return False
        root = self._root_of(full)
        if root:
            return not _NOT_INPUTS & set(Path(full[len(root) :]).parts) and not full.startswith(self._ignored)
        if full.startswith((*_SYSTEM, *self._ignored, self._temporary)):
            return False
        # Hidden folders hold caches and settings of tools (~/.cache, ~/.ipython, ~/.config), not anybody's data.
        return not any(part.startswith(".") for part in Path(full).parts)

    def _root_of(self, full: str) -> str:
        return next((root for root in self._roots if full.startswith(root)), "")

    def _input(self, full: str, sighting: _Sighting) -> InputFile:
        root, reader = self._root_of(full), self._readers.get(full, "")
        name = Path(full[len(root) :]).as_posix() if root else full
        try:
            digest = _sha256(full)
            if _Sighting.of(full) != sighting:
                return InputFile(name, "", "", reader)
            version = version_of(self._project, Path(name), lies_at=Path(full)) if root else None
        except (OSError, WorkbenchError):
            return InputFile(name, "", "", reader)  # gone or unreadable by now: said, not hidden
        return InputFile(name, digest, version.id if version else "", reader)


class paused:  # noqa: N801 - reads as what it does: with paused(): …
    """Let nothing that the current thread opens count as an input."""

    def __enter__(self) -> None:
        _own_thread.depth += 1

    def __exit__(self, *_: object) -> None:
        _own_thread.depth -= 1


_listening: InputRecorder | None = None


def listening() -> InputRecorder | None:
    """Return the recorder that listens now."""
    return _listening


class _OwnThread(threading.local):
    depth = 0


_own_thread = _OwnThread()
_is_installed = False


def _install_hook() -> None:
    global _is_installed  # noqa: PLW0603
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or _listening is None:
        return
    recorder = _listening
    path, _, flags = arguments
    if recorder.is_paused or not isinstance(path, str) or _own_thread.depth:
        return
    try:
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR):
            recorder.note_written(path)
        elif not (isinstance(flags, int) and flags & os.O_DIRECTORY):
            recorder.note(path)
    except Exception:  # noqa: BLE001 - an exception here would fail the user's own open()
        recorder.is_paused = True


def _ignored_roots() -> tuple[str, ...]:
    """Return where interpreters, packages and temporary files live."""
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages(), site.getusersitepackages()}
    roots |= {str(Path(__file__).resolve().parents[1])}
    return tuple(f"{os.path.realpath(root)}{os.sep}" for root in sorted(roots))


def _sha256(path: str) -> str:
    hasher = hashlib.sha256()
    with open(path, "rb") as stream:  # noqa: PTH123 - a plain string from the hook
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return "sha256:" + hasher.hexdigest()
