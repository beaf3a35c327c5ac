"""What changed from one run to another: parameters, results, data, packages, commits and the notebook, cell by cell.

Notebooks are compared by nbdime, without outputs: what was written is the question here, what came out are the metrics.
"""

from __future__ import annotations

import difflib
import io
import json
import re
import subprocess
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from workbench.contract.run import Difference, RunDiff
from workbench.experiment.capture.git import PLAIN_DIFF
from workbench.experiment.levels.facts import read_artifact
from workbench.experiment.runs import cards_of, differences_of, differing, rows_of
from workbench.experiment.store.rows import RunRow
from workbench.experiment.store.tags import joined_tag
from workbench.foundation.project import Project

MAX_LINES = 400
_SOURCES = ("workbench/source.ipynb", "notebook/output.ipynb")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_GIT_S = 30


def diff_runs(project: Project, before: str, after: str) -> RunDiff:
    """Show what changed from one run to another, down to packages, commits and the cells of the notebook.

    Args:
        project: The project.
        before: Run id, or a unique beginning of one.
        after: Another.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    rows = rows_of(project, (before, after))
    first, second = cards_of(project, tuple(row.id for row in rows))
    notes: list[str] = []
    differences = [*differences_of(rows), *_machines(rows), *_packages(project, rows, notes)]
    return RunDiff(
        before=first,
        after=second,
        differences=tuple(differences),
        commits=_commits(project, rows, notes),
        patch=_cut([*_committed(project, rows), *_uncommitted(project, rows)]),
        notebook=_cut(_notebooks(project, rows, notes)),
        notes=tuple(notes),
    )


def diff_outputs(project: Project, before: str, after: str) -> tuple[str, ...]:
    """Return what differs between two runs' notebooks as they were executed, outputs and all; nothing without both.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    rows = rows_of(project, (before, after))
    found = [read_artifact(project, row.artifact_uri, "notebook/output.ipynb") for row in rows]
    if found[0] is None or found[1] is None or found[0] == found[1]:
        return ()
    old, new = (_notebook(data) for data in (found[0], found[1]))
    return _cut(_readable(old, new)) if old and new else ()


def _machines(rows: list[RunRow]) -> Iterator[Difference]:
    facts = [_object(joined_tag(row.tags, "workbench.hardware")) for row in rows]
    yield from differing("machine", [{key: str(value) for key, value in one.items()} for one in facts])
    seeds = [_object(joined_tag(row.tags, "workbench.seeds")) for row in rows]
    yield from differing("seed", [{key: str(value) for key, value in one.items()} for one in seeds])


def _packages(project: Project, rows: list[RunRow], notes: list[str]) -> Iterator[Difference]:
    """Compare packages by name and version, where both runs recorded them; two builds of one version differ too."""
    listed = []
    for row in rows:
        data = read_artifact(project, row.artifact_uri, "workbench/environment.json")
        entries = _object(data or b"").get("packages")
        if not isinstance(entries, list):
            if len({row.tags.get("workbench.environment_digest", "") for row in rows}) > 1:
                notes.append(f"run {row.id[:12]} recorded no list of packages, only their digest")
            return
        listed.append([entry for entry in entries if isinstance(entry, dict) and "name" in entry])
    versions = [{str(e["name"]): str(e.get("version", "")) for e in entries} for entries in listed]
    changed = list(differing("package", versions))
    yield from changed
    names = {difference.name for difference in changed}
    digests = [{str(e["name"]): str(e.get("digest", "")) for e in entries} for entries in listed]
    yield from (found for found in differing("package", digests) if found.name not in names)


def _commits(project: Project, rows: list[RunRow], notes: list[str]) -> tuple[str, ...]:
    old, new = (_commit(row) for row in rows)
    if not old or not new or old == new:
        return ()
    lines = _git(project, "log", "--reverse", "--format=%h %s", f"{old}..{new}")
    if lines is None:
        notes.append(f"Git does not know {old[:8]} or {new[:8]} here: fetch, then repeat")
        return ()
    if _git(project, "merge-base", "--is-ancestor", old, new) is None:
        notes.append(f"{new[:8]} does not build on {old[:8]}")
    return tuple(_cut(lines))


