"""A fresh checkout of a project's commit, with the data that its ``.dvc`` files name.

A clone that shares the objects, and no worktree: nothing is written into the user's repository, and Git inside the
checkout answers with the checkout's own commit.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from workbench.compute.folder import read_json
from workbench.data.content import put_back
from workbench.data.dvc.pointers import Pointer, all_pointers, parse_pointer, stage_outputs
from workbench.data.versions import NOUN as DATASET
from workbench.execute.ledger import folder_of, open_records
from workbench.foundation.errors import IntegrityError, UnknownResultError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project

_SUBMODULE = "160000 "
"""Mode of a submodule in what Git lists of a tree."""


def not_replayable(reason: str, hint: str) -> UnknownResultError:
    """Return the error that says why a run cannot be replayed."""
    return UnknownResultError("not-replayable", f"The run cannot be replayed: {reason}", hint)


@contextmanager
def fresh_checkout(project: Project, commit: str, versions: Collection[str], *, is_whole: bool) -> Iterator[Path]:
    """Give a checkout of a commit with its data while the block runs; the next caller clears up after a dead one.

    Args:
        project: The project.
        commit: Commit to check out.
        versions: Dataset versions that are needed. One that the commit does not name is taken from the journal.
        is_whole: Lay out all data that the commit names, for a replay, which may read any of it.

    Raises:
        UnknownResultError: ``not-replayable``: there is no Git, or it no longer has the commit.
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    replays = project.state_dir / "replays"
    _sweep(project, replays)
    name = f"rp-{secrets.token_hex(4)}"
    lease = Lease(project.state_dir / "leases" / f"replay-{name}")
    try:
        checkout = _check_out(project, commit, replays / name)
        _lay_out_data(project, checkout, versions, is_whole=is_whole)
        yield checkout
    finally:
        shutil.rmtree(replays / name, ignore_errors=True)
        lease.release()


def _check_out(project: Project, commit: str, folder: Path) -> Path:
    """Check a commit out into ``folder`` and return where the project lies in it."""
    try:
        prefix = _git(project.root, "rev-parse", "--show-prefix")
        top = _git(project.root, "rev-parse", "--show-toplevel")
        _git(project.root, "cat-file", "-e", f"{commit}^{{commit}}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Hooks and templates of the user's Git have no business in a replay.
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
        _git(project.root, *quiet, "clone", "--quiet", "--shared", "--no-checkout", "--template=", top, str(folder))
        _git(folder, *quiet, "checkout", "--quiet", "--detach", commit)
        _check_out_submodules(Path(top), folder, quiet)
    except FileNotFoundError:
        raise not_replayable("Git is not installed", "install git") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["Git failed"])[-1]
        raise not_replayable(f"commit {commit[:12]}: {reason}", f"git fetch; git show {commit[:12]}") from error
    return folder / prefix if prefix else folder


def _check_out_submodules(top: Path, folder: Path, quiet: tuple[str, ...]) -> None:
    """Fill the submodules of a checkout, and theirs, out of those of the repository; nothing is fetched.

    Raises:
        UnknownResultError: ``not-replayable``: one is not checked out in the repository.
    """
    for line in _git(folder, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split("\0"):
        facts, _, path = line.partition("\t")
        if not facts.startswith(_SUBMODULE):
            continue
        if not (top / path / ".git").exists():
            raise not_replayable(f"its submodule {path} is not here", "git submodule update --init --recursive")
        commit = facts.split()[2]
        clone = (*quiet, "clone", "--quiet", "--shared", "--no-checkout", "--template=", str(top / path))
        _git(folder, *clone, str(folder / path))
        _git(folder / path, *quiet, "checkout", "--quiet", "--detach", commit)
        _check_out_submodules(top / path, folder / path, quiet)


def _lay_out_data(project: Project, checkout: Path, versions: Collection[str], *, is_whole: bool) -> None:
    """Put the bytes beside the ``.dvc`` files, out of the project's own cache.

    Raises:
        UnknownResultError: ``not-replayable``: a link in the commit leads out of the checkout; nothing is written.
    """
    pointers = pointers_of(project, checkout, versions)
    needed = {version.rpartition("@")[0] for version in versions}
    for path in sorted(set(pointers) if is_whole else needed & set(pointers)):
        if not (checkout / path).parent.resolve().is_relative_to(checkout.resolve()):
            raise not_replayable(
                f"a link in its commit leads {path} out of the project", "commit a folder in its place"
            )
        try:
            put_back(project, pointers[path], into=checkout)
        except IntegrityError:
            if path in needed:
                raise
            continue  # the run did not read it; a replay that does finds it missing and says so


def pointers_of(project: Project, checkout: Path, versions: Collection[str]) -> dict[str, Pointer]:
    """Return which version of each path a checkout has.

    A version that a run has read wins over the one that its commit names: its ``.dvc`` file may not be committed.
    """
    there = replace(project, root=checkout)
    pointers = {pointer.path: pointer for pointer in all_pointers(there)}
    made = {pointer.version: pointer for pointer in stage_outputs(there, {v.rpartition("@")[0] for v in versions})}
    for version in versions:
        path = version.rpartition("@")[0]
        if path not in pointers or pointers[path].version != version:
            own = _recorded(project, version) or made.get(version)
            pointers |= {path: own} if own else {}
    return pointers


def _recorded(project: Project, version: str) -> Pointer | None:
    record = project.journal.record(DATASET, version)
    return parse_pointer(record.body["path"], record.body["pointer"]) if record else None


def _sweep(project: Project, replays: Path) -> None:
    """Remove checkouts of callers that died, unless a job still works in one."""
    if not replays.is_dir():
        return
    specs = (read_json(folder_of(project, record).spec) or {} for record in open_records(project))
    in_use = [str(spec.get("checkout", "")) for spec in specs]
    for folder in replays.iterdir():
        lease = project.state_dir / "leases" / f"replay-{folder.name}"
        if not inspect_lease(lease).is_alive and not any(path.startswith(str(folder)) for path in in_use):
            shutil.rmtree(folder, ignore_errors=True)
            lease.unlink(missing_ok=True)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.strip()
