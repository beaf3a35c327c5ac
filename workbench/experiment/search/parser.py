"""Read a query: a tokenizer and a parser that goes down rule by rule.

::

    query      = all, {"OR", all}
    all        = one, {"AND", one}
    one        = "NOT", one | "(", query, ")" | comparison
    comparison = field, operator, value | field, ["NOT"], "IN", "(", value, {",", value}, ")" | flag

A field is ``metrics.f1``, ``params.depth``, ``tags.x`` or a word of ``fields.KNOWN``; odd names stand in backquotes
(``metrics.`val f1` ``), odd values in quotes, doubled inside (``'it''s'``). What is wrong is shown with a caret below.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from workbench.experiment.search.expression import And, Comparison, Expression, Field, Literal, Not, Or, Order
from workbench.experiment.search.fields import KINDS, KNOWN, Shape, duration_ms, moment_ms, words_of
from workbench.foundation.errors import UsageError, did_you_mean

MAX_LENGTH = 4_000
MAX_DEPTH = 50
MAX_COMPARISONS = 100
EXAMPLE = 'write it like: mlops runs "metrics.f1 > 0.9 AND NOT params.depth = 3"'
_TOKEN = re.compile(
    r"""(?P<blank>\s+)
      | (?P<field>(?:metrics|params|tags)\.(?:`[^`]*`|"[^"]*"))
      | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<operator><=|>=|!=|==|=|<|>|~)
      | (?P<mark>[(),])
      | (?P<word>[^\s()<>=!~,'"`]+)
      | (?P<wrong>.)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset(("AND", "OR", "NOT", "IN"))
