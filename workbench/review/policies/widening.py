"""What one list of reviewers allows beyond another, and what both allow.

A list is narrower where every line of it is within a line of the other: fewer names, fewer purposes, a shorter time.
Whatever cannot be weighed counts as wider.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

from workbench.foundation.identity import AllowedSigners, PublicKey, SignerEntry, openssh, revoked_keys
from workbench.review.proof.persons import person_of

_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def why_wider(old: AllowedSigners, new: AllowedSigners) -> tuple[str, ...]:
    """Return in words what a list allows beyond another."""
    return (*_of_lines(old, new), *_of_persons(old, new), *lifted(old, new))


def lifted(old: AllowedSigners, new: AllowedSigners) -> tuple[str, ...]:
    """Return in words which keys are revoked by the one list and not by the other.

    What a KRL holds cannot be listed; of one that was replaced, the keys of the list are asked for, and it holds on
    (:func:`revocations_of`).
    """
    keys: set[PublicKey] = set()
    for data in old.revocations:
        keys |= {entry.key for entry in new.entries} if openssh.is_krl(data) else revoked_keys(data)
    back = {key.fingerprint for key in keys if old.is_revoked(key) and not new.is_revoked(key)}
    return tuple(f"takes the revocation of {fingerprint} back" for fingerprint in sorted(back))


def revocations_of(old: AllowedSigners, new: AllowedSigners) -> tuple[bytes, ...]:
    """Return the files of revoked keys that hold where both do; what the newer says too is left out."""
    kept = [
        data
        for data in old.revocations
        if data not in new.revocations
        and (openssh.is_krl(data) or not all(new.is_revoked(key) for key in revoked_keys(data)))
    ]
    return (*new.revocations, *kept)


def both(old: AllowedSigners, new: AllowedSigners) -> AllowedSigners:
    """Return what both lists allow; who is who, both tell."""
    found: list[SignerEntry] = []
    for entry in new.entries:
        parts = [part for other in old.entries if (part := _shared(other, entry))]
        found += [entry] if entry in parts else parts
    entries = tuple(dict.fromkeys(found))
    others = tuple(entry for entry in (*new.entries, *old.entries, *old.others) if entry not in entries)
    text = new.text if entries == new.entries else "".join(f"{line_of(entry)}\n" for entry in entries)
    return AllowedSigners(entries, text, revocations_of(old, new), tuple(dict.fromkeys(others)))


def line_of(entry: SignerEntry) -> str:
    """Return a line as it stands in an ``allowed_signers`` file; its times are UTC, as everywhere here."""
    options = ["cert-authority"] if entry.is_authority else []
    options += [f'namespaces="{",".join(entry.namespaces)}"'] if entry.namespaces else []
    times = {"valid-after": entry.valid_after, "valid-before": entry.valid_before}
    options += [f'{name}="{at:%Y%m%d%H%M%S}"' for name, at in times.items() if at]
    return " ".join([",".join(entry.principals), *([",".join(options)] if options else []), entry.key.line])


def _of_lines(old: AllowedSigners, new: AllowedSigners) -> Iterator[str]:
    known = {(entry.key, entry.is_authority) for entry in old.entries}
    for entry in new.entries:
        if any(_shared(other, entry) == entry for other in old.entries):
            continue
        names, print_ = ",".join(entry.principals), entry.key.fingerprint
        if (entry.key, entry.is_authority) in known:
            yield f"lets {print_} ({names}) sign as somebody else, for more, or for longer"
        elif entry.is_authority:
            yield f"believes an authority that certifies keys of {names}: {print_}"
        else:
            yield f"adds a key of {names}: {print_}"


def _of_persons(old: AllowedSigners, new: AllowedSigners) -> Iterator[str]:
    """Name who was one person and is two: a line that is gone may have said so."""
    known = {entry.key.blob for entry in (*old.entries, *old.others)}
    keys = {entry.key.blob: entry for entry in new.entries if entry.key.blob in known and not entry.is_authority}
    if set(old.entries) <= set(new.entries):
        return
    before = {key: person_of(old, key=key) for key in keys}
    after = {key: person_of(new, key=key) for key in keys}
    for one, other in combinations(keys, 2):
        if before[one].is_same(before[other]) and not after[one].is_same(after[other]):
            names = sorted({keys[one].principals[0], keys[other].principals[0]})
            yield f"makes two people of {' and '.join(names)}"


def _shared(old: SignerEntry, new: SignerEntry) -> SignerEntry | None:
    """Return what two lines both allow; None where that is nothing."""
    if (old.key, old.is_authority) != (new.key, new.is_authority):
        return None
    principals = _within_both(old.principals, new.principals)
    namespaces = _within_both(old.namespaces or ("*",), new.namespaces or ("*",))
    begin = max(old.valid_after or _EARLIEST, new.valid_after or _EARLIEST)
    end = min(old.valid_before or _LATEST, new.valid_before or _LATEST)
    if not principals or not namespaces or begin >= end:
        return None
    return replace(
        new,
        principals=principals,
        namespaces=() if namespaces == ("*",) and not new.namespaces else namespaces,
        valid_after=None if begin == _EARLIEST else begin,
        valid_before=None if end == _LATEST else end,
    )


def _within_both(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    old, new = tuple(old), tuple(new)
    if set(new) <= set(old) or all(any(_is_within(pattern, other) for other in old) for pattern in new):
        return new
    kept = [pattern for pattern in new if any(_is_within(pattern, other) for other in old)]
    kept += [pattern for pattern in old if any(_is_within(pattern, other) for other in new)]
    return tuple(dict.fromkeys(kept))


def _is_within(one: str, other: str) -> bool:
    """Tell whether everything that one pattern matches, the other matches too; in doubt it does not."""
    return one == other or (fnmatch.fnmatchcase(one, other) and not ("*" in one and "?" in other))
