"""Where SQLite and PostgreSQL say the same thing differently."""

from __future__ import annotations

import json
import string
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Column = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]

MAX_INDEXED = 250
"""Longer values of tags are in no index of ours."""


class Dialect(Protocol):
    """What has to be said in a database's own words."""

    def is_number(self, text: Column) -> Condition:
        """Whether a text is a number."""
        ...

    def as_number(self, text: Column) -> Column:
        """Return a text that is a number as one."""
        ...

    def compare_number(self, text: Column, operator: str, number: float) -> Condition:
        """Compare a text as a number; false where it is none."""
        ...

    def contains(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, whatever the case of ASCII letters."""
        ...

    def has_exactly(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, letter by letter."""
        ...

    def ordered(self, text: Column) -> Column:
        """Return a text that compares by code points."""
        ...

    def listed(self, text: Column, keys: tuple[str, ...]) -> tuple[sa.FromClause, tuple[Column, ...]]:
        """Return the elements of a JSON list as a table: of objects these keys, of plain texts themselves."""
        ...

    def joined(self, table: sa.TableClause, run: sa.ColumnClause[Any], key: str) -> Column:
        """Return a tag that was laid out in numbered pieces."""
        ...

    def is_indexed(self, text: Column) -> Condition | None:
        """Return what the index of tags asks for; None where there is none."""
        ...


class Sqlite:
    """SQLite. A text compared with a CAST to REAL is made a number exactly where the whole of it is one.

    Any other text is larger than every number, infinity too (https://sqlite.org/datatype3.html#comparisons).
    """

    def is_number(self, text: Column) -> Condition:
        """Whether a text is a number."""
        return text.op("<=", is_comparison=True)(sa.literal_column("CAST(9e999 AS REAL)"))

    def as_number(self, text: Column) -> Column:
        """Return a text that is a number as one."""
        return sa.cast(text, sa.REAL)

    def compare_number(self, text: Column, operator: str, number: float) -> Condition:
        """Compare a text as a number; false where it is none."""
        compared = text.op(operator, is_comparison=True)(sa.cast(sa.literal(number, sa.REAL), sa.REAL))
        return compared & self.is_number(text) if operator in (">", ">=", "!=") else compared

    def contains(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, whatever the case of ASCII letters."""
        return sa.func.instr(sa.func.lower(text), sa.func.lower(part)) > 0

    def has_exactly(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, letter by letter."""
        return sa.func.instr(text, part) > 0

    def ordered(self, text: Column) -> Column:
        """Return the text: SQLite compares by code points."""
        return text

    def listed(self, text: Column, keys: tuple[str, ...]) -> tuple[sa.FromClause, tuple[Column, ...]]:
        """Return the elements of a JSON list as a table."""
        is_list = (sa.func.json_valid(text) == 1) & (sa.func.substr(sa.func.ltrim(text), 1, 1) == "[")
        safe = sa.case((is_list, text), else_=sa.literal("[]"))
        each = sa.func.json_each(safe).table_valued("value", "type", name="listed")
        if not keys:
            return each, (sa.case((each.c.type == "text", each.c.value)),)
        element = sa.case((each.c.type == "object", each.c.value), else_=sa.literal("{}"))
        return each, tuple(sa.func.json_extract(element, f"$.{key}") for key in keys)

    def joined(self, table: sa.TableClause, run: sa.ColumnClause[Any], key: str) -> Column:
        """Return a tag that was laid out in numbered pieces."""
        piece = table.alias("piece")
        of_run = (piece.c.run_uuid == run) & ((piece.c.key == key) | piece.c.key.startswith(f"{key}.", autoescape=True))
        order = (sa.func.length(piece.c.key), piece.c.key)
        pieces = sa.select(piece.c.value).where(of_run).order_by(*order).correlate(run.table).subquery("pieces")
        return sa.select(sa.func.group_concat(pieces.c.value, "")).scalar_subquery()

    def is_indexed(self, text: Column) -> Condition | None:
        """Return what the index of tags asks for."""
        return sa.func.length(text) <= sa.literal_column(str(MAX_INDEXED))


class Postgresql:
    """PostgreSQL."""

    _NUMBER = r"^[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?[ \t\n\v\f\r]*$"

    def is_number(self, text: Column) -> Condition:
        """Whether a text is a number; its exponent has three digits at most."""
        return text.regexp_match(self._NUMBER) & (sa.func.length(text) < 250)

    def as_number(self, text: Column) -> Column:
        """Return a text that is a number as one, any other as NULL."""
        return sa.case((self.is_number(text), sa.cast(text, sa.Numeric)))

    def compare_number(self, text: Column, operator: str, number: float) -> Condition:
        """Compare a text as a number; false where it is none."""
        exact = sa.cast(sa.literal(repr(number), sa.Text), sa.Numeric)  # a float would be cut at 15 digits
        compared = self.as_number(text).op(operator, is_comparison=True)(exact)
        return sa.func.coalesce(compared, sa.false())

    def contains(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, whatever the case of ASCII letters."""
        upper, lower = string.ascii_uppercase, string.ascii_lowercase
        wanted = part.translate(str.maketrans(upper, lower))
        return sa.func.strpos(sa.func.translate(text, upper, lower), wanted) > 0

    def has_exactly(self, text: Column, part: str) -> Condition:
        """Whether a text contains another, letter by letter."""
        return sa.func.strpos(text, part) > 0

    def ordered(self, text: Column) -> Column:
        """Return a text that compares by code points, not by the database's language."""
        return sa.collate(text, "C")

    def listed(self, text: Column, keys: tuple[str, ...]) -> tuple[sa.FromClause, tuple[Column, ...]]:
        """Return the elements of a JSON list as a table; who writes such a tag is trusted to have written JSON."""
        safe = sa.case((text.like("[%]"), text), else_=sa.literal("[]"))
        json_list = sa.cast(safe, postgresql.JSONB)
        each = sa.func.jsonb_array_elements(json_list).table_valued("value", name="listed")
        value = sa.type_coerce(each.c.value, postgresql.JSONB)
        if not keys:
            return each, (value.op("#>>")(sa.literal_column("'{}'")),)
        return each, tuple(value.op("->>")(key) for key in keys)

    def joined(self, table: sa.TableClause, run: sa.ColumnClause[Any], key: str) -> Column:
        """Return a tag that was laid out in numbered pieces."""
        piece = table.alias("piece")
        of_run = (piece.c.run_uuid == run) & ((piece.c.key == key) | piece.c.key.startswith(f"{key}.", autoescape=True))
        order = (sa.func.length(piece.c.key), piece.c.key)
        aggregated = postgresql.aggregate_order_by(sa.literal(""), *order)
        query = sa.select(sa.func.string_agg(piece.c.value, aggregated)).where(of_run).correlate(run.table)
        return query.scalar_subquery()

    def is_indexed(self, text: Column) -> Condition | None:
        """Return nothing: a team's database gets no index of ours."""
        del text
        return None


def json_spellings(value: str) -> set[str]:
    """Return how a text may stand in JSON, with its quotes."""
    return {json.dumps(value), json.dumps(value, ensure_ascii=False)}


def json_fragments(key: str, value: str) -> set[str]:
    """Return how ``"key": "value"`` may stand in JSON text; no other text of a valid document reads so."""
    return {f'"{key}"{colon}{text}' for colon in (": ", ":") for text in json_spellings(value)}
