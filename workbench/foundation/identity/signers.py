"""The ``allowed_signers`` file, read as OpenSSH reads it: whose key is whose, for what, and until when."""

from __future__ import annotations

import fnmatch
import re
import struct
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from workbench.foundation.errors import UsageError, read_errors
from workbench.foundation.identity import openssh
from workbench.foundation.identity.keys import PublicKey, parse_key

_ENDS = ("Cc", "Zl", "Zp")
"""Categories of characters that end a line for some readers and not for others."""

_KEY_KINDS = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


@dataclass(frozen=True)
class SignerEntry:
    """One line of an ``allowed_signers`` file.

    Attributes:
        principals: Patterns, usually one mail address.
        key: The key.
        namespaces: Patterns of what it may sign; empty means anything.
        valid_after: Not valid before this moment.
        valid_before: Not valid from this moment on.
        is_authority: Whether the key does not sign itself, but certifies keys that do.
    """

    principals: tuple[str, ...]
    key: PublicKey
    namespaces: tuple[str, ...] = ()
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    is_authority: bool = False

    def is_valid_at(self, namespace: str, at: datetime) -> bool:
        """Tell whether the line allows this purpose at this moment."""
        in_namespace = not self.namespaces or any(fnmatch.fnmatchcase(namespace, p) for p in self.namespaces)
        is_begun = self.valid_after is None or at >= self.valid_after
        return in_namespace and is_begun and (self.valid_before is None or at < self.valid_before)


@dataclass(frozen=True)
class AllowedSigners:
    """An ``allowed_signers`` file, as OpenSSH reads it.

    Attributes:
        entries: Its lines.
        text: Its text, for what OpenSSH has to look at itself.
        revocations: Keys that count no more: the bytes of the file ``revoked`` beside it, a KRL or public keys line by
            line, and of earlier ones that still hold; none is empty.
        others: Lines that allow nothing (any more, or yet) and still tell who is who.
    """

    entries: tuple[SignerEntry, ...]
    text: str = ""
    revocations: tuple[bytes, ...] = ()
    others: tuple[SignerEntry, ...] = ()

    @classmethod
    def parse(cls, text: str, *, name: str = "policy/reviewers", revoked: bytes = b"") -> AllowedSigners:
        """Read the file's text.

        Raises:
            UsageError: ``reviewers-malformed`` names the line.
        """
        entries = []
        for number, line in enumerate(text.split("\n"), start=1):
            stripped = line.strip(" \t\r")
            if stripped and not stripped.startswith("#"):
                try:
                    entries.append(_parse_signer(stripped))
                except (ValueError, IndexError, struct.error) as error:
                    raise UsageError(
                        "reviewers-malformed",
                        f"{name}:{number}: {error}",
                        'write: name@example.com namespaces="…" ssh-ed25519 AAAA…',
                    ) from error
        return cls(tuple(entries), text, (revoked,) if revoked else ())

    @classmethod
    def load(cls, path: Path) -> AllowedSigners:
        """Read the file, and ``revoked`` beside it; a missing one allows nobody, or revokes nobody.

        Raises:
            UsageError: ``reviewers-malformed``.
            StorageError: ``file-not-readable``.
        """
        try:
            with read_errors(path):
                text = path.read_bytes().decode()  # as it is: a lone CR ends no line for OpenSSH
        except FileNotFoundError:
            return cls(())
        except UnicodeDecodeError as error:
            hint = "save it as UTF-8, or restore it: git checkout policy/reviewers"
            raise UsageError("reviewers-malformed", f"{path} is no text ({error.reason})", hint) from error
        if text.startswith("\ufeff"):
            message = f"{path} begins with a byte-order mark, which ssh-keygen takes for part of the first name"
            raise UsageError("reviewers-malformed", message, "save it as UTF-8 without a byte-order mark (BOM)")
        beside = path.with_name("revoked")
        try:
            with read_errors(beside):
                revoked = beside.read_bytes()
        except FileNotFoundError:
            revoked = b""
        return cls.parse(text, name=str(path), revoked=revoked)

    @property
    def unrevoked(self) -> tuple[SignerEntry, ...]:
        """Its lines but those whose key counts no more."""
        return tuple(entry for entry in self.entries if not self.is_revoked(entry.key))

    def principals_of(self, key: PublicKey, namespace: str, at: datetime) -> tuple[str, ...]:
        """Return whose key this is for a namespace at a moment; empty where it may not sign."""
        if self.is_revoked(key):
            return ()
        if openssh.is_certificate(key.kind):
            return openssh.certified_principals(key.line, self.entries, namespace, at)
        found: list[str] = []
        for entry in self.entries:
            if entry.key.blob == key.blob and not entry.is_authority and entry.is_valid_at(namespace, at):
                found.extend(entry.principals)
        return tuple(found)

    def is_revoked(self, key: PublicKey) -> bool:
        """Tell whether a key counts no more, at whatever time it signed.

        Raises:
            UsageError: ``revoked-malformed``: a list that cannot be read revokes everybody.
        """
        return any(_is_revoked_by(data, key) for data in self.revocations)


