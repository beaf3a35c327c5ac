"""The OpenAPI 3.1 document, written from the table of verbs and the schemas of the contract.

``python -m workbench.doors.server.openapi`` prints it; ``docs/openapi.json`` is that print.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import workbench
from workbench.doors.docstring import documentation_of, plain
from workbench.doors.server.problem import MEDIA_TYPE
from workbench.doors.server.routes import HELLO_PATH, LOCATION, NAMESPACE, Route, routes
from workbench.doors.server.schema import (
    REFERENCE,
    ParameterSchema,
    component_schemas,
    parameter_schemas,
    result_schema,
)

_DESCRIPTION = """\
Everything a person can do in MLOps Workbench, over HTTP, served by a Jupyter server and by its rules: a token or a
login, and `X-XSRFToken` on a POST that comes with a cookie. What only reads is a GET. An error is
`application/problem+json`
with a stable code; after one, nothing was changed."""


def document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, Any] = {HELLO_PATH: {"get": _hello()}}
    for route in routes():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MLOps Workbench",
            "version": workbench.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "{base}", "variables": {"base": {"default": "", "description": "The server's base URL."}}}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": component_schemas(),
            "responses": {"Problem": _answer("What went wrong, and what mends it.", _reference("Problem"), MEDIA_TYPE)},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token <the server's token>`",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    verb = route.verb
    parameters = parameter_schemas(verb)
    operation: dict[str, Any] = {
        "operationId": "".join(word.capitalize() for word in verb.words.split()),
        "tags": [verb.noun],
        "summary": verb.summary,
        "description": plain(documentation_of(verb.load(), "Args").text),
        "parameters": [_location()],
        "responses": {"200": _answer("Done.", result_schema(verb)), "default": _problem()},
        f"x-{NAMESPACE}-permission": verb.permission.value,
    }
    if verb.is_reading:
        operation["parameters"] += [_query_parameter(parameter) for parameter in parameters]
    elif parameters:
        operation["requestBody"] = _body(parameters)
    return operation


def _body(parameters: tuple[ParameterSchema, ...]) -> dict[str, Any]:
    required = [parameter.name for parameter in parameters if parameter.is_required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {parameter.name: parameter.schema for parameter in parameters},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _query_parameter(parameter: ParameterSchema) -> dict[str, Any]:
    schema = dict(parameter.schema)
    described = {"description": schema.pop("description")} if "description" in schema else {}
    return {"name": parameter.name, "in": "query", "required": parameter.is_required, "schema": schema, **described}


def _location() -> dict[str, Any]:
    return {
        "name": LOCATION,
        "in": "query",
        "required": False,
        "description": "Where the caller stands: a folder or notebook, relative to the server's root folder.",
        "schema": {"type": "string", "default": ""},
    }


def _hello() -> dict[str, Any]:
    return {
        "operationId": "Hello",
        "tags": ["hello"],
        "summary": "Tell whether the extension is there, and in which version",
        "responses": {"200": _answer("It is.", _reference("Hello")), "default": _problem()},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE + name}


def _problem() -> dict[str, str]:
    return {"$ref": "#/components/responses/Problem"}


def _answer(text: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"description": text, "content": {media_type: {"schema": schema}}}


def document_text() -> str:
    """Return the document as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document_text())
