"""``hygiene``: the executed notebook ran once from top to bottom, without errors, and shows no secrets.

What ran is taken from the run's chain of cells; order and errors of a notebook that only lies there come from its
execution counts and outputs. A secret's kind and cell are named, the secret itself is written nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workbench.contract.status import CheckResult
from workbench.experiment.levels.facts import RunFacts, read_artifact, read_facts
from workbench.experiment.levels.judgement import listed
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.secrets import find_secrets

_NOTEBOOKS = ("notebook/output.ipynb", "workbench/source.ipynb")
_TOOL = "the run's cells and its executed notebook"


def check(given: CheckInput) -> Outcome:
    """Look at order, errors and secrets."""
    facts = read_facts(given.project, given.run)
    found = ((path, read_artifact(given.project, facts.run, facts.artifact_uri, path)) for path in _NOTEBOOKS)
    path, data = next(((path, data) for path, data in found if data is not None), ("", None))
    if data is None:
        raise UnknownResultError("notebook-missing", "The run kept no notebook", "run it again: mlops run")
    cells = _code_cells(data)
    # An executed notebook is the whole record; one that lay on disk was saved at some moment, so the chain counts.
    is_executed = path == _NOTEBOOKS[0]
    order = _order_faults(cells) if is_executed else _hidden_state(facts)
    order = [] if given.rule.hygiene.allow_hidden_state else order
    errors = [f"cell {i} ends in {error}" for i, cell in enumerate(cells, 1) for error in _errors(cell)]
    errors += [f"cell {cell.index} failed" for cell in facts.cells if not cell.is_ok and not is_executed]
    secrets = [f"{name} in {place} of cell {i}" for i, c in enumerate(cells, 1) for name, place in _secrets(c)]
    faults = [*secrets, *errors, *order]
    figures = {"cells": len(cells), "secrets": len(secrets), "errors": len(errors), "out_of_order": len(order)}
    evidence = {"notebook": path, "faults": faults, "chain": facts.chain}
    if faults:
        return Outcome(CheckResult.FAIL, listed(faults), _TOOL, figures, evidence)
    if not is_executed and facts.findings is None and not given.rule.hygiene.allow_hidden_state:
        raise UnknownResultError("order-unknown", "Nobody watched in which order the cells ran", "%load_ext workbench")
    summary = f"{len(cells)} code cells in order, without errors; no secrets of known shape"
    return Outcome(CheckResult.PASS, summary, _TOOL, figures, evidence)


def _code_cells(data: bytes) -> list[dict[str, Any]]:
    try:
        cells = json.loads(data)["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnknownResultError("notebook-unreadable", f"The notebook cannot be read: {error}", "") from error


def _order_faults(cells: list[dict[str, Any]]) -> list[str]:
    """Say which executed cells have a count that is not above all before them."""
    faults, last = [], 0
    for index, cell in enumerate(cells, 1):
        count = cell.get("execution_count")
        if isinstance(count, int):
            if count <= last:
                faults.append(f"cell {index} ran before an earlier one")
            last = max(last, count)
    return faults


def _hidden_state(facts: RunFacts) -> list[str]:
    return [f"cell {item.cell} {item.kind}" for item in facts.findings or ()]


def _errors(cell: dict[str, Any]) -> Iterator[str]:
    for output in _outputs(cell):
        if output.get("output_type") == "error":
            yield str(output.get("ename", "an error"))


def _secrets(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((name, "the source") for name in find_secrets(_text(cell.get("source"))))
    shown = "\n".join(_text(value) for output in _outputs(cell) for value in _shown(output))
    yield from ((name, "the output") for name in find_secrets(shown))


def _outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = cell.get("outputs")
    return [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []


def _shown(output: dict[str, Any]) -> Iterator[Any]:
    data = output.get("data")
    if isinstance(data, dict):
        yield from (value for kind, value in data.items() if not kind.startswith("image/"))
    yield from (output.get("text"), output.get("evalue"), output.get("traceback"))


def _text(value: Any) -> str:
    """Return a multiline string of a notebook, or JSON as it stands there."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value)
