"""The notebook as it lies on disk, and what its execution in a kernel hides from a reader of it.

A notebook that ran from top to bottom, each cell once, shows everything that happened. :func:`findings` names what
else happened: cells out of order, executed again, edited afterwards or deleted. A notebook that was not saved since a
cell ran gives a finding, too: what is not in the file cannot be shown to have run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.experiment.capture.cells import UNTRACKED as UNTRACKED_MAGIC
from workbench.experiment.capture.cells import ExecutedCell, is_left_out, normalised

INJECTED = "injected-parameters"
"""Tag of the cell that papermill adds; parameters are recorded apart."""

OUT_OF_ORDER = "out-of-order"
EDITED = "edited"
DELETED = "deleted"
RE_EXECUTED = "re-executed"
UNTRACKED = "untracked"


@dataclass(frozen=True)
class DocumentCell:
    """A code cell of a notebook that counts in the chain.

    Attributes:
        id: Its id; empty in notebooks before nbformat 4.5.
        source: Its text.
        duration_s: Seconds it took, as papermill noted; 0 where it noted nothing.
        is_ok: False where its outputs hold an error.
        was_executed: Whether it has an execution count.
    """

    id: str
    source: str
    duration_s: float = 0.0
    is_ok: bool = True
    was_executed: bool = False


@dataclass(frozen=True)
class Finding:
    """Something that the notebook does not show.

    Attributes:
        kind: ``out-of-order``, ``edited``, ``deleted``, ``re-executed`` or ``untracked``.
        cell: Id of the cell; empty where none is known.
        detail: What was seen, for a person.
    """

    kind: str
    cell: str
    detail: str


def read_cells(notebook: bytes) -> tuple[DocumentCell, ...]:
    """Return the code cells of a notebook that count in the chain, in order.

    Raises:
        ValueError: It is no notebook of nbformat 4.
    """
    return tuple(_cells(_raw_cells(notebook)))


def untracked_findings(notebook: bytes) -> tuple[Finding, ...]:
    """Return a finding for each executed cell of a notebook that asked not to be recorded.

    Raises:
        ValueError: It is no notebook of nbformat 4.
    """
    cells = [
        cell for cell in _raw_cells(notebook) if isinstance(cell, dict) and cell.get("execution_count") is not None
    ]
    return tuple(_untracked(str(cell.get("id") or "")) for cell in cells if _source(cell).startswith(UNTRACKED_MAGIC))


def findings(
    executed: Sequence[ExecutedCell], document: Sequence[DocumentCell], *, untracked: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Return what the execution of a notebook hides from a reader of it.

    Args:
        executed: Cells in the order of execution.
        document: The notebook as it lies on disk.
        untracked: Ids of cells that asked not to be recorded.
    """
    places = _places(executed, document)
    found = [*_gone(executed, places), *_differing(executed, document, places)]
    found += [*_disordered(executed, document, places), *_repeated(executed, document, places)]
    found += map(_untracked, untracked)
    return tuple(found)


def summary(executed: Sequence[ExecutedCell], found: Sequence[Finding]) -> str:
    """Return the tag ``workbench.cells``."""
    return json.dumps({"executed": len(executed), "findings": [asdict(item) for item in found]}, ensure_ascii=False)


def _untracked(cell: str) -> Finding:
    return Finding(UNTRACKED, cell, "it asked not to be recorded")


def _raw_cells(notebook: bytes) -> list[Any]:
    raw = json.loads(notebook)
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise ValueError("no notebook of nbformat 4")
    return list(raw["cells"])


def _source(cell: dict[str, Any]) -> str:
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(map(str, text))


def _cells(raw: list[Any]) -> Iterable[DocumentCell]:
    for cell in raw:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        metadata = _table(cell.get("metadata"))
        source = _source(cell)
        if INJECTED in (metadata.get("tags") or ()) or is_left_out(source):
            continue
        yield DocumentCell(
            id=str(cell.get("id") or ""),
            source=source,
            duration_s=_seconds(_table(metadata.get("papermill")).get("duration")),
            is_ok=not any(_is_error(output) for output in cell.get("outputs") or ()),
            was_executed=cell.get("execution_count") is not None,
        )


