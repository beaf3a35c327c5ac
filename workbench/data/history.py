"""Dataset versions that only Git's history knows: what somebody recorded with plain ``dvc add`` and committed.

Reading the history costs Git a walk over its commits, so the answer is noted until a branch or tag moves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.data import git
from workbench.data.dvc.pointers import Pointer, parse_pointer
from workbench.data.state import State
from workbench.foundation.errors import IntegrityError
from workbench.foundation.project import Project

_SKIPPED = (".workbench/", ".dvc/")


@dataclass(frozen=True)
class Commit:
    """Who committed a ``.dvc`` file.

    Attributes:
        actor: The author's mail address.
        at: UTC time.
        subject: First line of the message.
    """

    actor: str
    at: str
    subject: str


def pointers(project: Project) -> list[tuple[Pointer, Commit]]:
    """Return every ``.dvc`` file that Git ever had, once for each content, with the commit that made it.

    Of several commits with the same content the first one counts: that is when the version was made.
    """
    refs = git.refs_digest(project.root) if git.is_inside(project.root) else ""
    if not refs:
        return []
    with State(project) as state:
        known = state.history(refs)
        body = known if known is not None else json.dumps([vars(blob) for blob in git.pointer_history(project.root)])
        if known is None:
            state.remember_history(refs, body)
    found: dict[str, tuple[Pointer, Commit]] = {}
    for blob in json.loads(body):
        if blob["path"].startswith(_SKIPPED):
            continue
        try:
            pointer = parse_pointer(blob["path"], blob["text"])
        except IntegrityError:
            continue  # a merge conflict that somebody committed
        if pointer:
            commit = Commit(blob["author"], _utc(blob["at"]), blob["subject"])
            found.setdefault(pointer.version, (pointer, commit))
    return list(found.values())


def _utc(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="milliseconds")
    except ValueError:
        return ""
