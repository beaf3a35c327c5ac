"""``format``: the folder holds what it may hold and nothing else, and the model needs no code of its author's.

Beside the ONNX file, which is what runners open, policy may let lie a safetensors file, a skops file or a pickle of the
same model. What one of these would import has to stand in policy by its full name; nothing that the file itself says of
what may be trusted is believed, and bytes that cannot be followed are a fault.

An allowlist that fails closed, because scanners that look for what is bad miss most of it: of 67 hostile model files
the usual ones missed 54, among them a ``loader_module`` with a ``code/`` folder that ran although pickles were
forbidden. Here a name, an operator set or a key that is not known is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from workbench.contract.model import CARD_FILE, HOLDOUT_FILE, MANIFEST_FILE, ONNX_FILE, REFERENCE_FILE
from workbench.contract.status import CheckResult
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.sandbox.sandbox import run_sandboxed

REQUIRED_FILES = frozenset({"MLmodel", ONNX_FILE, MANIFEST_FILE})
ALLOWED_FILES = REQUIRED_FILES | {
    HOLDOUT_FILE,
    REFERENCE_FILE,
    CARD_FILE,
    "conda.yaml",
    "python_env.yaml",
    "requirements.txt",
    "input_example.json",
    "serving_input_example.json",
}
# Highest version of each operator set that the engines here were tested with; other domains hold custom code.
OPSETS = {"": 26, "ai.onnx": 26, "ai.onnx.ml": 5}
FLAVORS = frozenset({"onnx", "python_function"})
LOADER = "mlflow.onnx"
OTHER_FILES = {
    "safetensors": ("model.safetensors",),
    "skops": ("model.skops",),
    "pickle": ("model.pkl", "model.pickle", "model.joblib"),
}
"""Files that may lie beside the ONNX file, by the format that policy has to name."""
HARMLESS_NAMES = frozenset(
    {
        f"{module}.{name}"
        for module in ("builtins", "__builtin__")  # the latter as old protocols write it
        for name in (
            "bool",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "set",
            "slice",
            "str",
            "tuple",
        )
    }
    | {"builtins.NoneType", "collections.OrderedDict"}
    | {f"numpy.{name}" for name in ("ndarray", "dtype", "bool", "bool_", "float16", "float32", "float64")}
    | {f"numpy.{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct"}
)
"""Containers, numbers and arrays of them; ``numpy…multiarray.scalar`` is left out: it unpickles what it is given."""
_ARRAYS = {HOLDOUT_FILE: {"inputs", "truth", "prediction"}}


def check(given: CheckInput) -> Outcome:
    """Compare the folder with the allowlist and let ``onnx.checker`` read the model in a child process."""
    entries = given.project.store.tree(given.model_digest)
    names = {entry.path for entry in entries}
    rule = given.rule.format
    others = {name for kind in rule.formats for name in OTHER_FILES.get(kind, ())}
    faults = [f"file '{name}' is not allowed" for name in sorted(names - ALLOWED_FILES - others)]
    faults += [f"file '{name}' is missing" for name in sorted(REQUIRED_FILES - names)]
    if given.manifest.engine != "onnx" or given.manifest.file != ONNX_FILE:
        faults.append(f"the engine must open {ONNX_FILE}, not '{given.manifest.file}' with '{given.manifest.engine}'")
    figures = {"files": len(entries), "bytes": sum(entry.size for entry in entries)}
    listing = {"files": {entry.path: entry.digest for entry in entries}}
    if faults:  # what is not on the list is not even opened
        return _outcome(faults, "allowlist", figures, listing)
    arguments = {"file": ONNX_FILE, "others": sorted(names & others)}
    seen = run_sandboxed(given.project.store, given.model_digest, "examine", arguments=arguments)
    faults += _onnx_faults(seen.values["onnx"])
    faults += _mlmodel_faults(seen.values["mlmodel"])
    faults += _array_faults(seen.values["arrays"])
    faults += _other_faults(seen.values["others"], HARMLESS_NAMES | set(rule.names))
    tool = f"onnx.checker {seen.values['onnx']['version']} ({seen.isolation})"
    return _outcome(faults, tool, figures, {**listing, **seen.values})


def _outcome(faults: list[str], tool: str, figures: Mapping[str, float], evidence: Mapping[str, Any]) -> Outcome:
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        return Outcome(CheckResult.FAIL, f"{faults[0]}{more}", tool, figures, {**evidence, "faults": faults})
    summary = f"{figures['files']:.0f} known files, {figures['bytes']:,.0f} bytes; plain ONNX without code"
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def _onnx_faults(onnx: Mapping[str, Any]) -> Iterable[str]:
    for domain, version in onnx.get("opsets", ()):
        if domain not in OPSETS:
            yield f"operator set '{domain}' is not allowed"
        elif not 1 <= version <= OPSETS[domain]:
            yield f"operator set '{domain or 'ai.onnx'}' {version} is newer than {OPSETS[domain]}"
    for operator in onnx.get("operators", ()):
        if operator.partition(":")[0] not in OPSETS:
            yield f"operator '{operator}' is not allowed"
    if onnx.get("external"):
        yield f"tensor '{onnx['external'][0]}' lies outside {ONNX_FILE}"
    if onnx.get("functions"):
        yield f"function '{onnx['functions'][0]}' is defined inside the model"
    if "fault" in onnx:
        yield f"{ONNX_FILE} is no valid model: {onnx['fault']}"


def _mlmodel_faults(mlmodel: Mapping[str, Any]) -> Iterable[str]:
    if "value" not in mlmodel:
        yield f"MLmodel cannot be read: {mlmodel.get('fault', 'it is missing')}"
        return
    flavors = mlmodel["value"].get("flavors")
    if not isinstance(flavors, dict):
        yield "MLmodel names no flavors"
        return
    for name, flavor in flavors.items():
        if name not in FLAVORS or not isinstance(flavor, dict):
            yield f"MLmodel flavor '{name}' is not allowed"
        elif flavor.get("code") or flavor.get("code_paths"):
            yield f"MLmodel flavor '{name}' brings code"
        elif flavor.get("loader_module", LOADER) != LOADER or flavor.get("model_code_path"):
            yield f"MLmodel loads itself with '{flavor.get('loader_module')}'"
        elif flavor.get("data", ONNX_FILE) != ONNX_FILE:
            yield f"MLmodel points to '{flavor.get('data')}', not to {ONNX_FILE}"


def _other_faults(others: Mapping[str, Mapping[str, Any]], allowed: Set[str]) -> Iterable[str]:
    for file, found in others.items():
        for fault in found["faults"]:
            yield f"{file}: {fault}"
        for name in found["names"]:
            if name not in allowed:
                yield f"{file} imports '{name}', which policy does not name"


def _array_faults(arrays: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for name, found in arrays.items():
        if "fault" in found:
            yield f"{name} cannot be read without pickle: {found['fault']}"
        elif missing := _ARRAYS.get(name, set()) - set(found["arrays"]):
            yield f"{name} lacks '{min(missing)}'"
