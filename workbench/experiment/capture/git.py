"""Which code a run rests on: the commit of its project."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workbench.foundation.project import Project


def git_state(project: Project) -> str:
    """Return the commit of the project, with ``+dirty`` where files differ from it; empty without Git or commit."""
    commit = _git(project.root, "rev-parse", "HEAD")
    if not commit:
        return ""
    return f"{commit}+dirty" if _git(project.root, "status", "--porcelain", "--", ".") else commit


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
