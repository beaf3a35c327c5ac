"""The candidate's notebook as the request froze it: the executed one, else the one that lay on disk."""

from __future__ import annotations

from workbench.contract.comparison import NotebookCell
from workbench.experiment.capture.document import read_cells
from workbench.experiment.levels.facts import RunFacts, read_artifact, read_facts
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import NotFoundError, UnknownResultError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review.proof.request import parse_request
from workbench.review.record import Review

EXECUTED, SOURCE = "notebook/output.ipynb", "workbench/source.ipynb"


def read_notebook(project: Project, request_digest: str, facts: RunFacts) -> tuple[str, bytes | None]:
    """Return the notebook and its name among the run's artifacts; nothing where the run kept none.

    Raises:
        UnknownResultError: ``notebook-changed``.
    """
    if not request_digest:
        data = read_artifact(project, facts.artifact_uri, EXECUTED)
        if data is not None:
            return EXECUTED, data
        return SOURCE, read_artifact(project, facts.artifact_uri, SOURCE)
    frozen = parse_request(project.store.read(request_digest))  # what the run holds now may have been written over
    if frozen.executed_digest:
        return EXECUTED, project.store.read(frozen.executed_digest)
    return SOURCE, _frozen_source(project, facts, frozen.notebook_digest)


def _frozen_source(project: Project, facts: RunFacts, digest: str) -> bytes | None:
    """Return the notebook that a request names; reviews from before sources were frozen have it in the run alone."""
    try:
        return project.store.read(digest) if digest else None
    except NotFoundError:
        data = read_artifact(project, facts.artifact_uri, SOURCE)
    if data is not None and digest_bytes(data) != digest:
        raise UnknownResultError(
            "notebook-changed", "The notebook that the run keeps is not the one it ran", "run it again: mlops run"
        )
    return data


def cells_of(project: Project, review: Review) -> tuple[NotebookCell, ...]:
    """Return the code cells that a reviewer reads and can say something about; none where there is no such notebook."""
    try:
        _, data = read_notebook(project, review.request_digest, read_facts(project, review.run))
        cells = read_cells(data) if data is not None else ()
    except (WorkbenchError, ValueError):
        return ()
    return tuple(NotebookCell(cell.id, cell.source) for cell in cells if cell.id)
