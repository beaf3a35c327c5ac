"""Runs as people read them: a list, one with everything that was captured, several side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import PurePosixPath

from workbench.contract.run import Difference, InputFile, MetricPoint, RunCard, RunComparison, RunDetail, RunGroup
from workbench.contract.status import RunState
from workbench.experiment.search.expression import Field, comparisons_of
from workbench.experiment.search.fields import NO_LEVEL
from workbench.experiment.search.groups import grouped
from workbench.experiment.search.parser import invalid_at, parse_field, parse_order, parse_query, position_of
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.liveness import dead_runs
from workbench.experiment.store.rows import MetricRow, RunQuery, RunReader, RunRow, state_of
from workbench.experiment.store.rows_sql import SqlRows
from workbench.experiment.store.tags import joined_tag
from workbench.foundation.errors import MOST_LISTED, NotFoundError, UsageError, check_limit, did_you_mean
from workbench.foundation.project import Project

MAX_LIMIT = MOST_LISTED
MAX_OFFSET = 1 << 62
_SHOWN = 20
"""Names of metrics or parameters that an error lists."""
_STATES = frozenset(state.value for state in RunState)


def list_runs(
    project: Project,
    query: str = "",
    *,
    sort: str = "",
    limit: int = 100,
    offset: int = 0,
    state: str = "",
    source: str = "",
    deleted: bool = False,
) -> tuple[RunCard, ...]:
    """List runs, the newest first, or those that a query asks for.

    A query compares ``metrics.f1``, ``params.depth``, ``tags.x``, ``state``, ``name``, ``source``, ``actor``,
    ``target``, ``level``, ``starred``, ``data``, ``model``, ``started`` or ``duration`` with ``= != < <= > >= ~``
    (contains) or ``IN (…)``, joined by AND, OR, NOT and parentheses. A comparison with something that a run does not
    have is false.

    Args:
        project: The project.
        query: Such as ``metrics.f1 > 0.9 AND NOT params.depth = 3`` or ``started > -7d``; empty for all.
        sort: Field to sort by, with ``-`` before it the largest first: ``-metrics.f1``; runs without it come last.
        limit: At most so many, up to 10,000.
        offset: Leave out so many at the beginning.
        state: Only those RUNNING, FINISHED, FAILED, KILLED or LOST.
        source: Only those of this notebook, as a path relative to the project.
        deleted: List the deleted runs instead.

    Raises:
        UsageError: ``query-invalid``, ``limit-out-of-range`` or ``state-unknown``.
    """
    check_limit(limit, "mlops runs -n 100")
    if not 0 <= offset < MAX_OFFSET:
        raise UsageError("limit-out-of-range", f"Offset {offset} is not 0 or more", "mlops runs --offset 0")
    word = state.upper()
    if word and word not in _STATES:
        raise UsageError("state-unknown", f"There is no run state '{state}'", did_you_mean(word, _STATES))
    reader = reader_of(project)
    asked = RunQuery(
        limit=limit,
        state=word,
        source=_relative(project, source),
        dead=dead_runs(project, reader),
        where=parse_query(query),
        order=parse_order(sort),
        offset=offset,
        is_deleted=deleted,
        now_ms=int(time.time() * 1000),
    )
    check_names(reader, {query: _compared(asked), sort: _ordered(asked)})
    return tuple(_card(row, asked.dead) for row in reader.search(asked))


def group_runs(project: Project, field: str, query: str = "", sort: str = "", limit: int = 100) -> tuple[RunGroup, ...]:
    """Group runs by what they have in common, and show how good each group is.

    Args:
        project: The project.
        field: What they are grouped by: ``params.depth``, ``source``, ``data``, … A run with several inputs or models
            counts in each of their groups.
        query: Only runs that this query asks for.
        sort: Metric to judge by: ``-metrics.f1`` where more is better, ``metrics.loss`` where less is. The best group
            comes first; without it the largest.
        limit: At most so many groups.

    Raises:
        UsageError: ``query-invalid`` or ``limit-out-of-range``.
    """
    check_limit(limit, "mlops runs -n 100")
    by, order = parse_field(field), parse_order(sort)
    if order and order.field.kind != "metrics":
        raise UsageError("query-invalid", f"Groups are judged by a metric, not by {order.field}", "--sort -metrics.f1")
    reader = reader_of(project)
    now_ms, dead = int(time.time() * 1000), dead_runs(project, reader)
    asked = RunQuery(limit=limit, dead=dead, where=parse_query(query), order=order, now_ms=now_ms)
    check_names(reader, {query: _compared(asked), sort: _ordered(asked), field: (by,)})
    fields = (by, order.field) if order else (by,)
    return grouped(reader.values(asked, fields), by, order)[:limit]


def check_names(reader: RunReader, wanted: Mapping[str, Iterable[Field]]) -> None:
    """Refuse a metric or parameter that no run has: a typing error would look like "no such runs".

    Args:
        reader: Reads the runs.
        wanted: The fields that are named, by the text that names them.

    Raises:
        UsageError: ``query-invalid``, with the nearest name.
    """
    for kind in ("metrics", "params"):
        named = {field: text for text, fields in wanted.items() for field in fields if field.kind == kind}
        known = reader.names(kind) if named else ()
        for field, text in named.items():
            if known and field.name not in known:
                hint = did_you_mean(field.name, known) if get_close_matches(field.name, known) else _some(known)
                raise invalid_at(text, position_of(text, field), f"no run has {field}", hint)


def _compared(asked: RunQuery) -> tuple[Field, ...]:
    return tuple(comparison.field for comparison in comparisons_of(asked.where))


def _ordered(asked: RunQuery) -> tuple[Field, ...]:
    return (asked.order.field,) if asked.order else ()


def _some(names: tuple[str, ...]) -> str:
    return f"known: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"


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
    return RunComparison(tuple(_card(row, dead) for row in rows), tuple(differences_of(rows)))


def reader_of(project: Project) -> RunReader:
    """Return the fastest reader for the project's store."""
    place = sqlite_path(project)
    if place is not None or project.tracking_uri.startswith("postgresql"):
        return SqlRows(place or project.tracking_uri, project.config.project.name)
    from workbench.experiment.store.rows_client import ClientRows

    return ClientRows(project)


