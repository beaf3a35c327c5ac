"""Judge what others wrote in a child process: a notebook, a card, a list of requirements, a snapshot of advisories.

A check of this kind has two halves. ``gather`` runs where the project is and only fetches: bytes and recorded facts.
``look`` is handed exactly these, in a process that has nothing else: no network, an empty HOME, bounded memory and
time, no file but the interpreter's and its own (:mod:`workbench.foundation.confinement`). A check that another package
brings is run the same way, beside a store that holds the candidate and the served model alone.
"""

from __future__ import annotations

import json
import pickle
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from workbench.contract.status import CheckResult
from workbench.foundation.config import FILE_NAME
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.project import STATE_DIR
from workbench.foundation.store import Store
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.sandbox.sandbox import MAX_ANSWER_BYTES, TIMEOUT_S, opened_answer, run_child

_CHILD = "workbench.review.sandbox.apart_child"
TASK, FILES, GIVEN, RESULT = "task.json", "files", "given.pickle", "result.json"
STORE = Path("project", STATE_DIR, "store")


@dataclass(frozen=True)
class Material:
    """All that a check is to judge.

    Attributes:
        values: Facts and thresholds, as JSON.
        files: Bytes that others made, by name.
        readable: What else it may read, where that is too much to be copied.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()


def look_apart(name: str, material: Material, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Have a check of ours look at its material, confined, and return what it found.

    Args:
        name: The check.
        material: All that it gets.
        timeout_s: Seconds until the child is killed.

    Raises:
        UnknownResultError: As the check says, ``sandbox-timeout`` or ``sandbox-crashed``.
    """
    with tempfile.TemporaryDirectory(prefix="wb-check-") as made:
        scratch = _prepare(Path(made), {"check": name, "readable": [str(path) for path in material.readable]})
        (scratch / "values.json").write_text(json.dumps(material.values), encoding="utf-8")
        for file, data in material.files.items():
            (scratch / FILES / file).write_bytes(data)
        return _run(scratch, timeout_s)


def run_plug_in(point: EntryPoint, given: CheckInput, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Run a check that another package brings, confined; of the project it sees the two models and its rule.

    Args:
        point: Where its package has it.
        given: The candidate, and what it is measured against.
        timeout_s: Seconds until the child is killed.

    Raises:
        UnknownResultError: As the check says, ``sandbox-timeout`` or ``sandbox-crashed``.
        IntegrityError: The frozen bytes are not what their digest says.
    """
    place = str(point.dist.locate_file("")) if point.dist else ""
    with tempfile.TemporaryDirectory(prefix="wb-check-") as made:
        scratch = _prepare(Path(made), {"plug_in": point.value, "place": place, "readable": [place] if place else []})
        store = Store(scratch / STORE)
        for digest in filter(None, (given.model_digest, given.champion_digest)):
            given.project.store.export_tree(digest, scratch / "model")
            store.put_tree(scratch / "model")
            shutil.rmtree(scratch / "model")
        root = scratch / "project"
        (root / FILE_NAME).write_text(f"[project]\nname = {json.dumps(given.project.config.project.name)}\n", "utf-8")
        bare = replace(given.project, root=root, key_path=None)
        # From us to the child alone; what comes back is JSON.
        (scratch / GIVEN).write_bytes(pickle.dumps(replace(given, project=bare)))
        return _run(scratch, timeout_s)


def _prepare(folder: Path, task: Mapping[str, Any]) -> Path:
    scratch = folder.resolve()
    for name in ("home", "out", FILES):
        (scratch / name).mkdir()
    (scratch / TASK).write_text(json.dumps(task), encoding="utf-8")
    return scratch


def _run(scratch: Path, timeout_s: float) -> Outcome:
    run_child(_CHILD, scratch, timeout_s, "The check")
    try:
        with opened_answer(scratch / "out" / RESULT, MAX_ANSWER_BYTES) as stream:
            said = json.loads(stream.read(MAX_ANSWER_BYTES))
        if "error" in said:
            error = said["error"]
            raise UnknownResultError(str(error["code"]), str(error["message"]), str(error["hint"]))
        tool = f"{said['tool']} ({said['isolation']})"
        figures = {str(key): float(value) for key, value in said["figures"].items()}
        return Outcome(CheckResult(said["result"]), str(said["summary"]), tool, figures, dict(said["evidence"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"The process that ran the check left no answer: {error}"
        raise UnknownResultError("sandbox-crashed", message, "mlops doctor") from error
