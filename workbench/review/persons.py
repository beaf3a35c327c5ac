"""One person, several names, several keys: who is who in ``policy/reviewers``.

Separation of duties is between people, not between lines of a file. Two names that share a key are one person, and
so are two keys under one name; following both until nothing is added gives the person. A line whose principal is a
pattern joins everybody it matches, so it can exclude and never multiply. Lines that have expired or allow other
purposes still tell who is who.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from workbench.foundation.identity import AllowedSigners


@dataclass(frozen=True)
class Person:
    """All names and keys that are known to be one person's.

    Attributes:
        names: Principals, case folded.
        keys: Keys in wire format.
    """

    names: frozenset[str]
    keys: frozenset[bytes]

    def is_same(self, other: Person) -> bool:
        """Tell whether both are one person."""
        return not self.names.isdisjoint(other.names) or not self.keys.isdisjoint(other.keys)


def person_of(allowed: AllowedSigners, *, name: str = "", key: bytes = b"") -> Person:
    """Return who has this name or this key; a stranger is a person with nothing but that."""
    names = {name.strip().casefold()} if name.strip() else set()
    keys = {key} if key else set()
    is_growing = True
    while is_growing:
        is_growing = False
        for entry in allowed.entries:
            principals = {principal.strip().casefold() for principal in entry.principals}
            is_theirs = entry.key.blob in keys or any(_matches(p, n) for p in principals for n in names)
            if is_theirs and not (entry.key.blob in keys and principals <= names):
                keys.add(entry.key.blob)
                names |= principals
                is_growing = True
    return Person(frozenset(names), frozenset(keys))


def _matches(one: str, other: str) -> bool:
    return one == other or fnmatch.fnmatchcase(one, other) or fnmatch.fnmatchcase(other, one)