def find_run(project: Project, run: str, *, is_deleted: bool = False) -> str:
    """Return the full id of a run given by a unique prefix.

    Args:
        project: The project.
        run: Its id, or the beginning of it.
        is_deleted: Look among the deleted runs.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    return _full_id(reader_of(project), run, is_deleted=is_deleted)


def cards_of(project: Project, runs: tuple[str, ...]) -> tuple[RunCard, ...]:
    """Return the cards of runs, given by ids or unique beginnings of them; deleted ones too.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    reader = reader_of(project)
    dead = dead_runs(project, reader)
    return tuple(_card(row, dead) for row in _rows(reader, runs))


def rows_of(project: Project, runs: tuple[str, ...]) -> list[RunRow]:
    """Return runs, given by ids or unique beginnings of them, as the store holds them; deleted ones too.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    return _rows(reader_of(project), runs)


def inputs_of(tags: Mapping[str, str]) -> tuple[InputFile, ...]:
    """Return the inputs that a run's tags name; tags that somebody else wrote are not trusted to be ours."""
    try:
        entries = json.loads(joined_tag(tags, "workbench.inputs") or "[]")
        return tuple(
            InputFile(str(e["path"]), str(e["digest"]), str(e["dataset_version"]), str(e.get("reader", "")))
            for e in entries
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()


def _rows(reader: RunReader, runs: tuple[str, ...]) -> list[RunRow]:
    found: dict[str, RunRow] = {}
    ids = []
    for run in runs:
        active = reader.ids_with_prefix(run) if run else []
        deleted = reader.ids_with_prefix(run, is_deleted=True) if run and not active else []
        is_deleted = bool(deleted)
        ids.append(_only(deleted or active, run, is_deleted=is_deleted))
        query = RunQuery(limit=1, ids=(ids[-1],), is_deleted=is_deleted)
        found.update({row.id: row for row in reader.search(query)})
    return [found[run] for run in ids]


def _full_id(reader: RunReader, run: str, *, is_deleted: bool = False) -> str:
    found = reader.ids_with_prefix(run, is_deleted=is_deleted) if run else []
    if run and not found and not is_deleted and reader.ids_with_prefix(run, is_deleted=True):
        raise NotFoundError("run-unknown", f"Run '{run}' is deleted", f"bring it back: mlops runs undelete {run}")
    return _only(found, run, is_deleted=is_deleted)


def _only(matches: list[str], run: str, *, is_deleted: bool) -> str:
    if len(matches) == 1:
        return matches[0]
    if matches:
        hint = f"add letters: {', '.join(match[: len(run) + 4] for match in matches)}"
        raise UsageError("run-ambiguous", f"'{run}' is the beginning of several runs", hint)
    hint = f"see which there are: mlops runs{' --deleted' if is_deleted else ''}"
    raise NotFoundError("run-unknown", f"There is no {'deleted ' if is_deleted else ''}run '{run}'", hint)


def _own_metrics(row: RunRow) -> dict[str, float]:
    """Return what the run says of itself; what it took of the machine (``system/…``) is in its history alone."""
    return {key: value for key, value in row.metrics.items() if not key.startswith("system/")}


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
        metrics=_own_metrics(row),
        models=_models(row),
        progress=_progress(row) if state is RunState.RUNNING else 1.0,
        level=row.tags.get("workbench.level") or NO_LEVEL,
        is_starred=row.tags.get("workbench.starred") == "true",
        note=row.tags.get("mlflow.note.content", ""),
        parent=row.tags.get("mlflow.parentRunId", ""),
        is_deleted=row.is_deleted,
    )


