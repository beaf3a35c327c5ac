"""``schema``: whoever calls the model that is served now can call this one, and it answers as its author said.

A renamed column or a reordered class breaks callers without any error, so it blocks. Then the recorded example goes
through the frozen bytes in the sandbox: a manifest that belongs to another model is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.contract.model import ModelManifest
from workbench.contract.status import CheckResult
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.sandbox import SandboxResult, run_sandboxed

OUTPUT = {"classification": "label", "regression": "value"}
_RTOL, _ATOL = 1e-4, 1e-5  # float32 against the author's float64


def check(given: CheckInput) -> Outcome:
    """Compare with the served model's manifest, then reproduce the recorded example."""
    manifest = given.manifest
    champion = read_manifest(given.project.store, given.champion_digest) if given.champion_digest else None
    faults = list(_caller_faults(champion, manifest)) if champion else []
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
    callers = "the same inputs as the served model" if champion else "no model is served here yet"
    summary = f"{len(manifest.features)} features, {len(rows)} recorded examples come out again; {callers}"
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def _caller_faults(champion: ModelManifest, manifest: ModelManifest) -> Iterable[str]:
    """Say what callers of the served model would trip over."""
    old = {feature.name: feature.dtype for feature in champion.features}
    new = {feature.name: feature.dtype for feature in manifest.features}
    if champion.task != manifest.task:
        yield f"the task changes from {champion.task} to {manifest.task}"
    yield from (f"feature '{name}' of the served model is gone" for name in old if name not in new)
    yield from (f"feature '{n}' changes from {old[n]} to {new[n]}" for n in old if n in new and old[n] != new[n])
    yield from (f"feature '{name}' is new, and callers do not send it" for name in new if name not in old)
    if set(old) == set(new) and list(old) != list(new):
        yield "features change their order, which callers of the tensor protocol cannot see"
    if not _begins_with(manifest.classes, champion.classes):
        yield "classes of the served model are gone, renamed or in another order"


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
        differing = int(np.count_nonzero(~np.isclose(answers, recorded, rtol=_RTOL, atol=_ATOL)))
    if differing:
        yield f"{differing} of {len(recorded)} recorded examples come out differently"


def _sentence(faults: list[str]) -> str:
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    first = faults[0]
    return f"{first[0].upper()}{first[1:]}{more}"
