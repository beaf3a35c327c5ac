"""SSHSIG, the format of ``ssh-keygen -Y sign``, byte-identical for the same Ed25519 key (OpenSSH ``PROTOCOL.sshsig``).

Plain key files are signed with here; anything that lives in an agent or on a token, or that is locked by a passphrase,
is OpenSSH's business: ``ssh-keygen`` is called.
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
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization.ssh import SSHPublicKeyTypes

from workbench.foundation.errors import DeniedError, IntegrityError, UnavailableError
from workbench.foundation.identity import openssh
from workbench.foundation.identity.keys import PublicKey, key_of, read_public_key, string, strings
from workbench.foundation.identity.signers import AllowedSigners

_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMOUR = re.compile(rf"\s*{_BEGIN}\n(.*)\n{_END}\s*", re.DOTALL)
_HASH = "sha512"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_CLOCK_SKEW = timedelta(minutes=5)


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
    signature = string(b"ssh-ed25519") + string(private.sign(message))
    body = (
        _MAGIC
        + struct.pack(">I", 1)
        + string(public.blob)
        + string(namespace.encode())
        + string(b"")
        + string(_HASH.encode())
        + string(signature)
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


def _signed_message(payload: bytes, namespace: str, hash_name: str = _HASH) -> bytes:
    return _preamble(namespace, hash_name) + string(_HASHES[hash_name](payload).digest())


@lru_cache(maxsize=256)
def _preamble(namespace: str, hash_name: str) -> bytes:
    """Return what every message of a purpose begins with."""
    return _MAGIC + string(namespace.encode()) + string(b"") + string(hash_name.encode())


def _parse_signature(armour: str) -> tuple[PublicKey, str, str, bytes]:
    """Return key, namespace, hash name and raw signature."""
    try:
        match = _ARMOUR.fullmatch(armour.replace("\r\n", "\n"))
        if not match:
            raise ValueError("no armour")
        body = base64.b64decode("".join(match[1].split()), validate=True)
        if body[:6] != _MAGIC or struct.unpack(">I", body[6:10])[0] != 1:
            raise ValueError("not SSHSIG version 1")
        blob, namespace, _reserved, hash_name, raw = strings(body[10:])
        if (hashed_with := hash_name.decode()) not in _HASHES:
            raise ValueError("unknown hash")
        return key_of(blob), namespace.decode(), hashed_with, raw
    except (ValueError, IndexError, struct.error, binascii.Error) as error:
        raise IntegrityError("signature-malformed", f"Not an SSH signature: {error}", "sign it again") from error


@lru_cache(maxsize=1 << 14)
def _is_valid(key: PublicKey, raw: bytes, message: bytes) -> bool:
    """Tell whether the key made this signature of this message: arithmetic only, so an answer holds for ever."""
    try:
        algorithm, signature = strings(raw)[:2]
        public = _usable(key)
        if isinstance(public, Ed25519PublicKey) and algorithm == b"ssh-ed25519":
            public.verify(signature, message)
        elif isinstance(public, rsa.RSAPublicKey) and algorithm in (b"rsa-sha2-256", b"rsa-sha2-512"):
            algorithm_hash = hashes.SHA512() if algorithm.endswith(b"512") else hashes.SHA256()
            public.verify(signature, message, padding.PKCS1v15(), algorithm_hash)
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm.startswith(b"ecdsa-sha2-"):
            r, s = (int.from_bytes(part, "big") for part in strings(signature))
            bits = public.curve.key_size
            curve_hash = hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()
            public.verify(encode_dss_signature(r, s), message, ec.ECDSA(curve_hash))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, IndexError):
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
