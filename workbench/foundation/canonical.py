"""Canonical JSON and digests: the same value is the same bytes on every machine.

Everything that is hashed or signed goes through here. The form is the intersection of JSON and RFC 8785 that
we need: sorted keys, no blanks, UTF-8, no NaN. Floats keep Python's shortest ``repr``, which is what RFC 8785
asks for in the range that metrics live in.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NewType

Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hex digits."""

_CHUNK = 1 << 20
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` so that equal values give equal bytes.

    Raises:
        ValueError: ``value`` holds NaN or an infinity, which JSON has no word for.
        TypeError: ``value`` holds something that is not JSON.
    """
    return _ENCODER.encode(value).encode()


def digest_bytes(data: bytes) -> Digest:
    """Return the digest of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_json(value: Any) -> Digest:
    """Return the digest of the canonical form of ``value``."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> Digest:
    """Return the digest of a file's content, read once in pieces of 1 MiB."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return Digest("sha256:" + hasher.hexdigest())
