"""What the notebook logs with MLflow on this machine: a file in the job's folder, read while MLflow writes it.

Travels with ``runner``; the standard library's sqlite3, and never MLflow itself. Metrics and parameters are read by
row, tags whenever the file has changed; four times a second they become events, so nobody has to reach this machine or
be reached from it. At the end the file goes home whole.

The thread that looks four times a second and the one that comes home share the connection: a connection that is closed
under a query ends the process with a segmentation fault, so each of them has it for itself as long as it needs it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Callable, Iterator

_MOST = 1_000  # values a look, four looks a second: a loop that logs faster is caught up with later
_PARENT = "mlflow.parentRunId"
_NOISE = ("mlflow.user", "mlflow.source.", "mlflow.log-model.", "mlflow.loggedModel")
SCHEMA = "mlflow-schema.sql"
"""MLflow's tables, prepared by a machine with the version of MLflow that the first line names; making them takes MLflow
seconds."""


class Tracked:
    """``far.db`` of one job."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "far.db"
        self._artifacts, self._schema = folder / "tracked", folder / SCHEMA
        self._connection: sqlite3.Connection | None = None
        self._seen = {"metrics": 0, "params": 0}
        self._tags: dict[tuple[str, str], str] = {}
        self._version = -1
        self._own = ""
        self._lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What the kernel is told."""
        return {
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.path}",
            "WORKBENCH_TRACKING_URI": f"sqlite:///{self.path}",  # where this project's package is installed, too
            "_MLFLOW_SERVER_ARTIFACT_ROOT": str(self._artifacts),  # where MLflow has to make its tables itself
        }

    def prepare(self, experiment: str) -> None:
        """Make MLflow's tables, where they were prepared for the very version that is installed here.

        Args:
            experiment: What the project calls its experiment, for code that asks for it by name; may be empty.
        """
        if self.path.exists() or not self._schema.is_file():
            return
        text = self._schema.read_text(encoding="utf-8")
        if text.partition("\n")[0] != f"-- mlflow {installed_mlflow()}":
            return
        new = self.path.with_name(".far.db.new")
        new.unlink(missing_ok=True)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.executescript(f"BEGIN;\n{text}")
            names = dict.fromkeys(["Default", experiment] if experiment else ["Default"])
            connection.executemany(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
                " last_update_time, workspace) VALUES (?1, ?2, ?3, 'active', ?4, ?4, 'default')",
                [(n, name, str(self._artifacts), int(time.time() * 1000)) for n, name in enumerate(names)],
            )
            connection.execute("COMMIT")
        finally:
            connection.close()
        new.replace(self.path)

    def tell(self, say: Callable[[str, dict[str, Any]], None], most: int = _MOST) -> None:
        """Say what was logged since the last call, as kinds and data of events, each once and in order."""
        with self._lock:
            for kind, data in self._news(most):
                say(kind, data)

    def _news(self, most: int) -> list[tuple[str, dict[str, Any]]]:
        seen, tags = dict(self._seen), dict(self._tags)
        try:
            connection = self._opened()
            if connection is None:
                return []
            changed = connection.execute("PRAGMA data_version").fetchone()[0]
            if changed == self._version:
                return []
            found = [*self._new_tags(connection), *self._new_params(connection), *self._new_metrics(connection, most)]
            self._version = changed if len(found) < most else -1
        except sqlite3.Error:  # MLflow is making its tables, or writes just now: the next look sees it, from here on
            self._seen, self._tags = seen, tags
            self._forget()
            return []
        return found

    def close(self, clean: Callable[[str], str]) -> None:
        """Leave the file whole, and without secrets that the notebook logged."""
        with self._lock:
            self._forget()
            if self.path.is_file() and self._clean(clean):
                self._gather_artifacts()

    def _clean(self, clean: Callable[[str], str]) -> bool:
        try:
            connection = sqlite3.connect(self.path, timeout=10)
            try:
                # A writer that was killed left a journal; whoever opens the file for writing plays it back.
                connection.execute("BEGIN IMMEDIATE")
                for table in ("params", "tags"):
                    for row, value in connection.execute(f"SELECT rowid, value FROM {table}").fetchall():  # noqa: S608
                        if value is not None and clean(value) != value:
                            connection.execute(f"UPDATE {table} SET value = ? WHERE rowid = ?", (clean(value), row))  # noqa: S608
                connection.commit()
                connection.execute("PRAGMA journal_mode=DELETE")
            finally:
                connection.close()
        except sqlite3.Error:
            return False
        return True

    def _gather_artifacts(self) -> None:
        """Give artifacts that MLflow has put elsewhere a name among those that go home."""
        for run, uri in self._rows("SELECT run_uuid, artifact_uri FROM runs"):
            here = self._artifacts / run / "artifacts"
            place = Path(str(uri or "").partition("://")[2] or str(uri or ""))
            place = place if place.is_absolute() else Path(os.environ.get("PWD", ".")) / place
            if not uri or here.is_dir() or "://" in str(uri).replace("file://", "") or not place.is_dir():
                continue
            here.parent.mkdir(parents=True, exist_ok=True)
            _link_tree(place, here)

    def _rows(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            return connection.execute(query).fetchall()
        except sqlite3.Error:
            return []
        finally:
            connection.close()

    def _opened(self) -> sqlite3.Connection | None:
        if self._connection is None and self.path.is_file():
            self._connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1, check_same_thread=False
            )
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._version = None, -1

    def _name_of(self, connection: sqlite3.Connection, run: str) -> str:
        """Return how an event calls a run: the first that is no part of another is the job's own, without a name."""
        if not self._own:
            first = connection.execute(
                "SELECT run_uuid FROM runs WHERE NOT EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid"
                " AND key = ?) ORDER BY runs.rowid LIMIT 1",
                (_PARENT,),
            ).fetchone()
            self._own = first[0] if first else ""
        return "" if run == self._own else run

    def _new_tags(self, connection: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
        for run, key, value in connection.execute("SELECT run_uuid, key, value FROM tags ORDER BY rowid").fetchall():
            if self._tags.get((run, key)) == value or key.startswith(_NOISE):
                continue
            self._tags[run, key] = value
            shown = self._name_of(connection, value) if key == _PARENT else value
            yield "tag", {"name": key, "value": shown, "run": self._name_of(connection, run)}

    def _new_params(self, connection: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
        query = "SELECT rowid, run_uuid, key, value FROM params WHERE rowid > ? ORDER BY rowid"
        for row, run, key, value in connection.execute(query, (self._seen["params"],)).fetchall():
            self._seen["params"] = row
            yield "param", {"name": key, "value": value, "run": self._name_of(connection, run)}

    def _new_metrics(self, connection: sqlite3.Connection, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
        query = (
            "SELECT rowid, run_uuid, key, value, is_nan, step, timestamp FROM metrics"
            " WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
        found = connection.execute(query, (self._seen["metrics"], most)).fetchall()
        for row, run, key, value, is_nan, step, at_ms in found:
            self._seen["metrics"] = row
            number = "NaN" if is_nan else value  # JSON has no word for it
            run = self._name_of(connection, run)  # noqa: PLW2901
            yield "metric", {"name": key, "value": number, "step": step, "at_ms": at_ms, "run": run}


def installed_mlflow() -> str:
    """Return the version of MLflow that is installed here, without importing it; empty where there is none."""
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _link_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, link)
            except OSError:  # another file system
                link.write_bytes(path.read_bytes())
