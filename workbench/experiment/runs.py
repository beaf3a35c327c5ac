"""Runs as people read them: a list, one with everything that was captured, several side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from workbench.contract.run import Difference, InputFile, MetricPoint, RunCard, RunComparison, RunDetail
from workbench.contract.status import RunState
from workbench.experiment.store.liveness import dead_runs
from workbench.experiment.store.rows import MetricRow, RunQuery, RunReader, RunRow, state_of
from workbench.experiment.store.rows_sql import SqlRows
from workbench.experiment.store.tags import joined_tag
from workbench.experiment.store.tracking import sqlite_path
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project

MAX_LIMIT = 10_000
_STATES = frozenset(state.value for state in RunState)


def list_runs(project: Project, limit: int = 100, state: str = "", source: str = "") -> tuple[RunCard, ...]:
    """List runs, the newest first.

    Args:
        project: The project.
        limit: At most so many, up to 10,000.
        state: Only those RUNNING, FINISHED, FAILED, KILLED or LOST.
        source: Only those of this notebook, as a path relative to the project.

    Raises:
        UsageError: ``limit-out-of-range`` or ``state-unknown``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError("limit-out-of-range", f"Limit {limit} is not between 1 and {MAX_LIMIT}", "mlops runs -n 100")
    word = state.upper()
    if word and word not in _STATES:
        raise UsageError("state-unknown", f"There is no run state '{state}'", did_you_mean(word, _STATES))
    reader = reader_of(project)
    dead = dead_runs(project, reader)
    query = RunQuery(limit=limit, state=word, source=_relative(project, source), dead=dead)
    return tuple(_card(row, dead) for row in reader.search(query))


def count_runs(project: Project) -> int:
    """Return how many runs the project has, cheaply where the store is a SQLite file."""
    return reader_of(project).count()


def show_run(project: Project, run: str) -> RunDetail:
    """Show everything about a run: state, figures, inputs, code, environment, artifacts.

    Args:
        project: The project.
        run: Run id, or the beginning of one that no other run shares.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    reader = reader_of(project)
    dead = dead_runs(project, reader)
    return _detail(reader, _rows(reader, (run,))[0], dead)


def compare_runs(project: Project, runs: tuple[str, ...]) -> RunComparison:
    """Show where runs differ: parameters, metrics, inputs, code and environment.

    Args:
        project: The project.
        runs: Two or more run ids, or beginnings of them.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous`` or ``too-few-runs``.
    """
    if len(runs) < 2:
        raise UsageError("too-few-runs", "Comparing takes two runs or more", "mlops runs compare <run> <run>")
    reader = reader_of(project)
    dead = dead_runs(project, reader)
    rows = _rows(reader, runs)
    return RunComparison(tuple(_card(row, dead) for row in rows), tuple(_differences(rows)))


def reader_of(project: Project) -> RunReader:
    """Return the fastest reader for the project's store."""
    path = sqlite_path(project)
    if path is not None:
        return SqlRows(path, project.config.project.name)
    from workbench.experiment.store.rows_client import ClientRows

    return ClientRows(project)


def find_run(project: Project, run: str) -> str:
    """Return the full id of a run given by a unique prefix.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    return _full_id(reader_of(project), run)


def inputs_of(tags: Mapping[str, str]) -> tuple[InputFile, ...]:
    """Return the inputs that a run's tags name; tags that somebody else wrote are not trusted to be ours."""
    try:
        entries = json.loads(joined_tag(tags, "workbench.inputs") or "[]")
        return tuple(InputFile(str(e["path"]), str(e["digest"]), str(e["dataset_version"])) for e in entries)
    except (ValueError, TypeError, KeyError):
        return ()


def _rows(reader: RunReader, runs: tuple[str, ...]) -> list[RunRow]:
    ids = [_full_id(reader, run) for run in runs]
    found = {row.id: row for row in reader.search(RunQuery(limit=len(ids), ids=tuple(ids)))}
    return [found[run] for run in ids]


