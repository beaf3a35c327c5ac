"""The recipe: a TOML file with one ``[[step]]`` after the other, read into frozen dataclasses.

Conditions are data, not expressions: nothing in a recipe is ever evaluated as code.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.config import TomlReader, read_toml
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
STATISTICS = ("mean", "min", "max", "std", "first", "last", "count", "median", "slope")


@dataclass(frozen=True)
class Filter:
    """Keep the rows where a column compares so; several filters in a row are an AND."""

    column: str
    value: str | int | float | bool
    comparison: str = "="


@dataclass(frozen=True)
class Keep:
    """Keep these columns, in this order."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Downsample:
    """Keep every nth row, or the ``points`` rows that keep a curve's shape (largest triangle three buckets)."""

    every: int = 0
    points: int = 0
    column: str = ""
    time: str = ""


@dataclass(frozen=True)
class Aggregate:
    """One row for each window of time (``10s``, ``1h``) and group: the named statistics of each numeric column."""

    time: str
    window: str
    by: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ("mean",)


@dataclass(frozen=True)
class Features:
    """One row for each group (a batch, a part): the named statistics of each numeric column."""

    by: tuple[str, ...]
    statistics: tuple[str, ...] = ("mean", "min", "max", "std", "slope")


@dataclass(frozen=True)
class Quantise:
    """Round columns to multiples of ``step``: the error is at most half of it, and the codec gets work.

    Where no columns are named, those with decimals: whole numbers may be ids.
    """

    step: float
    columns: tuple[str, ...] = ()


Step = Filter | Keep | Downsample | Aggregate | Features | Quantise
_KINDS: dict[str, type[Step]] = {
    "filter": Filter,
    "keep": Keep,
    "downsample": Downsample,
    "aggregate": Aggregate,
    "features": Features,
    "quantise": Quantise,
}


@dataclass(frozen=True)
class Recipe:
    """Steps in order.

    Attributes:
        steps: At least one.
        codec: Parquet codec of the output: ``zstd``, ``gzip``, ``snappy`` or ``none``.
    """

    steps: tuple[Step, ...]
    codec: str = "zstd"

    @property
    def digest(self) -> str:
        """Digest of the canonical form, the same wherever and however the file is written."""
        steps = [{"kind": kind_of(step), **dataclasses.asdict(step)} for step in self.steps]
        return digest_bytes(canonical_json({"codec": self.codec, "steps": steps}))


def kind_of(step: Step) -> str:
    """Return a step's word in the recipe."""
    return type(step).__name__.lower()


def describe(step: Step) -> str:
    """Return a step's settings in words, those left at their default apart."""
    told = []
    for item in dataclasses.fields(step):
        value = getattr(step, item.name)
        if value != item.default:
            told.append(f"{item.name} {', '.join(value) if isinstance(value, tuple) else value}")
    return "; ".join(told)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        NotFoundError: ``recipe-missing``.
        UsageError: ``recipe-invalid``, ``config-unknown-key``, ``config-missing-key`` or ``config-wrong-type``.
    """
    try:
        raw, reader = read_toml(path)
    except FileNotFoundError:
        raise NotFoundError("recipe-missing", f"There is no recipe {path}", "see docs/data.md for one") from None
    except UsageError as error:
        raise _invalid(error.message, error.hint) from None
    steps = raw.pop("step", [])
    codec = raw.pop("codec", "zstd")
    if raw:
        raise _invalid(f"{path}: unknown key '{next(iter(raw))}'", did_you_mean(next(iter(raw)), ("step", "codec")))
    if codec not in ("zstd", "gzip", "snappy", "none"):
        raise _invalid(f"{path}: there is no codec '{codec}'", 'codec = "zstd"')
    if not isinstance(steps, list) or not steps:
        raise _invalid(f"{path} has no [[step]]", '[[step]]\nkind = "keep"\ncolumns = ["time"]')
    return Recipe(tuple(_step(reader, raw_step, number) for number, raw_step in enumerate(steps, start=1)), codec)


def _step(reader: TomlReader, raw: Any, number: int) -> Step:
    where = ("step",)
    kind = raw.pop("kind", "") if isinstance(raw, dict) else ""
    if kind not in _KINDS:
        raise _invalid(f"{reader.at(where)}: step {number} has no known kind", did_you_mean(str(kind), _KINDS))
    step: Step = _KINDS[kind](**reader.section(_KINDS[kind], raw, where))
    problem = _problem(step)
    if problem:
        raise _invalid(f"{reader.at(where)}: step {number} ({kind}): {problem}", "see docs/data.md")
    return step


def _problem(step: Step) -> str:
    """Return what types alone cannot say is wrong with a step."""
    match step:
        case Filter() if step.comparison not in COMPARISONS:
            return f"comparison must be one of {' '.join(COMPARISONS)}"
        case Aggregate() | Features() if unknown := set(step.statistics) - set(STATISTICS):
            return f"there is no statistic '{min(unknown)}'; there are {', '.join(STATISTICS)}"
        case Features() if not step.by:
            return "'by' names no column"
        case Downsample() if (step.every > 1) == (step.points > 2):
            return "give either every (2 or more) or points (3 or more)"
        case Downsample() if step.points and not (step.column and step.time):
            return "points needs 'column' and 'time': the curve whose shape is kept"
        case Quantise() if step.step <= 0:
            return "step must be above 0"
    return ""


def _invalid(message: str, hint: str = "") -> UsageError:
    return UsageError("recipe-invalid", message, hint)
