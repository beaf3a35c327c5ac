"""Watched folders: new files become dataset versions by themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WatchCard:
    """A watched folder as a list shows it.

    Attributes:
        name: Name of the watch; its declaration is ``data/<name>.watch.toml``.
        folder: Folder that is watched.
        into: Dataset in the project that takes the files.
        pattern: Which files: ``*.csv``.
        settle_s: Seconds a file must have been left alone before it is taken.
        files: Files taken so far.
        waiting: Settled files that the next ingest will take.
        settling: Files that are still being written.
        lag_s: Age of the oldest waiting file in seconds; 0 where none waits.
        last_at: UTC time of the last ingest; empty where there was none.
        last_lag_s: Seconds from the last change of the oldest file of the last ingest until it was a version.
        version: Dataset version that the last ingest made.
        problem: Why the folder cannot be read or the next ingest would stop; empty where all is well.
    """

    name: str
    folder: str
    into: str
    pattern: str
    settle_s: float
    files: int
    waiting: int
    settling: int
    lag_s: float
    last_at: str
    last_lag_s: float
    version: str
    problem: str = ""


@dataclass(frozen=True)
class IngestReport:
    """What one ingest took.

    Attributes:
        name: Name of the watch.
        version: Dataset version that holds everything now; empty where there has never been a file.
        taken: Files that were taken, in order.
        changed: Those of them that had been taken before with other bytes.
        settling: Files left for later because they are still being written.
        rows: Rows in the taken files, where they are tables.
        size: Bytes in the taken files.
        lag_s: Seconds from the last change of the oldest taken file until it was a version.
    """

    name: str
    version: str
    taken: tuple[str, ...]
    changed: tuple[str, ...]
    settling: tuple[str, ...]
    rows: int
    size: int
    lag_s: float
