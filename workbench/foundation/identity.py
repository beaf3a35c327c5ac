"""Who said so: SSH keys that sign, and the ``allowed_signers`` file that says whose key it is.

Signatures are SSHSIG, the format of ``ssh-keygen -Y sign``, byte-identical for the same Ed25519 key; anyone can
verify one by hand with ``ssh-keygen -Y verify -f policy/reviewers``. Format and rules: OpenSSH ``PROTOCOL.sshsig``
and ``ssh-keygen(1)``. Plain key files are signed with here; anything that lives in an agent or on a token, or
that is locked by a passphrase, is OpenSSH's business: we call ``ssh-keygen``.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import os
import re
import shlex
import struct
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization.ssh import SSHPublicKeyTypes

from workbench.foundation import openssh
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
    UsageError,
    read_errors,
)

_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMOUR = re.compile(rf"\s*{_BEGIN}\n(.*)\n{_END}\s*", re.DOTALL)
_HASH = "sha512"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_LENGTH = struct.Struct(">I")
_CLOCK_SKEW = timedelta(minutes=5)


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
        beside = path.with_name("revoked")
        try:
            with read_errors(beside):
                revoked = beside.read_bytes()
        except FileNotFoundError:
            revoked = b""
        return cls.parse(text, name=str(path), revoked=revoked)

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
            return _parse_key(public.read_text(encoding="utf-8").split())
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
        return _parse_key(line.split())
    except (ValueError, IndexError, struct.error) as error:
        raise UsageError("key-malformed", "That is no SSH public key", "make one: mlops identity create") from error


def sign(key_path: Path, payload: bytes, *, namespace: str) -> str:
    """Sign ``payload`` for a purpose and return the armoured SSHSIG.

    Args:
        key_path: The private key; with a passphrase, in an agent or on a token it goes through ``ssh-keygen``.
        payload: What is signed.
        namespace: Its purpose; a signature for one purpose is worthless for another.

    Raises:
        NotFoundError: ``key-missing``.
        UnavailableError: ``signing-failed``: ``ssh-keygen`` could not use the key.
    """
    public = read_public_key(key_path)
    private = _load_plain_ed25519(key_path)
    if private is None:
        return _sign_with_openssh(key_path, payload, namespace)
    message = _signed_message(payload, namespace)
    signature = _string(b"ssh-ed25519") + _string(private.sign(message))
    body = (
        _MAGIC
        + struct.pack(">I", 1)
        + _string(public.blob)
        + _string(namespace.encode())
        + _string(b"")
        + _string(_HASH.encode())
        + _string(signature)
    )
    text = base64.b64encode(body).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join([_BEGIN, *lines, _END]) + "\n"


def check_moment(at: datetime) -> None:
    """Refuse a statement from later than now, give or take what clocks differ: it would outlast every revocation.

    Args:
        at: UTC time at which it says it was signed.

    Raises:
        DeniedError: ``signed-in-future``.
    """
    if at > datetime.now(UTC) + _CLOCK_SKEW:
        dated = at.isoformat(timespec="seconds")
        raise DeniedError("signed-in-future", f"The statement is dated {dated}", "set the signer's clock")


def verify(
    payload: bytes,
    signature: str,
    *,
    namespace: str,
    allowed: AllowedSigners,
    principal: str | None = None,
    at: datetime | None = None,
) -> str:
    """Verify an armoured SSHSIG and return whose it is.

    Args:
        payload: What was signed.
        signature: The armour.
        namespace: The purpose that the signature must have been made for.
        allowed: Who may sign.
        principal: Who must have signed; None takes anyone allowed and returns the first name of the key.
        at: When it was signed; matters for keys with a validity period. Now by default.

    Raises:
        IntegrityError: ``signature-malformed`` or ``signature-invalid``: not these bytes, this purpose or this key.
        DeniedError: ``signer-unknown`` or ``signer-other``: a good signature by somebody who may not sign this.
    """
    key, signed_namespace, hash_name, raw = _parse_signature(signature)
    when = at or datetime.now(UTC)
    if allowed.is_revoked(key):
        raise DeniedError(
            "signer-revoked", f"The key {key.fingerprint} was revoked", "sign with a key that is in policy/reviewers"
        )
    if signed_namespace != namespace:
        raise IntegrityError(
            "signature-invalid", f"Signed as '{signed_namespace}', not as '{namespace}'", "sign it for this purpose"
        )
    if key.kind.startswith("sk-") and not (raw[-5:] + b"\0")[0] & 1:
        # The flags of a token: OpenSSH verifies them, and does not ask for a person's touch as sshd does.
        raise IntegrityError("signature-invalid", "The token was not touched", "sign again, and touch the token")
    if openssh.is_for_openssh(key.kind):
        return openssh.verify(payload, signature, namespace=namespace, allowed=allowed, principal=principal, at=when)
    if not _is_valid(key, raw, _signed_message(payload, namespace, hash_name)):
        raise IntegrityError(
            "signature-invalid", "The signature does not belong to these bytes", "ask the signer to sign them again"
        )
    names = allowed.principals_of(key, namespace, when)
    if not names:
        raise DeniedError(
            "signer-unknown",
            f"The key {key.fingerprint} may not sign '{namespace}'",
            "an owner adds it to policy/reviewers: mlops reviewers add <name> <id_….pub>",
        )
    if principal is None:
        return names[0]
    if not any(fnmatch.fnmatchcase(principal, pattern) for pattern in names):
        raise DeniedError("signer-other", f"The key is {names[0]}'s, not {principal}'s", "sign with your own key")
    return principal


def signing_key(signature: str) -> PublicKey:
    """Return the key, or the certificate, that an armoured SSHSIG says it was made with; nothing is verified.

    Raises:
        IntegrityError: ``signature-malformed``.
    """
    return _parse_signature(signature)[0]


def _string(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _strings(data: bytes) -> list[bytes]:
    """Split SSH wire strings; raises ValueError where the lengths do not add up."""
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
def _key_of(blob: bytes) -> PublicKey:
    """Return the key in wire format as one object, however many signatures bring it."""
    return PublicKey(_kind_of(blob), blob)


def _kind_of(blob: bytes) -> str:
    """Return the first string of a key; what follows it differs from kind to kind, and is not all strings."""
    (length,) = struct.unpack(">I", blob[:4])
    if len(blob) < 4 + length:
        raise ValueError("truncated")
    return blob[4 : 4 + length].decode()


def _signed_message(payload: bytes, namespace: str, hash_name: str = _HASH) -> bytes:
    return _preamble(namespace, hash_name) + _string(_HASHES[hash_name](payload).digest())


@lru_cache(maxsize=256)
def _preamble(namespace: str, hash_name: str) -> bytes:
    """Return what every message of a purpose begins with."""
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(hash_name.encode())


def _parse_signature(armour: str) -> tuple[PublicKey, str, str, bytes]:
    """Return key, namespace, hash name and raw signature."""
    try:
        match = _ARMOUR.fullmatch(armour.replace("\r\n", "\n"))
        if not match:
            raise ValueError("no armour")
        body = base64.b64decode("".join(match[1].split()), validate=True)
        if body[:6] != _MAGIC or struct.unpack(">I", body[6:10])[0] != 1:
            raise ValueError("not SSHSIG version 1")
        blob, namespace, _reserved, hash_name, raw = _strings(body[10:])
        if (hashed_with := hash_name.decode()) not in _HASHES:
            raise ValueError("unknown hash")
        return _key_of(blob), namespace.decode(), hashed_with, raw
    except (ValueError, IndexError, struct.error, binascii.Error) as error:
        raise IntegrityError("signature-malformed", f"Not an SSH signature: {error}", "sign it again") from error


@lru_cache(maxsize=1 << 14)
def _is_valid(key: PublicKey, raw: bytes, message: bytes) -> bool:
    """Tell whether the key made this signature of this message: arithmetic only, so an answer holds for ever."""
    try:
        algorithm, signature = _strings(raw)[:2]
        public = _usable(key)
        if isinstance(public, Ed25519PublicKey) and algorithm == b"ssh-ed25519":
            public.verify(signature, message)
        elif isinstance(public, rsa.RSAPublicKey) and algorithm in (b"rsa-sha2-256", b"rsa-sha2-512"):
            algorithm_hash = hashes.SHA512() if algorithm.endswith(b"512") else hashes.SHA256()
            public.verify(signature, message, padding.PKCS1v15(), algorithm_hash)
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm.startswith(b"ecdsa-sha2-"):
            r, s = (int.from_bytes(part, "big") for part in _strings(signature))
            bits = public.curve.key_size
            curve_hash = hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()
            public.verify(encode_dss_signature(r, s), message, ec.ECDSA(curve_hash))
        else:
            return False
    except (InvalidSignature, ValueError, IndexError):
        return False
    return True


@lru_cache(maxsize=256)
def _usable(key: PublicKey) -> SSHPublicKeyTypes:
    """Return the key as ``cryptography`` takes it; reading it costs a fifth of verifying with it."""
    return serialization.load_ssh_public_key(key.line.encode())


def _load_plain_ed25519(path: Path) -> Ed25519PrivateKey | None:
    """Return the key where it is a plain Ed25519 file; None where OpenSSH has to use it."""
    try:
        key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def _sign_with_openssh(key_path: Path, payload: bytes, namespace: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder) / "payload"
        message.write_bytes(payload)
        command = ["ssh-keygen", "-Y", "sign", "-f", str(key_path), "-n", namespace, str(message)]
        try:
            subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, env={**os.environ})
        except FileNotFoundError:
            raise UnavailableError(
                "signing-failed", "ssh-keygen is not installed", "install OpenSSH's client"
            ) from None
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            hint = f"unlock the key first: ssh-add {shlex.quote(str(key_path))}"
            raise UnavailableError("signing-failed", f"ssh-keygen could not sign: {reason}", hint) from error
        return message.with_suffix(".sig").read_text(encoding="ascii")


def _public_of(key: Ed25519PublicKey) -> PublicKey:
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return _parse_key(text.split())


def _parse_key(words: Iterable[str]) -> PublicKey:
    kind, encoded = list(words)[:2]
    blob = base64.b64decode(encoded, validate=True)
    if _kind_of(blob) != kind:
        raise ValueError(f"the key is not of kind {kind}")
    return PublicKey(kind, blob)


_ENDS = ("Cc", "Zl", "Zp")
"""Categories of characters that end a line for some readers and not for others."""

_KEY_KINDS = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


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
    key = _parse_key(rest.split())
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
        return frozenset(_parse_key(line.split()) for line in lines if line and not line.startswith("#"))
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
