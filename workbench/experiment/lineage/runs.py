"""What runs hang together with, by one query for any number of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.contract.run import InputFile
from workbench.experiment.runs import inputs_of, reader_of
from workbench.experiment.search.expression import Comparison, Field, Literal, Or
from workbench.experiment.store.rows import RunQuery, RunRow
from workbench.foundation.project import Project

_SOURCE = "workbench.source"
_FOLLOWING = (Field("tags", "workbench.replay_of"), Field("tags", "workbench.resumes"))
_PORTION = 200
"""Names in one query: SQLite refuses an expression deeper than 1,000."""


@dataclass(frozen=True)
class RunLinks:
    """A run and what it names.

    Attributes:
        id: MLflow run id.
        name: MLflow run name.
        status: MLflow's status word.
        started_at: UTC time.
        ended_at: UTC time; empty while it runs.
        actor: Who ran it.
        source: Notebook or script, relative to the project; empty where unknown.
        commit: Git commit, with ``+dirty`` where files differed.
        job: Job it ran in; empty where none.
        inputs: Files it read.
        models: Names of the models it logged.
        replay_of: Run that it replays; empty where none.
        resumes: Run that it goes on from; empty where none.
        error: What failed it.
    """

    id: str
    name: str
    status: str
    started_at: str
    ended_at: str
    actor: str
    source: str
    commit: str
    job: str
    inputs: tuple[InputFile, ...]
    models: tuple[str, ...]
    replay_of: str
    resumes: str
    error: str


def links_of(project: Project, runs: Collection[str]) -> tuple[RunLinks, ...]:
    """Return what these runs name; runs that do not exist are left out."""
    found = (_search(project, RunQuery(limit=_PORTION, ids=tuple(portion))) for portion in _portions(runs))
    return tuple(run for portion in found for run in portion)


def runs_that_read(project: Project, names: Collection[str], limit: int) -> tuple[RunLinks, ...]:
    """Return the newest runs that read one of these dataset versions or paths."""
    return _where(project, (Field("", "data"),), names, limit)


def runs_of_notebook(project: Project, notebook: str, limit: int) -> tuple[RunLinks, ...]:
    """Return the newest runs of a notebook."""
    return _where(project, (Field("tags", _SOURCE),), (notebook,), limit)


def runs_that_follow(project: Project, runs: Collection[str], limit: int) -> tuple[RunLinks, ...]:
    """Return the newest runs that replay or resume one of these."""
    return _where(project, _FOLLOWING, runs, limit)


def _where(project: Project, fields: tuple[Field, ...], names: Collection[str], limit: int) -> tuple[RunLinks, ...]:
    """Return the runs in which one of the fields is one of the names, asked for in portions of what SQL takes."""
    found: dict[str, RunLinks] = {}
    for portion in _portions(names):
        values = tuple(Literal(name, is_quoted=True) for name in portion)
        where = Or(tuple(Comparison(field, "IN", values) for field in fields))
        found.update((run.id, run) for run in _search(project, RunQuery(limit=limit, where=where)))
    return tuple(sorted(found.values(), key=lambda run: run.started_at, reverse=True)[:limit])


def _portions(names: Collection[str]) -> Iterable[list[str]]:
    known = list(names)
    return (known[start : start + _PORTION] for start in range(0, len(known), _PORTION))


def _search(project: Project, query: RunQuery) -> tuple[RunLinks, ...]:
    return tuple(map(links_from, reader_of(project).search(query)))


def links_from(row: RunRow) -> RunLinks:
    """Return what a run's tags name; whoever may write tags wrote them, so what is no name counts as none."""
    tags = row.tags
    return RunLinks(
        id=row.id,
        name=row.name,
        status=row.status,
        started_at=_iso(row.started_ms),
        ended_at="" if row.ended_ms is None else _iso(row.ended_ms),
        actor=tags.get("workbench.actor") or tags.get("mlflow.user", ""),
        source=tags.get(_SOURCE, ""),
        commit=tags.get("workbench.commit", ""),
        job=tags.get("workbench.job", ""),
        inputs=inputs_of(tags),
        models=_names(tags.get("workbench.models", "")),
        replay_of=tags.get("workbench.replay_of", ""),
        resumes=tags.get("workbench.resumes", ""),
        error=tags.get("workbench.error", ""),
    )


def _names(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
