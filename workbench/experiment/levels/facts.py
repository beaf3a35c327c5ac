"""What a run has recorded about itself, read back from its tags and artifacts.

Tags and artifacts are written by whoever ran the notebook, so nothing here is believed to be well formed: what cannot
be read counts as not recorded, and what was not recorded is *unknown*, which no level accepts.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.contract.run import InputFile
from workbench.contract.status import RunState
from workbench.experiment.capture.cells import ExecutedCell, executed_cells
from workbench.experiment.capture.document import DocumentCell, read_cells
from workbench.experiment.runs import find_run, inputs_of, reader_of
from workbench.experiment.store.artifacts import local_folder, within
from workbench.experiment.store.liveness import dead_runs
from workbench.experiment.store.rows import RunQuery, RunRow, state_of
from workbench.experiment.store.tags import joined_tag
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import NotFoundError
from workbench.foundation.project import Project

_LEFT_OUT = "# left out: "
_MEASUREMENTS = ("_s", "_ms", "_us", "_ns", "_seconds", "_bytes", "_mb", "_gb")


@dataclass(frozen=True)
class CellFinding:
    """Hidden state: something in the order of cells that the notebook does not show.

    Attributes:
        kind: ``out-of-order``, ``edited``, ``deleted`` or ``re-executed``.
        cell: Id of the cell.
        detail: What was seen.
    """

    kind: str
    cell: str
    detail: str


@dataclass(frozen=True)
class RunFacts:
    """What a run recorded.

    Attributes:
        run: MLflow run id.
        name: Its name.
        state: How it ended.
        source: Notebook, relative to the project.
        job: Job it ran in; empty where none.
        commit: Git commit without ``+dirty``; empty where there is none.
        is_dirty: Whether files differed from the commit.
        changed: Files that differed, as the recorded patch names them; None where no patch was recorded.
        notebook_digest: Digest of the notebook's bytes.
        chain: Head of the chain of executed cells; empty where nobody watched.
        cells: The executed cells; empty where only the head is known.
        findings: Hidden state; None where nobody watched.
        inputs: Files it read.
        has_all_inputs: Whether that is all; one that read thousands of files recorded only the first of them.
        params: Parameters.
        metrics: Last value of each metric.
        seeds: State of each random generator as it was used, or ``unseeded``.
        packages: Version of each package by name; empty where they were not recorded.
        environment_digest: Digest of the list of packages.
        python: Python version.
        level: Level that the run carries now.
        artifact_uri: Where its artifacts lie.
        undefined: Metrics whose last value is no number.
    """

    run: str
    name: str
    state: RunState
    source: str
    job: str
    commit: str
    is_dirty: bool
    changed: frozenset[str] | None
    notebook_digest: str
    chain: str
    cells: tuple[ExecutedCell, ...]
    findings: tuple[CellFinding, ...] | None
    inputs: tuple[InputFile, ...]
    has_all_inputs: bool
    params: dict[str, str]
    metrics: dict[str, float]
    seeds: dict[str, str]
    packages: dict[str, str]
    environment_digest: str
    python: str
    level: str
    artifact_uri: str
    undefined: frozenset[str] = frozenset()

    @property
    def results(self) -> dict[str, float]:
        """Metrics that a replay is held to: how long something took and what it weighed are no results."""
        return {name: value for name, value in self.metrics.items() if _is_result(name)}

    @property
    def digest(self) -> str:
        """Digest of everything that evidence rests on; evidence about other facts is stale."""
        inputs = sorted((item.path, item.digest, item.dataset_version) for item in self.inputs)
        metrics = {name: repr(value) for name, value in self.results.items()}  # an infinity has no word in JSON
        metrics |= dict.fromkeys(self.undefined, "nan")
        facts = [self.state, self.source, self.commit, self.is_dirty, self.chain, inputs, self.params, metrics]
        return digest_json([*facts, self.packages, self.environment_digest, self.python])


def read_facts(project: Project, run: str) -> RunFacts:
    """Return what a run has recorded.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    reader = reader_of(project)
    found = reader.search(RunQuery(limit=1, ids=(find_run(project, run),)))
    if not found:
        raise NotFoundError("run-unknown", f"There is no run '{run}'", "see which there are: mlops runs")
    row, dead = found[0], dead_runs(project, reader)
    tags = row.tags
    commit, _, dirt = tags.get("workbench.commit", "").partition("+")
    cells, chain = _chain(project, row)
    return RunFacts(
        run=row.id,
        name=row.name,
        state=state_of(row, dead),
        source=tags.get("workbench.source", ""),
        job=tags.get("workbench.job", ""),
        commit=commit,
        is_dirty=bool(dirt),
        changed=_changed(project, row) if dirt else frozenset(),
        notebook_digest=tags.get("workbench.notebook_digest", ""),
        chain=chain,
        cells=cells,
        findings=_findings(tags, is_job=bool(tags.get("workbench.job")) and bool(chain)),
        inputs=inputs_of(tags),
        has_all_inputs=tags.get("workbench.inputs_incomplete") != "true",
        params=row.params,
        metrics=row.metrics,
        seeds={str(key): str(value) for key, value in _object(joined_tag(tags, "workbench.seeds")).items()},
        packages=_packages(project, row),
        environment_digest=tags.get("workbench.environment_digest", ""),
        python=tags.get("workbench.python", ""),
        level=tags.get("workbench.level", "R0"),
        artifact_uri=row.artifact_uri,
        undefined=frozenset(name for name in reader.undefined(row.id) if _is_result(name)),
    )


