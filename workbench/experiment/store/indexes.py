"""Indexes for searching, in the project's own store: what makes any page of 100,000 runs cheap.

MLflow's keys find a metric of a run, not the runs of a metric's value, so it looks through every run for the best
hundred. These indexes cover what is asked; SQLite keeps them as rows are written, by whomever. They hold no data of
their own, MLflow never sees them, and ``DROP INDEX`` takes them away. Nothing here depends on them but the speed: a
store without them (a user's own ``mlflow.db``) gives the same answers.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from workbench.experiment.search.dialect import MAX_INDEXED

_PREFIX = "workbench_"
INDEXES: dict[str, str] = {
    "workbench_runs_by_start": "runs (experiment_id, lifecycle_stage, start_time, run_uuid)",
    "workbench_runs_alive": "runs (run_uuid) WHERE status IN ('RUNNING', 'SCHEDULED')",
    "workbench_metrics_by_value": "latest_metrics (key, is_nan, value, run_uuid)",
    "workbench_params_by_value": "params (key, value, run_uuid)",
    "workbench_tags_by_value": f"tags (key, value, run_uuid) WHERE length(value) <= {MAX_INDEXED}",
}


def ensure_indexes(path: Path, *, busy_s: float = 5.0) -> bool:
    """Make the indexes that are missing; never raises, since everything works without them.

    Made with the first runs they cost milliseconds; in a store of 100,000 runs six seconds, once.

    Args:
        path: MLflow's SQLite file.
        busy_s: Seconds to wait for others that write.

    Returns:
        Whether any was made.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=busy_s, isolation_level=None)
        try:
            if not (missing := _missing(connection)):
                return False
            connection.execute("BEGIN IMMEDIATE")
            for name in missing:
                connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {INDEXES[name]}")
            connection.execute("COMMIT")
            connection.executescript("PRAGMA analysis_limit = 400; ANALYZE")
            return True
        finally:
            connection.close()
    except sqlite3.Error:  # busy, read-only or full: the next run's end tries again
        return False


def _missing(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE ? || '%'"
    known = {name for (name,) in connection.execute(query, (_PREFIX,))}
    return [name for name in INDEXES if name not in known]
