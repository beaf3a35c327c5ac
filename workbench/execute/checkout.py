"""A fresh checkout of a project's commit, with the data that its ``.dvc`` files name.

A clone that shares the objects, and no worktree: nothing is written into the user's repository, and Git inside the
checkout answers with the checkout's own commit.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from workbench.data.content import put_back
from workbench.data.pointers import all_pointers
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.project import Project


def not_replayable(reason: str, hint: str) -> UnknownResultError:
    """Return the error that says why a run cannot be replayed."""
    return UnknownResultError("not-replayable", f"The run cannot be replayed: {reason}", hint)


def check_out(project: Project, commit: str, folder: Path) -> Path:
    """Check a commit out into ``folder`` and return where the project lies in it.

    Raises:
        UnknownResultError: ``not-replayable``: there is no Git, or it no longer has the commit.
    """
    try:
        prefix = _git(project.root, "rev-parse", "--show-prefix")
        top = _git(project.root, "rev-parse", "--show-toplevel")
        _git(project.root, "cat-file", "-e", f"{commit}^{{commit}}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Hooks and templates of the user's Git have no business in a replay.
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
        _git(project.root, *quiet, "clone", "--quiet", "--shared", "--no-checkout", "--template=", top, str(folder))
        _git(folder, *quiet, "checkout", "--quiet", "--detach", commit)
    except FileNotFoundError:
        raise not_replayable("Git is not installed", "install git") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["Git failed"])[-1]
        raise not_replayable(f"commit {commit[:12]}: {reason}", f"git fetch; git show {commit[:12]}") from error
    return folder / prefix if prefix else folder


def lay_out_data(project: Project, checkout: Path) -> None:
    """Put the bytes that the checkout's ``.dvc`` files name beside them, out of the project's own cache.

    Raises:
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
    """
    for pointer in all_pointers(replace(project, root=checkout)):
        put_back(project, pointer, into=checkout)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.strip()
