"""What a replay reported itself: the figures and files of its job's own events, whatever the tracker says of its run.

A tracker's file, and a run's artifacts, can be written to by people whose notebook it was. The job's events were
mirrored by whoever had it run, and name each figure and the digest of each file.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.compute.folder import JobFolder
from workbench.experiment.transfer.far_store import FarStore, own_run
from workbench.foundation.errors import IntegrityError, UnknownResultError
from workbench.foundation.store import TreeEntry

_FAR_STORE = "far.db"


@dataclass(frozen=True)
class Reported:
    """What a job said.

    Attributes:
        figures: Each value that it logged, by the metric's name.
        files: Digests of the files that it left.
    """

    figures: Mapping[str, frozenset[float]]
    files: frozenset[str]

    def check_figures(self, found: Mapping[str, float]) -> None:
        """Refuse figures that the job never logged.

        Raises:
            UnknownResultError: ``replay-changed``.
        """
        for name, value in found.items():
            if not any(_is_same(value, said) for said in self.figures.get(name, ())):
                raise _changed(f"{name} = {value:.6g}")

    def check_files(self, found: Iterable[TreeEntry]) -> None:
        """Refuse files that the job never left.

        Raises:
            UnknownResultError: ``replay-changed``.
        """
        for entry in found:
            if entry.digest not in self.files:
                raise _changed(entry.path)


def read_reported(folder: JobFolder) -> Reported:
    """Read what a confined job reported: its events, and the file that it logged into, which has what they left out."""
    figures: dict[str, set[float]] = defaultdict(set)
    files: set[str] = set()
    for event in folder.read_events():
        if event.kind == "artifact":
            files.add(str(event.data.get("digest")))
        elif event.kind == "metric" and not event.data.get("run"):
            figures[str(event.data.get("name"))].add(float(str(event.data.get("value"))))
    for name, value in _logged(folder):
        figures[name].add(value)
    return Reported({name: frozenset(values) for name, values in figures.items()}, frozenset(files))


def _logged(folder: JobFolder) -> list[tuple[str, float]]:
    path = folder.path / _FAR_STORE
    if not path.is_file():
        return []
    far = FarStore(path)
    try:
        return [(name, value) for name, value, _, _ in far.metrics(own_run(far.runs()))]
    except IntegrityError:
        return []


def _is_same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _changed(what: str) -> UnknownResultError:
    message = f"The tracker says {what} of the replay, which its job never reported"
    return UnknownResultError("replay-changed", message, "see who may write to the tracker, then have it checked again")
