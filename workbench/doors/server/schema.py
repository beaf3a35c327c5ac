"""JSON schemas of everything that crosses the HTTP border, from the dataclasses and the verbs' own signatures.

pydantic does the types. Three things are added: what the docstrings say; status words (a field whose documentation
names an enum of ``contract/status.py`` is that enum); and the truth about floats, which JSON cannot write as NaN: an
answer carries ``null`` there, so every float of an answer may be null. pydantic is imported on first use, never at
the server's start.
"""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import types
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from inspect import Parameter
from typing import Any

import workbench.contract
from workbench.doors.docstring import documentation_of, plain
from workbench.verbs import Verb

REFERENCE = "#/components/schemas/"

_ENUM_NAMED = re.compile(r"workbench\.contract\.\w+\.(\w+)`")


@dataclass(frozen=True)
class ParameterSchema:
    """One parameter of a verb.

    Attributes:
        name: Its name.
        schema: JSON schema, with its description and default.
        is_required: Whether it has no default.
    """

    name: str
    schema: dict[str, Any]
    is_required: bool


def contract_classes() -> dict[str, type]:
    """Return every dataclass of the contract by name, in the order of the modules."""
    return {name: kind for name, kind in _contract_types() if dataclasses.is_dataclass(kind)}


def contract_enums() -> dict[str, type[StrEnum]]:
    """Return every list of words of the contract by name."""
    return {name: kind for name, kind in _contract_types() if issubclass(kind, StrEnum)}


def component_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every enum and dataclass of the contract, by name."""
    from pydantic import TypeAdapter

    classes = contract_classes()
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (name, "serialization", TypeAdapter(kind)) for name, kind in classes.items()
    ]
    _, found = TypeAdapter.json_schemas(
        adapters, ref_template=REFERENCE + "{model}", schema_generator=_answer_generator()
    )
    schemas: dict[str, dict[str, Any]] = {
        name: {"type": "string", "enum": [word.value for word in kind], "description": _text(kind)}
        for name, kind in contract_enums().items()
    }
    for name, kind in classes.items():
        schemas[name] = _documented(_plain_schema(found["$defs"][name]), kind)
    return schemas


def result_schema(verb: Verb) -> dict[str, Any]:
    """Return the schema of what a verb returns: a reference, or an array of references."""
    from pydantic import TypeAdapter

    # pydantic writes the outermost dataclass out instead of naming it; as an item of an array it is named.
    answers: Any = types.GenericAlias(tuple, (verb.signature().return_annotation, ...))
    adapter: TypeAdapter[Any] = TypeAdapter(answers)
    schema = adapter.json_schema(
        mode="serialization", ref_template=REFERENCE + "{model}", schema_generator=_answer_generator()
    )
    items: dict[str, Any] = _plain_schema(schema["items"])
    return items


def parameter_schemas(verb: Verb) -> tuple[ParameterSchema, ...]:
    """Return the schema of each parameter of a verb, in order, with what its docstring says."""
    texts = documentation_of(verb.load(), "Args").entries
    return tuple(
        _parameter_schema(parameter, plain(texts.get(name, "")))
        for name, parameter in verb.signature().parameters.items()
    )


def _parameter_schema(parameter: Parameter, text: str) -> ParameterSchema:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(parameter.annotation)
    schema = _plain_schema(adapter.json_schema(mode="validation"))
    if text:
        schema["description"] = text
    is_required = parameter.default is Parameter.empty
    if not is_required and parameter.default is not None:
        schema["default"] = adapter.dump_python(parameter.default, mode="json")
    return ParameterSchema(parameter.name, schema, is_required)


def _contract_types() -> list[tuple[str, type]]:
    found = []
    for module_info in pkgutil.iter_modules(workbench.contract.__path__):
        module = import_module(f"{workbench.contract.__name__}.{module_info.name}")
        found += [
            (name, kind)
            for name, kind in vars(module).items()
            if isinstance(kind, type) and kind.__module__ == module.__name__
        ]
    return found


def _answer_generator() -> Any:
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
    from pydantic_core import core_schema

    class AnswerSchema(GenerateJsonSchema):
        """An answer has every field, and null where a float is not finite."""

        def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
            return {**super().float_schema(schema), "type": ["number", "null"]}

        def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - pydantic's signature
            return True

    return AnswerSchema


def _documented(schema: dict[str, Any], kind: type) -> dict[str, Any]:
    entries = documentation_of(kind, "Attributes").entries
    for name, text in entries.items():
        fields = schema["properties"]
        if match := _ENUM_NAMED.search(text):
            fields[name] = _with_words(fields[name], match[1])
        fields[name]["description"] = plain(text)
    return {**schema, "description": _text(kind), "additionalProperties": False}


def _with_words(schema: dict[str, Any], enum: str) -> dict[str, Any]:
    if enum not in contract_enums():
        raise LookupError(f"{enum} is named in a docstring but is no enum of the contract")
    reference = {"$ref": REFERENCE + enum}
    return {**schema, "items": reference} if schema.get("type") == "array" else reference


def _text(kind: type) -> str:
    return plain(" ".join(documentation_of(kind, "Attributes").text.split()))


def _plain_schema(schema: Any) -> Any:
    """Drop what says nothing: titles that repeat names, defaults, and ``path``, which is no format OpenAPI knows."""
    if isinstance(schema, list):
        return [_plain_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _plain_schema(part) for name, part in value.items()}
        if key == "properties"  # whose keys are names: a field may itself be called "title"
        else _plain_schema(value)
        for key, value in schema.items()
        if key not in ("title", "default") and (key, value) != ("format", "path")
    }
