"""SSH keys: made, read, and taken apart as they go over the wire (RFC 4253, section 6.6)."""

from __future__ import annotations

import base64
import hashlib
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, read_errors

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class PublicKey:
    """An SSH public key.

    Attributes:
        kind: ``ssh-ed25519``, ``ssh-rsa``, ``ecdsa-sha2-nistp256``, …
        blob: The key in SSH wire format.
    """

    kind: str
    blob: bytes

    @property
    def line(self) -> str:
        """The key as it stands in ``id_ed25519.pub``, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ``ssh-keygen -l`` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def create_key(path: Path, *, comment: str) -> PublicKey:
    """Create an Ed25519 key pair without a passphrase at ``path`` and ``path.pub``.

    Raises:
        ConflictError: ``key-exists``: a key is never overwritten.
    """
    if path.exists():
        raise ConflictError("key-exists", f"There is a key at {path} already", "use it, or name another path")
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = _public_of(private.public_key())
    write_atomic(path, pem, mode=0o600)
    write_atomic(path.with_name(path.name + ".pub"), f"{public.line} {comment}\n".encode())
    return public


def read_public_key(path: Path) -> PublicKey:
    """Read ``id_….pub``, given the path of the private or of the public key.

    Raises:
        NotFoundError: ``key-missing``.
        UsageError: ``key-malformed``.
    """
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    try:
        with read_errors(public):
            return parse_key(public.read_text(encoding="utf-8").split())
    except FileNotFoundError:
        hint = f"make one: mlops identity create --path {shlex.quote(str(public.with_suffix('')))}"
        raise NotFoundError("key-missing", f"There is no key {public}", hint) from None
    except (ValueError, IndexError, struct.error) as error:
        raise UsageError(
            "key-malformed", f"{public} is no SSH public key", "make one: mlops identity create"
        ) from error


def parse_public_key(line: str) -> PublicKey:
    """Read the line of an ``id_….pub``.

    Raises:
        UsageError: ``key-malformed``.
    """
    try:
        return parse_key(line.split())
    except (ValueError, IndexError, struct.error) as error:
        raise UsageError("key-malformed", "That is no SSH public key", "make one: mlops identity create") from error


def _public_of(key: Ed25519PublicKey) -> PublicKey:
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return parse_key(text.split())


def parse_key(words: Iterable[str]) -> PublicKey:
    """Return the key of ``kind base64 …``; raises ValueError, IndexError or struct.error where it is none."""
    kind, encoded = list(words)[:2]
    blob = base64.b64decode(encoded, validate=True)
    if _kind_of(blob) != kind:
        raise ValueError(f"the key is not of kind {kind}")
    return PublicKey(kind, blob)


def string(data: bytes) -> bytes:
    """Return a string as it goes over the wire, its length before it."""
    return _LENGTH.pack(len(data)) + data


def strings(data: bytes) -> list[bytes]:
    """Split strings of the wire; raises ValueError where the lengths do not add up."""
    parts = []
    start, end = 0, len(data)
    while start < end:
        if end - start < 4:
            raise ValueError("truncated")
        (length,) = _LENGTH.unpack_from(data, start)
        start += 4
        if end - start < length:
            raise ValueError("truncated")
        parts.append(data[start : start + length])
        start += length
    return parts


@lru_cache(maxsize=256)
def key_of(blob: bytes) -> PublicKey:
    """Return the key in wire format as one object, however many signatures bring it."""
    return PublicKey(_kind_of(blob), blob)


def _kind_of(blob: bytes) -> str:
    """Return the first string of a key; what follows it differs from kind to kind, and is not all strings."""
    (length,) = struct.unpack(">I", blob[:4])
    if len(blob) < 4 + length:
        raise ValueError("truncated")
    return blob[4 : 4 + length].decode()