def _parse_signer(line: str) -> SignerEntry:
    if any(unicodedata.category(char) in _ENDS and char != "\t" for char in line):
        raise ValueError("a control character, which OpenSSH reads otherwise")
    principals, rest = re.split(r"[ \t]+", line, maxsplit=1)
    options = ""
    if not rest.startswith(_KEY_KINDS):
        match = re.match(r'((?:[^ \t"]|"[^"]*")+)[ \t]+(.*)', rest)
        if not match:
            raise ValueError("no key on the line")
        options, rest = match[1], match[2]
    key = parse_key(rest.split())
    values: dict[str, str] = {}
    for option in re.findall(r'(?:[^,"]|"[^"]*")+', options):
        name, _, value = option.partition("=")
        values[name.lower()] = value.strip('"')
    if unknown := set(values) - {"namespaces", "valid-after", "valid-before", "cert-authority"}:
        raise ValueError(f"option '{min(unknown)}' is not supported")
    for patterns in (principals, values.get("namespaces", "")):
        _require_plain(patterns)
    return SignerEntry(
        tuple(principals.strip('"').split(",")),
        key,
        tuple(values["namespaces"].split(",")) if "namespaces" in values else (),
        _moment(values.get("valid-after")),
        _moment(values.get("valid-before")),
        "cert-authority" in values,
    )


def _require_plain(patterns: str) -> None:
    """Refuse patterns that we and OpenSSH read differently: ``!`` negates there, and ``[`` means nothing there."""
    for char in patterns:
        if char in "![" or unicodedata.category(char)[0] in "CZ":
            raise ValueError(f"{char!r} in a name or a namespace is not supported")


def _is_revoked_by(data: bytes, key: PublicKey) -> bool:
    if openssh.is_krl(data):
        return openssh.is_in_krl(data, key.line)
    return key in revoked_keys(data)


@lru_cache(maxsize=64)
def revoked_keys(data: bytes) -> frozenset[PublicKey]:
    """Return the keys of a plain list, as ``ssh-keygen -Y verify -r`` takes one.

    Raises:
        UsageError: ``revoked-malformed``.
    """
    try:
        lines = [line.strip() for line in data.decode().splitlines()]
        return frozenset(parse_key(line.split()) for line in lines if line and not line.startswith("#"))
    except (ValueError, IndexError, struct.error) as error:
        raise UsageError(
            "revoked-malformed",
            f"policy/revoked is neither a list of public keys nor a KRL: {error}",
            "write one public key a line, or make a KRL: ssh-keygen -k -f policy/revoked <key.pub>",
        ) from error


def _moment(text: str | None) -> datetime | None:
    """Read OpenSSH's ``YYYYMMDD[HHMM[SS]][Z]``; we always take UTC, so that every machine decides alike."""
    if text is None:
        return None
    digits = text.rstrip("Zz")
    formats = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    if len(digits) not in formats:
        raise ValueError(f"'{text}' is no time")
    return datetime.strptime(digits, formats[len(digits)]).replace(tzinfo=UTC)
