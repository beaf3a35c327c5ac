"""The recipe file ``data/<name>.table.toml``: how a table's source is read, in plain words that people edit.

It is written by an import and obeyed by the next one: what it declares is a promise that new data has to keep. It lies
beside the ``.dvc`` file, in Git. A database's address never enters it, only the name of the variable that holds it.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from workbench.contract.table import ColumnRule, ReadingRecipe
from workbench.data.tables.cells import MISSING, TYPES
from workbench.foundation.errors import UsageError, did_you_mean, read_errors

SUFFIX = ".table.toml"
_HEAD = """\
# How this table is read. Written by `mlops data import`, obeyed by the next one: edit it where it guessed wrongly.
# Types of text columns: {types}.
"""
_NOT_WRITTEN = ("columns",)


def read_recipe(path: Path) -> ReadingRecipe | None:
    """Return a recipe; None where there is no such file.

    Raises:
        UsageError: ``recipe-malformed``, ``recipe-unknown-key``.
    """
    try:
        with read_errors(path):
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "recipe-malformed", f"{path.name} is no valid TOML: {error}", f"mend or remove {path}"
        ) from None
    columns = values.pop("columns", {})
    rules = tuple(_rule(path, name, rule) for name, rule in columns.items()) if isinstance(columns, dict) else ()
    recipe: ReadingRecipe = replace(_filled(path, ReadingRecipe(""), values), columns=rules)
    return recipe


def write_recipe(recipe: ReadingRecipe) -> bytes:
    """Return the text of a recipe file."""
    lines = [_HEAD.format(types=", ".join(TYPES))]
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if field.name in _NOT_WRITTEN or value in ("", 0, (), False) or (field.name == "missing" and value == MISSING):
            continue
        lines.append(f"{field.name} = {_toml(value)}\n")
    for rule in recipe.columns:
        lines.append(f"\n[columns.{_toml(rule.name)}]\ntype = {_toml(rule.type)}\n")
        lines.extend(f"# {note}\n" for note in rule.notes)
    return "".join(lines).encode()


def recipe_from(value: dict[str, Any]) -> ReadingRecipe:
    """Return the recipe that :func:`vars` and JSON made of one."""
    known = {field.name for field in fields(ReadingRecipe)}
    plain: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in value.items() if key in known
    }
    plain["columns"] = tuple(
        ColumnRule(**{**rule, "notes": tuple(rule.get("notes", ()))}) for rule in value.get("columns", ())
    )
    return ReadingRecipe(**plain)


def _rule(path: Path, name: str, value: Any) -> ColumnRule:
    if not isinstance(value, dict):
        raise UsageError("recipe-malformed", f"{path.name}: column '{name}' is no section", f"mend {path}")
    # Types are judged where cells are read: a Parquet file may have more of them than text has.
    rule: ColumnRule = _filled(path, ColumnRule(name, ""), {key: item for key, item in value.items() if key != "name"})
    return rule


def _filled(path: Path, base: Any, values: dict[str, Any]) -> Any:
    known = {field.name for field in fields(base) if field.name not in _NOT_WRITTEN}
    plain = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError("recipe-unknown-key", f"{path.name} has an unknown key '{key}'", did_you_mean(key, known))
        plain[key] = tuple(value) if isinstance(value, list) else value
        if type(plain[key]) is not type(getattr(base, key)):
            raise UsageError("recipe-malformed", f"{path.name}: '{key}' has the wrong type", f"mend {path}")
    return replace(base, **plain)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # JSON's strings are TOML's basic strings but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
