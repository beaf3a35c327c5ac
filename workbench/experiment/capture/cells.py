"""Which cells were executed, in order, as a chain of digests.

Each link is the digest of the link before it and of the cell's source, so one digest, the chain's head, names a whole
sequence of cells: two executions with the same head ran the same code in the same order. An interactive session, a job
and a replay compute it with the same :func:`chain_of`, over the same cells: those that only speak to the workbench
(``%load_ext workbench``, ``%mlops …``) are left out, since a job has no need of them, and so are parameters that
papermill injected, which are recorded as parameters.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

_START = "workbench.chain.v1"
_LOADING = frozenset({"%load_ext workbench", "%reload_ext workbench"})
UNTRACKED = "%%mlops untracked"


@dataclass(frozen=True)
class ExecutedCell:
    """One executed cell, a line of ``workbench/cells.jsonl``.

    Attributes:
        index: Its place in the order of execution, from 1.
        cell: Id of the notebook cell; empty where the front end names none.
        source_digest: Digest of the normalised source.
        source: The source as it was executed.
        duration_s: Seconds it took; those until now where it still runs.
        is_ok: False where it raised.
        link: The chain's head after this cell.
    """

    index: int
    cell: str
    source_digest: str
    source: str
    duration_s: float
    is_ok: bool
    link: str


def normalised(source: str) -> str:
    """Return a source without the white space at its end; magics stay as they are."""
    return source.rstrip()


def is_left_out(source: str) -> bool:
    """Tell whether a cell is no part of the chain: empty, untracked, or nothing but words to the workbench."""
    if source.startswith(UNTRACKED):
        return True
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return all(line in _LOADING or line == "%mlops" or line.startswith("%mlops ") for line in lines)


def chain_of(sources: Iterable[str]) -> str:
    r"""Return the head of the chain over the sources of cells, in the order of their execution.

    ``link_0 = sha256("workbench.chain.v1")`` and ``link_i = sha256(link_{i-1} + "\n" + sha256(normalised source))``,
    all in hex digits.
    """
    link = _sha256(_START)
    for source in sources:
        if not is_left_out(source):
            link = _next(link, _sha256(normalised(source)))
    return f"sha256:{link}"


def executed_cells(cells: Iterable[tuple[str, str, float, bool]]) -> tuple[ExecutedCell, ...]:
    """Return cells that were executed elsewhere with their links.

    Args:
        cells: Id, source, seconds and whether it succeeded of each cell, in order.
    """
    log = CellLog()
    for cell, source, duration_s, is_ok in cells:
        log.begin(source, cell)
        log.end(is_ok=is_ok, duration_s=duration_s)
    return log.cells()


def as_lines(cells: Iterable[ExecutedCell]) -> bytes:
    """Return ``cells.jsonl``."""
    return "".join(json.dumps(asdict(cell), ensure_ascii=False) + "\n" for cell in cells).encode()


class CellLog:
    """The executed cells of one kernel; some microseconds a cell, and nothing is written."""

    def __init__(self) -> None:
        self._cells: list[ExecutedCell] = []
        self._link = _sha256(_START)
        self._running: tuple[ExecutedCell, float] | None = None
        self.untracked: list[str] = []
        """Ids of cells that asked not to be recorded."""

    def begin(self, source: str, cell: str = "") -> None:
        """Take a cell that is about to be executed; one that never came to its end is taken to have failed."""
        self.end(is_ok=False)
        if source.startswith(UNTRACKED):
            self.untracked.append(cell)
        if is_left_out(source):
            return
        digest = _sha256(normalised(source))
        self._link = _next(self._link, digest)
        started = ExecutedCell(
            index=len(self._cells) + 1,
            cell=cell,
            source_digest=f"sha256:{digest}",
            source=source,
            duration_s=0.0,
            is_ok=True,
            link=f"sha256:{self._link}",
        )
        self._running = (started, time.monotonic())

    def end(self, *, is_ok: bool, duration_s: float | None = None) -> None:
        """Take the end of the cell that runs; nothing happens where none does."""
        if self._running is None:
            return
        (started, at), self._running = self._running, None
        seconds = time.monotonic() - at if duration_s is None else duration_s
        self._cells.append(ExecutedCell(**{**asdict(started), "duration_s": round(seconds, 3), "is_ok": is_ok}))

    def cells(self) -> tuple[ExecutedCell, ...]:
        """Return the cells up to now, with the one that runs."""
        running = self._running
        if running is None:
            return tuple(self._cells)
        started, at = running
        return (*self._cells, ExecutedCell(**{**asdict(started), "duration_s": round(time.monotonic() - at, 3)}))

    @property
    def head(self) -> str:
        """The chain's head."""
        return f"sha256:{self._link}"


def _next(link: str, digest: str) -> str:
    return _sha256(f"{link}\n{digest}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
