"""What is kept of a run beside its metrics: tags, and files below ``workbench/`` of its artifacts.

Every door gathers its facts with the functions here, so that an interactive run, a job and a run of papermill's engine
can be compared line by line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.experiment.capture.cells import ExecutedCell, as_lines, chain_of, executed_cells
from workbench.experiment.capture.document import findings, read_cells, summary, untracked_findings
from workbench.experiment.capture.environment import environment, environment_lock
from workbench.experiment.capture.git import changes, git_state
from workbench.experiment.capture.hardware import hardware
from workbench.experiment.capture.inputs import InputRecorder
from workbench.experiment.store.tags import split_tag
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.project import Project

ARTIFACTS = "workbench"
"""Folder of a run's artifacts that the files go to."""
CELLS_FILE = "cells.jsonl"
ENVIRONMENT_FILE = "environment.json"
PATCH_FILE = "changes.patch"
SOURCE_FILE = "source.ipynb"


@dataclass(frozen=True)
class Facts:
    """Some facts about a run.

    Attributes:
        tags: MLflow tags, each short enough for MLflow.
        files: Bytes of files, by name.
    """

    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def __or__(self, other: Facts) -> Facts:
        """Return both; where both say something, the other counts."""
        return Facts({**self.tags, **other.tags}, {**self.files, **other.files})


def code_facts(project: Project) -> Facts:
    """Return the commit of the project and how its files differ from it."""
    commit = git_state(project)
    files = {PATCH_FILE: changes(project)} if commit.endswith("+dirty") else {}
    return Facts({"workbench.commit": commit} if commit else {}, files)


def machine_facts() -> Facts:
    """Return Python, packages and hardware of this process."""
    digest, python, _ = environment()
    tags = {
        "workbench.environment_digest": digest,
        "workbench.python": python,
        **split_tag("workbench.hardware", json.dumps(hardware(), ensure_ascii=False)),
    }
    return Facts(tags, {ENVIRONMENT_FILE: environment_lock()})


def notebook_facts(notebook: bytes) -> Facts:
    """Return the notebook that a run comes from, as it lies on disk; nothing where there is none."""
    if not notebook:
        return Facts()
    return Facts({"workbench.notebook_digest": digest_bytes(notebook)}, {SOURCE_FILE: notebook})


def cell_facts(executed: tuple[ExecutedCell, ...], untracked: list[str], notebook: bytes) -> Facts:
    """Return the chain of the cells that a kernel executed, and what the notebook on disk does not show of it.

    Args:
        executed: The cells in order.
        untracked: Ids of cells that asked not to be recorded.
        notebook: The notebook's bytes; without any, nobody can say what it shows, so no tag ``workbench.cells``.
    """
    if not executed and not untracked:
        return Facts()
    tags = {"workbench.chain": executed[-1].link if executed else chain_of(())}
    if notebook:
        found = findings(executed, read_cells(notebook), untracked=untracked)
        tags |= split_tag("workbench.cells", summary(executed, found))
    return Facts(tags, {CELLS_FILE: as_lines(executed)})


def executed_notebook_facts(notebook: bytes) -> Facts:
    """Return the chain of a notebook that was executed from top to bottom in a kernel of its own.

    Args:
        notebook: The executed notebook; of one that was stopped, the cells that came to an end count.
    """
    cells = read_cells(notebook)
    ran = [(cell.id, cell.source, cell.duration_s, cell.is_ok) for cell in cells if cell.was_executed]
    executed = executed_cells(ran)
    if not executed:
        return Facts()
    found = untracked_findings(notebook)
    tags = {"workbench.chain": executed[-1].link, **split_tag("workbench.cells", summary(executed, found))}
    return Facts(tags, {CELLS_FILE: as_lines(executed)})


def seed_facts(seeds: Mapping[str, str]) -> Facts:
    """Return the states that random generators were seeded to."""
    return Facts(split_tag("workbench.seeds", json.dumps(seeds))) if seeds else Facts()


def input_facts(recorder: InputRecorder) -> Facts:
    """Return the files that were read; digests those that were not yet."""
    tags = split_tag("workbench.inputs", inputs_text(recorder))
    if recorder.is_full:
        tags["workbench.inputs_incomplete"] = "true"
    return Facts(tags)


def inputs_text(recorder: InputRecorder) -> str:
    """Return the value of the tag ``workbench.inputs``."""
    return json.dumps([vars(item) for item in recorder.inputs()], ensure_ascii=False)
