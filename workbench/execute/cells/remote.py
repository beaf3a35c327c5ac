"""Send a cell to a target, follow it, and take in what it made: the values it was asked for, or what it raised."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder
from workbench.compute.targets import find_target
from workbench.contract.job import JobCard, JobEvent
from workbench.contract.status import JobState
from workbench.execute import jobs
from workbench.execute.cells import parcel
from workbench.execute.cells.failure import annotate, far_traceback, name_hint, named_error, read_refusal
from workbench.execute.cells.names import defined_names, free_names
from workbench.execute.ledger import find_record, folder_of
from workbench.execute.results import lost_results, verified_artifacts
from workbench.execute.submission import Order, submit_order
from workbench.foundation.errors import (
    FailedError,
    IntegrityError,
    PendingError,
    UsageError,
    did_you_mean,
)
from workbench.foundation.project import Project

DEFAULT_LIMIT_BYTES = 512 << 20
TRAVELLING = tuple(Path(__file__).with_name(name) for name in ("far_cell.py", "parcel.py"))
_CELL = 2
"""The cell itself is the second of three."""
_ARRIVE = """\
def _arrive():
    import os, sys
    folder = os.path.dirname(os.environ.get("WORKBENCH_RUN_FILE") or os.environ["WORKBENCH_ARTIFACTS"])
    sys.path.insert(0, os.path.join(folder, "inputs"))
    import far_cell
    far_cell.arrive(get_ipython())
