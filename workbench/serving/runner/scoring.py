"""MLflow's scoring protocol: ``POST /invocations``.

Rows come as ``dataframe_split``, ``dataframe_records``, ``instances`` or ``inputs``. The answer's ``predictions``
are the class names (or values); ``probabilities`` stands beside them, where MLflow's clients overlook it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from workbench.foundation.errors import UsageError, did_you_mean
from workbench.serving.runner.engine import Answer, Matrix
from workbench.serving.runner.matrix import check_names, pick, to_matrix
from workbench.serving.runner.optional import complete
from workbench.serving.runner.served import Served

_HINT = 'send {"dataframe_split": {"columns": [...], "data": [[...]]}}'


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a body that must be a JSON object.

    Raises:
        UsageError: ``json-malformed``.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = (
            "JSON has no NaN or Infinity: send null for a missing value" if b"NaN" in body or b"Inf" in body else _HINT
        )
        raise UsageError("json-malformed", f"The body is no JSON: {error}", hint) from error
    if not isinstance(value, dict):
        raise UsageError("json-malformed", "The body must be a JSON object", _HINT)
    return value


def read_rows(body: bytes, features: Sequence[str], optional: Sequence[str] = ()) -> Matrix:
    """Read the rows of a scoring request.

    Args:
        body: JSON.
        features: The model's columns.
        optional: Those that may be left out.

    Raises:
        UsageError: Anything that is wrong with them; the message names row and column.
    """
    value = parse_json(body)
    if value.pop("params", None):
        raise UsageError("params-unknown", "The model takes no parameters", "leave 'params' out")
    if len(value) != 1:
        raise UsageError("input-malformed", f"Expected one of {', '.join(_READERS)}", _HINT)
    ((kind, content),) = value.items()
    if kind not in _READERS:
        raise UsageError("input-malformed", f"There is no input '{kind}'", did_you_mean(kind, _READERS))
    return _READERS[kind](complete(content, features, optional) if optional else content, features)


def write_answer(answer: Answer, served: Served) -> bytes:
    """Write the answer of a scoring request."""
    if answer.probabilities is None:
        return orjson.dumps({"predictions": answer.values}, option=orjson.OPT_SERIALIZE_NUMPY)
    classes = served.manifest.classes
    names = [classes[index] for index in answer.values.tolist()]
    body = {"predictions": names, "probabilities": answer.probabilities}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _split(content: Any, features: Sequence[str]) -> Matrix:
    if not isinstance(content, dict) or "data" not in content:
        raise UsageError("input-malformed", "'dataframe_split' needs 'columns' and 'data'", _HINT)
    if unknown := set(content) - {"columns", "data", "index"}:
        name = min(unknown)
        raise UsageError(
            "input-malformed", f"'dataframe_split' has no '{name}'", did_you_mean(name, ["columns", "data"])
        )
    columns = content.get("columns")
    order = None if columns is None else pick(columns, features)
    matrix = to_matrix(content["data"], features)
    return matrix if order is None else matrix[:, order]


def _records(content: Any, features: Sequence[str]) -> Matrix:
    if not isinstance(content, list):
        raise UsageError("input-malformed", "'dataframe_records' must be a list of objects", _HINT)
    rows = []
    for record in content:
        if not isinstance(record, dict):
            raise UsageError("input-malformed", "'dataframe_records' must be a list of objects", _HINT)
        if len(record) != len(features) or any(name not in record for name in features):
            check_names(record, features)
        rows.append([record[name] for name in features])
    return to_matrix(rows, features)


def _instances(content: Any, features: Sequence[str]) -> Matrix:
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return _records(content, features)
    return to_matrix(content, features)


def _inputs(content: Any, features: Sequence[str]) -> Matrix:
    if not isinstance(content, dict):
        return _instances(content, features)
    check_names(content, features)
    columns = [content[name] for name in features]
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        raise UsageError("rows-shape", "The columns of 'inputs' must be lists of one length", "send one value per row")
    return to_matrix([list(row) for row in zip(*columns, strict=True)], features)


_READERS: dict[str, Callable[[Any, Sequence[str]], Matrix]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}
