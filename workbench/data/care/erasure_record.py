"""What the journal keeps of an erasure: which versions became which, how much went, and nothing of whom.

An erasure has three states, each written before what it announces: PLANNED (nothing was changed yet), REWRITTEN (the
new versions stand, the old bytes are to be removed) and DONE. What a dead process left is continued from the last one.
The values themselves are kept as slow salted digests (scrypt) whose salt lies outside of the journal, in
``.workbench/erasures/``: who holds both can prove that a value was erased, and the journal alone tells nobody which.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from workbench.contract.project import Finding
from workbench.foundation.durable import write_atomic
from workbench.foundation.project import Project

NOUN = "erasure"
_FOLDER = "erasures"


class ErasureState(StrEnum):
    """How far an erasure has come."""

    PLANNED = "PLANNED"
    REWRITTEN = "REWRITTEN"
    DONE = "DONE"


@dataclass(frozen=True)
class Change:
    """One version that was made again.

    Attributes:
        before: Id of the version before.
        after: Id of the version now.
        path: The dataset.
        pointer: Text of the new ``.dvc`` file.
        root: Name of the old object.
        new_root: Name of the new object.
        rows: Rows taken out.
        kept: Rows left.
    """

    before: str
    after: str
    path: str
    pointer: str
    root: str
    new_root: str
    rows: int
    kept: int


@dataclass(frozen=True)
class Erasure:
    """One erasure.

    Attributes:
        id: ``er-…``.
        state: How far it has come.
        paths: Datasets it goes through.
        column: Column the values were looked for in.
        digests: Salted digest of each value.
        changes: Versions made again.
        untouched: Versions that hold no such row.
        gone: Objects that must not stay, in the cache and on remotes.
        removed: Objects removed so far.
        remotes: Remotes gone through.
        unreached: Remotes that could not be.
    """

    id: str
    state: ErasureState
    paths: tuple[str, ...]
    column: str
    digests: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    untouched: int = 0
    gone: tuple[str, ...] = ()
    removed: int = 0
    remotes: tuple[str, ...] = ()
    unreached: tuple[str, ...] = field(default=())


def plan(project: Project, paths: Iterable[str], column: str, values: Iterable[str]) -> Erasure:
    """Write down that something is about to be erased."""
    name = f"er-{secrets.token_hex(4)}"
    salt = secrets.token_bytes(16)
    write_atomic(project.state_dir / _FOLDER / f"{name}.salt", salt.hex().encode(), mode=0o600)
    digests = tuple(sorted(digest_of_value(value, salt) for value in values))
    erasure = Erasure(name, ErasureState.PLANNED, tuple(paths), column, digests)
    with project.journal.transaction() as transaction:
        data = {"paths": list(erasure.paths), "column": column, "values": len(digests)}
        transaction.append("data.erasure-planned", f"{NOUN}:{name}", data)
        transaction.put(NOUN, name, erasure.state, asdict(erasure), expect=0)
    return erasure


def digest_of_value(value: str, salt: bytes) -> str:
    """Return the digest of one value: fifty milliseconds each, so that guessing customer numbers takes long."""
    return f"scrypt:{hashlib.scrypt(value.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32).hex()}"


def is_of(project: Project, erasure: Erasure, values: Iterable[str]) -> bool:
    """Tell whether an erasure is of just these values; False, too, where its salt is gone."""
    try:
        salt = bytes.fromhex((project.state_dir / _FOLDER / f"{erasure.id}.salt").read_text())
    except (OSError, ValueError):
        return False
    return erasure.digests == tuple(sorted(digest_of_value(value, salt) for value in values))


def unfinished(project: Project, state: ErasureState) -> list[Erasure]:
    """Return the erasures that stopped in a state."""
    return [erasure_of(record.body) for record in project.journal.records(NOUN, state=state)]


def erasure_findings(project: Project) -> Iterator[Finding]:
    """Yield what the doctor says of erasures that are not finished: old bytes may still lie somewhere."""
    for erasure in unfinished(project, ErasureState.REWRITTEN):
        where = f"on {', '.join(erasure.unreached)}" if erasure.unreached else "here: it was interrupted"
        message = f"{erasure.id} is not finished; erased rows may still lie {where}"
        yield Finding("erasure", is_ok=False, message=message, hint=f"mlops data erase {' '.join(erasure.paths)} --yes")


def replacements(project: Project) -> dict[str, str]:
    """Return, by the id of each version that lost rows, the id of the version that stands for it now."""
    found: dict[str, str] = {}
    for record in project.journal.records(NOUN):
        found.update({change["before"]: change["after"] for change in record.body["changes"]})
    return {before: _last(found, after) for before, after in found.items()}


def _last(found: dict[str, str], version: str) -> str:
    seen = set()
    while version in found and version not in seen:
        seen.add(version)
        version = found[version]
    return version


def erasure_of(body: dict[str, Any]) -> Erasure:
    """Return an erasure from its record."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in body.items()}
    values["state"] = ErasureState(body["state"])
    values["changes"] = tuple(Change(**change) for change in body["changes"])
    return Erasure(**values)


def finished(project: Project, erasure: Erasure) -> Erasure:
    """Write down what was removed, and that nothing is left to do where that is so."""
    state = ErasureState.REWRITTEN if erasure.unreached else ErasureState.DONE
    done = replace(erasure, state=state)
    with project.journal.transaction() as transaction:
        data = {
            "paths": list(done.paths),
            "values": list(done.digests),
            "versions": {change.before: change.after for change in done.changes},
            "rows": sum(change.rows for change in done.changes),
            "objects": done.removed,
            "remotes": list(done.remotes),
            "unreached": list(done.unreached),
        }
        transaction.append("data.erased", f"{NOUN}:{done.id}", data)
        transaction.put(NOUN, done.id, state, asdict(done))
    return done
