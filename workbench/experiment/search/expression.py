"""What a query is once it is read: comparisons joined by AND, OR and NOT, and an order.

A comparison with a value that a run does not have is false, ``!=`` too; ``NOT`` turns exactly that around. So
``params.depth != 3`` finds runs that have another depth, and ``NOT params.depth = 3`` also those that have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\n\v\f\r]*", re.ASCII)
_INT64 = 1 << 63


@dataclass(frozen=True)
class Field:
    """What is compared, sorted or grouped by.

    Attributes:
        kind: ``metrics``, ``params``, ``tags``, or empty for a field of the run itself.
        name: Name within the kind.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        """Return it as a query writes it."""
        return f"{self.kind}.{self.name}" if self.kind else self.name


@dataclass(frozen=True)
class Literal:
    """A value as the query has it.

    Attributes:
        text: The text, without quotes.
        is_quoted: Whether it stood in quotes, so that it is text whatever it looks like.
    """

    text: str
    is_quoted: bool = False

    @property
    def number(self) -> float | None:
        """The value as a number; None where it is text."""
        found = None if self.is_quoted else number_of(self.text)
        return None if found is None else float(found)


@dataclass(frozen=True)
class Comparison:
    """``field operator value``.

    Attributes:
        field: What is compared.
        operator: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``~`` (contains) or ``IN``.
        values: One value; for ``IN`` one or more.
    """

    field: Field
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class And:
    """All of these hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    """One of these holds, or more."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    """This does not hold."""

    part: Expression


Expression = Comparison | And | Or | Not


@dataclass(frozen=True)
class Order:
    """What runs are sorted by; those without a value come last, and equal ones by id.

    Attributes:
        field: The field. Parameters and tags that are numbers come before those that are text.
        is_descending: Whether the largest comes first.
    """

    field: Field
    is_descending: bool = False


def number_of(text: str) -> float | int | None:
    """Return the number that a text is, exactly as SQLite tells it, or None.

    Whole numbers of 64 bits stay whole, so that comparing them with a float is exact in Python as it is in SQLite.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if "." not in match[1] and not match[2] and -_INT64 <= (whole := int(text)) < _INT64:
        return whole
    return float(text)


def comparisons_of(expression: Expression | None) -> Iterator[Comparison]:
    """Yield every comparison of a query, from left to right."""
    match expression:
        case Comparison():
            yield expression
        case And(parts) | Or(parts):
            for part in parts:
                yield from comparisons_of(part)
        case Not(part):
            yield from comparisons_of(part)