def _committed(project: Project, rows: list[RunRow]) -> list[str]:
    old, new = (_commit(row) for row in rows)
    if not old or not new or old == new:
        return []
    return _git(project, "-c", "core.quotepath=off", *PLAIN_DIFF, old, new, "--", ".", ":(exclude)*.ipynb") or []


def _uncommitted(project: Project, rows: list[RunRow]) -> list[str]:
    """Compare what had not been committed: two patches, each against its own run's commit."""
    one, two = (
        (read_artifact(project, row.artifact_uri, "workbench/changes.patch") or b"").decode("utf-8", "replace")
        for row in rows
    )
    names = [f"not committed in {row.id[:12]}" for row in rows]
    return list(difflib.unified_diff(one.splitlines(), two.splitlines(), names[0], names[1], lineterm=""))


def _notebooks(project: Project, rows: list[RunRow], notes: list[str]) -> list[str]:
    """Compare the notebooks as they were on disk, or as they were executed where a run has no other."""
    for path in _SOURCES:
        found = [read_artifact(project, row.artifact_uri, path) for row in rows]
        if found[0] is not None and found[1] is not None:
            old, new = (_source_of(data) for data in (found[0], found[1]))
            if old is None or new is None:
                notes.append(f"{path} of one of the runs is no notebook")
                return []
            return _readable(old, new) if old != new else []
    if rows[0].tags.get("workbench.notebook_digest") != rows[1].tags.get("workbench.notebook_digest"):
        notes.append("the notebooks differ, but not both runs kept theirs")
    return []


def _readable(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    from nbdime.diffing.notebooks import diff_notebooks
    from nbdime.prettyprint import PrettyPrintConfig, pretty_print_notebook_diff

    out = io.StringIO()
    config = PrettyPrintConfig(out=out, use_color=False, use_git=False, use_diff=False)
    pretty_print_notebook_diff("before", "after", old, diff_notebooks(old, new), config)
    lines = out.getvalue().splitlines()
    return [line for line in lines if not line.startswith(("nbdiff ", "--- before", "+++ after"))]


def _source_of(data: bytes) -> dict[str, Any] | None:
    """Return a notebook without what running it has written; None where it is none."""
    notebook = _notebook(data)
    if notebook is None:
        return None
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook["metadata"] = {}
    return notebook


def _notebook(data: bytes) -> dict[str, Any] | None:
    """Return a notebook with its texts in one piece, as nbdime compares them; None where it is none.

    JupyterLab writes texts as lists of lines. What is no valid notebook would make nbdime stumble.
    """
    from nbformat import ValidationError, from_dict, validate
    from nbformat.v4.rwbase import rejoin_lines

    notebook = from_dict(_object(data))
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None  # nbformat takes that for granted before it looks
    try:
        with warnings.catch_warnings(action="ignore"):  # of cells without an id, which older notebooks have
            validate(notebook, version=4, relax_add_props=True)
    except ValidationError:
        return None
    found: dict[str, Any] = rejoin_lines(notebook)
    return found


def _commit(row: RunRow) -> str:
    commit = row.tags.get("workbench.commit", "").partition("+")[0]
    return commit if _COMMIT.fullmatch(commit) else ""


def _git(project: Project, *arguments: str) -> list[str] | None:
    """Return the lines that Git says; None where it refuses, or there is none."""
    command = ["git", "-C", str(project.root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_S, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines() if done.returncode == 0 else None


def _cut(lines: Iterable[str]) -> tuple[str, ...]:
    found = list(lines)
    more = len(found) - MAX_LINES
    return tuple(found) if more <= 0 else (*found[:MAX_LINES], f"… {more} lines more")


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
