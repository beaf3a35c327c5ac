"""Turn a trained scikit-learn model into the ONNX graph that the contract describes, and check that it agrees.

The graph takes one float32 tensor (rows, features) and gives ``label`` (int64 class index) and ``probabilities``, or
``value``. The same trained model gives the same bytes each time: names are fixed and protobuf is serialised
deterministically, because a reproduced run is compared byte by byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.foundation.errors import UsageError

Array = npt.NDArray[Any]

_OPSETS = {"": 21, "ai.onnx.ml": 3}
"""The newest that onnxruntime 1.20 and skl2onnx both speak; LabelEncoder with typed keys needs ai.onnx.ml 2."""
_MAX_DISAGREEING = 0.001
_TIE = 1e-5
_BATCH_ROWS = 65_536


def convert(model: Any, width: int, classes: Array | None) -> Any:
    """Return the ONNX model of an estimator or pipeline.

    Args:
        model: A fitted scikit-learn estimator or pipeline.
        width: Number of features.
        classes: The estimator's own labels in index order; None for regression.

    Raises:
        UsageError: ``model-unsupported``.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    if classes is not None and not hasattr(model, "predict_proba"):
        hint = "wrap it: sklearn.calibration.CalibratedClassifierCV(model)"
        raise _unsupported(f"{type(model).__name__} gives no probabilities", hint)
    options = {id(model): {"zipmap": False}} if classes is not None else None
    try:
        found = convert_sklearn(
            model,
            name="model",
            initial_types=[("input", FloatTensorType([None, width]))],
            options=options,
            target_opset=_OPSETS,
        )
    except Exception as error:  # skl2onnx raises whatever its converters meet
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _unsupported(f"{type(model).__name__} cannot be converted to ONNX: {reason}") from error
    converted = _with_contract_outputs(found, classes)
    _declare_opsets(converted)
    return converted


def load_onnx(path: str, width: int, *, is_classifier: bool) -> Any:
    """Read an ONNX file that somebody converted already and hold it to the contract.

    Raises:
        UsageError: ``model-unsupported``.
    """
    import onnx

    try:
        model = onnx.load_model(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise errors of their own that derive from Exception
        raise _unsupported(f"{path} is no ONNX model") from error
    inputs = model.graph.input
    outputs = {output.name: output.type.tensor_type.elem_type for output in model.graph.output}
    float32, int64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    wanted = {"label": int64, "probabilities": float32} if is_classifier else {"value": float32}
    shape: Any = inputs[0].type.tensor_type.shape.dim if len(inputs) == 1 else ()
    if len(shape) != 2 or shape[1].dim_value not in (0, width) or inputs[0].type.tensor_type.elem_type != float32:
        raise _unsupported(f"{path} does not take one float32 tensor (rows, {width})")
    if any(outputs.get(name) != kind for name, kind in wanted.items()):
        raise _unsupported(f"{path} does not give {' and '.join(wanted)} of the right type")
    return model


def onnx_bytes(model: Any) -> bytes:
    """Return the model's bytes, the same for the same model."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def predict(data: bytes, inputs: Array, *, is_classifier: bool) -> tuple[Array, Array | None]:
    """Run a model; return class index or value, and probabilities where it is a classifier."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # sums in one order: equal answers each time
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    wanted, name = ["label", "probabilities"] if is_classifier else ["value"], session.get_inputs()[0].name
    parts = [
        session.run(wanted, {name: inputs[start : start + _BATCH_ROWS]})
        for start in range(0, max(1, len(inputs)), _BATCH_ROWS)
    ]
    answers = np.concatenate([np.asarray(part[0]).reshape(-1) for part in parts])
    return answers, np.concatenate([part[1] for part in parts]) if is_classifier else None


def check_agreement(own: Array, converted: Array, probabilities: Array | None) -> Array:
    """Return for which rows the converted model answers as the estimator did.

    float32 rounds a threshold now and then, so one row in a thousand may differ. A tie (a forest's trees split evenly)
    is decided by the last bit and counts for neither side.

    Args:
        own: The estimator's answers.
        converted: The converted model's answers.
        probabilities: The converted model's, (rows, classes); None for regression.

    Raises:
        UsageError: ``conversion-differs``.
    """
    if probabilities is not None:
        is_same = own == converted
        best = np.sort(probabilities, axis=1)[:, -2:]
        differing = ~is_same & (best[:, 1] - best[:, 0] > _TIE)
    else:
        scale = float(np.std(own)) or float(np.max(np.abs(own), initial=1.0))
        is_same = np.abs(own - converted) <= 1e-3 * scale + 1e-4 * np.abs(own)
        differing = ~is_same
    if differing.sum() > _MAX_DISAGREEING * len(own):
        hint = "train on float32 (X.astype('float32')), or choose an estimator that ONNX knows"
        message = f"The converted model answers otherwise on {differing.mean():.2%} of the holdout rows"
        raise UsageError("conversion-differs", message, hint)
    return np.asarray(is_same)


def _with_contract_outputs(model: Any, classes: Array | None) -> Any:
    """Rename the outputs to the contract's words and make the label a class index."""
    from onnx import TensorProto, helper

    graph = model.graph
    produced = [output.name for output in graph.output]
    kinds = [output.type.tensor_type.elem_type for output in graph.output]
    del graph.output[:]
    if classes is None:
        _rename(graph, produced[0], "value")
        graph.output.append(helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1]))
        return model
    _rename(graph, produced[0], "raw_label")
    graph.node.extend(_to_index(classes, kinds[0]))
    _rename(graph, produced[1], "probabilities")
    graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, [None]))
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(classes)]))
    return model


def _to_index(classes: Array, kind: int) -> list[Any]:
    from onnx import TensorProto, helper

    indices = list(range(len(classes)))
    if kind == TensorProto.STRING:
        keys: dict[str, Any] = {"keys_strings": [str(label) for label in classes]}
    elif kind == TensorProto.INT64:
        if [int(label) for label in classes] == indices:
            return [helper.make_node("Identity", ["raw_label"], ["label"], name="label")]
        keys = {"keys_int64s": [int(label) for label in classes]}
    elif kind == TensorProto.BOOL:
        return [helper.make_node("Cast", ["raw_label"], ["label"], name="label", to=TensorProto.INT64)]
    else:
        raise _unsupported("Class labels must be whole numbers, strings or booleans")
    node = helper.make_node(
        "LabelEncoder", ["raw_label"], ["label"], name="label", domain="ai.onnx.ml", values_int64s=indices, **keys
    )
    return [node]


def _declare_opsets(model: Any) -> None:
    """Name each operator set once, and the one that has typed label encoders; skl2onnx declares the least it needs."""
    from onnx import helper

    versions: dict[str, int] = {"ai.onnx.ml": 2}
    for item in model.opset_import:
        versions[item.domain] = max(item.version, versions.get(item.domain, 0))
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, versions[domain]) for domain in sorted(versions))


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for position, name in enumerate(names):
                if name == old:
                    names[position] = new


def _unsupported(message: str, hint: str = "") -> UsageError:
    return UsageError("model-unsupported", message, hint or "pass a fitted scikit-learn estimator or an ONNX file")
