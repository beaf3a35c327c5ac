"""``hygiene``: the executed notebook ran once from top to bottom, without errors, and shows no secrets.

What ran is what the run's chain of cells says. The counts in an executed notebook are looked at as well, but a count
that somebody took out is no proof of anything: the chain then says whether the cells ran as they stand, and without a
chain nobody knows. A secret's kind and cell are named, the secret itself is written nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workbench.contract.status import CheckResult
from workbench.experiment.capture.cells import chain_of, is_left_out
from workbench.experiment.capture.document import read_cells
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.judgement import listed
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.secrets import find_secrets
from workbench.review.notebook import EXECUTED, read_notebook
from workbench.review.record import NOUN, read
from workbench.review.sandbox.apart import Material

_NOTEBOOK = "notebook.ipynb"
_RUN_AGAIN = "run it again: mlops run"
_TOOL = "the run's cells and its executed notebook"


def gather(given: CheckInput) -> Material:
    """Fetch the notebook, unread, and what was recorded while it ran."""
    facts = read_facts(given.project, given.run)
    record = given.project.journal.record(NOUN, given.review)
    path, data = read_notebook(given.project, read(record).request_digest if record else "", facts)
    if data is None:
        raise UnknownResultError("notebook-missing", "The run kept no notebook", _RUN_AGAIN)
    values = {
        "notebook": path,
        "allow_hidden_state": given.rule.hygiene.allow_hidden_state,
        "chain": facts.chain,
        "failed": [cell.index for cell in facts.cells if not cell.is_ok],
        "findings": None if facts.findings is None else [[item.cell, item.kind] for item in facts.findings],
    }
    return Material(values, {_NOTEBOOK: data})


def look(given: Material) -> Outcome:
    """Look at order, errors and secrets."""
    path, chain, findings = (given.values[name] for name in ("notebook", "chain", "findings"))
    data = given.files[_NOTEBOOK]
    cells = _code_cells(data)
    # An executed notebook is the whole record; one that lay on disk was saved at some moment, so the chain counts.
    is_executed = path == EXECUTED
    allows = given.values["allow_hidden_state"]
    hidden = [f"cell {cell} {kind}" for cell, kind in findings or ()]
    order = [] if allows else _order_faults(cells, data, chain) if is_executed else hidden
    errors = [f"cell {i} ends in {error}" for i, cell in enumerate(cells, 1) for error in _errors(cell)]
    errors += [f"cell {index} failed" for index in given.values["failed"] if not is_executed]
    secrets = [f"{name} in {place} of cell {i}" for i, c in enumerate(cells, 1) for name, place in _secrets(c)]
    secrets += [f"{name} in a cell of text" for text in _texts(data) for name in find_secrets(text)]
    faults = [*secrets, *errors, *order]
    figures = {"cells": len(cells), "secrets": len(secrets), "errors": len(errors), "out_of_order": len(order)}
    evidence = {"notebook": path, "faults": faults, "chain": chain}
    if faults:
        return Outcome(CheckResult.FAIL, listed(faults), _TOOL, figures, evidence)
    if not is_executed and findings is None and not allows:
        raise UnknownResultError(
            "order-unknown",
            "Nobody watched in which order the cells ran",
            "load the extension, then train again: %load_ext workbench",
        )
    if is_executed and not allows and not chain and (uncounted := _uncounted(cells)):
        said = f"The notebook does not say in which order its cells ran: {listed([f'cell {i}' for i in uncounted])}"
        raise UnknownResultError("order-unknown", said, _RUN_AGAIN)
    one = "The only code cell is without errors; no secrets of known shape"
    many = f"{len(cells)} code cells in order, without errors; no secrets of known shape"
    summary = by_count(len(cells), many, one, many)
    return Outcome(CheckResult.PASS, summary, _TOOL, figures, evidence)


def _uncounted(cells: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the cells that do not say when they ran; empty ones never ran."""
    return [
        number
        for number, cell in enumerate(cells, 1)
        if not isinstance(cell.get("execution_count"), int) and not is_left_out(_text(cell.get("source")))
    ]


def _code_cells(data: bytes) -> list[dict[str, Any]]:
    try:
        cells = json.loads(data)["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnknownResultError("notebook-unreadable", f"The notebook cannot be read: {error}", _RUN_AGAIN) from error


def _texts(data: bytes) -> list[str]:
    """Return what stands between the code: whoever reads the notebook reads that too."""
    cells = json.loads(data)["cells"]
    return [_text(cell.get("source")) for cell in cells if cell["cell_type"] != "code"]


def _order_faults(cells: list[dict[str, Any]], notebook: bytes, chain: str) -> list[str]:
    """Say which executed cells have a count that is not above all before them, or that the chain contradicts."""
    faults, last = [], 0
    for index, cell in enumerate(cells, 1):
        count = cell.get("execution_count")
        if isinstance(count, int):
            if count <= last:
                faults.append(f"cell {index} ran before an earlier one")
            last = max(last, count)
    if not faults and chain and chain_of(cell.source for cell in read_cells(notebook)) != chain:
        hidden = _uncounted(cells)
        which = f"; {listed([f'cell {i}' for i in hidden])} does not say when" if hidden else ""
        faults.append(f"the run's chain is of other cells than the notebook shows, or of another order{which}")
    return faults


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
