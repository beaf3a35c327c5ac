"""DVC's own locks, so that it and this package can work on one project at the same moment.

DVC takes ``flock`` on ``.dvc/tmp/lock`` for the length of a command and gives up after three seconds; here a busy one
is waited for. While ``dvc repro`` runs a user's program it lets go of that lock and notes in ``.dvc/tmp/rwlock`` which
paths are being written; those are waited for as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.foundation.errors import IntegrityError, StorageError, read_errors, storage_errors
from workbench.foundation.project import Project

LOCK_TIMEOUT_S = 60.0
_POLL_S = 0.05


@contextmanager
def hold_repo_lock(project: Project, paths: list[str], *, timeout_s: float | None = None) -> Iterator[None]:
    """Hold DVC's lock inside the block, when nobody writes ``paths``.

    Args:
        project: The project; without a DVC repository there is nothing to hold.
        paths: Relative to the project.
        timeout_s: How long to wait.

    Raises:
        StorageError: ``data-locked``, or the folder is not writable.
        IntegrityError: ``data-lock-damaged``.
    """
    folder = project.root / ".dvc" / "tmp"
    if not folder.parent.is_dir():
        yield
        return
    deadline = time.monotonic() + (LOCK_TIMEOUT_S if timeout_s is None else timeout_s)
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    while True:
        with _locked(folder / "lock", deadline) as handle:
            writer = _writer_of(folder, [str(project.root / path) for path in paths], deadline)
            if not writer:
                _sign(handle)
                yield
                return
        if time.monotonic() > deadline:
            raise _busy(f"these files ({writer})")
        time.sleep(_POLL_S)


@contextmanager
def _locked(file: Path, deadline: float) -> Iterator[int]:
    with storage_errors(file):
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _busy("this project") from None
                time.sleep(_POLL_S)
        yield handle
    finally:
        os.close(handle)


def _busy(what: str) -> StorageError:
    hint = "wait for the other dvc command, then repeat"
    return StorageError("data-locked", f"Another dvc command still works on {what}", hint)


def _sign(handle: int) -> None:
    """Write our process into the lock file as DVC does, for whoever looks; a full disk is no reason not to go on."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f" {os.getpid()}\n".encode(), 0)


def _writer_of(folder: Path, paths: list[str], deadline: float) -> str:
    """Return the live command that reads or writes one of the paths; empty where there is none."""
    file = folder / "rwlock"
    if not file.exists():
        return ""
    with _locked(folder / "rwlock.lock", deadline), read_errors(file):
        try:
            found = json.loads(file.read_bytes())
            infos = list(_infos(found))
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            hint = f"stop all dvc commands, then: rm '{file}'"
            message = "An interrupted dvc command damaged its lock file"
            raise IntegrityError("data-lock-damaged", message, hint) from error
    for held, pid, command in infos:
        if pid != os.getpid() and _is_alive(pid) and any(_overlap(held, path) for path in paths):
            return f"process {pid}: {command}"
    return ""


def _infos(found: Any) -> Iterator[tuple[str, int, str]]:
    for path, info in found.get("write", {}).items():
        if info:
            yield path, int(info["pid"]), str(info["cmd"])
    for path, readers in found.get("read", {}).items():
        for info in readers:
            yield path, int(info["pid"]), str(info["cmd"])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}{os.sep}") or other.startswith(f"{one}{os.sep}")
