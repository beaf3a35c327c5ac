"""Write runs straight into MLflow's SQLite file: the same rows as its client leaves, without importing mlflow.

Through the client a run costs an import of 2.4 s of CPU and then 4 to 7 ms a metric, most of it in an ORM and in three
transactions; one transaction here takes a tenth of a millisecond a batch and the disk's own time. The tables are
written only where their alembic revision is one that this module was compared with (``schema.is_known``); a contract
test does the same work through both and compares every row.
"""

from __future__ import annotations

import math
import posixpath
import secrets
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.experiment.store.artifacts import lies_at
from workbench.experiment.store.connections import reading, writing
from workbench.experiment.store.refusals import (
    MAX_FLOAT,
    MAX_PARAM_LENGTH,
    MAX_TAG_LENGTH,
    check_key,
    check_step,
    check_text,
    cut,
    param_changed,
    run_deleted,
    run_unknown,
)
from workbench.experiment.store.schema import is_known

RUN_NAME_TAG = "mlflow.runName"
_QUALITIES = ("bold", "calm", "clever", "eager", "fair", "gentle", "keen", "nimble", "quick", "serene", "swift")
_ANIMALS = ("bee", "carp", "crane", "deer", "dove", "finch", "hare", "heron", "lark", "lynx", "otter", "seal")
_LATER = """
INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE
SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value)
    > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""


@dataclass(frozen=True)
class MetricValue:
    """One value to write.

    Attributes:
        key: Name, already checked.
        value: The number; NaN and infinities are allowed.
        step: Step it belongs to.
        at_ms: When it was logged, Unix milliseconds.
    """

    key: str
    value: float
    step: int
    at_ms: int


@dataclass(frozen=True)
class RunFacts:
    """What must be known of a run to end it.

    Attributes:
        status: MLflow's word.
        started_ms: When it began, Unix milliseconds.
        tags: All tags.
    """

    status: str
    started_ms: int
    tags: dict[str, str]


class UnknownStoreError(Exception):
    """The file is written by another version of MLflow, or holds what only its client writes: use the client."""


class SqlWriter:
    """Write runs into one SQLite store.

    Args:
        path: MLflow's SQLite file, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def can_write(self) -> bool:
        """Tell whether the store is of a revision that is written here, and so not through the client."""
        try:
            with reading(self.path) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except (sqlite3.Error, OSError):
            return False  # no MLflow store, or none that can be read: the client says what it is
        return len(found) == 1 and is_known(found[0][0])

    def start_run(
        self, experiment: str, artifacts: str, *, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> str:
        """Begin a run, with its tags and parameters, in one transaction, and return its id.

        Args:
            experiment: Name of the experiment; made where it is missing.
            artifacts: Where a new experiment keeps its artifacts.
            name: Name of the run; empty invents one.
            tags: Tags; ``mlflow.user`` is also the run's user.
            params: Parameters.

        Raises:
            UnknownStoreError: The experiment is deleted, or keeps its artifacts where only the client can say how.
            UsageError: ``tracking-refused``.
        """
        run, now = uuid.uuid4().hex, int(time.time() * 1000)
        name = name or tags.get(RUN_NAME_TAG, "") or _invented_name()
        all_tags = {**tags, RUN_NAME_TAG: name}
        for text in all_tags.values():
            check_text(text)
        with writing(self.path) as connection:
            number, location = _experiment(connection, experiment, artifacts)
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
                " start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)",
                (
                    run,
                    name,
                    tags.get("mlflow.user", "unknown"),
                    now,
                    posixpath.join(location, run, "artifacts"),
                    number,
                ),
            )
            connection.executemany(
                "INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)",
                [(run, key, value) for key, value in all_tags.items()],
            )
            _write_params(connection, run, params)
        return run

    def log_batch(
        self,
        run: str,
        *,
        metrics: Sequence[MetricValue] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, parameters and tags of a run in one transaction; writing the same again changes nothing.

        Raises:
            NotFoundError: ``run-unknown``.
            UsageError: ``param-changed`` or ``tracking-refused``; nothing of the batch is written then.
        """
        for metric in metrics:
            check_key(metric.key)
            check_step(metric.step)
        with self._writing_to(run) as connection:
            _write_params(connection, run, params or {})
            _write_metrics(connection, run, metrics)
            _write_tags(connection, run, tags or {})

    def state_of(self, run: str) -> RunFacts:
        """Return what must be known of a run to end it.

        Raises:
            NotFoundError: ``run-unknown``.
        """
        with reading(self.path) as connection:
            found = connection.execute("SELECT status, start_time FROM runs WHERE run_uuid = ?", (run,)).fetchone()
            tags = dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)).fetchall())
        if found is None:
            raise run_unknown(run)
        return RunFacts(found[0], found[1] or 0, tags)

    def artifact_uri(self, run: str) -> str:
        """Return where the artifacts of a run lie.

        Raises:
            NotFoundError: ``run-unknown``.
        """
        with reading(self.path) as connection:
            found = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run,)).fetchone()
        if found is None:
            raise run_unknown(run)
        return lies_at(str(found[0] or ""), run, self.path.parent / "artifacts")

    def end_run(self, run: str, status: str, *, tags: Mapping[str, str], drop_tag: str = "") -> None:
        """Write the end of a run, tags that go with it and a tag that no longer holds, in one transaction.

        Raises:
            NotFoundError: ``run-unknown``.
        """
        now = int(time.time() * 1000)
        with self._writing_to(run) as connection:
            connection.execute("UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", (status, now, run))
            connection.execute("DELETE FROM tags WHERE run_uuid = ? AND key = ?", (run, drop_tag))
            _write_tags(connection, run, tags)

    @contextmanager
    def _writing_to(self, run: str) -> Iterator[sqlite3.Connection]:
        with writing(self.path) as connection:
            found = connection.execute("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run,)).fetchone()
            if found is None:
                raise run_unknown(run)
            if found[0] != "active":
                raise run_deleted(f"Run {run} is deleted")
            yield connection


def _experiment(connection: sqlite3.Connection, name: str, artifacts: str) -> tuple[int, str]:
    query = "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments WHERE name = ?"
    found = connection.execute(f"{query} AND workspace = 'default'", (name,)).fetchone()
    if found is None:
        now = int(time.time() * 1000)
        cursor = connection.execute(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time,"
            " workspace) VALUES (?1, ?2, 'active', ?3, ?3, 'default')",
            (name, artifacts, now),
        )
        found = (cursor.lastrowid, artifacts, "active")
    number, location, stage = found
    if stage != "active" or not str(location).startswith("/") or "?" in str(location):
        raise UnknownStoreError(name)
    written, here = Path(str(location)), Path(artifacts)
    if written != here and written.parts[-2:] == here.parts[-2:] and here.is_dir():
        # The project was moved or copied: what is written from now on does not belong where it was.
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (artifacts, number))
        location = artifacts
    return int(number), str(location)


def _write_params(connection: sqlite3.Connection, run: str, params: Mapping[str, str]) -> None:
    if not params:
        return
    for key in params:
        check_key(key)
    new = {key: cut("value of the parameter", value, MAX_PARAM_LENGTH) for key, value in params.items()}
    known = dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,)).fetchall())
    for key, value in new.items():
        if known.get(key, value) != value:
            raise param_changed(key, known[key], value, run)
    rows = [(run, key, value) for key, value in new.items() if key not in known]
    connection.executemany("INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)", rows)


def _write_tags(connection: sqlite3.Connection, run: str, tags: Mapping[str, str]) -> None:
    if not tags:
        return
    for key in tags:
        check_key(key)
    new = {key: cut("value of the tag", value, MAX_TAG_LENGTH) for key, value in tags.items()}
    if name := new.get(RUN_NAME_TAG):
        connection.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (name, run))
    rows = [(run, key, value) for key, value in new.items() if key != RUN_NAME_TAG or value]
    connection.executemany(
        "INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        rows,
    )


def _write_metrics(connection: sqlite3.Connection, run: str, metrics: Iterable[MetricValue]) -> None:
    rows = [(run, m.key, *_stored(m.value), m.at_ms, m.step) for m in metrics]
    if not rows:
        return
    # The primary key is the whole row, so a value that is delivered twice is one value.
    connection.executemany(
        "INSERT OR IGNORE INTO metrics (run_uuid, key, value, is_nan, timestamp, step) VALUES (?, ?, ?, ?, ?, ?)", rows
    )
    latest: dict[str, tuple[int, int, float, bool]] = {}
    for _, key, value, is_nan, at_ms, step in rows:
        known = latest.get(key)
        if known is None or (step, at_ms, value) > known[:3]:
            latest[key] = (step, at_ms, value, is_nan)
    connection.executemany(
        _LATER, [(run, key, value, at_ms, step, is_nan) for key, (step, at_ms, value, is_nan) in sorted(latest.items())]
    )


def _stored(value: float) -> tuple[float, bool]:
    """Return a value as SQL can hold it and whether it is NaN; the rule is MLflow's."""
    if math.isnan(value):
        return 0.0, True
    return (math.copysign(MAX_FLOAT, value), False) if math.isinf(value) else (value, False)


def _invented_name() -> str:
    """Return a name for people, in MLflow's manner: ``calm-heron-417``.

    Not with ``random``, whose state is the user's: a number drawn here would change the results of a seeded notebook.
    """
    return f"{secrets.choice(_QUALITIES)}-{secrets.choice(_ANIMALS)}-{secrets.randbelow(1000)}"
