"""What a trial has reached, as MLflow has it: the same for a job on this machine and on a far one."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.experiment.runs import cards_of, reader_of
from workbench.foundation.errors import did_you_mean
from workbench.foundation.project import Project


@dataclass(frozen=True)
class Measure:
    """What an ended trial reached.

    Attributes:
        metric: The metric that was looked at; empty where it could not be told which.
        value: Its last value; None where there is none.
        problem: Why there is none, with what mends it; empty where all is well.
    """

    metric: str
    value: float | None
    problem: str = ""


def measure(project: Project, run: str, metric: str) -> Measure:
    """Return the last value of a metric, or of the only one that a run logged where none is named."""
    logged = cards_of(project, (run,))[0].metrics
    if not metric and len(logged) == 1:
        metric = next(iter(logged))
    if not metric:
        what = f"logs {', '.join(sorted(logged))}; say which one counts: --metric" if logged else "logs no metric"
        return Measure("", None, f"the notebook {what}")
    if metric not in logged:  # NaN is left out, too
        hint = did_you_mean(metric, logged) if logged else "the notebook logs none"
        return Measure(metric, None, f"no value of metric '{metric}'; {hint}")
    return Measure(metric, logged[metric])


def has_model(project: Project, run: str) -> bool:
    """Tell whether a run has a model, which could be reviewed."""
    return bool(cards_of(project, (run,))[0].models)


def progress(project: Project, run: str, metric: str) -> dict[int, float]:
    """Return the values of a metric so far, by step, in order; where every value has the same step, by its place.

    Only steps that :func:`is_rung` are taken.
    """
    rows = [row for row in reader_of(project).history(run) if row.key == metric]
    if len({row.step for row in rows}) == 1:
        by_time = sorted(rows, key=lambda row: row.at_ms)
        return {place: row.value for place, row in enumerate(by_time) if is_rung(place)}
    return {row.step: row.value for row in rows if is_rung(row.step)}


def is_rung(step: int) -> bool:
    """Tell whether trials are compared at a step: at the first 64, then at 32 in each doubling.

    Each report is a write that is synced, some 4 ms; a loop of 100,000 steps would cost minutes of them. The same steps
    are taken in every trial, or there would be nothing to compare.
    """
    return step >= 0 and step % (1 << max(0, step.bit_length() - 6)) == 0
