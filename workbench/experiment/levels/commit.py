"""What a commit holds, asked of Git without touching the work tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project

_TIMEOUT_S = 120


def committed_bytes(project: Project, commit: str, path: str) -> bytes | None:
    """Return the bytes that a commit has of a path relative to the project; None where it has none."""
    if not commit or path.startswith(("/", "..")):
        return None
    command = ["git", "-C", str(project.root), "--no-optional-locks", "show", f"{commit}:./{path}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def committed_digests(project: Project, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Return the digests of those paths that a commit holds."""
    found = ((path, committed_bytes(project, commit, path)) for path in paths)
    return {path: digest_bytes(data) for path, data in found if data is not None}


def has_commit(project: Project, commit: str) -> bool:
    """Tell whether the project's Git still has a commit."""
    command = ["git", "-C", str(project.root), "--no-optional-locks", "cat-file", "-e", f"{commit}^{{commit}}"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
