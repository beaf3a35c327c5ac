"""The engine: an ONNX session over bytes in memory.

The session is opened from the very bytes whose digest was checked, never from a path, so nothing can be exchanged
between the check and the opening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _ort

from workbench.contract.model import ModelManifest
from workbench.foundation.errors import IntegrityError, UsageError

Matrix = NDArray[np.float32]

_ENGINE_ERRORS = (
    _ort.Fail,
    _ort.InvalidArgument,
    _ort.InvalidGraph,
    _ort.InvalidProtobuf,
    _ort.NoSuchFile,
    _ort.NotImplemented,
    _ort.RuntimeException,
    _ort.EPFail,
    RuntimeError,
)
# TensorProto.external_data is a list of key/value messages; this is how the key "location" is encoded.
_EXTERNAL_DATA = b"\x0a\x08location"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says about some rows.

    Attributes:
        values: (rows,) class index as int64, or value as float32.
        probabilities: (rows, classes) float32; None for regression.
    """

    values: NDArray[Any]
    probabilities: Matrix | None


class Engine(Protocol):
    """Anything that turns rows into answers."""

    input_name: str

    def predict(self, rows: Matrix) -> Answer:
        """Answer for (rows, features) float32."""


class OnnxEngine:
    """An ONNX model with one float32 input tensor (rows, features)."""

    def __init__(self, model: bytes, manifest: ModelManifest) -> None:
        """Open the session.

        Raises:
            IntegrityError: ``model-unreadable``, ``model-external-data`` or ``model-signature``.
        """
        if _EXTERNAL_DATA in model:
            raise IntegrityError(
                "model-external-data",
                f"{manifest.file} keeps weights in another file, which nobody approved",
                "save the model in one file and request a new review",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one row at a time: handing work to threads costs more than it brings
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Left to itself it opens bytes that are both as its own format, which no check has looked at.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _ENGINE_ERRORS as error:
            raise IntegrityError(
                "model-unreadable", f"{manifest.file} is no ONNX model: {error}", "save it again, request a new review"
            ) from error
        self._is_classifier = manifest.task == "classification"
        self._outputs = ["label", "probabilities"] if self._is_classifier else ["value"]
        self.input_name = self._checked_input(len(manifest.features))

    def predict(self, rows: Matrix) -> Answer:
        """Answer for (rows, features) float32.

        Raises:
            UsageError: ``rows-refused``: the model cannot compute these rows; ``answer-not-finite``.
        """
        try:
            found = self._session.run(self._outputs, {self.input_name: rows})
        except _ENGINE_ERRORS as error:
            hint = "ask row by row to find which it is; the model was made for other values"
            raise UsageError("rows-refused", f"The model cannot compute these rows: {error}", hint) from error
        if self._is_classifier:
            between = np.minimum(np.maximum(found[1], 0), 1)  # sums of trees in float32 leave it by a little
            answer = Answer(found[0], between)
        else:
            answer = Answer(found[0].reshape(-1), None)
        with np.errstate(invalid="ignore"):  # one sum is cheaper than a look at every value
            is_finite = math.isfinite(np.add.reduce(found[-1], axis=None, dtype=np.float64))
        if not is_finite:
            raise UsageError(
                "answer-not-finite",
                "The model has no answer for these rows: a value is missing or out of its range",
                "fill missing values as in training before you ask",
            )
        return answer

    def _checked_input(self, width: int) -> str:
        inputs, outputs = self._session.get_inputs(), {o.name for o in self._session.get_outputs()}
        is_right = (
            len(inputs) == 1
            and inputs[0].type == "tensor(float)"
            and len(inputs[0].shape) == 2
            and inputs[0].shape[1] in (width, None)
            and outputs >= set(self._outputs)
        )
        if not is_right:
            raise IntegrityError(
                "model-signature",
                f"The model must take one float32 tensor (rows, {width}) and give {', '.join(self._outputs)}",
                "save it with workbench.save_model and request a new review",
            )
        return str(inputs[0].name)
