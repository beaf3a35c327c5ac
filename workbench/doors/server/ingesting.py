"""Take what arrives in watched folders while a Jupyter server runs; without one, ``mlops ingest`` does it (cron, CI).

Looking is a listing of the watched folders. Taking copies files and makes a dataset version, so a process of its own
does that. What stops an ingest (another schema) is tried again only once the folder looks otherwise.
"""

from __future__ import annotations

import time

from workbench.data.ingest.declaration import names
from workbench.foundation.background import spawn_detached
from workbench.foundation.project import Project

LOOK_S = 10.0


class Intake:
    """Look after one project's watched folders; belongs to one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._looked_at = 0.0
        self._tried: frozenset[tuple[str, int, int]] = frozenset()

    def look(self) -> None:
        """Start an ingest where settled files wait that have not been tried as they are now."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        if not names(self._project):
            return
        from workbench.data.ingest.intake import list_watches  # a server starts, and most projects live, without it

        waiting = frozenset((w.name, w.files, w.waiting) for w in list_watches(self._project) if w.waiting)
        if waiting - self._tried:
            log = self._project.state_dir / "ingest.log"
            spawn_detached("workbench.data.ingest.intake", [str(self._project.root)], log=log, cwd=self._project.root)
        self._tried = waiting
