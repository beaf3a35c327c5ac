"""One person, several names, several keys: who is who in ``policy/reviewers``.

Separation of duties is between people, not between lines of a file. Two names that share a key are one person, and
so are two keys under one name; following both until nothing is added gives the person. A line whose principal is a
pattern joins everybody it matches, so it can exclude and never multiply. Lines that have expired or allow other
purposes still tell who is who, and so do lines that were removed or that nobody has signed for yet. The key of a
certificate authority is nobody's: it certifies the keys of many. A certificate stands in no file: whoever signs with
one is everybody whom it names, and the key that it certifies.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from workbench.foundation.identity import AllowedSigners, openssh, signing_key


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
    """Return who has this name or this key; a stranger is a person with nothing but that.

    Args:
        allowed: ``policy/reviewers``.
        name: A name of theirs.
        key: A key of theirs, or a certificate, in wire format.
    """
    plain, certified = _read_key(key)
    names = {each.strip().casefold() for each in (name, *certified) if each.strip()}
    keys = {plain} if plain else set()
    is_growing = True
    while is_growing:
        is_growing = False
        for entry in (*allowed.entries, *allowed.others):
            if entry.is_authority:
                continue
            principals = {principal.strip().casefold() for principal in entry.principals}
            is_theirs = entry.key.blob in keys or any(_matches(p, n) for p in principals for n in names)
            if is_theirs and not (entry.key.blob in keys and principals <= names):
                keys.add(entry.key.blob)
                names |= principals
                is_growing = True
    return Person(frozenset(names), frozenset(keys))


def recorded_name(allowed: AllowedSigners, name: str) -> str:
    """Return the name that a person is recorded under: the first in their line, where they have one.

    ``r7,ada@example.org ssh-ed25519 …`` keeps a mail address that Git knows out of every record but that file.
    """
    for entry in allowed.entries:
        first, *_ = entry.principals
        listed = {principal.casefold() for principal in entry.principals}
        if name.casefold() in listed and not entry.is_authority and not set(first) & set("*?!"):
            return first
    return name


def signer_of(allowed: AllowedSigners, principal: str, signature: str) -> Person:
    """Return who signed: by the name they gave, and by the key or certificate that their signature brings.

    The name alone would make two people of two names in one certificate.

    Raises:
        IntegrityError: ``signature-malformed``.
    """
    return person_of(allowed, name=principal, key=signing_key(signature).blob)


def _read_key(key: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a key as it stands in ``policy/reviewers``, and whom its certificate names; none without one."""
    try:
        return openssh.read_certificate(key)
    except ValueError:
        return key, ()


def _matches(one: str, other: str) -> bool:
    return one == other or fnmatch.fnmatchcase(one, other) or fnmatch.fnmatchcase(other, one)
