"""Look after the gate, and after notices that wait, while a Jupyter server runs.

Without one, ``mlops gate watch`` and ``mlops notices send`` do it (cron, CI).

Comparing a registry is cheap, reading every released artifact is not, and either may need mlflow: a process of its own
does it, when the tracking database has changed, and every ten minutes for what a database does not show.
"""

from __future__ import annotations

import time
from pathlib import Path

from workbench.foundation.background import spawn_detached
from workbench.foundation.project import Project

LOOK_S = 30.0
THOROUGH_S = 600.0


class Guard:
    """Look after one project's gate; belongs to one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._looked_at = 0.0
        self._guarded_at = -THOROUGH_S
        self._seen: tuple[tuple[int, int], ...] = ()

    def look(self) -> None:
        """Start a guard where something was released and the tracking database is not what it was."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        if not self._has_journal():  # looking must not make one
            return
        self._tell()
        if not self._project.journal.count("release", states=["CURRENT"]):
            return
        seen = self._marks()
        if seen == self._seen and now - self._guarded_at < THOROUGH_S:
            return
        self._seen, self._guarded_at = seen, now
        log = self._project.state_dir / "guard.log"
        spawn_detached("workbench.monitor.guard", [str(self._project.root)], log=log, cwd=self._project.root)

    def _has_journal(self) -> bool:
        return bool(self._project.config.journal.url) or (self._project.state_dir / "journal.db").exists()

    def _tell(self) -> None:
        """Start a delivery where somebody waits for a notice that may be tried now."""
        if not self._project.config.notices:
            return
        from workbench.review.notices.delivery import announce, is_due  # most projects tell nobody

        if is_due(self._project):
            announce(self._project)

    def _marks(self) -> tuple[tuple[int, int], ...]:
        """Return what changes when the database is written; empty where the runs lie on a server."""
        uri = self._project.tracking_address
        if not uri.startswith("sqlite:///"):
            return ()
        found = []
        for suffix in ("", "-wal"):
            try:
                stat = Path(uri.removeprefix("sqlite:///") + suffix).stat()
            except OSError:
                continue
            found.append((stat.st_mtime_ns, stat.st_size))
        return tuple(found)
