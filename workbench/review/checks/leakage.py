"""``leakage``: no holdout row was trained on, no single feature gives the answer away, time runs forward.

The holdout rows are the frozen ones. What is known of the training rows is what ``save_model`` kept: digests of the
rows and, for time, each feature's range. An author who leaves them out gets *unknown*, never a pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import HOLDOUT_FILE, REFERENCE_FILE
from workbench.contract.status import CheckResult
from workbench.experiment.model.row_digests import KEPT, row_digests
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.sandbox import run_sandboxed

Array = npt.NDArray[Any]
_BINS = 32


def check(given: CheckInput) -> Outcome:
    """Look for shared rows, oracles and time that runs backwards."""
    rule, names = given.rule.leakage, [feature.name for feature in given.manifest.features]
    seen = run_sandboxed(given.project.store, given.model_digest, "load_rows")
    tool = f"row digests, single features; numpy {np.__version__} ({seen.isolation})"
    if seen.fault:
        return Outcome(CheckResult.FAIL, seen.fault, tool)
    inputs, truth = _holdout(seen.arrays, len(names))
    faults, unknown, figures = [], [], {"rows": float(len(inputs))}
    skills = {n: oracle(inputs[:, i], truth, bool(given.manifest.classes)) for i, n in enumerate(names)}
    strongest = max(skills, key=skills.__getitem__)
    figures["oracle"] = skills[strongest]
    if skills[strongest] >= rule.oracle:
        faults.append(f"feature '{strongest}' alone gives {skills[strongest]:.1%} of the answer away")
    if "row_digests" in seen.arrays:
        share, compared = overlap(inputs, seen.arrays["row_digests"])
        figures |= {"overlap": share, "compared": compared}
        if not compared:
            unknown.append("none of the holdout rows falls into the kept sample of training rows")
        elif share > rule.overlap:
            faults.append(f"{share:.1%} of the holdout rows were trained on, more than {rule.overlap:.1%}")
    else:
        unknown.append(f"{REFERENCE_FILE} holds no digests of the training rows: save the model again")
    if rule.time:
        said = _time(rule.time, names, inputs, seen.arrays)
        (unknown if said.startswith("?") else faults).extend([said.lstrip("?")] if said else [])
    evidence = {"oracles": skills, "unknown": unknown, "faults": faults, "time": rule.time}
    if faults:
        return Outcome(CheckResult.FAIL, _sentence(faults), tool, figures, evidence)
    if unknown:
        raise UnknownResultError("leakage-unknown", _sentence(unknown), "")
    order = f"; '{rule.time}' runs forward" if rule.time else "; time order is not declared"
    summary = (
        f"{figures['overlap']:.1%} of {len(inputs):,} holdout rows were trained on; the strongest feature "
        f"'{strongest}' alone gives {skills[strongest]:.1%} of the answer{order}"
    )
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def overlap(inputs: Array, kept: Array) -> tuple[float, int]:
    """Return the share of rows that are among the training rows, and how many could be compared.

    Args:
        inputs: (n, d) rows.
        kept: The smallest digests of the training rows, ascending; all of them where they are few.
    """
    digests = row_digests(inputs)
    known = np.asarray(kept, dtype=np.uint64)
    if len(known) >= KEPT:  # a sample: only rows up to its largest digest can be told
        digests = digests[digests <= known[-1]]
    return (float(np.isin(digests, known).mean()), len(digests)) if len(digests) else (0.0, 0)


def oracle(column: Array, truth: Array, is_classifier: bool) -> float:
    """Return how much of the answer one column gives away, from 0 (nothing) to 1 (everything).

    The column is cut into at most 32 bins; each bin answers with its majority class or its mean, learnt on even rows
    and tried on odd ones. The skill is the share of the baseline's errors (or variance) that this removes.
    """
    values = np.nan_to_num(np.asarray(column, dtype=np.float64), nan=np.inf)
    answers = np.asarray(truth, dtype=np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1], method="nearest"))
    bins = np.searchsorted(edges, values, side="left")
    learnt, tried = slice(0, None, 2), slice(1, None, 2)
    overall = _answer(answers[learnt], is_classifier)
    table = {b: _answer(answers[learnt][bins[learnt] == b], is_classifier) for b in np.unique(bins[learnt])}
    guesses = np.array([table.get(b, overall) for b in bins[tried]])
    wrong, base = (_loss(answers[tried], said, is_classifier) for said in (guesses, np.full(len(guesses), overall)))
    return float(np.clip(1 - wrong / base, 0, 1)) if base > 0 else 0.0


def _answer(answers: Array, is_classifier: bool) -> float:
    if not is_classifier:
        return float(answers.mean())
    values, counts = np.unique(answers, return_counts=True)
    return float(values[np.argmax(counts)])


def _loss(truth: Array, said: Array, is_classifier: bool) -> float:
    return float(np.mean(truth != said)) if is_classifier else float(np.mean((truth - said) ** 2))


def _holdout(arrays: dict[str, Array], width: int) -> tuple[Array, Array]:
    if "inputs" not in arrays or "truth" not in arrays:
        raise UnknownResultError(
            "holdout-missing", f"The model has no {HOLDOUT_FILE}", "save_model(…, holdout=(X_test, y_test))"
        )
    inputs, truth = arrays["inputs"], arrays["truth"]
    if inputs.ndim != 2 or inputs.shape[1] != width or truth.shape != (len(inputs),) or len(inputs) < 4:
        raise UnknownResultError("holdout-malformed", f"{HOLDOUT_FILE} does not fit the model's features", "")
    return inputs, truth


def _time(name: str, names: list[str], inputs: Array, arrays: dict[str, Array]) -> str:
    """Return what is wrong with the order of time, ``?…`` where it cannot be told, nothing where it holds."""
    if name not in names:
        return f"?the model has no feature '{name}' to tell time by"
    quantiles = arrays.get("quantiles")
    if quantiles is None or quantiles.ndim != 2 or len(quantiles) != len(names):
        return f"?{REFERENCE_FILE} does not say when training ended"
    index = names.index(name)
    last, first = float(quantiles[index, -1]), float(np.nanmin(inputs[:, index]))
    return "" if last <= first else f"training goes on until '{name}' {last:g}, and the holdout begins at {first:g}"


def _sentence(parts: list[str]) -> str:
    return "; ".join(parts)
