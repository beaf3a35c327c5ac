"""MLflow's schema of a dataset, out of what hashing has learnt anyway: types, and whether a value is missing.

MLflow's own inference loops over every value in Python to learn the latter. The result is the same text, which a
contract test compares; where MLflow would find no schema, there is none here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from workbench.experiment.datasets.blocks import Column

_TYPES = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "integer"),
    **dict.fromkeys(("Int8", "Int16", "Int32", "UInt8", "UInt16"), "integer"),
    **dict.fromkeys(("int64", "uint32", "Int64", "UInt32"), "long"),
    **dict.fromkeys(("float16", "float32", "Float32"), "float"),
    **dict.fromkeys(("float64", "Float64"), "double"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("string", "string[NA]", "object:string"), "string"),
    **dict.fromkeys(("bytes", "object:bytes"), "binary"),
}  # fmt: skip
_MAX_SCHEMA = 1_048_575


def table_schema(columns: Iterable[Column]) -> str | None:
    """Return the schema of a table as MLflow writes it; None where a column has a type that it does not know.

    Args:
        columns: Columns that have been hashed.
    """
    entries = []
    for column in columns:
        if column.name.startswith("index:"):
            continue
        kind = _type_of(column.kind)
        if not kind:
            return None
        entries.append({"type": kind, "name": column.name, "required": not column.has_missing()})
    text = json.dumps({"mlflow_colspec": entries})
    return text if len(text) <= _MAX_SCHEMA else None


def array_schema(array: Any) -> str:
    """Return the schema of an array as MLflow writes it; the first dimension is open."""
    spec = [{"type": "tensor", "tensor-spec": {"dtype": array.dtype.name, "shape": [-1, *array.shape[1:]]}}]
    return json.dumps({"mlflow_tensorspec": {"features": json.dumps(spec), "targets": None}})


def _type_of(kind: str) -> str:
    if kind.startswith(("timestamp[", "date32", "date64")):
        return "datetime"
    if kind.startswith("category["):
        inner = kind.partition(":")[2].partition(":")[0]
        return {"str": "string", "object": "string"}.get(inner, _TYPES.get(inner, ""))
    return _TYPES.get(kind, "")
