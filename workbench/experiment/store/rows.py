"""A run as the store holds it, before it becomes a card, and the two questions that readers ask for.

There are two readers, :mod:`~workbench.experiment.store.rows_sql` (a SQLite file, no mlflow) and
:mod:`~workbench.experiment.store.rows_client` (any other store); a contract test holds them to the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from workbench.contract.status import RunState
from workbench.experiment.search.expression import And, Comparison, Expression, Field, Literal, Order

STATE_TAG = "workbench.state"
"""Set to LOST on a run that MLflow, which has no such word, holds as KILLED."""


@dataclass(frozen=True)
class RunRow:
    """One run, times in Unix milliseconds.

    Attributes:
        id: MLflow run id.
        name: MLflow run name.
        status: MLflow's status word.
        started_ms: When it began.
        ended_ms: When it ended; None while it runs.
        artifact_uri: Where its artifacts lie.
        tags: All tags.
        params: All parameters.
        metrics: Last value of each metric; NaN ones are left out, JSON has no word for them.
        is_deleted: Whether it was deleted, which can be taken back.
    """

    id: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    artifact_uri: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    is_deleted: bool = False


@dataclass(frozen=True)
class RunQuery:
    """Which runs, in which order.

    Attributes:
        limit: At most so many.
        state: Only in this state, as :func:`state_of` tells it; empty for any.
        source: Only from this notebook; empty for any.
        ids: Only these; None for any.
        dead: Runs that the store holds as RUNNING although their process is dead, with what they are.
        where: Only those that a query asks for; None for any.
        order: What they are sorted by; None for the newest first.
        offset: Leave out so many at the beginning.
        is_deleted: Look among the deleted runs instead.
        now_ms: The present, Unix milliseconds: what ``-7d`` and the duration of a live run are counted from.
    """

    limit: int
    state: str = ""
    source: str = ""
    ids: tuple[str, ...] | None = None
    dead: Mapping[str, RunState] = field(default_factory=dict)
    where: Expression | None = None
    order: Order | None = None
    offset: int = 0
    is_deleted: bool = False
    now_ms: int = 0

    @property
    def condition(self) -> Expression | None:
        """Return ``where`` joined with ``state`` and ``source``."""
        parts = [self.where] if self.where else []
        for name, value in (("state", self.state), ("source", self.source)):
            if value:
                parts.append(Comparison(Field("", name), "=", (Literal(value, is_quoted=True),)))
        return And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None


@dataclass(frozen=True)
class MetricRow:
    """One logged value."""

    key: str
    step: int
    at_ms: int
    value: float


class RunReader(Protocol):
    """Reads runs of one project from one kind of store."""

    def search(self, query: RunQuery) -> list[RunRow]:
        """Return the runs asked for."""
        ...

    def count(self) -> int:
        """Return how many runs there are."""
        ...

    def values(self, query: RunQuery, fields: tuple[Field, ...]) -> list[tuple[str | float | None, ...]]:
        """Return the id and the fields' values of all runs that match; limit and order are not used."""
        ...

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of all ``metrics``, ``params`` or ``tags`` that any run of the store has, sorted."""
        ...

    def ids_with_prefix(self, prefix: str, *, is_deleted: bool = False) -> list[str]:
        """Return ids that begin with ``prefix``, at most a handful."""
        ...

    def history(self, run: str) -> list[MetricRow]:
        """Return all values of all metrics of a run, ordered by key, step, time and value."""
        ...

    def undefined(self, run: str) -> frozenset[str]:
        """Return the names of a run's metrics whose last value is NaN; other answers leave those out."""
        ...

    def artifacts(self, row: RunRow) -> tuple[str, ...]:
        """Return the paths of all artifacts of a run, sorted."""
        ...


def state_of(row: RunRow, dead: Mapping[str, RunState]) -> RunState:
    """Return the state a person should see."""
    if row.id in dead:
        return dead[row.id]
    if row.status == RunState.KILLED and row.tags.get(STATE_TAG) == RunState.LOST:
        return RunState.LOST
    return RunState.RUNNING if row.status == "SCHEDULED" else RunState(row.status)
