"""The tables of MLflow's database that are read by SQL; they have kept these columns since MLflow 1.x."""

from __future__ import annotations

import sqlalchemy as sa

_RUN_COLUMNS = ("run_uuid", "name", "status", "start_time", "end_time", "artifact_uri", "experiment_id")

RUNS = sa.table("runs", *(sa.column(name) for name in _RUN_COLUMNS), sa.column("lifecycle_stage"))
EXPERIMENTS = sa.table("experiments", sa.column("experiment_id"), sa.column("name"))
TAGS = sa.table("tags", sa.column("run_uuid"), sa.column("key"), sa.column("value"))
PARAMS = sa.table("params", sa.column("run_uuid"), sa.column("key"), sa.column("value"))
LATEST = sa.table("latest_metrics", *(sa.column(name) for name in ("run_uuid", "key", "value", "is_nan")))
METRICS = sa.table(
    "metrics", *(sa.column(name) for name in ("run_uuid", "key", "value", "timestamp", "step", "is_nan"))
)

IS_ALIVE = sa.literal_column("runs.status IN ('RUNNING', 'SCHEDULED')", sa.Boolean)
"""Written out, not bound: SQLite takes a partial index only where it sees the very words (:mod:`.indexes`)."""
