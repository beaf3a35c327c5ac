"""The fields of a run that a query may name beside ``metrics.…``, ``params.…`` and ``tags.…``, and what they hold.

A field is either a column of MLflow's table of runs, a tag, or made from them; readers take the tag's name from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from workbench.contract.status import RunState

KINDS = ("metrics", "params", "tags")
LEVELS = ("R0", "R1", "R2", "R3", "R4")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+", re.ASCII)
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_DAY_MS = 86_400_000


class Shape(StrEnum):
    """What kind of value a field has."""

    TEXT = "text"
    STATE = "state"
    LEVEL = "level"
    TIME = "time"
    DURATION = "duration"
    FLAG = "flag"
    INPUTS = "inputs"
    NAMES = "names"


@dataclass(frozen=True)
class Known:
    """A field of a run.

    Attributes:
        shape: What its values are.
        tag: Tag that holds it; empty where it is no tag.
    """

    shape: Shape
    tag: str = ""


KNOWN: dict[str, Known] = {
    "id": Known(Shape.TEXT),
    "name": Known(Shape.TEXT),
    "state": Known(Shape.STATE),
    "started": Known(Shape.TIME),
    "ended": Known(Shape.TIME),
    "duration": Known(Shape.DURATION),
    "actor": Known(Shape.TEXT, "workbench.actor"),
    "source": Known(Shape.TEXT, "workbench.source"),
    "target": Known(Shape.TEXT, "workbench.target"),
    "job": Known(Shape.TEXT, "workbench.job"),
    "parent": Known(Shape.TEXT, "mlflow.parentRunId"),
    "commit": Known(Shape.TEXT, "workbench.commit"),
    "note": Known(Shape.TEXT, "mlflow.note.content"),
    "level": Known(Shape.LEVEL, "workbench.level"),
    "starred": Known(Shape.FLAG, "workbench.starred"),
    "data": Known(Shape.INPUTS, "workbench.inputs"),
    "model": Known(Shape.NAMES, "workbench.models"),
}
ACTOR_FALLBACK_TAG = "mlflow.user"
NO_LEVEL = LEVELS[0]


def words_of(shape: Shape) -> tuple[str, ...]:
    """Return the only words that a field of this shape can be; empty where it can be anything."""
    if shape is Shape.STATE:
        return tuple(state.value for state in RunState)
    if shape is Shape.LEVEL:
        return LEVELS
    return ("true", "false") if shape is Shape.FLAG else ()


def duration_ms(text: str) -> int | None:
    """Read ``90``, ``90s``, ``10m`` or ``1h30m``; None where it is no duration."""
    if _DURATION.fullmatch(text):
        seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _PIECE.findall(text))
    else:
        try:
            seconds = float(text)
        except ValueError:
            return None
    return round(seconds * 1000) if 0 <= seconds < 1e12 else None


def moment_ms(text: str, now_ms: int) -> tuple[int, int] | None:
    """Read ``2026-11-01``, ``2026-11-01T09:30`` (UTC where no zone is given), ``-7d`` or ``now``.

    Args:
        text: What the query says.
        now_ms: The present moment, Unix milliseconds.

    Returns:
        The first millisecond that is meant and the first that is not any more: of a date the whole day; None where it
        is no moment.
    """
    if text == "now":
        return now_ms, now_ms + 1
    if text.startswith("-") and _DURATION.fullmatch(text[1:]):
        ago = duration_ms(text[1:])
        return None if ago is None else (now_ms - ago, now_ms - ago + 1)
    try:
        at_time = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = at_time if at_time.tzinfo else at_time.replace(tzinfo=UTC)
    at = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return at, at + (_DAY_MS if len(text) <= len("2026-11-01") else 1)
