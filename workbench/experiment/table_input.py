"""``workbench.table(…)``: a recorded table as a frame, noted as what the run has read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.contract.run import InputFile
from workbench.data.tables.blocks import INDEX
from workbench.data.tables.place import Place, find_place
from workbench.experiment import session
from workbench.experiment.capture.inputs import paused
from workbench.foundation.project import Project

_READER = "workbench.table"


def table(name: str, columns: Sequence[str] | None = None, *, as_arrow: bool = False) -> Any:
    """Return a table as a pandas frame and note it as an input of the run, with its dataset version.

    A version of a table by the block is noted by its ``table.json``, which names every block by its content; each block
    is checked against its name while it is read.

    Args:
        name: Name of a table (``shuttle`` for ``data/shuttle.table``), a version of one or of a file
            (``data/readings.csv@0123456789ab``), or a path.
        columns: Only these columns; all by default.
        as_arrow: Return the Arrow table instead.

    Raises:
        NotFoundError: ``data-missing`` or ``version-unknown``.
        UsageError: ``not-a-table``, ``version-ambiguous``, or what the file's reader says.
        IntegrityError: ``table-damaged``, ``data-cache-missing`` or ``data-cache-damaged``.
    """
    kernel = session.current_kernel()
    with paused():
        place = find_place(_where_files_are(kernel.project, name), name)
        found = place.read(tuple(columns) if columns is not None else None)
    main = place.locate(INDEX if place.is_folder else "")
    if place.root is not None:
        kernel.recorder.note(str(main), _READER)
    else:
        kernel.recorder.take(_cached_input(place, main))
    return found if as_arrow else found.to_pandas(date_as_object=False)


def _where_files_are(project: Project, name: str) -> Project:
    """Look in the checkout of a replay first; a version comes from the project's cache wherever one stands."""
    checkout = os.environ.get("WORKBENCH_CHECKOUT", "")
    return replace(project, root=Path(checkout)) if checkout and "@" not in name else project


def _cached_input(place: Place, file: Path) -> InputFile:
    with paused():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    path = f"{place.path}/{INDEX}" if place.is_folder else place.path
    return InputFile(path, f"sha256:{digest}", place.label, _READER)
