"""The runner's OpenAPI document.

It is made from the channel's model name alone: a swap changes the logic behind the routes, never the routes, so the
document is the same before and after.
"""

from __future__ import annotations

from typing import Any

import orjson

import workbench

_ROWS = {"type": "array", "items": {"type": "array", "items": {"type": ["number", "null"]}}}
_RECORDS = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": ["number", "null"]}}}
_SCORING = {
    "type": "object",
    "description": "Exactly one of the four.",
    "minProperties": 1,
    "properties": {
        "dataframe_split": {
            "type": "object",
            "required": ["data"],
            "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "data": _ROWS},
        },
        "dataframe_records": _RECORDS,
        "instances": {"anyOf": [_ROWS, _RECORDS]},
        "inputs": {"anyOf": [_ROWS, {"type": "object", "additionalProperties": {"type": "array"}}]},
    },
}
_SCORED = {
    "type": "object",
    "required": ["predictions"],
    "properties": {
        "predictions": {"type": "array", "items": {"type": ["string", "number"]}},
        "probabilities": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    },
}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
    },
}
_INFER = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": _TENSOR}},
}
_INFERRED = {
    "type": "object",
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["code", "message", "hint", "status"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "hint": {"type": "string"},
        "status": {"type": "integer"},
    },
}
_ANY: dict[str, Any] = {"type": "object"}


def openapi_document(model: str, channel: str) -> bytes:
    """Return the document for a channel."""
    of_model = f"/v2/models/{model}"
    paths = {
        "/invocations": {"post": _operation("Predict (MLflow scoring protocol)", _SCORED, _SCORING)},
        "/ping": {"get": _operation("Whether a model answers (MLflow)")},
        "/health": {"get": _operation("Whether a model answers (MLflow)")},
        "/version": {"get": _operation("Versions of the runner and of the model", _ANY)},
        "/v2": {"get": _operation("Metadata of the server", _ANY)},
        "/v2/health/live": {"get": _operation("Whether the server lives", _ANY)},
        "/v2/health/ready": {"get": _operation("Whether a model answers", _ANY)},
        of_model: {"get": _operation("Metadata of the model", _ANY)},
        f"{of_model}/ready": {"get": _operation("Whether the model answers", _ANY)},
        f"{of_model}/infer": {"post": _operation("Predict (Open Inference Protocol v2)", _INFERRED, _INFER)},
        "/metrics": {"get": _operation("Figures for Prometheus")},
        "/workbench/figures": {"get": _operation("Figures for the panel", _ANY)},
        "/openapi.json": {"get": _operation("This document", _ANY)},
    }
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": f"Model runner of {channel}", "version": workbench.__version__},
            "paths": paths,
            "components": {"schemas": {"Problem": _PROBLEM}},
        }
    )


def _operation(
    summary: str, answer: dict[str, Any] | None = None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}} if answer else {"text/plain": {"schema": {"type": "string"}}}
    headers = {name: {"schema": {"type": "string"}} for name in ("x-model-digest", "x-release", "x-request-id")}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {"description": "As asked", "headers": headers, "content": content},
            "default": {"description": "A problem", "headers": headers, "content": problem},
        },
    }
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation
