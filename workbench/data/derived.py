"""Which file was made from which without a run: what a verb that writes one table from another notes in the journal.

Lineage draws these as edges, and reviews ask through them what class of data a model rests on: a cleaned copy of
personal data is personal, whatever its own card says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.foundation.project import Project

_STEPS = {
    "data.reduced": "reduced",
    "data.cleaned": "cleaned",
    "data.imported": "imported",
    "data.exported": "exported",
}


def note_derived(project: Project, kind: str, source: str | Path, output: str | Path) -> None:
    """Note that one file of the project was made from another, once; a file elsewhere is no business of the project's.

    Args:
        project: The project.
        kind: ``data.cleaned``, ``data.imported`` or ``data.exported``.
        source: What was read, relative to the project or absolute.
        output: What was written.
    """
    names = [_inside(project, path) for path in (source, output)]
    if not all(names) or names[0] == names[1]:
        return
    facts, subject = {"source": names[0], "output": names[1]}, f"data:{names[1]}"
    if all(event.data != facts for event in project.journal.events(kind=kind, subject=subject)):
        with project.journal.transaction() as transaction:
            transaction.append(kind, subject, facts)


def derivations(project: Project) -> Iterator[tuple[str, str, str]]:
    """Yield source, output and the word for the step, as often as the journal tells of it."""
    for kind, step in _STEPS.items():
        for event in project.journal.events(kind=kind):
            data = event.data or {}
            yield str(data.get("source")), str(data.get("output")), step


def _inside(project: Project, path: str | Path) -> str:
    root = project.root.resolve()
    full = (root / path).resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else ""
