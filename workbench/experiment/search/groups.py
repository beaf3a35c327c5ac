"""Group runs by a value that they share, and judge each group by a metric."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from workbench.contract.run import RunGroup
from workbench.experiment.search.evaluate import input_names, listed_names
from workbench.experiment.search.expression import Field, Order, number_of
from workbench.experiment.search.fields import KNOWN, Shape

Value = str | float | None
_DURATIONS = (("< 1s", 1), ("1s to 10s", 10), ("10s to 1m", 60), ("1m to 10m", 600), ("10m to 1h", 3600))
_LONGEST = "> 1h"


def grouped(rows: Iterable[Sequence[Value]], by: Field, order: Order | None) -> tuple[RunGroup, ...]:
    """Return the groups, the best first where there is a metric to judge by, else the largest.

    Args:
        rows: Of each run its id, its value of ``by`` and, where there is an order, its value of the metric.
        by: What the runs are grouped by.
        order: Metric to judge by; descending where more is better.
    """
    members: dict[str, list[tuple[str, float | None]]] = defaultdict(list)
    for run, value, *rest in rows:
        metric = float(rest[0]) if rest and rest[0] is not None else None
        for name in _names(by, value):
            members[name].append((str(run), metric))
    groups = [
        _group(name, runs, is_more_better=order is not None and order.is_descending) for name, runs in members.items()
    ]
    sign = -1 if order is not None and order.is_descending else 1
    return tuple(
        sorted(groups, key=lambda g: (math.inf if g.best is None else sign * g.best, -g.runs, *_natural(g.value)))
    )


def _group(value: str, runs: list[tuple[str, float | None]], *, is_more_better: bool) -> RunGroup:
    judged = sorted((-metric if is_more_better else metric, run) for run, metric in runs if metric is not None)
    if not judged:
        return RunGroup(value, len(runs))
    best, best_run = judged[0]
    mean = math.fsum(metric / len(judged) for metric, _ in judged)  # MLflow's infinity is the largest float
    turn = -1.0 if is_more_better else 1.0
    return RunGroup(value, len(runs), turn * best, best_run, turn * mean)


def _names(by: Field, value: Value) -> Iterable[str]:
    """Return the groups that a run belongs to; one of empty name where it has no value.

    Of two runs no moment and no duration is the same: these are grouped by day (UTC, as queries read it) and by order
    of magnitude.
    """
    shape = None if by.kind else KNOWN[by.name].shape
    if shape is Shape.INPUTS:
        return set(input_names(str(value or ""))) or ("",)
    if shape is Shape.NAMES:
        return set(listed_names(str(value or ""))) or ("",)
    if value is None:
        return ("",)
    if shape is Shape.TIME:
        return (datetime.fromtimestamp(float(value) / 1000, UTC).date().isoformat(),)
    if shape is Shape.DURATION:
        return (next((name for name, seconds in _DURATIONS if float(value) < seconds * 1000), _LONGEST),)
    return (str(value),)


def _natural(value: str) -> tuple[int, float, str]:
    number = number_of(value)
    return (1, 0.0, value) if number is None else (0, float(number), value)
