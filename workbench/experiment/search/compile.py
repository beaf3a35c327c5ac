"""Turn a query into SQL over MLflow's tables.

Each comparison becomes ``run_uuid IN (SELECT …)``: SQLite evaluates that once, over one index, and joins the results as
sets. For the first few thousand runs of an order it becomes ``EXISTS (SELECT …)`` instead, one look-up a run. What a
query means is told by :mod:`~workbench.experiment.search.evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from workbench.contract.status import RunState
from workbench.experiment.search.dialect import MAX_INDEXED, Column, Condition, Dialect, json_fragments, json_spellings
from workbench.experiment.search.evaluate import Moment, compare_text
from workbench.experiment.search.expression import And, Comparison, Expression, Field, Literal, Not, Or
from workbench.experiment.search.fields import (
    ACTOR_FALLBACK_TAG,
    KNOWN,
    NO_LEVEL,
    Known,
    Shape,
    duration_ms,
    moment_ms,
    words_of,
)
from workbench.experiment.store.rows import STATE_TAG
from workbench.experiment.store.tables import IS_ALIVE, LATEST, PARAMS, RUNS, TAGS

_INPUT_KEYS = ("path", "dataset_version")


class Compiler:
    """Makes conditions on ``runs`` for one database and one moment."""

    def __init__(self, dialect: Dialect, moment: Moment, *, is_each: bool = False) -> None:
        """Say how to ask.

        Args:
            dialect: The database.
            moment: What a query is answered against.
            is_each: Ask run by run, for a few thousand of them, instead of by sets of all that match.
        """
        self._dialect = dialect
        self._moment = moment
        self._is_each = is_each

    def condition(self, expression: Expression) -> Condition:
        """Return the condition that a run is one that the query asks for."""
        match expression:
            case And(parts):
                return sa.and_(*(self.condition(part) for part in parts))
            case Or(parts):
                return sa.or_(*(self.condition(part) for part in parts))
            case Not(part):
                return sa.not_(self.condition(part).self_group())
            case Comparison(field, operator, values):
                return self._comparison(field, operator, values)

    def scalar(self, field: Field) -> Column:
        """Return a field's value of a run as one expression, NULL where it has none; lists come as their tag."""
        if field.kind:
            table = {"metrics": LATEST, "params": PARAMS, "tags": TAGS}[field.kind]
            extra = [table.c.is_nan == sa.false()] if field.kind == "metrics" else []
            return _scalar(table, field.name, *extra)
        known = KNOWN[field.name]
        match known.shape:
            case Shape.STATE:
                return sa.case(*((self._in_state(state), sa.literal(state.value)) for state in RunState))
            case Shape.TIME:
                return RUNS.c.start_time if field.name == "started" else RUNS.c.end_time
            case Shape.DURATION:
                return self._duration()
            case Shape.LEVEL:
                return sa.func.coalesce(sa.func.nullif(_scalar(TAGS, known.tag), ""), NO_LEVEL)
            case Shape.FLAG:
                return sa.case((self._tagged(known.tag, TAGS.c.value == "true"), "true"), else_="false")
            case Shape.INPUTS:
                return self._dialect.joined(TAGS, RUNS.c.run_uuid, known.tag)
        if not known.tag:
            return RUNS.c.run_uuid if field.name == "id" else sa.func.nullif(RUNS.c.name, "")
        value = sa.func.nullif(_scalar(TAGS, known.tag), "")
        if field.name == "actor":
            return sa.func.coalesce(value, sa.func.nullif(_scalar(TAGS, ACTOR_FALLBACK_TAG), ""))
        return value

    def ordering(self, field: Field, value: Column, *, is_descending: bool) -> list[sa.ColumnElement[Any]]:
        """Return what to sort by: numbers first, then text; each in the asked direction."""
        turn: Callable[[Column], sa.ColumnElement[Any]] = sa.desc if is_descending else sa.asc
        if field.kind not in ("params", "tags"):
            is_text = not field.kind and KNOWN[field.name].shape not in (Shape.TIME, Shape.DURATION)
            return [turn(self._dialect.ordered(value) if is_text else value)]
        is_number = self._dialect.is_number(value)
        number = sa.case((is_number, self._dialect.as_number(value)))
        text = sa.case((sa.not_(is_number), self._dialect.ordered(value)))
        return [sa.case((is_number, 0), else_=1), turn(number), turn(text)]

    def _has(self, table: sa.TableClause, key: str, condition: Condition) -> Condition:
        if self._is_each:
            of_run = (table.c.run_uuid == RUNS.c.run_uuid) & (table.c.key == key)
            return sa.exists(sa.select(sa.literal(1)).where(of_run, condition).correlate(RUNS))
        return RUNS.c.run_uuid.in_(sa.select(table.c.run_uuid).where((table.c.key == key) & condition))

    def _tagged(self, key: str, condition: Condition) -> Condition:
        return self._has(TAGS, key, condition)

    def _comparison(self, field: Field, operator: str, values: tuple[Literal, ...]) -> Condition:
        match field.kind:
            case "metrics":
                numbers = [value.number for value in values if value.number is not None]
                found = sa.or_(*(LATEST.c.value.op(_sql(operator), is_comparison=True)(n) for n in numbers))
                return self._has(LATEST, field.name, (LATEST.c.is_nan == sa.false()) & found)
            case "params":
                return self._has(PARAMS, field.name, self._logged(PARAMS.c.value, operator, values))
            case "tags":
                return self._tag(field.name, self._logged(TAGS.c.value, operator, values), operator, values)
        known = KNOWN[field.name]
        match known.shape:
            case Shape.STATE | Shape.LEVEL | Shape.FLAG:
                words = [word for word in words_of(known.shape) if compare_text(operator, word, values)]
                return self._one_of(known, words)
            case Shape.TIME:
                column = RUNS.c.start_time if field.name == "started" else RUNS.c.end_time
                spans = [span for value in values if (span := moment_ms(value.text, self._moment.now_ms))]
                return _never_null(column, (_span(column, operator, span) for span in spans))
            case Shape.DURATION:
                wanted = [ms for value in values if (ms := duration_ms(value.text)) is not None]
                return sa.or_(*(self._duration().op(_sql(operator), is_comparison=True)(ms) for ms in wanted))
            case Shape.INPUTS:
                return self._inputs(known.tag, operator, values)
            case Shape.NAMES:
                return self._listed(known.tag, operator, values)
        if not known.tag:
            column = RUNS.c.run_uuid if field.name == "id" else RUNS.c.name
            return _never_null(column, [self._text(column, operator, values) & (column != "")])
        own = self._tag(known.tag, self._text(TAGS.c.value, operator, values) & (TAGS.c.value != ""), operator, values)
        if field.name != "actor":
            return own
        other = self._text(TAGS.c.value, operator, values) & (TAGS.c.value != "")
        has_own = self._tagged(known.tag, TAGS.c.value != "")
        return own | (self._tag(ACTOR_FALLBACK_TAG, other, operator, values) & ~has_own)

    def _logged(self, value: Column, operator: str, literals: tuple[Literal, ...]) -> Condition:
        """Compare a parameter or tag: as numbers where the literal is one, else as text."""
        if operator == "~":
            return self._text(value, operator, literals)
        one = _sql(operator)
        conditions: list[Condition] = []
        for literal in literals:
            if literal.number is None:
                conditions.append(self._text(value, one, (literal,)))
            elif one == "!=":
                conditions.append(sa.not_(self._dialect.compare_number(value, "=", literal.number)))
            else:
                conditions.append(self._dialect.compare_number(value, one, literal.number))
        return sa.or_(*conditions)

    def _text(self, value: Column, operator: str, literals: tuple[Literal, ...]) -> Condition:
        if operator == "IN":
            return value.in_([literal.text for literal in literals])
        text = literals[0].text
        if operator == "~":
            return self._dialect.contains(value, text)
        return self._dialect.ordered(value).op(operator, is_comparison=True)(text)

    def _tag(self, key: str, condition: Condition, operator: str, literals: tuple[Literal, ...]) -> Condition:
        """Look for a tag; equality with a short text may use the index, which holds no long values."""
        is_exact = operator in ("=", "IN") and all(len(value.text) <= MAX_INDEXED for value in literals)
        hint = self._dialect.is_indexed(TAGS.c.value) if is_exact else None
        is_textual = all(value.number is None for value in literals)
        return self._has(TAGS, key, condition if hint is None or not is_textual else condition & hint)

    def _one_of(self, known: Known, words: list[str]) -> Condition:
        """The condition that a field with few words is one of these."""
        if known.shape is Shape.STATE:
            return sa.or_(sa.false(), *(self._in_state(RunState(word)) for word in words))
        if known.shape is Shape.FLAG:
            is_set = self._tagged(known.tag, TAGS.c.value == "true")
            return sa.or_(sa.false(), *(is_set if word == "true" else ~is_set for word in words))
        found = self._tagged(known.tag, TAGS.c.value.in_(words))
        return found | ~self._tagged(known.tag, TAGS.c.value != "") if NO_LEVEL in words else found

    def _in_state(self, state: RunState) -> Condition:
        dead = self._moment.dead
        is_dead = RUNS.c.run_uuid.in_(list(dead))
        is_lost = self._tagged(STATE_TAG, TAGS.c.value == RunState.LOST.value)
        died_so = RUNS.c.run_uuid.in_([run for run, word in dead.items() if word == state])
        match state:
            case RunState.RUNNING:
                return IS_ALIVE & ~is_dead
            case RunState.KILLED:
                return ((RUNS.c.status == "KILLED") & ~is_lost & ~is_dead) | died_so
            case RunState.LOST:
                return ((RUNS.c.status == "KILLED") & is_lost & ~is_dead) | died_so
            case _:
                return ((RUNS.c.status == state.value) & ~is_dead) | died_so

    def _duration(self) -> Column:
        end = sa.func.coalesce(RUNS.c.end_time, self._moment.now_ms)
        spent = end - sa.func.coalesce(RUNS.c.start_time, 0)
        return sa.case((spent < 0, 0), else_=spent)

    def _inputs(self, tag: str, operator: str, literals: tuple[Literal, ...]) -> Condition:
        if operator == "!=":
            has_any = self._in_pieces(tag, lambda text: self._element(text, _INPUT_KEYS, lambda name: name != ""))
            return has_any & ~self._inputs(tag, "=", literals)
        if operator == "~":
            part = literals[0].text
            is_named = lambda name: self._dialect.contains(name, part) & (name != "")  # noqa: E731
            return self._in_pieces(tag, lambda text: self._element(text, _INPUT_KEYS, is_named))
        wanted = [literal.text for literal in literals if literal.text]
        return self._in_pieces(tag, lambda text: sa.or_(sa.false(), *(self._names(text, name) for name in wanted)))

    def _names(self, text: Column, name: str) -> Condition:
        """Look for an input as JSON writes it: many times faster than parsing the list of every run."""
        spelt = [self._dialect.has_exactly(text, spelling) for spelling in sorted(json_spellings(name))]
        fragments = [fragment for key in _INPUT_KEYS for fragment in sorted(json_fragments(key, name))]
        return sa.or_(*spelt) & sa.or_(*(self._dialect.has_exactly(text, fragment) for fragment in fragments))

    def _listed(self, tag: str, operator: str, literals: tuple[Literal, ...]) -> Condition:
        if operator == "!=":
            has_any = self._tagged(tag, self._element(TAGS.c.value, (), lambda name: name.is_not(None)))
            return has_any & ~self._listed(tag, "=", literals)
        return self._tagged(tag, self._element(TAGS.c.value, (), lambda name: self._text(name, operator, literals)))

    def _element(self, text: Column, keys: tuple[str, ...], holds: Callable[[Column], Condition]) -> Condition:
        """Whether something holds for an element of a JSON list, or for one of its keys."""
        each, columns = self._dialect.listed(text, keys)
        return sa.exists(sa.select(sa.literal(1)).select_from(each).where(sa.or_(*map(holds, columns))))

    def _in_pieces(self, tag: str, holds: Callable[[Column], Condition]) -> Condition:
        """Ask something of a tag whose value may go on in ``<tag>.1``, ``<tag>.2``, …; hardly any does."""
        whole = self._dialect.joined(TAGS, TAGS.c.run_uuid, tag)
        return self._tagged(tag, holds(TAGS.c.value)) | self._tagged(f"{tag}.1", holds(whole))


def _sql(operator: str) -> str:
    return "=" if operator == "IN" else operator


def _scalar(table: sa.TableClause, key: str, *conditions: Condition) -> Column:
    of_run = (table.c.run_uuid == RUNS.c.run_uuid) & (table.c.key == key)
    return sa.select(table.c.value).where(of_run, *conditions).correlate(RUNS).scalar_subquery()


def _never_null(column: Column, conditions: Iterable[Condition]) -> Condition:
    """Make a comparison with a missing value false instead of NULL, so that NOT turns it around."""
    return column.is_not(None) & sa.or_(sa.false(), *conditions)


def _span(column: Column, operator: str, span: tuple[int, int]) -> Condition:
    first, after = span
    if operator in ("=", "IN"):
        return (column >= first) & (column < after)
    if operator == "!=":
        return (column < first) | (column >= after)
    return column.op(operator, is_comparison=True)(first)
