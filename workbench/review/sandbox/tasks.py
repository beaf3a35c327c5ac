"""What the sandboxed child can be asked: what is in these files, and what does this model answer.

Runs confined, on bytes that nobody has looked at yet. Every refusal of a parser or an engine is returned as ``fault``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.review.formats.pickles import examine_pickle
from workbench.review.formats.reading import UNREADABLE
from workbench.review.formats.safetensors import examine_safetensors
from workbench.review.formats.skops import examine_skops
from workbench.review.sandbox.measure import load_rows, measure, open_onnx

Arrays = dict[str, npt.NDArray[Any]]
Answer = tuple[dict[str, Any], Arrays]
_MAX_TEXT_BYTES = 1 << 20
_MAX_DEPTH = 50
_BATCH_ROWS = 8192


def examine(model: Path, task: Mapping[str, Any], _arrays: Arrays) -> Answer:
    """List what the ONNX file, ``MLmodel`` and the ``.npz`` files are made of.

    The ONNX file goes through ``onnx.checker``; subgraphs and functions are walked too.
    """
    values: dict[str, Any] = {"onnx": _examine_onnx(model / str(task["file"]))}
    values["mlmodel"] = _examine_mlmodel(model / "MLmodel") if (model / "MLmodel").is_file() else {}
    values["arrays"] = {path.name: _examine_arrays(path) for path in sorted(model.glob("*.npz"))}
    values["others"] = {name: _examine_other(model / name) for name in task.get("others", ())}
    return values, {}


def predict(model: Path, task: Mapping[str, Any], arrays: Arrays) -> Answer:
    """Run the model on ``arrays["inputs"]``, or on its own holdout rows where none are given.

    Returns ``prediction``, and for holdout rows also ``inputs`` and ``truth``.
    """
    import onnxruntime

    values: dict[str, Any] = {"engine": f"onnxruntime {onnxruntime.__version__}"}
    results: Arrays = {}
    try:
        if "inputs" in arrays:
            inputs = arrays["inputs"]
        else:
            with np.load(model / "holdout.npz", allow_pickle=False) as holdout:
                inputs, truth = np.asarray(holdout["inputs"], np.float32), np.asarray(holdout["truth"])
            if inputs.ndim != 2 or truth.shape != (len(inputs),):
                return {**values, "fault": f"holdout.npz: inputs {inputs.shape} do not fit truth {truth.shape}"}, {}
            results.update(inputs=inputs, truth=truth)
        results["prediction"], values["signature"] = _answers(model / str(task["file"]), inputs, str(task["output"]))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        values["fault"] = _one_line(error)
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors derive from Exception itself
        values["fault"] = _one_line(error)
    return values, results


TASKS: Mapping[str, Callable[[Path, Mapping[str, Any], Arrays], Answer]] = {
    "examine": examine,
    "predict": predict,
    "load_rows": load_rows,
    "measure": measure,
}


def _answers(path: Path, inputs: npt.NDArray[Any], output: str) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    session = open_onnx(path)
    signature = {
        "inputs": [[item.name, item.type, list(item.shape)] for item in session.get_inputs()],
        "outputs": [[item.name, item.type, list(item.shape)] for item in session.get_outputs()],
    }
    name = session.get_inputs()[0].name
    rows = np.ascontiguousarray(inputs, dtype=np.float32)
    batches = [
        np.asarray(session.run([output], {name: rows[start : start + _BATCH_ROWS]})[0]).reshape(-1)
        for start in range(0, len(rows), _BATCH_ROWS)
    ]
    prediction = np.concatenate(batches) if batches else np.empty(0)
    if prediction.shape != (len(rows),):
        raise ValueError(f"output '{output}' has {prediction.size} values for {len(rows)} rows")
    return prediction, signature


def _examine_onnx(path: Path) -> dict[str, Any]:
    import onnx

    found: dict[str, Any] = {"version": onnx.__version__}
    try:
        model = onnx.load_model(path, load_external_data=False)
        found["opsets"] = [[item.domain, item.version] for item in model.opset_import]
        graphs = [model.graph, *model.functions]
        nodes = [node for graph in graphs for node in _nodes(graph)]
        found["operators"] = sorted({f"{node.domain}:{node.op_type}" for node in nodes})
        found["functions"] = sorted(f"{item.domain}:{item.name}" for item in model.functions)
        tensors = [tensor for graph in graphs for tensor in _tensors(graph)]
        found["external"] = sorted(
            {t.name for t in tensors if t.data_location == onnx.TensorProto.EXTERNAL or t.external_data}
        )
        found["inputs"] = [_value(item) for item in model.graph.input]
        found["outputs"] = [_value(item) for item in model.graph.output]
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001 - protobuf and onnx raise errors of their own that derive from Exception
        found["fault"] = _one_line(error)
    return found


def _value(item: Any) -> list[Any]:
    tensor = item.type.tensor_type
    return [item.name, tensor.elem_type, [dim.dim_value or dim.dim_param for dim in tensor.shape.dim]]


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for sparse in getattr(graph, "sparse_initializer", ()):
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (*((attribute.t,) if attribute.HasField("t") else ()), *attribute.tensors)
            for sparse in (
                *((attribute.sparse_tensor,) if attribute.HasField("sparse_tensor") else ()),
                *attribute.sparse_tensors,
            ):
                yield from (sparse.values, sparse.indices)
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _tensors(inner)


def _examine_mlmodel(path: Path) -> dict[str, Any]:
    """Return ``MLmodel`` as JSON; it is YAML without tags, and anything else is a fault."""
    import json

    import yaml

    try:
        if path.stat().st_size > _MAX_TEXT_BYTES:
            return {"fault": f"{path.stat().st_size} bytes are too many for a description"}
        text = path.read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                return {"fault": "aliases are not allowed: a few lines of them fill the memory"}
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                return {"fault": f"nested deeper than {_MAX_DEPTH} levels, which takes a reader for ever"}
        value = json.loads(json.dumps(yaml.safe_load(text), default=str))
        return {"value": value} if isinstance(value, dict) else {"fault": "not a table of keys and values"}
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        return {"fault": _one_line(error)}


def _examine_arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {"arrays": {key: [found[key].dtype.str, list(found[key].shape)] for key in found.files}}
    except UNREADABLE as error:
        return {"fault": _one_line(error)}


def _examine_other(path: Path) -> dict[str, Any]:
    """Return what loading another file would import, and what in it cannot be told."""
    names: tuple[str, ...] = ()
    try:
        if path.suffix == ".safetensors":
            faults = examine_safetensors(path)
        elif path.suffix == ".skops":
            names, faults = examine_skops(path)
        else:
            names, faults = examine_pickle(path.read_bytes())
    except (OSError, MemoryError) as error:
        return {"names": [], "faults": [_one_line(error)]}
    return {"names": list(names), "faults": list(faults)}


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
