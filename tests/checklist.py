"""Which row of the field's checklist is shown by which test: ``python -m tests.checklist``.

Read from the ``@pytest.mark.checklist("S1-08", …)`` marks in the sources; nothing is run.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent


def rows() -> dict[str, list[str]]:
    """Return test names by row id."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for row in _marked(node):
                    found[row].append(f"{path.relative_to(TESTS.parent)}::{node.name}")
    return found


def _marked(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        str(argument.value)
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.checklist"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def main() -> None:
    """Print one line per row and test."""
    found = rows()
    for row in sorted(found):
        for test in found[row]:
            sys.stdout.write(f"{row}  {test}\n")
    sys.stdout.write(f"{len(found)} rows are shown by {sum(map(len, found.values()))} tests\n")


if __name__ == "__main__":
    main()
