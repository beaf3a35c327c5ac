"""The checks file ``<path>.checks.toml``: what people declare of a table, in words that need no Python.

The dataclasses are the schema of the file; a wrong key or type is named with file and line. Written once by
:func:`workbench.data.quality.checks.infer_checks` and from then on owned by people.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from workbench.data.quality.frames import TYPES
from workbench.foundation.config import TomlReader, read_toml
from workbench.foundation.errors import UsageError, did_you_mean
from workbench.foundation.project import Project

SUFFIX = ".checks.toml"


@dataclass(frozen=True)
class TableRules:
    """What holds for the table as a whole.

    Attributes:
        rows_min: Fewest rows.
        rows_max: Most rows.
        unique: Columns whose values together occur once.
        other_columns: Whether columns that are not named below may be there.
    """

    rows_min: int | None = None
    rows_max: int | None = None
    unique: tuple[str, ...] = ()
    other_columns: bool = True


@dataclass(frozen=True)
class ColumnRules:
    """What holds for one column.

    Attributes:
        type: ``integer``, ``number``, ``text``, ``boolean``, ``date`` or ``time``; empty for any.
        required: Whether the column must be there.
        missing: Whether values may be missing.
        max_missing: Largest share of missing values, 0 to 1.
        unique: Whether every value occurs once.
        min: Least value; a date in TOML's own form for dates and times.
        max: Greatest value.
        one_of: The only values allowed.
        matches: Regular expression that the whole text matches.
    """

    type: str = ""
    required: bool = True
    missing: bool = True
    max_missing: float | None = None
    unique: bool = False
    min: float | datetime | date | None = None
    max: float | datetime | date | None = None
    one_of: tuple[str, ...] = ()
    matches: str = ""


@dataclass(frozen=True)
class Rules:
    """A whole checks file."""

    table: TableRules = TableRules()
    columns: dict[str, ColumnRules] = field(default_factory=dict)


def checks_file(project: Project, path: str) -> Path:
    """Return where the checks of a dataset lie."""
    return project.root / f"{path}{SUFFIX}"


def read_rules(project: Project, path: str) -> Rules | None:
    """Read what is declared of a path; None where nothing is.

    Raises:
        UsageError: ``config-syntax``, ``config-unknown-key``, ``config-wrong-type`` or ``checks-invalid``.
    """
    file = checks_file(project, path)
    try:
        return _rules(*read_toml(file, Path(f"{path}{SUFFIX}")))
    except FileNotFoundError:
        return None


def _rules(raw: dict[str, Any], reader: TomlReader) -> Rules:
    rules = Rules(**reader.section(Rules, raw, ()))
    for column, rule in rules.columns.items():
        where = reader.at(("columns", column))
        if rule.type and rule.type not in TYPES:
            raise _invalid(f"{where}: there is no type '{rule.type}'", did_you_mean(rule.type, TYPES))
        if rule.max_missing is not None and not 0 <= rule.max_missing <= 1:
            raise _invalid(f"{where}: max_missing is a share", "give a number from 0 to 1")
        try:
            re.compile(rule.matches)
        except re.error as error:
            raise _invalid(
                f"{where}: '{rule.matches}' is no regular expression: {error}", f"mend {reader.path}"
            ) from error
    return rules


def write_rules(rules: Rules, path: str) -> str:
    """Return the text of a checks file, with only what differs from "anything goes"."""
    lines = [
        f"# What must hold for {path}. Inferred from its data; edit freely, this file is yours from now on.",
        "# Looked at by `mlops data checks`, by every `mlops data snapshot`, and before a job reads the file.",
        "# Column keys: type, required, missing, max_missing, unique, min, max, one_of, matches.",
        "",
        "[table]",
        *_keys(rules.table, TableRules()),
    ]
    for column, rule in rules.columns.items():
        lines += ["", f"[columns.{_key(column)}]", *_keys(rule, ColumnRules())]
    return "\n".join(lines) + "\n"


def _keys(rules: Any, usual: Any) -> list[str]:
    return [f"{key} = {written(value)}" for key, value in vars(rules).items() if value != getattr(usual, key)]


def written(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(item) for item in value)}]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, int | float) else _quoted(value)


def _key(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else _quoted(column)


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _invalid(message: str, hint: str) -> UsageError:
    return UsageError("checks-invalid", message, hint)
