"""Runs for Python code: ``workbench.runs("metrics.f1 > 0.9").to_df()``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.contract.run import RunCard
from workbench.experiment.runs import MAX_LIMIT, list_runs
from workbench.foundation.project import Project

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = (
    "id",
    "name",
    "state",
    "started_at",
    "duration_s",
    "actor",
    "source",
    "target",
    "level",
    "is_starred",
    "parent",
)


class Runs(tuple[RunCard, ...]):
    """Runs in the order asked for: a tuple of cards that knows how to become a table."""

    __slots__ = ()

    def to_df(self) -> pd.DataFrame:
        """Return one row a run: its fields, ``metrics.<name>`` as numbers and ``params.<name>`` as MLflow holds them.

        What a run does not have is missing (NaN), as in ``mlflow.search_runs``.
        """
        import pandas as pd

        rows = [
            {name: getattr(card, name) for name in _PLAIN}
            | {f"metrics.{key}": value for key, value in card.metrics.items()}
            | {f"params.{key}": value for key, value in card.params.items()}
            for card in self
        ]
        logged = {name for row in rows for name in row} - set(_PLAIN)
        frame = pd.DataFrame(rows, columns=[*_PLAIN, *sorted(logged)])
        started = pd.to_datetime(frame["started_at"], utc=True, format="ISO8601").dt.as_unit("us")
        typed = dict.fromkeys(_PLAIN, str) | {"duration_s": float, "is_starred": bool}  # where there are none, too
        return frame.astype(typed).assign(started_at=started)


def runs(query: str = "", *, sort: str = "", limit: int = MAX_LIMIT, deleted: bool = False) -> Runs:
    """Find runs of the project one stands in.

    Args:
        query: As ``mlops runs`` takes it: ``metrics.f1 > 0.9 AND NOT params.depth = 3``.
        sort: Field to sort by, with ``-`` before it the largest first; the newest first without it.
        limit: At most so many.
        deleted: Find deleted runs instead.

    Raises:
        UsageError: ``query-invalid`` or ``limit-out-of-range``.
        NotFoundError: ``project-missing``.
    """
    project = Project.open(Path(os.environ.get("WORKBENCH_PROJECT") or Path.cwd()))
    return Runs(list_runs(project, query, sort=sort, limit=limit, deleted=deleted))
