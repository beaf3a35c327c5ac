"""The space of a sweep: a TOML file that says, for each parameter, what may be tried.

``depth = {type = "int", low = 2, high = 12}``, ``rate = {type = "float", low = 1e-4, high = 0.1, log = true}``,
``kernel = {type = "categorical", choices = ["rbf", "linear"]}``; any other value is fixed. Everything is held against
what the notebook declares before anything is started; each error names its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from workbench.execute.notebook import Notebook
from workbench.execute.parameters import bind_parameters
from workbench.foundation.config import TomlReader, read_toml
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean, read_errors
from workbench.foundation.project import Project

Value = str | int | float | bool
MAX_GRID = 100_000
"""Points of a grid; more is a mistake in a step, and would fill the memory before anybody noticed."""
_EXAMPLE = 'depth = {type = "int", low = 2, high = 12}'


@dataclass(frozen=True)
class _Int:
    """What a whole number's table may say."""

    type: str
    low: int
    high: int
    step: int = 1
    log: bool = False


@dataclass(frozen=True)
class _Float:
    """What a number's table may say."""

    type: str
    low: float
    high: float
    step: float = 0.0
    log: bool = False


_TABLES: dict[str, type] = {"int": _Int, "float": _Float}
_KINDS = (*_TABLES, "categorical", "fixed")


@dataclass(frozen=True)
class Dimension:
    """One parameter that is searched.

    Attributes:
        kind: ``int``, ``float`` or ``categorical``.
        low: Smallest value.
        high: Largest value, itself included.
        step: Distance of values; 0 where a number may be anything between.
        log: Whether it is searched by orders of magnitude.
        choices: What it may be, where it is categorical.
    """

    kind: str
    low: float = 0
    high: float = 0
    step: float = 0
    log: bool = False
    choices: tuple[Value, ...] = ()

    def points(self) -> tuple[Value, ...]:
        """Return every value it may have; none where there are infinitely many."""
        if self.kind == "categorical":
            return self.choices
        if not self.step:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        if self.kind == "int":
            return tuple(range(int(self.low), int(self.high) + 1, int(self.step))) if count <= MAX_GRID else ()
        return tuple(round(self.low + number * self.step, 12) for number in range(min(count, MAX_GRID)))

    @property
    def edges(self) -> tuple[Value, ...]:
        """Return the values that tell whether the notebook takes all of them."""
        return self.choices or (self.low, self.high)


