"""Watch the projects that somebody asked about, and tell when something in them changed.

One daemon thread looks at all of them, four times a second, and ends when nobody has asked for ten minutes. It is a
thread, not a task of the server's loop: a look opens files, and the loop must neither wait for that nor wake up for
nothing. One look yields at most one event a project, however much changed: that is the coalescing.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workbench.contract.change import Change, ChangedNoun
from workbench.doors.server.guarding import Guard
from workbench.doors.server.ingesting import Intake
from workbench.doors.server.observation import Observation
from workbench.doors.server.reaping import LOOK_S, Reaper
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project

INTERVAL_S = 0.25
IDLE_S = 600.0

_log = logging.getLogger(__name__)


class Watch:
    """Watch projects; any thread may touch one."""

    def __init__(
        self, emit: Callable[[Change], None], *, interval_s: float = INTERVAL_S, idle_s: float = IDLE_S
    ) -> None:
        """Start nothing yet.

        Args:
            emit: Called in the watching thread with each change.
            interval_s: Seconds between two looks.
            idle_s: Seconds after which a project that nobody touched is forgotten.
        """
        self._emit = emit
        self._interval_s = interval_s
        self._idle_s = idle_s
        self._touched: dict[Path, tuple[Project, float]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def touch(self, project: Project) -> None:
        """Watch a project from now on, or go on watching it."""
        with self._lock:
            self._touched[project.root] = (project, time.monotonic())
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="wb-watch", daemon=True)
                self._thread.start()

    def watched(self) -> frozenset[Path]:
        """Return the roots of the projects that are watched now."""
        with self._lock:
            return frozenset(self._touched)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread:
            thread.join()

    def _run(self) -> None:
        watched: dict[Path, _Watched] = {}
        try:
            self._watch(watched)
        finally:
            with self._lock:
                if self._thread is threading.current_thread():  # a fault ended it: whoever asks next starts another
                    self._thread = None
            for each in watched.values():
                each.close()

    def _watch(self, watched: dict[Path, _Watched]) -> None:
        while not self._stopping.is_set():
            projects = self._current()
            if not projects:
                break
            for root in watched.keys() - projects.keys():
                watched.pop(root).close()
            for root, project in projects.items():
                if root not in watched:
                    watched[root] = _Watched(project)
                if change := watched[root].look():
                    self._emit(change)
                if watched[root].config != project.config:  # its databases may lie elsewhere now
                    watched.pop(root).close()
            self._stopping.wait(self._interval_s)

    def _current(self) -> dict[Path, Project]:
        """Forget what nobody asked about; where nothing is left, the thread is told to end and another may start."""
        oldest = time.monotonic() - self._idle_s
        with self._lock:
            self._touched = {root: touched for root, touched in self._touched.items() if touched[1] > oldest}
            if not self._touched:
                self._thread = None
            return {root: project for root, (project, _) in self._touched.items()}


class _Watched:
    """One project under watch: what changed in it, and who died."""

    def __init__(self, project: Project) -> None:
        self.config = project.config
        self._project = project
        self._observation: Observation | None = None
        self._reaper = Reaper(project)
        self._intake = Intake(project)
        self._guard = Guard(project)
        self._reaped_at = 0.0
        self._failure = ""

    def look(self) -> Change | None:
        """Return what changed; what goes wrong is logged once, and the next look tries again."""
        try:
            self._intake.look()
            self._guard.look()
            if self._observation is None:
                self._observation = Observation(self._project)
            change = self._observation.look(also=self._deaths())
        except (OSError, sqlite3.Error, WorkbenchError) as error:
            if str(error) != self._failure:
                _log.warning("cannot watch a project: %s", error)
            self._failure = str(error)
            return None
        self._failure = ""
        return change

    def _deaths(self) -> frozenset[ChangedNoun]:
        now = time.monotonic()
        if now - self._reaped_at < LOOK_S:
            return frozenset()
        self._reaped_at = now
        return self._reaper.look()

    def close(self) -> None:
        """Close the databases."""
        if self._observation:
            self._observation.close()