def _full_id(reader: RunReader, run: str) -> str:
    matches = reader.ids_with_prefix(run) if run else []
    if len(matches) == 1:
        return matches[0]
    if matches:
        hint = f"add letters: {', '.join(match[: len(run) + 4] for match in matches)}"
        raise UsageError("run-ambiguous", f"'{run}' is the beginning of several runs", hint)
    raise NotFoundError("run-unknown", f"There is no run '{run}'", "see which there are: mlops runs")


def _card(row: RunRow, dead: Mapping[str, RunState]) -> RunCard:
    state = state_of(row, dead)
    ended_ms = row.ended_ms if row.ended_ms is not None else time.time() * 1000
    return RunCard(
        id=row.id,
        name=row.name,
        state=state.value,
        started_at=_iso(row.started_ms),
        duration_s=max(0.0, round((ended_ms - row.started_ms) / 1000, 3)),
        actor=row.tags.get("workbench.actor") or row.tags.get("mlflow.user", ""),
        source=row.tags.get("workbench.source", ""),
        job=row.tags.get("workbench.job", ""),
        target=row.tags.get("workbench.target", ""),
        params=row.params,
        metrics=row.metrics,
        models=_models(row),
        progress=_progress(row) if state is RunState.RUNNING else 1.0,
    )


def _detail(reader: RunReader, row: RunRow, dead: Mapping[str, RunState]) -> RunDetail:
    return RunDetail(
        card=_card(row, dead),
        inputs=inputs_of(row.tags),
        commit=row.tags.get("workbench.commit", ""),
        notebook_digest=row.tags.get("workbench.notebook_digest", ""),
        environment_digest=row.tags.get("workbench.environment_digest", ""),
        python=row.tags.get("workbench.python", ""),
        tags={key: value for key, value in row.tags.items() if not key.startswith("mlflow.")},
        history=_history(reader.history(row.id)),
        artifacts=reader.artifacts(row),
        error=row.tags.get("workbench.error", ""),
    )


def _history(rows: Iterable[MetricRow]) -> dict[str, tuple[MetricPoint, ...]]:
    history: dict[str, list[MetricPoint]] = {}
    for row in rows:
        history.setdefault(row.key, []).append(MetricPoint(row.step, _iso(row.at_ms), row.value))
    return {key: tuple(points) for key, points in history.items()}


def _differences(rows: list[RunRow]) -> Iterable[Difference]:
    yield from _differing("param", [row.params for row in rows])
    yield from _differing("metric", [{k: repr(v) for k, v in row.metrics.items()} for row in rows])
    yield from _differing("input", [{i.path: i.dataset_version or i.digest for i in inputs_of(r.tags)} for r in rows])
    code = {"source": "workbench.source", "commit": "workbench.commit", "notebook": "workbench.notebook_digest"}
    yield from _differing("code", [_tagged(row, code) for row in rows])
    environment = {"packages": "workbench.environment_digest", "python": "workbench.python"}
    yield from _differing("environment", [_tagged(row, environment) for row in rows])


def _differing(kind: str, values: list[dict[str, str]]) -> Iterable[Difference]:
    for name in sorted({name for some in values for name in some}):
        of_each = tuple(some.get(name, "") for some in values)
        if len(set(of_each)) > 1:
            yield Difference(kind, name, of_each)


def _tagged(row: RunRow, names: Mapping[str, str]) -> dict[str, str]:
    return {name: row.tags.get(tag, "") for name, tag in names.items()}


def _models(row: RunRow) -> tuple[str, ...]:
    try:
        return tuple(str(name) for name in json.loads(row.tags.get("workbench.models", "[]")))
    except (ValueError, TypeError):
        return ()


def _progress(row: RunRow) -> float:
    try:
        return min(1.0, max(0.0, float(row.tags["workbench.progress"])))
    except (KeyError, ValueError):
        return 1.0


def _relative(project: Project, source: str) -> str:
    """Accept an absolute path or ``./x`` where the tag holds a path relative to the project."""
    path = PurePosixPath(source)
    if source and path.is_absolute() and path.is_relative_to(project.root):
        path = path.relative_to(project.root)
    return str(path) if source else ""


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
