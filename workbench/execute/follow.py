"""Follow the far jobs of a project: ``python -m workbench.execute.follow <project>``, detached, one a project.

Nothing connects back into the scientist's machine, so somebody here has to ask. One process asks all targets for all
jobs: a thread and one question at a time for each target, however many jobs it has. It ends when nothing is left to
follow. It may be killed at any moment: what it knows lies in the job directories and the journal, and whoever reads
next starts it again (:func:`ensure_follower`).
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.compute.targets import target_sections
from workbench.execute.ledger import execution_of_record, far_records, superseded_executions
from workbench.execute.leftovers import due_leftovers
from workbench.foundation.background import spawn_detached
from workbench.foundation.config import FILE_NAME, TargetSection
from workbench.foundation.errors import ConflictError, WorkbenchError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project

if TYPE_CHECKING:
    from workbench.execute.following import Following

_LOOK_S = 0.2
"""Seconds between two looks at the journal for jobs that are new: part of what a job waits before it is sent."""
_LINGER_S = 5.0
"""Seconds without a job after which the process ends; a sweep's next trial usually comes sooner."""
_AGAIN_S = 5.0
"""Seconds before a follower that died is started again: one that cannot live must not keep a machine busy."""


def ensure_follower(project: Project, *, at_once: bool = False) -> None:
    """Start the follower where there is something to do far away and none is alive; costs one query where all is well.

    Args:
        project: The project.
        at_once: Somebody waits for a job that was written this moment; otherwise a follower that just died, perhaps
            because its target cannot be imported, is not started again at once.
    """
    if not (far_records(project) or due_leftovers(project)) or inspect_lease(_lease(project)).is_alive:
        return
    log = project.state_dir / "follower.log"
    if not at_once and log.exists() and time.time() - log.stat().st_mtime < _AGAIN_S:
        return
    spawn_detached("workbench.execute.follow", [str(project.root)], log=log, cwd=project.root)
    log.touch()


def _lease(project: Project) -> Path:
    return project.state_dir / "leases" / "follower"


class _Followings:
    """One :class:`Following` a target, each in a thread; another one where ``workbench.toml`` says something else."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._file_changed = _changed(project)
        self._threads: dict[str, tuple[threading.Thread, Following]] = {}

    @property
    def is_busy(self) -> bool:
        return any(following.is_busy for _, following in self._threads.values())

    def assign(self, by_target: dict[str, list[str]], left: dict[str, list[str]]) -> None:
        """Give each target its executions, and those that it still has to put away."""
        self._reread()
        sections = target_sections(self._project)
        for target in by_target.keys() | left.keys() | self._threads.keys():
            following = self._of(target, sections.get(target))
            following.assign(by_target.get(target, ()), left.get(target, ()))

    def close(self) -> None:
        """Wait for what is under way: the next follower must find nobody at work."""
        for _, following in self._threads.values():
            following.close()

    def _of(self, target: str, section: TargetSection | None) -> Following:
        from workbench.execute.following import Following

        thread, following = self._threads.get(target, (None, None))
        if following and following.section != section:
            following.stop()
        if following and thread and (thread.is_alive() or following.has_work):
            return following
        following = Following(self._project, target)
        thread = threading.Thread(target=following.run, name=f"wb-follow-{target}", daemon=True)
        self._threads[target] = (thread, following)
        thread.start()
        return following

    def _reread(self) -> None:
        """Read ``workbench.toml`` again where it was changed; one that is damaged for a moment changes nothing."""
        changed = _changed(self._project)
        if changed != self._file_changed:
            try:
                self._project = Project.open(self._project.root, actor=self._project.actor)
            except WorkbenchError:
                return
            self._file_changed = changed


def _changed(project: Project) -> int:
    try:
        return (project.root / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def follow(project: Project) -> None:
    """Follow every far job until none is left; one thread a target."""
    followings = _Followings(project)
    idle_since = time.monotonic()
    try:
        while True:
            try:
                followings.assign(_by_target(project), due_leftovers(project))
            except WorkbenchError as error:  # a journal that is away for a moment
                print(error.message, flush=True)  # noqa: T201 -- into follower.log
                time.sleep(_AGAIN_S)
            if followings.is_busy:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > _LINGER_S:
                return
            time.sleep(_LOOK_S)
    finally:
        followings.close()


def _by_target(project: Project) -> dict[str, list[str]]:
    """Return which executions are to be followed: those that count, and ghosts of earlier attempts to be ended."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in far_records(project):
        found[record.body["target"]] += [execution_of_record(record), *superseded_executions(project, record)]
    return found


def main(root: Path) -> int:
    """Follow, unless another process does."""
    project = Project.open(root)
    while True:
        try:
            lease = Lease(_lease(project))
        except ConflictError:
            return 0
        try:
            follow(project)
        finally:
            lease.release()
        if not far_records(project):  # one that was written while this process was about to leave is not left alone
            return 0
        time.sleep(_AGAIN_S)  # what is left does not answer


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
