"""The child of :mod:`~workbench.review.sandbox.apart`: confines itself, then looks at what it was given.

``python -P -m workbench.review.sandbox.apart_child <scratch>``; writes ``out/result.json``. Whatever a check raises is
no result, and comes back as words.
"""

from __future__ import annotations

import json
import pickle
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.confinement import confine

if TYPE_CHECKING:
    from workbench.review.checks.check import Outcome


def main(scratch: Path) -> None:
    """Look, and write down what was found."""
    task = json.loads((scratch / "task.json").read_bytes())
    isolation = confine(scratch, readable=[Path(path) for path in task["readable"]])
    from workbench.foundation.errors import WorkbenchError
    from workbench.review.checks.registry import FAULTS

    said: dict[str, Any]
    try:
        found = _look(scratch, task) if "check" in task else _plug_in(scratch, task)
        said = {"result": found.result.value, "summary": found.summary, "tool": found.tool, "isolation": isolation}
        said |= {"figures": dict(found.figures), "evidence": dict(found.evidence)}
        text = json.dumps(said)
    except WorkbenchError as error:
        text = json.dumps({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
    except FAULTS as error:
        message = f"{type(error).__name__}: {error}"
        text = json.dumps({"error": {"code": "check-failed", "message": message, "hint": ""}})
    (scratch / "out" / "result.json").write_text(text, encoding="utf-8")


def _look(scratch: Path, task: dict[str, Any]) -> Outcome:
    from workbench.review.checks.registry import CHECKS
    from workbench.review.sandbox.apart import FILES, Material

    values = json.loads((scratch / "values.json").read_bytes())
    files = {path.name: path.read_bytes() for path in (scratch / FILES).iterdir()}
    found: Outcome = import_module(CHECKS[task["check"]]).look(Material(values, files))
    return found


def _plug_in(scratch: Path, task: dict[str, Any]) -> Outcome:
    from workbench.review.sandbox.apart import GIVEN

    if task["place"]:
        sys.path.insert(0, task["place"])
    given = pickle.loads((scratch / GIVEN).read_bytes())  # noqa: S301 - written by the process that started this one
    found: Outcome = EntryPoint("check", task["plug_in"], "workbench.checks").load()(given)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
