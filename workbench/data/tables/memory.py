"""What was worked out about a version once, kept in ``.workbench/tables/``: derived, so deleting it loses nothing."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from workbench.foundation.project import Project

FOLDER = "tables"
_SCHEME = "v1"
_KEPT_BYTES = 1 << 30


def name_of(*parts: str) -> str:
    """Return the name under which something is kept; it changes with the way it is computed."""
    return hashlib.sha256("\0".join((_SCHEME, *parts)).encode()).hexdigest()[:40]


def recall(project: Project, name: str) -> dict[str, Any] | None:
    """Return what was kept, or None; a damaged file is as good as none."""
    path = project.state_dir / FOLDER / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = {key: kept[key] for key in kept.files}
        os.utime(path)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    return found


def remember(project: Project, name: str, values: Mapping[str, Any]) -> None:
    """Keep arrays; where that fails (a full disk, a read-only folder), the next one works it out again."""
    folder = project.state_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".new")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, **values)
            Path(temporary).replace(folder / f"{name}.npz")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _forget_oldest(folder)
    except OSError:
        return


def _forget_oldest(folder: Path) -> None:
    kept = sorted((entry.stat().st_mtime, entry.stat().st_size, entry) for entry in folder.glob("*.npz"))
    total = sum(size for _, size, _ in kept)
    for _, size, entry in kept:
        if total <= _KEPT_BYTES:
            return
        entry.unlink(missing_ok=True)
        total -= size
