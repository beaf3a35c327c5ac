"""Cleaning recipes: what people write (TOML), what was fitted (JSON), and both read with care.

A recipe says what is done; fitting it adds statistics, taken from the training part alone. The fitted recipe is plain
JSON, so it can be read, compared, versioned and applied by any other program; nothing in it is code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.foundation.canonical import digest_json
from workbench.foundation.config import read_toml
from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError, did_you_mean, read_errors

FORMAT = "workbench.clean.v1"
WAYS = {
    "fill-missing": ("median", "mean", "most-frequent", "constant"),
    "drop-missing": ("any", "all"),
    "clip-outliers": ("iqr", "mad", "quantile"),
    "blank-outliers": ("iqr", "mad", "quantile"),
    "drop-outliers": ("iqr", "mad", "quantile"),
    "normalise": ("standard", "minmax", "robust"),
}
"""Each step, and the ways it knows; the first is taken where none is named."""
USUAL_FACTORS = {"iqr": 1.5, "mad": 3.5, "quantile": 0.01}
"""Tukey's fences; Iglewicz and Hoaglin's bound on the modified z-score; one percent on each side."""


@dataclass(frozen=True)
class Step:
    """One step of a recipe.

    Attributes:
        do: What is done (a key of :data:`WAYS`).
        by: In which way.
        columns: Columns it is done to; none means all that it can be done to.
        factor: Width of the fences for ``iqr`` and ``mad``; share cut off on each side for ``quantile``.
        value: What ``fill-missing`` by ``constant`` puts in.
    """

    do: str
    by: str = ""
    columns: tuple[str, ...] = ()
    factor: float | None = None
    value: float | str | None = None

    @property
    def words(self) -> str:
        """The step as people read it: ``fill-missing by median``."""
        return f"{self.do} by {self.by}"


@dataclass(frozen=True)
class FittedStep:
    """A step with what was taken from the training part.

    Attributes:
        step: The step, its columns all named.
        statistics: For each column, the numbers (or the text to fill in) that applying it needs.
    """

    step: Step
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedRecipe:
    """A recipe that was fitted.

    Attributes:
        steps: Its steps, in their order.
        columns: Columns and their types in the data it was fitted on.
        rows: Rows of the training part.
    """

    steps: tuple[FittedStep, ...]
    columns: dict[str, str]
    rows: int


def read_recipe(file: Path) -> tuple[Step, ...]:
    """Read a recipe: a TOML file with ``[[steps]]``.

    Raises:
        NotFoundError: ``recipe-missing``.
        UsageError: ``recipe-invalid``, ``config-syntax``, ``config-unknown-key``, ``config-missing-key`` or
            ``config-wrong-type``.
    """
    try:
        raw, reader = read_toml(file)
    except FileNotFoundError:
        raise NotFoundError("recipe-missing", f"There is no {file}", "mlops data clean --help") from None
    steps = raw.get("steps")
    if set(raw) - {"steps"} or not isinstance(steps, list) or not steps:
        raise UsageError("recipe-invalid", f"{file} has no steps", 'add: [[steps]]\ndo = "fill-missing"')
    return tuple(_step(reader.section(Step, raw_step, ("steps",)), file) for raw_step in steps)


def _step(values: Mapping[str, Any], file: Path) -> Step:
    do = values["do"]
    if do not in WAYS:
        raise UsageError("recipe-invalid", f"{file}: there is no step '{do}'", did_you_mean(do, WAYS))
    by = values.get("by") or WAYS[do][0]
    if by not in WAYS[do]:
        raise UsageError("recipe-invalid", f"{file}: '{do}' knows no way '{by}'", did_you_mean(by, WAYS[do]))
    factor = values.get("factor", USUAL_FACTORS.get(by) if do.endswith("outliers") else None)
    step = Step(**{**values, "by": by, "factor": factor})
    if step.by == "constant" and step.value is None:
        raise UsageError("recipe-invalid", f"{file}: filling by constant needs a value", "add: value = 0")
    if step.factor is not None and not (0 < step.factor < (0.5 if by == "quantile" else float("inf"))):
        raise UsageError("recipe-invalid", f"{file}: factor {step.factor:g} cuts off everything", "give another factor")
    return step


def fitted_text(recipe: FittedRecipe) -> bytes:
    """Return a fitted recipe as JSON; the digest in it tells a hand that went over it."""
    body = json.loads(json.dumps(asdict(recipe), allow_nan=False))
    whole = {"format": FORMAT, "digest": digest_json(body), **body}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_fitted(file: Path) -> FittedRecipe:
    """Read a fitted recipe.

    Raises:
        NotFoundError: ``recipe-missing``.
        IntegrityError: ``recipe-malformed``: no fitted recipe, or one that was changed by hand.
    """
    try:
        with read_errors(file):
            raw = json.loads(file.read_bytes())
        body = {key: raw[key] for key in ("steps", "columns", "rows")}
        is_whole = raw["format"] == FORMAT and raw["digest"] == digest_json(body)
        steps = tuple(
            FittedStep(Step(**{**step["step"], "columns": tuple(step["step"]["columns"])}), step["statistics"])
            for step in raw["steps"]
        )
    except FileNotFoundError:
        raise NotFoundError("recipe-missing", f"There is no {file}", "fit one: mlops data clean --help") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        is_whole = False
    if not is_whole:
        hint = "fit it again from its recipe: mlops data clean --help"
        raise IntegrityError("recipe-malformed", f"{file} is no fitted recipe, or was changed by hand", hint)
    return FittedRecipe(steps, raw["columns"], raw["rows"])