@dataclass(frozen=True)
class Space:
    """What a sweep may try.

    Attributes:
        dimensions: The parameters that are searched, by name.
        fixed: Values of parameters that are the same in every trial, as they would be typed.
    """

    dimensions: Mapping[str, Dimension]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield every point, the last dimension first, always in the same order."""
        names = list(self.dimensions)
        for values in product(*(self.dimensions[name].points() for name in names)):
            yield dict(zip(names, values, strict=True))

    @property
    def grid_size(self) -> int:
        """Number of points; 0 where there are infinitely many."""
        return math.prod(len(dimension.points()) for dimension in self.dimensions.values())

    def typed(self, point: Mapping[str, Value]) -> dict[str, str]:
        """Return all parameters of a trial as they would be typed after ``-p``."""
        return {**self.fixed, **{name: typed(value) for name, value in point.items()}}

    def as_json(self) -> dict[str, Any]:
        """Return it as a journal record holds it."""
        dimensions = {name: {**asdict(each), "choices": list(each.choices)} for name, each in self.dimensions.items()}
        return {"dimensions": dimensions, "fixed": dict(self.fixed)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Space:
        """Read it back."""
        dimensions = {
            name: Dimension(**{**each, "choices": tuple(each["choices"])}) for name, each in found["dimensions"].items()
        }
        return cls(dimensions, dict(found["fixed"]))


def typed(value: Value) -> str:
    """Return a value as it would be typed."""
    return value if isinstance(value, str) else repr(value)


def read_space(project: Project, named: str, notebook: Notebook) -> Space:
    """Read a space and hold it against the parameters of a notebook.

    Args:
        project: The project.
        named: Path of the TOML file, relative to the project or to the working directory.
        notebook: What will be run.

    Raises:
        NotFoundError: ``space-missing``, with the nearest file.
        UsageError: ``space-invalid``, ``parameter-unknown`` or ``parameter-wrong-type``, each with file and line;
            ``config-…`` for what is no TOML or has other keys.
    """
    path = project.root / named
    with read_errors(path):
        path = path if path.is_file() or not Path(named).is_file() else Path(named)
    try:
        raw, reader = read_toml(path, Path(named))
    except FileNotFoundError:
        siblings = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings) if siblings else f"write one: {_EXAMPLE}"
        raise NotFoundError("space-missing", f"There is no file {named}", hint) from None
    dimensions: dict[str, Dimension] = {}
    fixed: dict[str, str] = {}
    for name, value in raw.items():
        found = _parse(reader, name, value)
        if isinstance(found, Dimension):
            dimensions[name] = found
            _require_fit(reader, notebook, name, found.edges)
        else:
            fixed[name] = typed(found)
            _require_fit(reader, notebook, name, (found,))
    if not dimensions:
        message = f"{reader.path} leaves nothing to search: every value in it is fixed"
        raise UsageError("space-invalid", message if raw else f"{reader.path} is empty", f"add: {_EXAMPLE}")
    return Space(dimensions, fixed)


def _require_fit(reader: TomlReader, notebook: Notebook, name: str, values: tuple[Value, ...]) -> None:
    for value in values:
        try:
            bind_parameters(notebook, {name: typed(value)})
        except UsageError as error:
            raise UsageError(error.code, f"{reader.at((name,))}: {error.message}", error.hint) from error


def _parse(reader: TomlReader, name: str, value: Any) -> Dimension | Value:
    if not isinstance(value, dict):
        return _plain(reader, name, value)
    kind = value.get("type")
    if kind not in _KINDS:
        what = f"'{kind}' is no type of a parameter" if kind else f"'{name}' does not say its type"
        hint = did_you_mean(str(kind), _KINDS) if kind else f'add: type = "int" ({", ".join(_KINDS)})'
        raise UsageError("space-invalid", f"{reader.at((name, 'type'))}: {what}", hint)
    if kind == "categorical":
        return Dimension("categorical", choices=_choices(reader, name, value))
    if kind == "fixed":
        _require_keys(reader, name, value, "value")
        return _plain(reader, name, value["value"])
    found = _TABLES[kind](**reader.section(_TABLES[kind], value, (name,)))
    _require_range(reader, name, found)
    return Dimension(kind, found.low, found.high, 0 if found.log else found.step, found.log)


def _plain(reader: TomlReader, name: str, value: Any) -> Value:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list | dict):
        return repr(value)  # a parameter that is a list or a dict takes it as its source text
    message = f"{reader.at((name,))}: {type(value).__name__} is nothing that a parameter can be"
    raise UsageError("space-invalid", message, "write it as text, in quotes")


def _choices(reader: TomlReader, name: str, table: Mapping[str, Any]) -> tuple[Value, ...]:
    _require_keys(reader, name, table, "choices")
    choices, at = table["choices"], reader.at((name, "choices"))
    if not isinstance(choices, list) or not choices:
        raise UsageError("space-invalid", f"{at}: choices must be a list of values", 'write: choices = ["a", "b"]')
    for choice in choices:
        if not isinstance(choice, str | int | float):
            message = f"{at}: a choice must be text, a number, true or false, not {type(choice).__name__}"
            raise UsageError("space-invalid", message, 'write: choices = ["a", "b"]')
    if len({typed(choice) for choice in choices}) < len(choices):
        raise UsageError("space-invalid", f"{at}: a choice stands there twice", "name each choice once")
    return tuple(choices)


def _require_keys(reader: TomlReader, name: str, table: Mapping[str, Any], wanted: str) -> None:
    for key in table:
        if key not in ("type", wanted):
            message = f"{reader.at((name, key))}: unknown key '{name}.{key}'"
            raise UsageError("config-unknown-key", message, did_you_mean(key, ("type", wanted)))
    if wanted not in table:
        message = f"{reader.at((name,))}: '{name}.{wanted}' is missing"
        raise UsageError("config-missing-key", message, f"add: {wanted} = …")


def _require_range(reader: TomlReader, name: str, found: _Int | _Float) -> None:
    problem, hint = "", ""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        problem, hint = "low and high must be finite", "give numbers"
    elif found.low > found.high:
        problem, hint = f"low {found.low} is above high {found.high}", "swap them"
    elif found.step < 0 or (found.step == 0 and isinstance(found, _Int)):
        problem, hint = f"step {found.step} is not above 0", "leave step out, or make it larger"
    elif found.log and found.low <= 0:
        problem, hint = f"low {found.low} has no logarithm", "make low larger than 0, or leave log out"
    elif found.log and found.step not in (0, 1):
        problem, hint = "log and step exclude each other", "leave one of them out"
    if problem:
        raise UsageError("space-invalid", f"{reader.at((name,))}: {problem}", hint)