_ENDS = {"wrong": "this has no place here", "end": "something is missing here"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word


def parse_query(text: str) -> Expression | None:
    """Read a query; an empty one asks for everything.

    Raises:
        UsageError: ``query-invalid``, with the place and what was meant.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError("query-invalid", f"A query has at most {MAX_LENGTH} characters, not {len(text)}", EXAMPLE)
    parser = _Parser(text)
    return parser.query() if parser.has_any else None


def parse_field(text: str) -> Field:
    """Read one field's name, as ``--group`` takes it.

    Raises:
        UsageError: ``query-invalid``.
    """
    parser = _Parser(text)
    field = parser.field()
    parser.finish()
    return field


def parse_order(text: str) -> Order | None:
    """Read ``metrics.f1``, ``-metrics.f1`` or ``metrics.f1 desc``; None where empty.

    Raises:
        UsageError: ``query-invalid``.
    """
    words = text.strip()
    is_descending = words.startswith("-")
    plain, _, direction = words.removeprefix("-").rpartition(" ")
    if plain and direction.lower() in ("asc", "desc"):
        return _sortable(Order(parse_field(plain), is_descending != (direction.lower() == "desc")))
    return _sortable(Order(parse_field(words.removeprefix("-")), is_descending)) if words else None


def invalid_at(text: str, at: int, why: str, hint: str = EXAMPLE) -> UsageError:
    """Return the refusal of a query, with a caret below the place."""
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:].split("\n", 1)[0].replace("\t", " ")
    message = f"Query, character {at + 1}: {why}\n  {line}\n  {' ' * (at - line_start)}^"
    return UsageError("query-invalid", message, hint)


def position_of(text: str, field: Field) -> int:
    """Return where a query first names a field, for an error that is found after reading."""
    for token in _tokens(text):
        if token.kind in ("field", "word") and "." in token.text:
            kind, _, name = token.text.partition(".")
            if Field(kind, name.strip('`"')) == field:
                return token.at
    return 0


def _tokens(text: str) -> list[_Token]:
    found = [_Token(match.lastgroup or "", match[0], match.start()) for match in _TOKEN.finditer(text)]
    return [token for token in found if token.kind != "blank"]


class _Parser:
    """Goes through the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), _Token("end", "", len(text))]
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    @property
    def has_any(self) -> bool:
        return self._peek.kind != "end"

    def query(self) -> Expression:
        found = self._any()
        self.finish()
        return found

    def finish(self) -> None:
        if self._peek.kind != "end":
            self._refuse(self._peek, "AND, OR or the end was expected")

    def field(self) -> Field:
        token = self._take()
        if token.kind == "field":
            kind, _, name = token.text.partition(".")
            return self._named(Field(kind, name[1:-1]), token)
        if token.kind != "word" or token.text.upper() in _KEYWORDS:
            self._refuse(token, _ENDS.get(token.kind, "a field was expected"), _fields_hint())
        kind, dot, name = token.text.partition(".")
        if dot and kind in KINDS:
            return self._named(Field(kind, name), token)
        if token.text not in KNOWN:
            self._refuse(token, f"there is no field '{token.text}'", did_you_mean(token.text, _field_names()))
        return Field("", token.text)

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += token.kind != "end"
        return token

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._peek.is_word("OR"):
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._peek.is_word("AND"):
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(self._peek, f"this is nested more than {MAX_DEPTH} deep")
        try:
            if self._peek.is_word("NOT"):
                self._take()
                return Not(self._one())
            if self._peek.text == "(" and self._peek.kind == "mark":
                self._take()
                inner = self._any()
                self._expect(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Expression:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            self._refuse(self._peek, f"a query has at most {MAX_COMPARISONS} comparisons")
        field = self.field()
        token = self._peek
        is_negated = token.is_word("NOT") and self._tokens[self._next + 1].is_word("IN")
        if is_negated or token.is_word("IN"):
            self._next += 2 if is_negated else 1
            among = Comparison(field, "IN", self._list(field))
            return Not(among) if is_negated else among
        if token.kind != "operator":
            if _shape(field) is Shape.FLAG:
                return Comparison(field, "=", (Literal("true"),))
            self._refuse(token, f"a comparison with {field} was expected", "compare with = != < <= > >= ~ or IN (…)")
        operator = self._take().text.replace("==", "=")
        return Comparison(field, operator, (self._value(field, operator),))

    def _list(self, field: Field) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._value(field, "IN")]
        while self._peek.text == "," and self._peek.kind == "mark":
            self._take()
            values.append(self._value(field, "IN"))
        self._expect(")")
        return tuple(values)

    def _value(self, field: Field, operator: str) -> Literal:
        token = self._take()
        if token.kind == "text":
            quote = token.text[0]
            value = Literal(token.text[1:-1].replace(quote * 2, quote), is_quoted=True)
        elif token.kind in ("word", "field") and token.text.upper() not in _KEYWORDS:
            value = Literal(token.text)
        else:
            self._refuse(token, f"a value for {field} was expected")
        return self._checked(field, operator, value, token)

    def _checked(self, field: Field, operator: str, value: Literal, token: _Token) -> Literal:
        if field.kind == "metrics" and (operator == "~" or value.number is None):
            self._refuse(token, f"{field} is compared with a number", f"write it like: {field} > 0.9")
        shape = _shape(field)
        if shape in (Shape.INPUTS, Shape.NAMES) and operator not in ("=", "!=", "~", "IN"):
            self._refuse(token, f"{field} is a list", f"compare it with = != ~ or IN (…): {field} ~ {value.text}")
        if shape is Shape.TIME and (operator == "~" or moment_ms(value.text, int(time.time() * 1000)) is None):
            self._refuse(token, f"{field} is compared with a time", f"{field} > 2026-11-01, or {field} > -7d")
        if shape is Shape.DURATION and (operator == "~" or duration_ms(value.text) is None):
            self._refuse(token, f"{field} is compared with a duration", f"{field} > 10m, or {field} > 1h30m")
        words = {word.upper(): word for word in words_of(shape)} if shape and operator != "~" else {}
        if words and value.text.upper() not in words:
            self._refuse(token, f"there is no {field} '{value.text}'", did_you_mean(value.text.upper(), words.values()))
        return Literal(words[value.text.upper()], is_quoted=True) if words else value

    def _named(self, field: Field, token: _Token) -> Field:
        if not field.name:
            self._refuse(token, f"{field.kind}. needs a name", f"write it like: {field.kind}.x")
        return field

    def _expect(self, mark: str) -> None:
        token = self._take()
        if token.kind != "mark" or token.text != mark:
            self._refuse(token, f"'{mark}' was expected")

    def _refuse(self, token: _Token, why: str, hint: str = EXAMPLE) -> NoReturn:
        if token.kind == "wrong" and token.text in "'\"`":
            why = "this quote is never closed"
        raise invalid_at(self._text, token.at, why, hint)


def _sortable(order: Order) -> Order:
    if _shape(order.field) in (Shape.INPUTS, Shape.NAMES):
        raise UsageError(
            "query-invalid", f"Runs cannot be sorted by {order.field}: it is a list", "group by it instead"
        )
    return order


def _shape(field: Field) -> Shape | None:
    return None if field.kind else KNOWN[field.name].shape


def _field_names() -> Iterable[str]:
    return [*KNOWN, *(f"{kind}.…" for kind in KINDS)]


def _fields_hint() -> str:
    return f"known: {', '.join(_field_names())}"