def _detail(reader: RunReader, row: RunRow, dead: Mapping[str, RunState]) -> RunDetail:
    card, inputs = _card(row, dead), inputs_of(row.tags)
    return RunDetail(
        card=card,
        inputs=inputs,
        commit=row.tags.get("workbench.commit", ""),
        notebook_digest=row.tags.get("workbench.notebook_digest", ""),
        environment_digest=row.tags.get("workbench.environment_digest", ""),
        python=row.tags.get("workbench.python", ""),
        tags={key: value for key, value in row.tags.items() if not key.startswith("mlflow.")},
        history=_history(reader.history(row.id)),
        artifacts=reader.artifacts(row),
        error=row.tags.get("workbench.error", ""),
        unversioned=tuple(item.path for item in inputs if not item.dataset_version),
        resumes=row.tags.get("workbench.resumes", ""),
        offer=_offer(card),
    )


def _offer(card: RunCard) -> str:
    """Return the command that suggests itself."""
    if card.is_deleted:
        return f"mlops runs undelete {card.id[:12]}"
    if card.state in (RunState.KILLED, RunState.LOST) and not card.job:
        return f'go on from it: with workbench.run(resume="{card.id}"): …'
    return ""


def _history(rows: Iterable[MetricRow]) -> dict[str, tuple[MetricPoint, ...]]:
    history: dict[str, list[MetricPoint]] = {}
    for row in rows:
        history.setdefault(row.key, []).append(MetricPoint(row.step, _iso(row.at_ms), row.value))
    return {key: tuple(points) for key, points in history.items()}


def differences_of(rows: list[RunRow]) -> Iterable[Difference]:
    """Yield what the tags, parameters and metrics of runs tell apart."""
    yield from differing("param", [row.params for row in rows])
    yield from differing("metric", [{k: repr(v) for k, v in _own_metrics(row).items()} for row in rows])
    yield from differing("input", [{i.path: i.dataset_version or i.digest for i in inputs_of(r.tags)} for r in rows])
    code = {"source": "workbench.source", "commit": "workbench.commit", "notebook": "workbench.notebook_digest"}
    yield from differing("code", [_tagged(row, code) for row in rows])
    environment = {"packages": "workbench.environment_digest", "python": "workbench.python"}
    yield from differing("environment", [_tagged(row, environment) for row in rows])


def differing(kind: str, values: list[dict[str, str]]) -> Iterable[Difference]:
    """Yield each name whose value is not the same everywhere, sorted."""
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
