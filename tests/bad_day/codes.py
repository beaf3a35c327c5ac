"""The codes of the errors that the package can raise, read from its sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import workbench
from workbench.foundation.finding import NAMED

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def codes_of(folder: Path = Path(workbench.__file__).parent) -> dict[str, str]:
    """Return every code that stands in an ``XError("code", …)``, with the place of the first."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for code, line in _codes_in(path.read_text(encoding="utf-8")):
            found.setdefault(code, f"{path.relative_to(folder)}:{line}")
    return found


def _codes_in(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and node.args and _name_of(node.func).endswith("Error")):
            continue
        first = node.args[0]
        if isinstance(first, ast.JoinedStr):  # f"{noun}-unknown"
            yield from ((noun + str(first.values[-1].value), node.lineno) for noun in _nouns_of(first))
        for said in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
            if isinstance(said, ast.Constant) and isinstance(said.value, str) and _CODE.fullmatch(said.value):
                yield said.value, node.lineno


def _nouns_of(code: ast.JoinedStr) -> tuple[str, ...]:
    """Return the nouns that the one function stands for which finds them all."""
    begins = code.values[0]
    is_noun = isinstance(begins, ast.FormattedValue) and ast.unparse(begins.value) == "noun"
    return tuple(NAMED) if is_noun and isinstance(code.values[-1], ast.Constant) else ()


def _name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
