"""MLflow's database file as people look after it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TunedStore:
    """An MLflow database after it was made fast and safe to share.

    Attributes:
        path: The file.
        revision: MLflow's schema revision; unchanged.
        runs: How many runs it holds, deleted ones too.
        journal_mode: SQLite's journal mode: ``wal``.
        is_analyzed: Whether sqlite has statistics to plan by.
        changes: What was changed, in words; empty where nothing was to do.
        duration_s: How long it took.
    """

    path: str
    revision: str
    runs: int
    journal_mode: str
    is_analyzed: bool
    changes: tuple[str, ...]
    duration_s: float