def _is_result(metric: str) -> bool:
    return not metric.endswith(_MEASUREMENTS) and not metric.startswith("system/")


def read_artifact(project: Project, artifact_uri: str, path: str) -> bytes | None:
    """Return the bytes of one artifact; None where the run has none of that name."""
    if not artifact_uri:
        return None
    folder = local_folder(artifact_uri)
    if folder is not None:
        file = within(folder, path)
        return file.read_bytes() if file and file.is_file() else None
    from workbench.experiment.store.far_artifacts import download, list_folder

    if path not in {entry.path for entry in list_folder(project, artifact_uri, str(PurePosixPath(path).parent))}:
        return None
    with tempfile.TemporaryDirectory(prefix="wb-artifact-") as scratch:
        return download(project, artifact_uri, path, Path(scratch)).read_bytes()


def cells_of(notebook: bytes) -> tuple[ExecutedCell, ...]:
    """Return the cells that running a notebook from top to bottom executes, with their links.

    A cell counts as executed without error where its outputs hold none, so a notebook that was never run is one, too.
    """
    return executed_cells((cell.id, cell.source, cell.duration_s, cell.is_ok) for cell in _document(notebook))


def _document(notebook: bytes) -> tuple[DocumentCell, ...]:
    try:
        return read_cells(notebook)
    except (ValueError, RecursionError):
        return ()


def _chain(project: Project, row: RunRow) -> tuple[tuple[ExecutedCell, ...], str]:
    """Return the executed cells and the head of their chain; of a job, from its executed notebook."""
    lines = read_artifact(project, row.artifact_uri, "workbench/cells.jsonl")
    cells = tuple(_cells(lines)) if lines else ()
    if not cells and row.tags.get("workbench.job"):
        notebook = read_artifact(project, row.artifact_uri, "notebook/output.ipynb")
        ran = [cell for cell in _document(notebook or b"") if cell.was_executed]
        cells = executed_cells((cell.id, cell.source, cell.duration_s, cell.is_ok) for cell in ran)
    return cells, row.tags.get("workbench.chain") or (cells[-1].link if cells else "")


def _cells(lines: bytes) -> Iterable[ExecutedCell]:
    for index, line in enumerate(lines.splitlines(), start=1):
        entry = _object(line)
        if "link" in entry:
            yield ExecutedCell(
                index=index,
                cell=str(entry.get("cell", "")),
                source_digest=str(entry.get("source_digest", "")),
                source=str(entry.get("source", "")),
                duration_s=0.0,
                is_ok=bool(entry.get("is_ok")),
                link=str(entry["link"]),
            )


def _findings(tags: dict[str, str], *, is_job: bool) -> tuple[CellFinding, ...] | None:
    text = joined_tag(tags, "workbench.cells")
    if not text:
        return () if is_job else None  # a job runs its cells from top to bottom, each once
    entries = _object(text).get("findings")
    if not isinstance(entries, list):
        return None
    found = [entry for entry in entries if isinstance(entry, dict)]
    return tuple(CellFinding(str(e.get("kind")), str(e.get("cell", "")), str(e.get("detail", ""))) for e in found)


def _packages(project: Project, row: RunRow) -> dict[str, str]:
    data = read_artifact(project, row.artifact_uri, "workbench/environment.json")
    entries = _object(data or b"").get("packages")
    listed = [e for e in entries if isinstance(e, dict) and "name" in e] if isinstance(entries, list) else []
    return {str(e["name"]): str(e.get("version", "")) for e in listed}


def _changed(project: Project, row: RunRow) -> frozenset[str] | None:
    patch = read_artifact(project, row.artifact_uri, "workbench/changes.patch")
    if patch is None:
        return None
    lines = patch.decode("utf-8", "replace").splitlines()
    left_out = [line.removeprefix(_LEFT_OUT).rpartition(": ")[0] for line in lines if line.startswith(_LEFT_OUT)]
    if not lines or "the patch itself" in left_out:
        return None  # too large to be kept: nobody knows what else differed
    heads = (line for line in lines if line.startswith("diff --git "))
    return frozenset([*left_out, *(line.rpartition(" b/")[2].rstrip('"') for line in heads)])


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