def _is_error(output: Any) -> bool:
    """Tell an error from ``SystemExit``, which ends a notebook early and well (papermill's rule)."""
    if not isinstance(output, dict) or output.get("output_type") != "error":
        return False
    return not (output.get("ename") == "SystemExit" and output.get("evalue") in ("", "0"))


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _places(executed: Sequence[ExecutedCell], document: Sequence[DocumentCell]) -> list[int | None]:
    """Return where each executed cell stands in the notebook: by its id, else by its text."""
    by_id = {cell.id: place for place, cell in enumerate(document) if cell.id}
    by_text: dict[str, list[int]] = {}
    for place, cell in enumerate(document):
        by_text.setdefault(normalised(cell.source), []).append(place)
    taken = {by_id[cell.cell] for cell in executed if cell.cell in by_id}
    places: list[int | None] = []
    for ran in executed:
        at = by_id.get(ran.cell) if ran.cell else None
        if at is None:  # a front end that names no cells, a notebook without ids, a cell that was cut and pasted
            same = by_text.get(normalised(ran.source), [])
            at = next((other for other in same if other not in taken), None)
            if at is None and same and not (ran.cell and document[same[0]].id):
                at = same[0]
            if at is not None:
                taken.add(at)
        places.append(at)
    return places


def _gone(executed: Sequence[ExecutedCell], places: Sequence[int | None]) -> Iterable[Finding]:
    for cell, place in zip(executed, places, strict=True):
        if place is None:
            yield Finding(DELETED, cell.cell, f"the notebook on disk has no such cell: {_beginning(cell.source)}")


def _differing(
    executed: Sequence[ExecutedCell], document: Sequence[DocumentCell], places: Sequence[int | None]
) -> Iterable[Finding]:
    last = {place: cell for cell, place in zip(executed, places, strict=True) if place is not None}
    for place, cell in sorted(last.items()):
        if normalised(document[place].source) != normalised(cell.source):
            ran, stands = _beginning(cell.source), _beginning(document[place].source)
            yield Finding(EDITED, cell.cell, f"ran as {ran}; on disk it is {stands}")


def _disordered(
    executed: Sequence[ExecutedCell], document: Sequence[DocumentCell], places: Sequence[int | None]
) -> Iterable[Finding]:
    seen: set[int] = set()
    furthest = -1
    for cell, place in zip(executed, places, strict=True):
        if place is None:
            continue
        if place not in seen and place < furthest:
            yield Finding(OUT_OF_ORDER, cell.cell, f"cell {place + 1} ran after cell {furthest + 1}")
        seen.add(place)
        furthest = max(furthest, place)
    for place in range(furthest):
        if place not in seen:
            detail = f"cell {place + 1}, which stands before others that ran, did not run"
            yield Finding(OUT_OF_ORDER, document[place].id, detail)


def _repeated(
    executed: Sequence[ExecutedCell], document: Sequence[DocumentCell], places: Sequence[int | None]
) -> Iterable[Finding]:
    known = [place for place in places if place is not None]
    cells = {place: cell.cell for cell, place in zip(executed, places, strict=True) if place is not None}
    for place in sorted({place for place in known if known.count(place) > 1}):
        detail = f"cell {place + 1} of {len(document)} ran {known.count(place)} times"
        yield Finding(RE_EXECUTED, cells[place], detail)


def _beginning(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()] or [""]
    text = lines[0].strip()
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def notebook_bytes(path: Path | None) -> bytes:
    """Return a notebook's bytes; empty where there is none."""
    try:
        return path.read_bytes() if path and path.suffix == ".ipynb" and path.is_file() else b""
    except OSError:
        return b""
