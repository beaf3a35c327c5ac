"""``budget``: the model's size, memory and latency in the sandbox, against the figures of the policy.

Measured in the confined child on one thread, so a figure says what this machine needs at most a little of: policy
should leave room. Latency is that of the calmest of five rounds, because a busy machine only ever makes things slower.
"""

from __future__ import annotations

import numpy as np

from workbench.contract.status import CheckResult
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.holdout import SAVE_AGAIN
from workbench.review.sandbox.sandbox import run_sandboxed

_UNITS = {"size_bytes": "bytes", "memory_bytes": "bytes of memory", "latency_ms": "ms a row"}


def check(given: CheckInput) -> Outcome:
    """Measure what policy limits."""
    rule = given.rule.budget
    limits = {name: getattr(rule, name) for name in _UNITS if getattr(rule, name) is not None}
    if not limits:
        hint = f"[stages.{given.stage}.budget] size_bytes = …"
        raise UnknownResultError("budget-unset", "The policy sets no limit to size, memory or latency", hint)
    figures = {"size_bytes": float(sum(entry.size for entry in given.project.store.tree(given.model_digest)))}
    tool = "file sizes"
    if limits.keys() - figures.keys():
        if not given.manifest.example_inputs:
            raise UnknownResultError("examples-missing", "There are no recorded examples to answer", SAVE_AGAIN)
        seen = run_sandboxed(
            given.project.store,
            given.model_digest,
            "measure",
            arguments={"file": given.manifest.file},
            arrays={"inputs": np.asarray(given.manifest.example_inputs, dtype=np.float32)},
        )
        tool = f"{seen.values.get('engine', 'onnxruntime')} ({seen.isolation})"
        if seen.fault:
            return Outcome(CheckResult.FAIL, f"The model does not answer: {seen.fault}", tool, figures)
        figures |= {name: float(seen.values[name]) for name in ("memory_bytes", "latency_ms", "median_ms")}
        if "memory_bytes" in limits and figures["memory_bytes"] < 0:
            hint = f"check it on Linux, or take memory_bytes out of [stages.{given.stage}.budget]"
            raise UnknownResultError("memory-unknown", "This system does not say how much memory a process takes", hint)
    over = [
        f"{_said(figures[n])} {_UNITS[n]} are more than {_said(limits[n])}" for n in limits if figures[n] > limits[n]
    ]
    within = [f"{_said(figures[n])} of {_said(limits[n])} {_UNITS[n]}" for n in limits]
    figures |= {f"{name}_limit": float(limit) for name, limit in limits.items()}
    result = CheckResult.FAIL if over else CheckResult.PASS
    return Outcome(result, "; ".join(over or within), tool, figures, {"limits": limits, "measured": figures})


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
