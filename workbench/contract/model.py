"""The model folder: what a notebook hands over, what a reviewer freezes, what a runner opens.

It is an ordinary MLflow model folder (``MLmodel``, ``model.onnx``), so MLflow serves and loads it too, plus three
files of ours:

``workbench.json``
    The manifest below, as JSON.
``holdout.npz``
    Rows the model has never seen, for paired comparison: ``inputs`` (n, d) float32, ``truth`` (n,) and ``prediction``
    (n,): class index as int64, or value as float64. No pickled arrays.
``reference.npz``
    What training data looked like, for drift: ``quantiles`` (d, q) float64 at q even probabilities from 0 to 1,
    ``mean`` (d,), ``missing`` (d,) share, ``rows`` () and ``prediction_share`` (classes,).
"""

from __future__ import annotations

from dataclasses import dataclass

MANIFEST_FILE = "workbench.json"
HOLDOUT_FILE = "holdout.npz"
REFERENCE_FILE = "reference.npz"
ONNX_FILE = "model.onnx"


@dataclass(frozen=True)
class Feature:
    """One input column.

    Attributes:
        name: Column name.
        dtype: ``float32`` for now: every engine takes one float tensor (rows, features).
    """

    name: str
    dtype: str = "float32"


@dataclass(frozen=True)
class ModelManifest:
    """What the bytes are for.

    Attributes:
        name: Model name; channels are ``<name>@<stage>``.
        task: ``classification`` or ``regression``.
        engine: ``onnx``.
        file: File the engine opens.
        features: Input columns in tensor order; the ONNX input is one float32 tensor (rows, features).
        classes: Class labels in index order; empty for regression. The ONNX outputs are ``label`` (int64 class
            index) and ``probabilities`` (rows, classes) float32, or ``value`` (rows, 1) float32.
        metric: Metric that decides: ``f1``, ``accuracy``, ``mae``, ….
        is_higher_better: Direction of ``metric``.
        example_inputs: A few rows, (rows, features).
        example_outputs: What the author's own model predicted for them: class index or value.
        format: Version of this manifest.
    """

    name: str
    task: str
    engine: str
    file: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    metric: str
    is_higher_better: bool
    example_inputs: tuple[tuple[float, ...], ...]
    example_outputs: tuple[float, ...]
    format: int = 1