_arrive()
del _arrive"""
_DEPART = "__import__('far_cell').depart(get_ipython(), {names!r})"


@dataclass(frozen=True)
class RemoteCell:
    """A cell and what it needs.

    Attributes:
        source: The cell as it was written.
        plain: The same as Python, magics translated.
        target: Name of the target.
        inputs: Names of the values that travel with it.
        outputs: Names of the values that come back.
        notebook: Notebook that it stands in, relative to the project; it need not exist.
        timeout_s: Seconds after which it is cancelled; 0 for never.
        limit_bytes: How much may travel, there and back, each.
    """

    source: str
    plain: str
    target: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notebook: str = "cell.ipynb"
    timeout_s: float = 0.0
    limit_bytes: int = DEFAULT_LIMIT_BYTES


@dataclass(frozen=True)
class Landed:
    """What came back of a cell.

    Attributes:
        values: What it was asked for, by name.
        displays: Data and metadata of each picture or table that it showed.
        job: The job it was.
    """

    values: dict[str, Any]
    displays: tuple[tuple[dict[str, Any], dict[str, Any]], ...]
    job: JobCard


def run_remote_cell(
    project: Project, cell: RemoteCell, namespace: Mapping[str, Any], say: Callable[[str], None]
) -> Landed:
    """Run a cell on a target and return what it made.

    Args:
        project: The project.
        cell: The cell.
        namespace: Where its inputs are found.
        say: Takes what is to be shown at once: sizes first, then what the cell prints.

    Raises:
        UsageError: ``cell-input-undefined``, ``cell-output-undefined``, ``cell-values-too-large``,
            ``cell-value-unpicklable``, or what is wrong with the target.
        FailedError: ``versions-differ``, ``cell-output-undefined``, ``cell-timeout``, ``result-too-large``, or
            ``job-failed`` where not the cell but the job failed.
        IntegrityError: ``result-damaged``: what came back is not what was announced.
        BaseException: Whatever the cell raised there.
    """
    find_target(project, cell.target)
    _require_defined(cell, namespace)
    with _packed(cell, namespace, say) as files:
        order = Order(
            notebook=cell.notebook,
            files_root=project.root,
            target=cell.target,
            name=f"cell on {cell.target}",
            notebook_data=_notebook(cell),
            files=files,
        )
        job = submit_order(project, order)
    ended = _follow(project, cell, job.id, say)
    values = _take_in(project, cell, ended, namespace)
    return Landed(values, tuple(_displays(folder_of(project, find_record(project, job.id)))), ended)


def _require_defined(cell: RemoteCell, namespace: Mapping[str, Any]) -> None:
    for name in cell.inputs:
        if name not in namespace:
            known = [each for each in namespace if not each.startswith("_")]
            hint = did_you_mean(name, known)
            raise UsageError("cell-input-undefined", f"There is no '{name}' to send", hint)
    defined = defined_names(cell.plain)
    for name in cell.outputs:
        if not name.isidentifier():
            raise UsageError("cell-option-wrong", f"'{name}' is no name of a variable", "write: --out c,d")
        if defined is not None and name not in defined and name not in cell.inputs:
            hint = did_you_mean(name, defined) if defined else _HINTS["cell-output-undefined"]
            raise UsageError("cell-output-undefined", f"The cell does not define '{name}'", hint)


@contextmanager
def _packed(
    cell: RemoteCell, namespace: Mapping[str, Any], say: Callable[[str], None]
) -> Iterator[dict[str, bytes | Path]]:
    """Pack the inputs and say how large they are; the files are there as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="wb-cell-"))
    try:
        more = {"target": cell.target, "sender": platform.node() or "here", "limit_bytes": cell.limit_bytes}
        try:
            entries = parcel.pack_all({name: namespace[name] for name in cell.inputs}, folder, more)
        except parcel.ParcelError as error:
            hint = "send what it is made of, and make it in the cell"
            raise UsageError("cell-value-unpicklable", str(error), hint) from error
        total = sum(entry["bytes"] for entry in entries)
        parts = ", ".join(f"{entry['name']} {shown_size(entry['bytes'])} ({entry['kind']})" for entry in entries)
        say(f"→ {cell.target}: {parts or 'nothing but the cell'}\n")
        if unsent := _unsent(cell, namespace):
            say(f"the cell reads {', '.join(unsent)}, which stays here: --in {','.join((*cell.inputs, *unsent))}\n")
        if total > cell.limit_bytes:
            message = f"{shown_size(total)} would travel, and {shown_size(cell.limit_bytes)} may"
            raise UsageError(
                "cell-values-too-large", message, "send less, record data: mlops data snapshot, or --limit 2GiB"
            )
        files: dict[str, bytes | Path] = {f"inputs/{path.name}": path for path in folder.iterdir()}
        yield files | {f"inputs/{path.name}": path for path in TRAVELLING}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unsent(cell: RemoteCell, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the cell reads, never binds and could have had from here."""
    return tuple(name for name in free_names(cell.plain) if name in namespace and name not in cell.inputs)


def _notebook(cell: RemoteCell) -> bytes:
    sources = (_ARRIVE, cell.source, _DEPART.format(names=list(cell.outputs)))
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for at, source in enumerate(sources)
    ]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def _follow(project: Project, cell: RemoteCell, job: str, say: Callable[[str], None]) -> JobCard:
    """Wait for the job, saying what the cell says; an interrupt, or too long a time, cancels it."""

    def hear(event: JobEvent) -> None:
        if event.kind == "out" and event.data.get("cell") == _CELL:
            say(str(event.data["text"]))

    try:
        return jobs.wait(project, job, on_event=hear, timeout_s=cell.timeout_s or None)
    except KeyboardInterrupt:
        jobs.cancel(project, job)
        raise
    except PendingError:
        jobs.cancel(project, job)
        message = f"The cell on {cell.target} took more than {cell.timeout_s:g} s and was cancelled"
        raise FailedError("cell-timeout", message, f"mlops logs {job}") from None


def _take_in(project: Project, cell: RemoteCell, job: JobCard, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the cell made, or raise what it raised."""
    folder = folder_of(project, find_record(project, job.id))
    announced = set(verified_artifacts(folder))
    code, message = read_refusal(folder.path / "outputs" / parcel.REFUSAL)
    if code:
        raise FailedError(code, f"On {cell.target}: {message}", _HINTS.get(code, f"mlops logs {job.id}"))
    ename, evalue, traceback = far_traceback(folder)
    if job.state == JobState.SUCCEEDED and ename == "SystemExit" and cell.outputs:
        message = f"On {cell.target}: the cell ended itself before it gave back {', '.join(cell.outputs)}"
        raise FailedError("cell-output-undefined", message, _HINTS["cell-output-undefined"])
    if job.state == JobState.SUCCEEDED:
        return _open(cell, folder, announced) if cell.outputs else {}
    if not ename or job.reason != "cell_error":
        why = job.error or job.reason or "no reason known"
        raise FailedError("job-failed", f"Job {job.id} on {cell.target} is {job.state}: {why}", f"mlops logs {job.id}")
    error = _raised(cell, folder, announced, ename, evalue)
    hints = name_hint(error, _unsent(cell, namespace))
    raise annotate(error, f"Raised on {cell.target}, in job {job.id}", traceback, hints)


def _raised(cell: RemoteCell, folder: JobFolder, announced: set[str], ename: str, evalue: str) -> BaseException:
    """Return the exception itself, where it can be opened here, else one that is as near as can be."""
    if f"outputs/{parcel.MANIFEST}" in announced:
        try:
            found = _open(cell, folder, announced)[parcel.ERROR]
        except (FailedError, KeyError, ImportError, AttributeError):
            found = None  # another version, or a class of a module that only the far side has
        if isinstance(found, BaseException):
            return found
    return named_error(ename, evalue)


def _open(cell: RemoteCell, folder: JobFolder, announced: set[str]) -> dict[str, Any]:
    """Read the values that came back.

    Opening a pickle runs what it says. These were written by one's own job, by code that one has just sent there; what
    has to be ruled out is that they were changed on the way. So only files are opened that the runner announced, and
    only after their digests were found to be those that it announced (``verified_artifacts``).
    """
    outputs = folder.path / "outputs"
    for name, hint in lost_results(folder).items():
        if name.startswith("outputs/"):
            raise FailedError("result-too-large", f"{name} is too large to come back from {cell.target}", hint)
    if f"outputs/{parcel.MANIFEST}" not in announced:
        raise IntegrityError("result-damaged", f"{cell.target} announced no values", f"ls '{outputs}'")
    manifest = json.loads((outputs / parcel.MANIFEST).read_bytes())
    for entry in manifest["entries"]:
        if f"outputs/{entry['file']}" not in announced:
            message = f"'{entry['name']}' came back from {cell.target} without having been announced"
            raise IntegrityError("result-damaged", message, f"ls '{outputs}'")
    if problems := parcel.differences(manifest, "this kernel", cell.target):
        raise FailedError("versions-differ", "; ".join(problems), _HINTS["versions-differ"])
    return {entry["name"]: parcel.unpack(entry, outputs) for entry in manifest["entries"]}


def _displays(folder: JobFolder) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield what the cell showed that is more than text, which was said already."""
    for output in json.loads(folder.output.read_bytes())["cells"][_CELL - 1].get("outputs", []):
        if set(output.get("data", {})) - {"text/plain"}:
            yield output["data"], output.get("metadata", {})


_HINTS = {
    "versions-differ": "install the same versions on both sides, or send tables and arrays, which have no version",
    "cell-output-undefined": "assign it in the cell, or leave it out of --out",
    "cell-value-unpicklable": "give back what it is made of",
    "cell-values-too-large": "give back less, or: --limit 2GiB",
}


def shown_size(count: int) -> str:
    """Return a number of bytes as people read it."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
