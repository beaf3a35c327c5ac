"""Answer a query row by row, in Python: for stores that can only be read through MLflow's client.

This is what a query means; the SQL of :mod:`~workbench.experiment.search.compile` has to say the same.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.contract.status import RunState
from workbench.experiment.search.expression import (
    And,
    Comparison,
    Expression,
    Field,
    Literal,
    Not,
    Or,
    Order,
    number_of,
)
from workbench.experiment.search.fields import ACTOR_FALLBACK_TAG, KNOWN, NO_LEVEL, Shape, duration_ms, moment_ms
from workbench.experiment.store.rows import RunRow, state_of
from workbench.experiment.store.tags import joined_tag

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True)
class Moment:
    """What a query is answered against beside the runs themselves.

    Attributes:
        now_ms: The present, Unix milliseconds.
        dead: Runs that the store holds as RUNNING although their process is dead, with what they are.
    """

    now_ms: int
    dead: Mapping[str, RunState] = field(default_factory=dict)


def matches(expression: Expression | None, row: RunRow, moment: Moment) -> bool:
    """Tell whether a run is one that the query asks for."""
    match expression:
        case None:
            return True
        case And(parts):
            return all(matches(part, row, moment) for part in parts)
        case Or(parts):
            return any(matches(part, row, moment) for part in parts)
        case Not(part):
            return not matches(part, row, moment)
        case Comparison():
            return _holds(expression, row, moment)


def text_of(row: RunRow, asked: Field, moment: Moment) -> str | None:
    """Return a run's value of a field as text, as groups show it; None where it has none."""
    value = value_of(row, asked, moment)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(value) or None
    return repr(value) if isinstance(value, float) else str(value)


def value_of(row: RunRow, asked: Field, moment: Moment) -> float | str | tuple[str, ...] | None:
    """Return a run's value of a field; None where it has none. Times and durations are in milliseconds."""
    match asked.kind:
        case "metrics":
            return row.metrics.get(asked.name)
        case "params":
            return row.params.get(asked.name)
        case "tags":
            return row.tags.get(asked.name)
    known = KNOWN[asked.name]
    match known.shape:
        case Shape.STATE:
            return str(state_of(row, moment.dead))
        case Shape.TIME:
            return row.started_ms if asked.name == "started" else row.ended_ms
        case Shape.DURATION:
            return max(0, (row.ended_ms if row.ended_ms is not None else moment.now_ms) - row.started_ms)
        case Shape.LEVEL:
            return row.tags.get(known.tag) or NO_LEVEL
        case Shape.FLAG:
            return "true" if row.tags.get(known.tag) == "true" else "false"
        case Shape.INPUTS:
            return tuple(input_names(joined_tag(row.tags, known.tag)))
        case Shape.NAMES:
            return tuple(listed_names(row.tags.get(known.tag, "")))
    if asked.name in ("id", "name"):
        return row.id if asked.name == "id" else row.name or None
    fallback = row.tags.get(ACTOR_FALLBACK_TAG) if asked.name == "actor" else None
    return row.tags.get(known.tag) or fallback or None


def sorted_rows(rows: Iterable[RunRow], order: Order | None, moment: Moment) -> list[RunRow]:
    """Sort runs; without an order the newest come first. Those without a value come last, equal ones by id."""
    by_id = sorted(rows, key=lambda row: row.id)
    if order is None:
        return sorted(by_id, key=lambda row: row.started_ms, reverse=True)
    keyed = [(_sort_key(value_of(row, order.field, moment), order), row) for row in by_id]
    found = []
    for group in (0, 1):
        some = [(key[1], row) for key, row in keyed if key is not None and key[0] == group]
        found += [row for _, row in sorted(some, key=lambda pair: pair[0], reverse=order.is_descending)]
    return found + [row for key, row in keyed if key is None]


def input_names(text: str) -> Iterable[str]:
    """Yield what the inputs that a tag lists may be asked for by: their paths and dataset versions."""
    try:
        entries = json.loads(text or "[]")
    except ValueError:
        return
    for entry in entries if isinstance(entries, list) else ():
        for name in (entry.get("path"), entry.get("dataset_version")) if isinstance(entry, dict) else ():
            if isinstance(name, str) and name:
                yield name


def listed_names(text: str) -> Iterable[str]:
    """Return the names in a tag that holds a JSON list of names."""
    try:
        names = json.loads(text or "[]")
    except ValueError:
        return ()
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else ()


def folded(text: str) -> str:
    """Return the text with ASCII letters in lower case: what "contains" looks at, as SQLite's ``lower`` does."""
    return text.translate(_FOLD)


def compare_text(word: str, value: str, literals: tuple[Literal, ...]) -> bool:
    """Compare text by code points."""
    if word == "IN":
        return value in {literal.text for literal in literals}
    wanted = literals[0].text
    return folded(wanted) in folded(value) if word == "~" else _COMPARE[word](value, wanted)


def compare_span(word: str, value: int, span: tuple[int, int]) -> bool:
    """Compare a time with a moment, or with a day: equal means within it."""
    first, after = span
    match word:
        case "=" | "IN":
            return first <= value < after
        case "!=":
            return not first <= value < after
        case _:
            return _COMPARE[word](value, first)


def _holds(asked: Comparison, row: RunRow, moment: Moment) -> bool:
    value, word = value_of(row, asked.field, moment), asked.operator
    if value is None:
        return False
    if isinstance(value, tuple):
        if word == "!=":
            return bool(value) and all(compare_text(word, name, asked.values) for name in value)
        return any(compare_text(word, name, asked.values) for name in value)
    shape = None if asked.field.kind else KNOWN[asked.field.name].shape
    if shape is Shape.TIME:
        spans = [span for literal in asked.values if (span := moment_ms(literal.text, moment.now_ms))]
        return any(compare_span(word, int(value), span) for span in spans)
    if shape is Shape.DURATION:
        wanted = [ms for literal in asked.values if (ms := duration_ms(literal.text)) is not None]
        return any(_COMPARE["=" if word == "IN" else word](value, ms) for ms in wanted)
    if asked.field.kind:
        return _holds_logged(word, value, asked.values)
    return compare_text(word, str(value), asked.values)


def _holds_logged(word: str, value: float | str, literals: tuple[Literal, ...]) -> bool:
    """Compare a metric, parameter or tag: as numbers where the literal is one, else as text."""
    if word == "~":
        return compare_text(word, str(value), literals)
    one = "=" if word == "IN" else word
    for literal in literals:
        wanted = literal.number
        if wanted is None:
            if compare_text(one, str(value), (literal,)):
                return True
            continue
        number = number_of(value) if isinstance(value, str) else value
        if number is None:
            if one == "!=":
                return True
        elif _COMPARE[one](number, wanted):
            return True
    return False


def _sort_key(value: float | str | tuple[str, ...] | None, order: Order) -> tuple[int, float | str] | None:
    """Return the group and the key within it: numbers before text; None for no value."""
    if value is None or value == ():
        return None
    if isinstance(value, tuple):
        return 1, ", ".join(value)
    if not isinstance(value, str):
        return 0, value
    number = number_of(value) if order.field.kind else None
    return (1, value) if number is None else (0, float(number))
