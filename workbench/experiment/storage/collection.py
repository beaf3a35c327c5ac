"""Show what could be freed, and free it: into the trash by a rename, then away.

A rename is one step, so a process that is killed leaves a thing whole or in the trash, and the next call goes on. What
was touched after it had been decided upon is put back.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.contract.storage import StorageReport
from workbench.experiment.storage.candidates import (
    Candidate,
    artifact_root,
    deleted_runs,
    ended_jobs,
    orphan_artifacts,
    size_of,
    stale_leases,
    unneeded_blobs,
)
from workbench.experiment.storage.dvc_objects import uncommitted_versions, unnamed_objects
from workbench.foundation.counting import counted
from workbench.foundation.errors import UsageError, storage_errors
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_DAY_S = 86_400.0
_EXAMPLES = 5


@dataclass(frozen=True)
class _Part:
    name: str
    find: Callable[[Project, float], Iterator[Candidate]]
    why: str


_PARTS = (
    _Part(
        "deleted-runs", deleted_runs, "artifacts of runs deleted more than {days:g} days ago; no review rests on them"
    ),
    _Part("orphan-artifacts", orphan_artifacts, "artifacts of runs that MLflow does not have any more"),
    _Part(
        "jobs", ended_jobs, "directories of jobs that ended more than {days:g} days ago; their notebooks lie in MLflow"
    ),
    _Part("blobs", unneeded_blobs, "no record, run, channel, policy or other blob names them"),
    _Part("leases", stale_leases, "lease files of runs that have ended"),
)


def collect_garbage(project: Project, yes: bool = False, older_than_days: float = 30.0) -> tuple[StorageReport, ...]:
    """Show what takes space and is needed by nothing; with ``--yes`` free it.

    Nothing that a review, a release, a model version or a live run or job refers to is ever named. Objects of DVC's
    cache are only counted: ``dvc gc`` frees those, and with them every dataset version that no commit names.

    Args:
        project: The project.
        yes: Free it; without this nothing is changed.
        older_than_days: Deleted runs, ended jobs and the like are kept for so many days.

    Raises:
        UsageError: ``age-wrong``.
        StorageError: The journal or MLflow's store cannot be read; nothing was freed then.
    """
    if not 0 <= older_than_days < 100_000:
        raise UsageError("age-wrong", f"{older_than_days:g} is no number of days", "mlops gc --older-than-days 30")
    age_s = older_than_days * _DAY_S
    if not yes:
        found = [_report(project, part, list(part.find(project, age_s)), older_than_days) for part in _PARTS]
        return (*found, _trash(project, is_freed=False), _dvc(project))
    with hold_lock(project.state_dir / "leases" / ".deleting"):
        parts = [(part, list(part.find(project, age_s))) for part in _PARTS]
        reports = [_report(project, part, candidates, older_than_days, is_freed=True) for part, candidates in parts]
        reports.append(_trash(project, is_freed=True))
        for _, candidates in parts:
            for candidate in candidates:
                _discard(project, candidate)
        for folder in _bins(project):
            with storage_errors(folder):
                shutil.rmtree(folder, ignore_errors=True)
        if any(report.items for report in reports):
            freed = {report.part: {"items": report.items, "bytes": report.bytes} for report in reports}
            with project.journal.transaction() as transaction:
                transaction.append("storage.freed", "project:storage", freed)
    return (*reports, _dvc(project))


def _discard(project: Project, candidate: Candidate) -> None:
    """Move something into the trash; whoever has touched it meanwhile gets it back."""
    folder = next(each for each in _bins(project) if candidate.path.is_relative_to(each.parent))
    target = folder / f"{uuid.uuid4().hex[:8]}-{candidate.path.name}"
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            candidate.path.rename(target)
        except FileNotFoundError:
            return
        if target.stat().st_mtime > candidate.changed_at and not candidate.path.exists():
            target.rename(candidate.path)


def _bins(project: Project) -> tuple[Path, ...]:
    """Return where things go first: on their own disk, for nothing is renamed from one to another."""
    return project.state_dir / "trash", artifact_root(project) / ".trash"


def _report(
    project: Project, part: _Part, candidates: list[Candidate], days: float, *, is_freed: bool = False
) -> StorageReport:
    paths = [candidate.path for candidate in candidates]
    return _summed(project, part.name, paths, part.why.format(days=days), is_freed=is_freed and bool(paths))


def _trash(project: Project, *, is_freed: bool) -> StorageReport:
    left = [path for folder in _bins(project) if folder.is_dir() for path in sorted(folder.iterdir())]
    why = "left by a call that was interrupted"
    return _summed(project, "trash", left, why, is_freed=is_freed and bool(left))


def _dvc(project: Project) -> StorageReport:
    why = "no dataset version, .dvc file or commit names them; free them with: dvc gc --workspace --all-commits"
    if others := uncommitted_versions(project):
        lost = counted(len(others), "dataset version", "dataset versions")
        why = (
            f"no dataset version, .dvc file or commit names them; dvc gc would free {lost} besides that no commit"
            f" names, such as {others[0]}: before that, restore each (mlops data restore) and commit its .dvc file"
        )
    return _summed(project, "dvc-cache", list(unnamed_objects(project)), why, is_freed=False)


def _summed(project: Project, part: str, paths: list[Path], why: str, *, is_freed: bool) -> StorageReport:
    root = project.root
    shown = tuple(str(path.relative_to(root) if path.is_relative_to(root) else path) for path in paths[:_EXAMPLES])
    return StorageReport(part, len(paths), sum(map(size_of, paths)), is_freed, why, shown)
