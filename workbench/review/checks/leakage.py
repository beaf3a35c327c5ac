"""``leakage``: no holdout row was trained on, no single feature gives the answer away, time runs forward.

The holdout rows are the frozen ones. What is known of the training rows is what ``save_model`` kept: digests of the
rows and, for time, each feature's range. An author who leaves them out gets *unknown*, never a pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.model import REFERENCE_FILE
from workbench.contract.status import CheckResult
from workbench.experiment.model.row_digests import KEPT, row_digests
from workbench.foundation.errors import UnknownResultError, did_you_mean
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.holdout import fitting_rows, require_holdout
from workbench.review.sandbox.sandbox import run_sandboxed

Array = npt.NDArray[Any]
_BINS = 32
_FEWEST = 10  # distinct training rows
_SIGMAS, _IMPROBABLE, _RANGE = 6.0, float(np.log(1e-9)), 2.0**64


def check(given: CheckInput) -> Outcome:
    """Look for shared rows, oracles and time that runs backwards."""
    rule, names = given.rule.leakage, [feature.name for feature in given.manifest.features]
    require_holdout(given)
    seen = run_sandboxed(given.project.store, given.model_digest, "load_rows")
    tool = f"row digests, single features; numpy {np.__version__} ({seen.isolation})"
    if seen.fault:
        return Outcome(CheckResult.FAIL, seen.fault, tool)
    inputs, truth = fitting_rows(seen.arrays, len(names))
    faults, unknown, figures = [], [], {"rows": float(len(inputs))}
    skills = {n: oracle(inputs[:, i], truth, bool(given.manifest.classes)) for i, n in enumerate(names)}
    strongest = max(skills, key=skills.__getitem__)
    figures["oracle"] = skills[strongest]
    if skills[strongest] >= rule.oracle:
        faults.append(f"feature '{strongest}' alone gives {skills[strongest]:.1%} of the answer away")
    if "row_digests" not in seen.arrays:
        unknown.append(f"{REFERENCE_FILE} holds no digests of the training rows")
    elif junk := junk_in(seen.arrays["row_digests"]):
        unknown.append(f"{REFERENCE_FILE} holds no digests of training rows but {junk}")
    else:
        share, compared = overlap(inputs, seen.arrays["row_digests"])
        figures |= {"overlap": share, "compared": compared}
        if not compared:
            unknown.append("none of the holdout rows falls into the kept sample of training rows")
        elif share > rule.overlap:
            faults.append(f"{share:.1%} of the holdout rows were trained on, more than {rule.overlap:.1%}")
    if rule.time:
        said, is_known = _time(rule.time, names, inputs, seen.arrays)
        (faults if is_known else unknown).extend([said] if said else [])
    evidence = {"oracles": skills, "unknown": unknown, "faults": faults, "time": rule.time}
    if faults:
        return Outcome(CheckResult.FAIL, _sentence(faults), tool, figures, evidence)
    if unknown:
        raise UnknownResultError("leakage-unknown", _sentence(unknown), _hint(rule.time, names))
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


def junk_in(kept: Array) -> str:
    """Say what stands where digests of training rows should; nothing where they look like ones.

    Digests of distinct rows spread evenly from zero to the largest, which of all rows is near the end of the range.
    """
    if kept.dtype != np.uint64 or kept.ndim != 1 or len(kept) > KEPT:
        return f"{kept.dtype} of shape {kept.shape}"
    if len(kept) < _FEWEST:
        return f"{len(kept)} of them, which no model was trained on"
    if not (kept[1:] > kept[:-1]).all():
        return "numbers that do not ascend"
    largest = float(kept[-1])
    middle, spread = float(np.mean(kept / largest)), float(np.sqrt(1 / 12 / len(kept)))
    is_short = len(kept) < KEPT and len(kept) * np.log(largest / _RANGE) < _IMPROBABLE
    return "numbers that are no digests" if abs(middle - 0.5) > _SIGMAS * spread or is_short else ""


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


def _time(name: str, names: list[str], inputs: Array, arrays: dict[str, Array]) -> tuple[str, bool]:
    """Return what is wrong with the order of time, nothing where it holds; and whether it can be told."""
    if name not in names:
        return f"the model has no feature '{name}' to tell time by", False
    quantiles = arrays.get("quantiles")
    if quantiles is None or quantiles.ndim != 2 or len(quantiles) != len(names):
        return f"{REFERENCE_FILE} does not say when training ended", False
    index = names.index(name)
    last, first = float(quantiles[index, -1]), float(np.nanmin(inputs[:, index]))
    said = f"training goes on until '{name}' {last:g}, and the holdout begins at {first:g}"
    return "" if last <= first else said, True


def _hint(time: str, names: list[str]) -> str:
    if time and time not in names:
        return did_you_mean(time, names)
    return "save it again: workbench.save_model(…, train=…)"


def _sentence(parts: list[str]) -> str:
    return "; ".join(parts)
