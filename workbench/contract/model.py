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
    ``mean`` (d,), ``missing`` (d,) share, ``rows`` () and ``prediction_share`` (classes,). ``row_digests`` (k,)
    uint64, for leaks: the smallest 64-bit digests of distinct training rows, ascending, at most 262,144 of them.

``card.md`` may lie beside them: what the model is for, for people (:mod:`workbench.review.checks.model_card`).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields

from workbench.contract.metric import check_direction
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import UsageError

MANIFEST_FILE = "workbench.json"
HOLDOUT_FILE = "holdout.npz"
REFERENCE_FILE = "reference.npz"
ONNX_FILE = "model.onnx"
CARD_FILE = "card.md"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Feature:
    """One input column.

    Attributes:
        name: Column name.
        dtype: ``float32`` for now: every engine takes one float tensor (rows, features).
        is_optional: Callers may leave it out by name; it is NaN then, which the model has to know how to take.
    """

    name: str
    dtype: str = "float32"
    is_optional: bool = False


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
        is_higher_better: Direction of ``metric``; of a known metric it must be the one in
            :mod:`workbench.contract.metric`.
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


def parse_manifest(data: bytes) -> ModelManifest:
    """Read ``workbench.json`` strictly: every field there, nothing else, and of the right type.

    Raises:
        UsageError: ``manifest-malformed``.
    """
    try:
        raw = json.loads(data)
        unknown = set(raw) - {field.name for field in fields(ModelManifest)}
        if unknown:
            raise ValueError(f"unknown field '{min(unknown)}'")
        manifest = ModelManifest(
            **{
                **raw,
                "features": tuple(Feature(**feature) for feature in raw["features"]),
                "classes": tuple(raw["classes"]),
                "example_inputs": tuple(tuple(map(float, row)) for row in raw["example_inputs"]),
                "example_outputs": tuple(map(float, raw["example_outputs"])),
            }
        )
        texts = (manifest.name, manifest.task, manifest.engine, manifest.file, manifest.metric, *manifest.classes)
        if not all(isinstance(text, str) for text in (*texts, *(f.name for f in manifest.features))):
            raise TypeError("a name is no text")
        if not all(isinstance(feature.is_optional, bool) for feature in manifest.features):
            raise TypeError("a feature is neither optional nor not")
        if not isinstance(manifest.is_higher_better, bool):
            raise TypeError("is_higher_better is neither true nor false")
        check_direction(manifest.metric, manifest.is_higher_better)
        if manifest.format != 1:
            raise ValueError(f"format {manifest.format} is not known")
        _check_consistent(manifest)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise UsageError(
            "manifest-malformed",
            f"{MANIFEST_FILE} is no manifest: {error}",
            "write it with: workbench.save_model(model, name=…, train=…, holdout=…)",
        ) from error
    return manifest


def manifest_bytes(manifest: ModelManifest) -> bytes:
    """Return ``workbench.json``: equal manifests are equal bytes."""
    return canonical_json(asdict(manifest)) + b"\n"


def check_model_name(name: str) -> str:
    """Return ``name``, which becomes part of paths, channels and addresses.

    Raises:
        UsageError: ``model-name-malformed``.
    """
    if not _NAME.fullmatch(name):
        hint = "use letters, digits, '.', '-' and '_', at most 64"
        raise UsageError("model-name-malformed", f"{name!r} cannot name a model", hint)
    return name


def _check_consistent(manifest: ModelManifest) -> None:
    """Raise ValueError where the parts contradict each other; a runner builds its tensors from them."""
    names = {feature.name for feature in manifest.features}
    width, examples = len(manifest.features), manifest.example_inputs
    is_classifier = manifest.task == "classification"
    if not _NAME.fullmatch(manifest.name):
        raise ValueError(f"'{manifest.name}' cannot name a model")
    if manifest.task not in ("classification", "regression"):
        raise ValueError(f"task '{manifest.task}' is not known")
    if not names or len(names) != width or {feature.dtype for feature in manifest.features} != {"float32"}:
        raise ValueError("it needs float32 features with names that differ")
    if is_classifier != (len(manifest.classes) > 1):
        raise ValueError(f"{len(manifest.classes)} classes do not fit {manifest.task}")
    if len(examples) != len(manifest.example_outputs) or any(len(row) != width for row in examples):
        raise ValueError("its examples do not fit its features")
    if is_classifier and not set(manifest.example_outputs) <= set(range(len(manifest.classes))):
        raise ValueError("an example's answer is no class index")
