"""The TypeScript side of the contract, written from the same schemas as the OpenAPI document.

``python -m workbench.doors.server.typescript`` rewrites ``labextension/src/api/contract.ts``; with ``--check`` it
only tells whether the file is what would be written. Text is wrapped as prettier wraps it at 80 columns.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.contract.change import CHANGED_SCHEMA_ID
from workbench.doors.server.routes import API, LOCATION, Route, routes
from workbench.doors.server.schema import (
    REFERENCE,
    component_schemas,
    contract_enums,
    parameter_schemas,
    result_schema,
)

_WIDTH = 80
_HEADER = """\
/**
 * What crosses the border between the panel and the server extension.
 *
 * Generated from workbench/verbs.py and workbench/contract/; do not edit.
 * Regenerate: python -m workbench.doors.server.typescript
 */

/** A number, or null where it is not finite: JSON has no word for NaN. */
export type Figure = number | null;
"""
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


def contract_path() -> Path:
    """Return where the contract lies in a checkout of the source."""
    return Path(__file__).parents[3] / "labextension" / "src" / "api" / "contract.ts"


def contract_text() -> str:
    """Return the whole file."""
    schemas = component_schemas()
    enums = contract_enums()
    blocks = [_HEADER]
    blocks += [_enum(name, enum, schemas[name]) for name, enum in enums.items()]
    blocks += [_interface(f"I{name}", schema) for name, schema in schemas.items() if name not in enums]
    blocks.append(_constant("apiPath", API.lstrip("/"), "Path of the API below the server's base URL."))
    blocks.append(_constant("locationParameter", LOCATION, "Query parameter that names where the caller stands."))
    blocks.append(_constant("changedSchemaId", CHANGED_SCHEMA_ID, "Schema id of the events that carry an IChange."))
    table = routes()
    blocks.append(_verbs(table))
    blocks += [_parameters(route) for route in table if parameter_schemas(route.verb)]
    blocks.append(_map("IVerbParams", "What each verb takes.", {r.verb.words: _parameters_type(r) for r in table}))
    results = {r.verb.words: _type(result_schema(r.verb)) for r in table}
    blocks.append(_map("IVerbResults", "What each verb answers.", results))
    blocks.append(_VERB_TYPES)
    return "\n".join(blocks)


_VERB_TYPES = """\
/** A verb's words: what `call` takes first. */
export type VerbWords = keyof typeof verbs;

/** What each verb takes and answers. */
export type Verbs = {
  readonly [V in VerbWords]: {
    readonly params: IVerbParams[V];
    readonly result: IVerbResults[V];
  };
};
"""


def _enum(name: str, enum: type[StrEnum], schema: Mapping[str, Any]) -> str:
    values = name[0].lower() + name[1:] + "s"
    body = _list([_quoted(word.value) for word in enum], f"export const {values} = [", "] as const;")
    return f"{_comment(schema['description'])}{body}\nexport type {name} = (typeof {values})[number];\n"


def _interface(name: str, schema: Mapping[str, Any]) -> str:
    lines = []
    for key, part in schema["properties"].items():
        lines.append(_comment(part.get("description", ""), "  ") + _member(key, _type(part), is_required=True))
    return f"{_comment(schema['description'])}export interface {name} {{\n" + "\n".join(lines) + "\n}\n"


def _parameters(route: Route) -> str:
    lines = []
    for parameter in parameter_schemas(route.verb):
        text = parameter.schema.get("description", "")
        if "default" in parameter.schema:
            text += f" Default: {json.dumps(parameter.schema['default'], ensure_ascii=False)}."
        lines.append(
            _comment(text.strip(), "  ")
            + _member(parameter.name, _type(parameter.schema, figure="number"), is_required=parameter.is_required)
        )
    comment = _comment(f"What `{route.verb.words}` takes.")
    return f"{comment}export interface {_parameters_type(route)} {{\n" + "\n".join(lines) + "\n}\n"


def _parameters_type(route: Route) -> str:
    if not parameter_schemas(route.verb):
        return "Readonly<Record<string, never>>"
    return "I" + "".join(word.capitalize() for word in route.verb.words.replace("-", " ").split()) + "Params"


def _verbs(table: Iterable[Route]) -> str:
    entries = []
    for route in table:
        members = [
            f"method: {_quoted(route.method)}",
            f"path: {_quoted(route.path.removeprefix(API).lstrip('/'))}",
            f"permission: {_quoted(route.verb.permission.value)}",
        ]
        head = f"  {_key(route.verb.words)}: "
        line = head + "{ " + ", ".join(members) + " }"
        entries.append(line if len(line) < _WIDTH else head + "{\n    " + ",\n    ".join(members) + "\n  }")
    comment = _comment("Where each verb lies below apiPath, and what one must be allowed to do.")
    return f"{comment}export const verbs = {{\n" + ",\n".join(entries) + "\n} as const;\n"


def _map(name: str, comment: str, members: Mapping[str, str]) -> str:
    lines = [_member(key, kind, is_required=True) for key, kind in members.items()]
    return f"{_comment(comment)}export interface {name} {{\n" + "\n".join(lines) + "\n}\n"


def _constant(name: str, value: str, comment: str) -> str:
    line = f"export const {name} = {_quoted(value)};"
    if len(line) > _WIDTH:
        line = f"export const {name} =\n  {_quoted(value)};"
    return f"{_comment(comment)}{line}\n"


def _type(schema: Mapping[str, Any], *, figure: str = "Figure") -> str:
    """Return a schema's TypeScript type; ``figure`` is the word for a number that may be null."""
    if reference := schema.get("$ref"):
        name = str(reference).removeprefix(REFERENCE)
        return name if name in contract_enums() else f"I{name}"
    if "anyOf" in schema:
        return " | ".join(_type(part, figure=figure) for part in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        inner = _type(schema["items"], figure=figure)
        return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        inner = _type(values, figure=figure) if isinstance(values, dict) else "unknown"
        return f"Readonly<Record<string, {inner}>>"
    if kind == ["number", "null"]:
        return figure
    return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        str(kind), "unknown"
    )


def _member(name: str, kind: str, *, is_required: bool) -> str:
    mark = "" if is_required else "?"
    return f"  readonly {_key(name)}{mark}: {kind};"


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _list(items: list[str], opening: str, closing: str) -> str:
    line = opening + ", ".join(items) + closing
    return line if len(line) <= _WIDTH else opening + "\n  " + ",\n  ".join(items) + "\n" + closing


def _comment(text: str, indent: str = "") -> str:
    text = text.replace("*/", "* /")
    return f"{indent}/** {text} */\n" if text else ""


def main(arguments: list[str]) -> int:
    """Write the contract, or with ``--check`` compare it; 1 where it differs."""
    path, text = contract_path(), contract_text()
    if "--check" in arguments:
        return int(not path.is_file() or path.read_text(encoding="utf-8") != text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
