"""``schema``: whoever calls the model that is served now can call this one, and it answers as its author said.

A dropped, renamed or retyped column or a reordered class breaks callers without any error, so it blocks; so does a
column whose values spread several times wider or narrower than those the served model was trained on, which is a unit
that was changed. An adapter that policy declares lets one feature through; a feature that is added and optional needs
none. Then the recorded example goes through the frozen bytes in the sandbox: a manifest that belongs to another model
is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.contract.model import REFERENCE_FILE, ModelManifest
from workbench.contract.status import CheckResult
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.store import Store
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.policies.check_rules import SchemaRule
from workbench.review.sandbox.sandbox import SandboxResult, run_sandboxed

OUTPUT = {"classification": "label", "regression": "value"}
FLOAT32_RTOL, FLOAT32_ATOL = 1e-4, 1e-5  # float32 against the author's float64


def check(given: CheckInput) -> Outcome:
    """Compare with the served model's manifest, then reproduce the recorded example."""
    manifest = given.manifest
    champion = read_manifest(given.project.store, given.champion_digest) if given.champion_digest else None
    faults = list(_caller_faults(champion, manifest, given.rule.schema)) if champion else []
    unknown = uncompared = ""
    if champion:
        served, own = _spreads(given.project.store, given.champion_digest, champion), {}
        if not served:  # nothing that this model's author could mend
            uncompared = f"; scales are not compared, since the served model has no usable {REFERENCE_FILE}"
        elif not (own := _spreads(given.project.store, given.model_digest, manifest)):
            unknown = f"Nobody can tell whether units changed: the model has no usable {REFERENCE_FILE}"
        faults += _rescaled_faults(served, own, given.rule.schema)
    if not manifest.example_inputs:
        faults.append("there are no recorded examples to hold the model to")
    figures = {"features": len(manifest.features), "classes": len(manifest.classes)}
    evidence: dict[str, Any] = {"champion_digest": given.champion_digest}
    if faults:
        return Outcome(CheckResult.FAIL, _sentence(faults), "manifest", figures, {**evidence, "faults": faults})
    rows = np.asarray(manifest.example_inputs, dtype=np.float32)
    seen = run_sandboxed(
        given.project.store,
        given.model_digest,
        "predict",
        arguments={"file": manifest.file, "output": OUTPUT[manifest.task]},
        arrays={"inputs": rows},
    )
    tool = f"{seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
    faults = list(_answer_faults(manifest, seen))
    figures["example_rows"] = len(rows)
    evidence = {**evidence, **seen.values, "faults": faults}
    if faults:
        return Outcome(CheckResult.FAIL, _sentence(faults), tool, figures, evidence)
    if unknown:
        raise UnknownResultError("schema-unknown", unknown, "save it again: workbench.save_model(…, train=…)")
    callers = "the same inputs as the served model" if champion else "no model is served here yet"
    features = len(manifest.features)
    one = f"1 feature, {len(rows)} recorded examples come out again; {callers}{uncompared}"
    many = f"{features} features, {len(rows)} recorded examples come out again; {callers}{uncompared}"
    summary = by_count(features, many, one, many)
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def _caller_faults(champion: ModelManifest, manifest: ModelManifest, rule: SchemaRule) -> Iterable[str]:
    """Say what callers of the served model would trip over.

    A feature with a declared adapter is left aside on both sides; one that is new and optional has to come last.
    """
    adapted, optional = set(rule.adapters), {f.name for f in manifest.features if f.is_optional}
    known = {feature.name for feature in champion.features}
    old = {feature.name: feature.dtype for feature in champion.features if feature.name not in adapted}
    new = {f.name: f.dtype for f in manifest.features if f.name not in adapted}
    new = {name: dtype for name, dtype in new.items() if name in known or name not in optional}
    if champion.task != manifest.task:
        yield f"the task changes from {champion.task} to {manifest.task}"
    yield from (f"feature '{name}' of the served model is gone" for name in old if name not in new)
    yield from (f"feature '{n}' changes from {old[n]} to {new[n]}" for n in old if n in new and old[n] != new[n])
    yield from (f"feature '{name}' is new, and callers do not send it" for name in new if name not in old)
    in_order = [feature.name for feature in manifest.features if feature.name in old]
    is_last = [f.name for f in manifest.features][: len(known)] == [f.name for f in champion.features]
    if not adapted and not set(old) ^ set(new) and optional - known and not is_last:
        yield "an optional feature stands before others, which moves them for callers of the tensor protocol"
    if set(old) == set(new) and list(old) != in_order:
        yield "features change their order, which callers of the tensor protocol cannot see"
    if not _begins_with(manifest.classes, champion.classes):
        yield "classes of the served model are gone, renamed or in another order"


def _rescaled_faults(served: dict[str, float], own: dict[str, float], rule: SchemaRule) -> Iterable[str]:
    """Say which features spread several times wider or narrower in training than they did for the served model."""
    for name in (name for name in served if name in own and name not in rule.adapters):
        old, new = served[name], own[name]
        if old > 0 and new > 0 and not 1 / rule.rescaled < new / old < rule.rescaled:
            yield f"feature '{name}' spreads {new / old:.3g} times as wide as for the served model: another unit"


def _spreads(store: Store, digest: str, manifest: ModelManifest) -> dict[str, float]:
    """Return how wide each feature spread in training; empty where the model does not say."""
    if all(entry.path != REFERENCE_FILE for entry in store.tree(digest)):
        return {}
    quantiles = run_sandboxed(store, digest, "load_rows").arrays.get("quantiles")
    if quantiles is None or quantiles.ndim != 2 or len(quantiles) != len(manifest.features):
        return {}
    return {f.name: _spread(row) for f, row in zip(manifest.features, quantiles, strict=True)}


def _spread(quantiles: Any) -> float:
    """Return the width of the middle half, which a few odd values do not move."""
    return float(np.quantile(quantiles, 0.75) - np.quantile(quantiles, 0.25))


def _begins_with(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    return tuple(longer[: len(shorter)]) == tuple(shorter)


def _answer_faults(manifest: ModelManifest, seen: SandboxResult) -> Iterable[str]:
    if seen.fault:
        yield f"the model does not answer: {seen.fault}"
        return
    inputs = seen.values["signature"]["inputs"]
    outputs = {name for name, *_ in seen.values["signature"]["outputs"]}
    wanted = {"label", "probabilities"} if manifest.task == "classification" else {"value"}
    if len(inputs) != 1 or inputs[0][1] != "tensor(float)":
        yield "the input is not one float32 tensor"
    elif not isinstance(inputs[0][2][-1], str | None) and inputs[0][2][-1] != len(manifest.features):
        yield f"the input has {inputs[0][2][-1]} columns, the manifest {len(manifest.features)}"
    if missing := wanted - outputs:
        yield f"output '{min(missing)}' is missing"
    answers, recorded = seen.arrays["prediction"], np.asarray(manifest.example_outputs)
    if manifest.task == "classification":
        differing = int(np.count_nonzero(answers != recorded))
    else:
        differing = int(np.count_nonzero(~np.isclose(answers, recorded, rtol=FLOAT32_RTOL, atol=FLOAT32_ATOL)))
    if differing:
        yield f"{differing} of {len(recorded)} recorded examples come out differently"


def _sentence(faults: list[str]) -> str:
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    first = faults[0]
    return f"{first[0].upper()}{first[1:]}{more}"
