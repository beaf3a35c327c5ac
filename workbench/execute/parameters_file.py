"""Parameters out of a file: ``params.yaml``, or ``params.yaml:train`` for a part of it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean, read_errors
from workbench.foundation.project import Project


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error


_READERS: dict[str, Callable[[str], Any]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": json.loads,
    ".toml": tomllib.loads,
}


def read_parameters_file(project: Project, named: str) -> dict[str, str]:
    """Return the parameters that a file names, as they would be typed after ``-p``.

    Args:
        project: The project.
        named: Path of a YAML, JSON or TOML file, relative to the project or the working directory; ``:key.key`` after
            it picks a part.

    Raises:
        NotFoundError: ``parameters-missing``: no such file, or no such part in it.
        UsageError: ``parameters-unreadable``: not of its format, or not a table.
    """
    name, _, part = named.partition(":")
    path = project.root / name if (project.root / name).is_file() else Path(name)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UsageError(
            "parameters-unreadable", f"{name} is no YAML, JSON or TOML file", f"try: {', '.join(_READERS)}"
        )
    try:
        with read_errors(path):
            found = read(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotFoundError("parameters-missing", f"There is no file {name}", "look where you are: pwd") from None
    except ValueError as error:  # what json and tomllib raise, and text that is not UTF-8
        raise UsageError("parameters-unreadable", f"{name} cannot be read: {error}", "mend the file") from None
    for key in part.split(".") if part else ():
        if not isinstance(found, dict) or key not in found:
            known = map(str, found) if isinstance(found, dict) else ()
            raise NotFoundError("parameters-missing", f"{name} has no part '{part}'", did_you_mean(key, known))
        found = found[key]
    if not isinstance(found, dict):
        message = f"{named} holds {type(found).__name__}, not names with values"
        raise UsageError("parameters-unreadable", message, "write: name: value")
    plain = {str(key): _plain(value) for key, value in found.items()}
    return {key: value if isinstance(value, str) else repr(value) for key, value in plain.items()}


def _plain(value: Any) -> Any:
    """Return a value with its dates and times as text: YAML and TOML know them, and a notebook is given none."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | time) else value
