"""The Open Inference Protocol, version 2, over JSON: metadata and ``infer``.

Rows come as one tensor (rows, features) under the model's input name, or as one tensor per feature. A classifier
gives ``label`` (INT64, index into the metadata's ``classes``) and ``probabilities`` (FP32); a regressor gives
``value`` (FP32).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import orjson

from workbench.foundation.errors import UsageError, did_you_mean
from workbench.serving.runner.engine import Answer, Matrix
from workbench.serving.runner.matrix import check_names, to_matrix
from workbench.serving.runner.scoring import parse_json
from workbench.serving.runner.served import Served

_DATATYPES = ("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BOOL")
_MAX_DIMENSIONS = 2
_HINT = 'send {"inputs": [{"name": …, "shape": [1, n], "datatype": "FP32", "data": […]}]}'


def read_request(body: bytes, served: Served) -> tuple[Matrix, str, tuple[str, ...]]:
    """Read an ``infer`` request: rows, the caller's id, the outputs that were asked for.

    Raises:
        UsageError: Anything that is wrong with it.
    """
    value = parse_json(body)
    if unknown := set(value) - {"id", "inputs", "outputs", "parameters"}:
        name = min(unknown)
        raise UsageError("input-malformed", f"The request has no '{name}'", did_you_mean(name, ["inputs", "outputs"]))
    inputs = value.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise UsageError("input-malformed", "'inputs' must be a list of tensors", _HINT)
    tensors: dict[str, tuple[list[int], list[Any]]] = {}
    for tensor in inputs:
        name, shape, data = _tensor(tensor)
        if name in tensors:
            raise UsageError("input-malformed", f"The tensor '{name}' is sent twice", "send each tensor once")
        tensors[name] = shape, data
    return _rows(tensors, served), str(value.get("id", "")), _wanted(value.get("outputs"), served)


def write_answer(answer: Answer, served: Served, request_id: str, wanted: tuple[str, ...]) -> bytes:
    """Write the answer of an ``infer`` request."""
    rows = len(answer.values)
    outputs: list[dict[str, Any]] = []
    if answer.probabilities is None:
        outputs.append({"name": "value", "datatype": "FP32", "shape": [rows, 1], "data": answer.values})
    else:
        outputs.append({"name": "label", "datatype": "INT64", "shape": [rows], "data": answer.values.reshape(-1)})
        shape = list(answer.probabilities.shape)
        flat = np.ascontiguousarray(answer.probabilities).reshape(-1)
        outputs.append({"name": "probabilities", "datatype": "FP32", "shape": shape, "data": flat})
    if wanted:
        outputs = [output for output in outputs if output["name"] in wanted]
    body: dict[str, Any] = {"model_name": served.manifest.name, "model_version": str(served.version)}
    if request_id:
        body["id"] = request_id
    body["outputs"] = outputs
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def model_metadata(served: Served) -> dict[str, Any]:
    """Return the model's metadata."""
    manifest = served.manifest
    outputs: list[dict[str, Any]]
    if manifest.task == "classification":
        outputs = [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(manifest.classes)]},
        ]
    else:
        outputs = [{"name": "value", "datatype": "FP32", "shape": [-1, 1]}]
    return {
        "name": manifest.name,
        "versions": [str(served.version)],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": served.engine.input_name, "datatype": "FP32", "shape": [-1, len(served.features)]}],
        "outputs": outputs,
        "parameters": {
            "features": list(served.features),
            "classes": list(manifest.classes),
            "task": manifest.task,
            "model_digest": served.model_digest,
            "release": served.release,
        },
    }


def output_names(served: Served) -> tuple[str, ...]:
    """Return the names of the model's outputs."""
    return ("label", "probabilities") if served.manifest.task == "classification" else ("value",)


def _tensor(tensor: Any) -> tuple[str, list[int], list[Any]]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise UsageError("input-malformed", "A tensor needs name, shape, datatype and data", _HINT)
    name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
    if tensor.get("datatype") not in _DATATYPES:
        raise UsageError(
            "datatype-unknown", f"'{name}': the datatype is {tensor.get('datatype')!r}", "send FP32, FP64 or INT64"
        )
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise UsageError("input-malformed", f"'{name}': 'shape' must be a list of whole numbers", _HINT)
    if not isinstance(data, list):
        raise UsageError(
            "input-malformed", f"'{name}': 'data' must be a list; binary tensors are not spoken here", _HINT
        )
    if len(shape) > _MAX_DIMENSIONS:
        raise UsageError("rows-shape", f"'{name}' has {len(shape)} dimensions", "send [rows, features]")
    flat = _flatten(data, len(shape))
    if any(size > len(flat) for size in shape) or len(flat) != prod(shape):
        raise UsageError(
            "rows-shape", f"'{name}': {len(flat)} values do not fill {shape}", "make 'shape' and 'data' agree"
        )
    return name, shape, flat


def _flatten(data: list[Any], depth: int) -> list[Any]:
    """Return the values in row-major order; the protocol allows nested lists as well."""
    for _ in range(max(depth - 1, 0)):
        if not data or not all(isinstance(item, list) for item in data):
            break
        data = [value for item in data for value in item]
    return data


def _rows(tensors: dict[str, tuple[list[int], list[Any]]], served: Served) -> Matrix:
    features, input_name = served.features, served.engine.input_name
    if len(tensors) == 1 and input_name in tensors:
        shape, data = tensors[input_name]
        width = len(features)
        if len(shape) != 2 or shape[1] != width:
            raise UsageError(
                "rows-shape", f"The shape must be [rows, {width}], not {shape}", f"send {', '.join(features)}"
            )
        return to_matrix([data[start : start + width] for start in range(0, len(data), width)], features)
    if len(tensors) == 1 and next(iter(tensors)) not in features:
        hint = f"call it '{input_name}', or send one tensor per feature"
        raise UsageError("input-unknown", f"The model has no input '{next(iter(tensors))}'", hint)
    if served.optional:
        rows = max(len(data) for _, data in tensors.values())
        left_out: dict[str, tuple[list[int], list[Any]]] = {name: ([rows], [None] * rows) for name in served.optional}
        tensors = {**left_out, **tensors}
    check_names(tensors, features)
    columns = [tensors[name][1] for name in features]
    if any(len(column) != len(columns[0]) for column in columns):
        raise UsageError("rows-shape", "The tensors have different numbers of rows", "send one value per row")
    return to_matrix([list(row) for row in zip(*columns, strict=True)], features)


def _wanted(outputs: Any, served: Served) -> tuple[str, ...]:
    if not outputs:
        return ()
    if not isinstance(outputs, list) or not all(
        isinstance(o, dict) and isinstance(o.get("name"), str) for o in outputs
    ):
        raise UsageError("input-malformed", "'outputs' must be a list of {name}", "leave it out to get everything")
    names: Sequence[str] = [output["name"] for output in outputs]
    known = output_names(served)
    for name in names:
        if name not in known:
            raise UsageError("output-unknown", f"The model has no output '{name}'", did_you_mean(name, known))
    return tuple(names)
