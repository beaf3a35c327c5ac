"""Write a file so that a crash at any moment leaves the old one or the new one, never half.

Write into a temporary file beside the target, fsync it, rename it over the target, fsync the folder: without
the last step a power cut can forget the rename.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from workbench.foundation.errors import storage_errors


def sync_folder(folder: Path) -> None:
    """Make renames and new names inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data`` in one step.

    Raises:
        StorageError: The disk is full or the folder is not writable; ``path`` is untouched.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def append_line(path: Path, line: bytes) -> None:
    """Append one line in a single write, so that several processes never interleave within a line.

    The line is visible to other processes at once; it survives a crash of the process, not a power cut.
    """
    with storage_errors(path):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.rstrip(b"\n") + b"\n")
        finally:
            os.close(handle)
