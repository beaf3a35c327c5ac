"""What OpenSSH itself has to look at: certificates, keys on tokens, and revocation lists.

A certificate has rules of its own (principals, validity, critical options), a token signs more than the message, and a
KRL is a format that OpenSSH alone should read. For these, ``ssh-keygen`` decides; everything else is verified by
:mod:`workbench.foundation.identity` without a process.
"""

from __future__ import annotations

import fnmatch
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from workbench.foundation.errors import DeniedError, IntegrityError, UnavailableError

if TYPE_CHECKING:
    from workbench.foundation.identity.signers import AllowedSigners, SignerEntry

_KRL_MAGIC = b"SSHKRL\n\x00"
_CERTIFICATE = "-cert-v01@openssh.com"
_PARTS = {"ssh-ed25519": 1, "ssh-rsa": 2, "ssh-dss": 4, "sk-ssh-ed25519": 2, "sk-ecdsa-sha2-nistp256": 3}
_ECDSA_PARTS = 2
"""How many strings a public key of each kind consists of, after its name (OpenSSH ``PROTOCOL.certkeys``)."""
_TIMEOUT_S = 20


def is_certificate(kind: str) -> bool:
    """Tell whether a key is a certificate."""
    return kind.endswith(_CERTIFICATE)


def is_for_openssh(kind: str) -> bool:
    """Tell whether signatures of such a key are verified by ``ssh-keygen``: certificates, and keys on tokens."""
    return is_certificate(kind) or kind.startswith("sk-")


def is_krl(data: bytes) -> bool:
    """Tell whether a file of revoked keys is a KRL and not a list."""
    return data.startswith(_KRL_MAGIC)


@lru_cache(maxsize=256)
def is_in_krl(krl: bytes, key_line: str) -> bool:
    """Ask ``ssh-keygen`` whether a KRL revokes a key; one that cannot be read revokes every key.

    Raises:
        UnavailableError: ``openssh-missing``.
    """
    with tempfile.TemporaryDirectory(prefix="wb-krl-") as folder:
        (Path(folder) / "krl").write_bytes(krl)
        (Path(folder) / "key.pub").write_text(key_line + "\n", encoding="ascii")
        done = _keygen("-Q", "-f", f"{folder}/krl", f"{folder}/key.pub")
    return done.returncode != 0


def read_certificate(blob: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the key that a certificate certifies, as it would stand by itself, and every name in the certificate.

    Serial, key id and authority are left aside: whoever holds the key is one person, in however many certificates.
    Read here and not by ``cryptography``, which does not know keys on tokens. Nothing of it is verified.

    Args:
        blob: A certificate in SSH wire format.

    Raises:
        ValueError: It is none, or is cut off.
    """
    name, rest = _string_of(blob)
    kind = name.decode()
    if not is_certificate(kind):
        raise ValueError(f"{kind} is no certificate")
    plain = kind.removesuffix(_CERTIFICATE)
    _nonce, rest = _string_of(rest)
    start = rest
    for _ in range(_PARTS.get(plain, _ECDSA_PARTS)):
        _part, rest = _string_of(rest)
    key = start[: len(start) - len(rest)]
    _key_id, rest = _string_of(rest[12:])  # after serial and type
    listed, _ = _string_of(rest)
    names = []
    while listed:
        each, listed = _string_of(listed)
        names.append(each.decode("utf-8", "replace"))
    own = f"{plain}@openssh.com" if plain.startswith("sk-") else plain
    return struct.pack(">I", len(own)) + own.encode() + key, tuple(names)


def _string_of(data: bytes) -> tuple[bytes, bytes]:
    """Return the first wire string and what follows it."""
    if len(data) < 4 or len(data) < 4 + (length := struct.unpack(">I", data[:4])[0]):
        raise ValueError("truncated")
    return data[4 : 4 + length], data[4 + length :]


def certified_principals(line: str, entries: Iterable[SignerEntry], namespace: str, at: datetime) -> tuple[str, ...]:
    """Return whose certificate this is, by the authorities of an ``allowed_signers`` file; empty where nobody's."""
    try:
        certificate = serialization.load_ssh_public_identity(line.encode())
        if not isinstance(certificate, serialization.SSHCertificate):
            return ()
        certificate.verify_cert_signature()
        authority = certificate.signature_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
    except (ValueError, InvalidSignature):
        return ()
    if not certificate.valid_after <= at.timestamp() < certificate.valid_before:
        return ()
    names = [name.decode("utf-8", "replace") for name in certificate.valid_principals]
    found: list[str] = []
    for entry in entries:
        if entry.is_authority and entry.key.line.encode() == authority and entry.is_valid_at(namespace, at):
            found += [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in entry.principals)]
    return tuple(found)


def verify(
    payload: bytes, signature: str, *, namespace: str, allowed: AllowedSigners, principal: str | None, at: datetime
) -> str:
    """Have ``ssh-keygen`` verify a signature and return whose it is; the arguments are those of ``identity.verify``.

    Raises:
        IntegrityError: ``signature-invalid``.
        DeniedError: ``signer-unknown``.
        UnavailableError: ``openssh-missing``.
    """
    moment = f"verify-time={at.astimezone(UTC):%Y%m%d%H%M%S}"
    with tempfile.TemporaryDirectory(prefix="wb-sig-") as folder:
        revoked = {f"revoked{number}": data for number, data in enumerate(allowed.revocations)}
        for name, data in {"allowed": allowed.text.encode(), "sig": signature.encode(), **revoked}.items():
            (Path(folder) / name).write_bytes(data)
        listed = ["-f", f"{folder}/allowed", "-s", f"{folder}/sig", "-O", moment]
        if _keygen("-Y", "check-novalidate", "-n", namespace, "-s", f"{folder}/sig", payload=payload).returncode:
            raise IntegrityError(
                "signature-invalid", "The signature does not belong to these bytes", "ask the signer to sign them again"
            )
        name = principal or _first_line(_keygen("-Y", "find-principals", *listed, payload=payload))
        for lists in [["-r", f"{folder}/{file}"] for file in revoked] or [[]]:
            done = _keygen("-Y", "verify", "-I", name, "-n", namespace, *listed, *lists, payload=payload)
            if done.returncode:
                break
    if not name or done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DeniedError(
            "signer-unknown",
            f"ssh-keygen does not accept the key of {name or 'the signature'} for '{namespace}'"
            + (f": {said[-1]}" if said else ""),
            "an owner adds it to policy/reviewers: mlops reviewers add <name> <id_….pub>",
        )
    return name


def _first_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].split(",")[0].strip() if lines and not done.returncode else ""


def _keygen(*arguments: str, payload: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=payload,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        )
    except ValueError as error:  # a name with a NUL or half a character in it
        raise IntegrityError(
            "signature-malformed", f"Not a name that can be asked for: {error}", "sign it again"
        ) from error
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            "openssh-missing", f"ssh-keygen is needed for this key: {error}", "install OpenSSH's client, 8.9 or newer"
        ) from error
