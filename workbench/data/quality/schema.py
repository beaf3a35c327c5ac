"""Declared rules as a pandera schema, and what pandera found in our words. The one file that imports pandera.

pandera does the looking; its reports name rows and checks in its own way, so each check carries the sentence that
people read, and failures are counted by that sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from workbench.contract.quality import RuleResult
from workbench.data.quality.frames import type_word
from workbench.data.quality.rules import ColumnRules, Rules, written
from workbench.foundation.counting import counted

if TYPE_CHECKING:
    import pandas as pd

_TYPE_FITS = {"number": ("integer", "number"), "time": ("date", "time")}
_EXAMPLES = 3
_UNKNOWN_COLUMN = "no other columns"
_PRESENT = "is there"
_NO_GAPS = "no missing values"
_UNIQUE = "every value once"


def check_frame(frame: pd.DataFrame, rules: Rules) -> tuple[RuleResult, ...]:
    """Look at every declared rule in every row; broken rules come first."""
    declared = list(dict.fromkeys(_declared(rules, frame)))
    failures = _failures(frame, rules)
    results = [_result(column, rule, failures.get((column, rule))) for column, rule in declared]
    return tuple(sorted(results, key=lambda result: result.is_ok))


def pandera_schema(rules: Rules, frame: pd.DataFrame | None = None) -> Any:
    """Return the rules as a ``pandera.pandas.DataFrameSchema``, for use in one's own code.

    Args:
        rules: What is declared.
        frame: Where given, rules are fitted to the types its columns have.
    """
    pandera = _pandera()
    columns = {name: _column(pandera, rule, _word(frame, name)) for name, rule in rules.columns.items()}
    table = rules.table
    whole = [pandera.Check(test, error=words) for words, test in _table_tests(rules)]
    return pandera.DataFrameSchema(columns, checks=whole, strict=not table.other_columns)


def _table_tests(rules: Rules) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield the sentence and the test of each rule on the table as a whole."""
    table = rules.table
    if (least := table.rows_min) is not None:
        yield f"at least {counted(least, 'row')}", lambda frame: len(frame) >= least
    if (most := table.rows_max) is not None:
        yield f"at most {counted(most, 'row')}", lambda frame: len(frame) <= most
    if columns := list(table.unique):
        words = f"together unique: {', '.join(columns)}"
        yield words, lambda frame: _occurs_once(frame, columns)


def _occurs_once(frame: Any, columns: list[str]) -> Any:
    return ~frame.duplicated(subset=columns, keep=False) if set(columns) <= set(frame.columns) else False


def _column(pandera: Any, rule: ColumnRules, word: str) -> Any:
    checks = [pandera.Check(test, error=words, ignore_na=ignore) for words, test, ignore in _tests(rule, word)]
    return pandera.Column(None, checks, nullable=rule.missing, unique=rule.unique, required=rule.required)


def _tests(rule: ColumnRules, word: str) -> Iterator[tuple[str, Callable[[Any], Any], bool]]:
    """Yield the sentence, the test and whether missing values are passed over, for each rule on values.

    A column of a wrong type is reported as that alone; a limit that cannot be compared with a column is broken.
    """
    if rule.type:
        yield f"type is {rule.type}", lambda column: _is_of(rule, type_word(column)), False
    if (share := rule.max_missing) is not None:
        words = f"at most {share * 100:g} % missing"
        yield words, lambda column: not len(column) or float(column.isna().mean()) <= share, False
    if word and not _is_of(rule, word):
        return
    if (least := rule.min) is not None:
        is_blind = bool(word) and not _is_comparable(word, least)
        words = f"at least {written(least)}"
        yield words, lambda column: False if is_blind else column >= _bound(column, least), not is_blind
    if (most := rule.max) is not None:
        is_wrong = bool(word) and not _is_comparable(word, most)
        words = f"at most {written(most)}"
        yield words, lambda column: False if is_wrong else column <= _bound(column, most), not is_wrong
    if rule.one_of:
        words = f"one of {', '.join(rule.one_of[:6])}{', …' if len(rule.one_of) > 6 else ''}"
        yield words, lambda column: column.astype(str).isin(rule.one_of), True
    if rule.matches:
        yield f"matches {rule.matches}", lambda column: column.astype(str).str.fullmatch(rule.matches), True


def _declared(rules: Rules, frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield column and sentence of every rule, as they will be reported."""
    for words, _ in _table_tests(rules):
        yield "", words
    if not rules.table.other_columns:
        yield "", _UNKNOWN_COLUMN
    for name, rule in rules.columns.items():
        if rule.required:
            yield name, _PRESENT
        if name not in frame.columns:
            continue
        if not rule.missing:
            yield name, _NO_GAPS
        if rule.unique:
            yield name, _UNIQUE
        for words, _, _ in _tests(rule, _word(frame, name)):
            yield name, words


def _failures(frame: pd.DataFrame, rules: Rules) -> dict[tuple[str, str], dict[Any, str]]:
    """Return row and value of what breaks each rule; no rows where the table as a whole breaks it."""
    pandera = _pandera()
    try:
        pandera_schema(rules, frame).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        found: dict[tuple[str, str], dict[Any, str]] = {}
        fields = ["schema_context", "column", "check", "failure_case", "index"]
        for schema, column, check, value, index in errors.failure_cases[fields].itertuples(index=False, name=None):
            rows = found.setdefault(_key(schema, column, check, value), {})
            if check == "column_in_schema":
                rows[value] = str(value)
            elif isinstance(index, int):  # else the failure is of no row
                rows[index] = "missing" if check == "not_nullable" else str(value)
        return found
    return {}


def _key(schema: Any, column: Any, check: str, value: Any) -> tuple[str, str]:
    if check == "column_in_dataframe":
        return str(value), _PRESENT
    if schema == "DataFrameSchema":
        return "", _UNKNOWN_COLUMN if check == "column_in_schema" else check
    return str(column), {"not_nullable": _NO_GAPS, "field_uniqueness": _UNIQUE}.get(check, check)


def _result(column: str, rule: str, failing: dict[Any, str] | None) -> RuleResult:
    if failing is None:
        return RuleResult(column, rule, is_ok=True)
    if not column and rule != _UNKNOWN_COLUMN:
        return RuleResult(column, rule, is_ok=False, failing_rows=len(failing))
    examples = tuple(dict.fromkeys(failing.values()))[:_EXAMPLES]
    return RuleResult(column, rule, is_ok=False, failing_rows=len(failing) if column else 0, examples=examples)


def _word(frame: pd.DataFrame | None, name: str) -> str:
    """Return the type word of a column; empty where there is none to look at."""
    return type_word(frame[name]) if frame is not None and name in frame.columns else ""


def _is_of(rule: ColumnRules, word: str) -> bool:
    return not rule.type or word in _TYPE_FITS.get(rule.type, (rule.type,))


def _is_comparable(word: str, bound: Any) -> bool:
    return word in (("integer", "number") if isinstance(bound, float) else ("date", "time"))


def _bound(column: Any, value: Any) -> Any:
    import pandas as pd

    if isinstance(value, float):
        return value
    zone = getattr(column.dtype.pyarrow_dtype, "tz", None)
    moment = pd.Timestamp(value)
    if type_word(column) == "date":
        return moment.date()
    return moment.tz_localize(zone) if zone and moment.tzinfo is None else moment


def _pandera() -> Any:
    os.environ.setdefault("DISABLE_PANDERA_IMPORT_WARNING", "True")
    import pandera.pandas

    return pandera.pandas
