"""Read runs through MLflow's official client: for a tracking server or any store that is not a SQLite file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from workbench.experiment.search.evaluate import Moment, matches, sorted_rows, value_of
from workbench.experiment.search.expression import Field
from workbench.experiment.search.fields import KNOWN, Shape
from workbench.experiment.store.artifacts import local_artifacts
from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.far_artifacts import list_files
from workbench.experiment.store.rows import MetricRow, RunQuery, RunRow
from workbench.experiment.store.tags import joined_tag
from workbench.foundation.project import Project

_PAGE = 1000
_ORDER = ["attributes.start_time DESC", "attributes.run_id ASC"]
_RUN_ID_LENGTH = 32


class ClientRows:
    """Read the runs of one project's experiment."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._client = tracking_client(project)
        self._experiment = ""

    def search(self, query: RunQuery) -> list[RunRow]:
        """Return the runs asked for.

        MLflow's filter language knows AND only and sorts missing values its own way, so both are done here. Where the
        newest are asked for, reading ends with the page.
        """
        found = self._matching(query)
        if query.order is None:
            return list(islice(found, query.offset, query.offset + query.limit))
        return sorted_rows(found, query.order, _moment(query))[query.offset : query.offset + query.limit]

    def values(self, query: RunQuery, fields: tuple[Field, ...]) -> list[tuple[str | float | None, ...]]:
        """Return the id and the fields' values of all runs that match; lists come as their tag."""
        moment = _moment(query)
        return [(row.id, *(_plain_value(row, field, moment) for field in fields)) for row in self._matching(query)]

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of all metrics, parameters or tags of any run."""
        rows = chain(self._pages(""), self._pages("", is_deleted=True))
        return tuple(sorted({name for row in rows for name in getattr(row, kind)}))

    def count(self) -> int:
        """Return how many runs there are; MLflow has no call that counts."""
        return sum(1 for _ in self._pages(""))

    def ids_with_prefix(self, prefix: str, *, is_deleted: bool = False) -> list[str]:
        """Return at most ten ids that begin with ``prefix``."""
        if len(prefix) == _RUN_ID_LENGTH:
            return [row.id for row in self._pages(f"attributes.run_id = {_quoted(prefix)}", is_deleted=is_deleted)]
        return sorted(row.id for row in self._pages("", is_deleted=is_deleted) if row.id.startswith(prefix))[:10]

    def history(self, run: str) -> list[MetricRow]:
        """Return all values of all metrics of a run."""
        with tracking_errors(self._project):
            keys = sorted(self._client.get_run(run).data.metrics)
            points = [point for key in keys for point in self._client.get_metric_history(run, key)]
        rows = [MetricRow(p.key, p.step, p.timestamp, p.value) for p in points if not math.isnan(p.value)]
        return sorted(rows, key=lambda row: (row.key, row.step, row.at_ms, row.value))

    def undefined(self, run: str) -> frozenset[str]:
        """Return the names of a run's metrics whose last value is NaN."""
        with tracking_errors(self._project):
            metrics = self._client.get_run(run).data.metrics
        return frozenset(name for name, value in metrics.items() if math.isnan(value))

    def artifacts(self, row: RunRow) -> tuple[str, ...]:
        """Return the paths of all artifacts of a run."""
        local = local_artifacts(row.artifact_uri)
        return tuple(sorted(list_files(self._project, row.artifact_uri))) if local is None else local

    def _matching(self, query: RunQuery) -> Iterator[RunRow]:
        """Yield all runs that match, the newest first; what the server can tell by itself it is asked for."""
        filters = []
        if query.source and not {"'", '"'} <= set(query.source):
            filters.append(f"tags.`workbench.source` = {_quoted(query.source)}")
        if query.state in ("FINISHED", "FAILED"):
            filters.append(f"attributes.status = '{query.state}'")
        if query.ids is not None:
            if not query.ids:
                return
            filters.append(f"attributes.run_id IN ({', '.join(_quoted(run) for run in query.ids)})")
        condition, moment = query.condition, _moment(query)
        for row in self._pages(" AND ".join(filters), is_deleted=query.is_deleted):
            if matches(condition, row, moment):
                yield row

    def _pages(self, filter_string: str, *, is_deleted: bool = False) -> Iterator[RunRow]:
        experiment = self._experiment_id()
        if not experiment:
            return
        from mlflow.entities import ViewType

        view = ViewType.DELETED_ONLY if is_deleted else ViewType.ACTIVE_ONLY
        token = None
        while True:
            with tracking_errors(self._project):
                page = self._client.search_runs(
                    [experiment], filter_string, view, _PAGE, order_by=_ORDER, page_token=token
                )
            yield from map(_row, page)
            token = page.token
            if not token:
                return

    def _experiment_id(self) -> str:
        """Return the id of the project's experiment, asked for once; nothing while there is none."""
        if not self._experiment:
            with tracking_errors(self._project):
                found = self._client.get_experiment_by_name(self._project.config.project.name)
            self._experiment = str(found.experiment_id) if found else ""
        return self._experiment


def _row(run: Any) -> RunRow:
    return RunRow(
        id=run.info.run_id,
        name=run.info.run_name or "",
        status=run.info.status,
        started_ms=run.info.start_time or 0,
        ended_ms=run.info.end_time,
        artifact_uri=run.info.artifact_uri or "",
        tags=dict(sorted(run.data.tags.items())),
        params=dict(sorted(run.data.params.items())),
        metrics={key: value for key, value in sorted(run.data.metrics.items()) if not math.isnan(value)},
        is_deleted=run.info.lifecycle_stage == "deleted",
    )


def _moment(query: RunQuery) -> Moment:
    return Moment(query.now_ms or int(time.time() * 1000), query.dead)


def _plain_value(row: RunRow, field: Field, moment: Moment) -> str | float | None:
    known = None if field.kind else KNOWN[field.name]
    if known and known.shape in (Shape.INPUTS, Shape.NAMES):
        return joined_tag(row.tags, known.tag) or None
    value = value_of(row, field, moment)
    return None if isinstance(value, tuple) else value


def _quoted(text: str) -> str:
    """Quote a value of a filter; MLflow has no escape, so the quote that does not occur is taken."""
    return f'"{text}"' if "'" in text else f"'{text}'"
