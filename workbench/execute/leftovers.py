"""What ended jobs may still have on far machines: processes and a directory, until those were told to put them away.

An entry is written before the journal hears of the end and removed once the target has cleaned up, so that a machine
that is away at that moment, or a follower that is killed, leaves nothing over there for ever. The follower works them
off; whoever reads next starts it for one that is due. Each is a small file in ``.workbench/leftovers``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

from workbench.compute.folder import read_json
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.project import Project

AGAIN_S = 600.0
"""Seconds until a machine that did not put a job away is asked again."""
_GIVEN_UP_S = 30 * 86_400.0
"""A machine that has been away for so long after it was to be asked first is not asked any more."""


def note(project: Project, execution: str, target: str, *, in_s: float = 0.0) -> None:
    """Write that an execution has to be put away, from ``in_s`` seconds on.

    Raises:
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    due = time.time() + in_s
    write_atomic(_path(project, execution), canonical_json({"target": target, "due": due, "since": due}))


def put_off(project: Project, execution: str) -> None:
    """Try again later what did not work now."""
    entry = read_json(_path(project, execution))
    if entry is not None:
        entry["due"] = time.time() + AGAIN_S
        write_atomic(_path(project, execution), canonical_json(entry))


def forget(project: Project, execution: str) -> None:
    """Write that an execution was put away."""
    _path(project, execution).unlink(missing_ok=True)


def due_leftovers(project: Project) -> dict[str, list[str]]:
    """Return what is to be put away now, by target; costs a look at a folder that is seldom there."""
    found: dict[str, list[str]] = defaultdict(list)
    now = time.time()
    for path in sorted(_folder(project).glob("*.json")):
        entry = read_json(path)
        if entry is None:
            continue
        if now - float(entry["since"]) > _GIVEN_UP_S:
            path.unlink(missing_ok=True)
        elif float(entry["due"]) <= now:
            found[str(entry["target"])].append(path.stem)
    return dict(found)


def _folder(project: Project) -> Path:
    return project.state_dir / "leftovers"


def _path(project: Project, execution: str) -> Path:
    return _folder(project) / f"{execution}.json"
