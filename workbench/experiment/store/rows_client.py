"""Read runs through MLflow's official client: for a tracking server or any store that is not a SQLite file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from workbench.experiment.store.artifacts import local_artifacts
from workbench.experiment.store.rows import MetricRow, RunQuery, RunRow, state_of
from workbench.experiment.store.tracking import tracking_client, tracking_errors
from workbench.foundation.project import Project

_PAGE = 1000
_ORDER = ["attributes.start_time DESC", "attributes.run_id ASC"]
_RUN_ID_LENGTH = 32


class ClientRows:
    """Read the runs of one project's experiment."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._client = tracking_client(project)

    def search(self, query: RunQuery) -> list[RunRow]:
        """Return the runs asked for, the newest first.

        MLflow's filter language knows AND only, so a state that also means dead runs is filtered here, page by page.
        """
        filters = []
        if query.source:
            filters.append(f"tags.`workbench.source` = {_quoted(query.source)}")
        if query.state in ("FINISHED", "FAILED"):
            filters.append(f"attributes.status = '{query.state}'")
        if query.ids is not None:
            if not query.ids:
                return []
            filters.append(f"attributes.run_id IN ({', '.join(_quoted(run) for run in query.ids)})")
        found: list[RunRow] = []
        for row in self._pages(" AND ".join(filters)):
            if len(found) == query.limit:
                break
            if not query.state or state_of(row, query.dead) == query.state:
                found.append(row)
        return found

    def count(self) -> int:
        """Return how many runs there are; MLflow has no call that counts."""
        return sum(1 for _ in self._pages(""))

    def ids_with_prefix(self, prefix: str) -> list[str]:
        """Return at most ten ids that begin with ``prefix``."""
        if len(prefix) == _RUN_ID_LENGTH:
            return [row.id for row in self._pages(f"attributes.run_id = {_quoted(prefix)}")]
        return sorted(row.id for row in self._pages("") if row.id.startswith(prefix))[:10]

    def history(self, run: str) -> list[MetricRow]:
        """Return all values of all metrics of a run."""
        with tracking_errors(self._project):
            keys = sorted(self._client.get_run(run).data.metrics)
            points = [point for key in keys for point in self._client.get_metric_history(run, key)]
        rows = [MetricRow(p.key, p.step, p.timestamp, p.value) for p in points if not math.isnan(p.value)]
        return sorted(rows, key=lambda row: (row.key, row.step, row.at_ms, row.value))

    def artifacts(self, row: RunRow) -> tuple[str, ...]:
        """Return the paths of all artifacts of a run."""
        local = local_artifacts(row.artifact_uri)
        return tuple(sorted(self._below(row.id, ""))) if local is None else local

    def _below(self, run: str, folder: str) -> Iterator[str]:
        with tracking_errors(self._project):
            entries = self._client.list_artifacts(run, folder or None)
        for entry in entries:
            if entry.is_dir:
                yield from self._below(run, entry.path)
            else:
                yield entry.path

    def _pages(self, filter_string: str) -> Iterator[RunRow]:
        with tracking_errors(self._project):
            experiment = self._client.get_experiment_by_name(self._project.config.project.name)
        if experiment is None:
            return
        token = None
        while True:
            with tracking_errors(self._project):
                page = self._client.search_runs(
                    [experiment.experiment_id], filter_string, max_results=_PAGE, order_by=_ORDER, page_token=token
                )
            yield from map(_row, page)
            token = page.token
            if not token:
                return


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
    )


def _quoted(text: str) -> str:
    """Quote a value of a filter; MLflow has no escape, so the quote that does not occur is taken."""
    return f'"{text}"' if "'" in text else f"'{text}'"
