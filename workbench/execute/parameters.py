"""A notebook's parameters: what it declares in the cell tagged ``parameters``, and values that fit.

The declaration is read as Python source (``ast``), never executed. papermill only warns of a parameter that the
notebook does not know, and the run then quietly uses the default; here it is an error with the nearest name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.execute.notebook import Notebook, read_notebook, source_of, tags_of
from workbench.foundation.errors import UsageError, did_you_mean

_WORDS = {"True": True, "False": False, "None": None}
_TYPES = {bool: "True or False", int: "a number", float: "a number", list: "a list", dict: "a dict", tuple: "a tuple"}


def declared_parameters(notebook_path: Path) -> dict[str, str]:
    """Return the declared parameters with the source text of their defaults, in order.

    Args:
        notebook_path: A Python notebook; one in another language declares nothing that can be read here.

    Raises:
        NotFoundError: ``notebook-missing``.
        UsageError: ``notebook-invalid`` or ``parameters-unreadable``.
    """
    return {name: ast.unparse(value) for name, value in _declarations(read_notebook(notebook_path)).items()}


def default_values(notebook: Notebook) -> dict[str, Any]:
    """Return the declared parameters whose default is a literal, with its value."""
    values = {}
    for name, node in _declarations(notebook).items():
        try:
            values[name] = ast.literal_eval(node)
        except (ValueError, TypeError):
            continue  # computed when the notebook runs
    return values


def bind_parameters(notebook: Notebook, given: Mapping[str, str]) -> dict[str, Any]:
    """Turn what was typed into the values that the notebook gets.

    Text becomes a number, a boolean or None by the rules of ``papermill -p``; a parameter whose default is text
    keeps it as it is, and one whose default is a list, dict or tuple is read as one. What papermill could not write
    into the notebook as it is (it makes text of every key) is refused.

    Raises:
        UsageError: ``parameter-unknown``, with the nearest one, ``parameter-wrong-type`` or ``parameters-unreadable``.
    """
    if notebook.language != "python":
        return {name: literal(text) for name, text in given.items()}
    declared, defaults = _declarations(notebook), default_values(notebook)
    for name in given:
        if name not in declared:
            hint = did_you_mean(name, declared) if declared else "tag the cell with the defaults 'parameters'"
            raise UsageError("parameter-unknown", f"{notebook.path.name} has no parameter '{name}'", hint)
    return {name: _fitting(name, text, defaults.get(name)) for name, text in given.items()}


def literal(text: str) -> Any:
    """Read a value by the rules of ``papermill -p``."""
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _fitting(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return None if text == "None" else text
    if isinstance(default, list | dict | tuple):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # all that its documentation lists
            value = text
        is_fitting = isinstance(value, type(default))
    else:
        value = literal(text)
        is_text = isinstance(value, str)
        is_fitting = not is_text if isinstance(default, int | float) else True
        if isinstance(default, bool):
            is_fitting = isinstance(value, bool)
    if not is_fitting and value is not None:
        message = f"Parameter '{name}' is {_TYPES[type(default)]} (default {default!r}), not {text!r}"
        raise UsageError("parameter-wrong-type", message, f"give it like its default: -p {name}={default!r}")
    if foreign := _foreign(value):
        message = f"Parameter '{name}' holds {foreign}, which does not reach a notebook as it is"
        hint = "a dict has text as its keys; values are text, numbers, True, False, None, lists and dicts"
        raise UsageError("parameter-wrong-type", message, hint)
    return value


def _foreign(value: Any) -> str:
    """Return what of a value JSON, or papermill, would refuse or turn into something else; empty where nothing."""
    if isinstance(value, dict):
        strange = next((f"the key {key!r}" for key in value if not isinstance(key, str)), "")
        return strange or _foreign(list(value.values()))
    if isinstance(value, list | tuple):
        return next(filter(None, map(_foreign, value)), "")
    return "" if value is None or isinstance(value, str | int | float) else repr(value)


def _declarations(notebook: Notebook) -> dict[str, ast.expr]:
    """Return name and default of each assignment in the cell tagged ``parameters``."""
    if notebook.language != "python":
        return {}
    for cell in notebook.cells:
        if cell["cell_type"] == "code" and "parameters" in tags_of(cell):
            return _assignments(notebook, source_of(cell))
    return {}


def _assignments(notebook: Notebook, source: str) -> dict[str, ast.expr]:
    # Lines that only IPython understands are no assignments; kept blank so that line numbers stay right.
    lines = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.splitlines()]
    try:
        body = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        reason = f"line {error.lineno}, {error.msg}" if isinstance(error, SyntaxError) else str(error)
        message = f"The parameters cell of {notebook.path.name} is no Python: {reason}"
        raise UsageError("parameters-unreadable", message, "mend the cell, save, run again") from error
    found: dict[str, ast.expr] = {}
    for statement in body:
        if isinstance(statement, ast.Assign):
            found.update((target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            found[statement.target.id] = statement.value
    return found
