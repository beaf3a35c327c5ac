"""What OpenSSH brings along: agents, passphrases, tokens, certificates, revocation, with the real programs."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workbench.foundation.errors import DeniedError, IntegrityError, UnavailableError, UsageError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign, verify
from workbench.review.proof.persons import person_of

NAMESPACE = "mlops-workbench.approve"
BOB = "bob@example.com"
DATA = b'{"verdict":"approve"}'


def keygen(*arguments: str, **options: object) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, capture_output=True, **options)  # type: ignore[call-overload]


def allowed(*lines: str, revoked: bytes = b"") -> AllowedSigners:
    return AllowedSigners.parse("\n".join(lines) + "\n", revoked=revoked)


def test_a_key_with_a_passphrase_signs_through_the_agent(tmp_path, monkeypatch):
    key = tmp_path / "key"
    keygen("-t", "ed25519", "-N", "correct horse", "-f", str(key))
    listed = allowed(f"bob@example.com {read_public_key(key).line}")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(UnavailableError) as locked:
        sign(key, DATA, namespace=NAMESPACE)
    assert (locked.value.code, locked.value.hint) == ("signing-failed", f"unlock the key first: ssh-add {key}")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(UnavailableError) as missing:
            sign(key, DATA, namespace=NAMESPACE)
    assert (missing.value.code, missing.value.message) == ("signing-failed", "ssh-keygen is not installed")
    assert missing.value.hint
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        deadline = datetime.now(UTC) + timedelta(seconds=10)
        while not socket.exists() and datetime.now(UTC) < deadline:
            pass
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        asked = tmp_path / "ask"
        asked.write_text("#!/bin/sh\necho 'correct horse'\n")
        asked.chmod(0o700)
        env = {**os.environ, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"}
        hint = locked.value.hint.partition(": ")[2]
        subprocess.run(shlex.split(hint), check=True, env=env, capture_output=True, stdin=subprocess.DEVNULL)
        signature = sign(key, DATA, namespace=NAMESPACE)
    finally:
        agent.terminate()
        agent.wait()
    assert verify(DATA, signature, namespace=NAMESPACE, allowed=listed) == "bob@example.com"


class Authority:
    """A certificate authority, and one key that it certified."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.key = folder / "ca", folder / "id"
        create_key(self.ca, comment="ca")
        create_key(self.key, comment="bob")
        self.certificate = folder / "id-cert.pub"

    def certify(self, *options: str, names: str = "bob@example.com") -> None:
        keygen("-s", str(self.ca), "-I", "bob", "-n", names, *options, str(self.key) + ".pub")

    def line(self, principals: str = "*@example.com", options: str = "cert-authority") -> str:
        return f"{principals} {options} {read_public_key(self.ca).line}"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def test_a_certificate_signs_for_whom_it_names(authority):
    authority.certify("-V", "+1d")
    listed = allowed(authority.line())
    signature = sign(authority.certificate, DATA, namespace=NAMESPACE)
    options = {"namespace": NAMESPACE, "allowed": listed}
    assert verify(DATA, signature, principal="bob@example.com", **options) == "bob@example.com"
    key = read_public_key(authority.certificate)
    assert listed.principals_of(key, NAMESPACE, datetime.now(UTC)) == ("bob@example.com",)
    for wrong in (
        {"principal": "carol@example.com"},
        {"at": datetime.now(UTC) + timedelta(days=2), "principal": "bob@example.com"},
        {"allowed": allowed(authority.line("*@other.com")), "principal": "bob@example.com"},
        {"allowed": allowed(authority.line(options='cert-authority,namespaces="git"')), "principal": "bob@example.com"},
        {"allowed": allowed(f"bob@example.com {read_public_key(authority.ca).line}"), "principal": "bob@example.com"},
    ):
        with pytest.raises(DeniedError, match="signer-unknown"):
            verify(DATA, signature, **{**options, **wrong})
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(DATA + b" ", signature, principal="bob@example.com", **options)


def test_without_ssh_keygen_nothing_is_believed_and_it_is_named(authority, tmp_path, monkeypatch):
    authority.certify("-V", "+1d")
    signature = sign(authority.certificate, DATA, namespace=NAMESPACE)
    keygen("-k", "-f", str(tmp_path / "krl"), str(authority.ca) + ".pub")
    create_key(tmp_path / "carol", comment="carol")
    plain = sign(tmp_path / "carol", DATA, namespace=NAMESPACE)
    line = f"carol@example.com {read_public_key(tmp_path / 'carol').line}"
    revoking = allowed(line, revoked=(tmp_path / "krl").read_bytes())
    asked = (
        lambda: verify(DATA, signature, namespace=NAMESPACE, allowed=allowed(authority.line()), principal=BOB),
        lambda: verify(DATA, plain, namespace=NAMESPACE, allowed=revoking),
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    for ask in asked:
        with pytest.raises(UnavailableError) as missing:
            ask()
        assert (missing.value.code, "ssh-keygen" in missing.value.message) == ("openssh-missing", True)
        assert missing.value.hint == "install OpenSSH's client, 8.9 or newer"
    assert verify(DATA, plain, namespace=NAMESPACE, allowed=allowed(line)) == "carol@example.com"
    monkeypatch.undo()
    assert asked[0]() == BOB
    assert asked[1]() == "carol@example.com"


def test_a_certificate_of_another_authority_is_nobodys(authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    other.certify()
    signature = sign(other.certificate, DATA, namespace=NAMESPACE)
    listed = allowed(authority.line())
    assert listed.principals_of(read_public_key(other.certificate), NAMESPACE, datetime.now(UTC)) == ()
    with pytest.raises(DeniedError, match="signer-unknown"):
        verify(DATA, signature, namespace=NAMESPACE, allowed=listed, principal="bob@example.com")


def test_an_authoritys_own_key_does_not_sign(authority):
    signature = sign(authority.ca, DATA, namespace=NAMESPACE)
    with pytest.raises(DeniedError, match="signer-unknown"):
        verify(DATA, signature, namespace=NAMESPACE, allowed=allowed(authority.line()))


def test_people_of_one_authority_stay_different_people(authority):
    listed = allowed(authority.line())
    bob, carol = (person_of(listed, name=f"{name}@example.com") for name in ("bob", "carol"))
    assert not bob.is_same(carol)


@pytest.mark.parametrize("as_krl", [False, True])
def test_a_revoked_key_counts_no_more(tmp_path, as_krl):
    key, other = tmp_path / "key", tmp_path / "other"
    create_key(key, comment="bob")
    create_key(other, comment="carol")
    revoked = tmp_path / "revoked"
    if as_krl:
        keygen("-k", "-f", str(revoked), str(key) + ".pub")
    else:
        revoked.write_text(f"# lost on a train\n{read_public_key(key).line}\n")
    lines = f"bob@example.com {read_public_key(key).line}\ncarol@example.com {read_public_key(other).line}\n"
    (tmp_path / "reviewers").write_text(lines)
    listed = AllowedSigners.load(tmp_path / "reviewers")
    with pytest.raises(DeniedError, match="signer-revoked"):
        verify(DATA, sign(key, DATA, namespace=NAMESPACE), namespace=NAMESPACE, allowed=listed)
    assert listed.principals_of(read_public_key(key), NAMESPACE, datetime.now(UTC)) == ()
    signature = sign(other, DATA, namespace=NAMESPACE)
    assert verify(DATA, signature, namespace=NAMESPACE, allowed=listed) == "carol@example.com"


def test_a_revoked_certificate_counts_no_more(authority, tmp_path):
    authority.certify()
    signature = sign(authority.certificate, DATA, namespace=NAMESPACE)
    keygen("-k", "-f", str(tmp_path / "krl"), str(authority.certificate))
    listed = allowed(authority.line(), revoked=(tmp_path / "krl").read_bytes())
    with pytest.raises(DeniedError, match="signer-revoked"):
        verify(DATA, signature, namespace=NAMESPACE, allowed=listed, principal="bob@example.com")


@pytest.mark.parametrize("data", [b"no key\n", b"\xff\xfe"])
def test_a_list_of_revoked_keys_that_cannot_be_read_denies(tmp_path, data):
    key = tmp_path / "key"
    create_key(key, comment="bob")
    listed = allowed(f"bob@example.com {read_public_key(key).line}", revoked=data)
    with pytest.raises(UsageError, match="revoked-malformed"):
        verify(DATA, sign(key, DATA, namespace=NAMESPACE), namespace=NAMESPACE, allowed=listed)


def test_a_krl_that_was_cut_off_revokes_everybody(tmp_path):
    key = tmp_path / "key"
    create_key(key, comment="bob")
    keygen("-k", "-f", str(tmp_path / "krl"), str(key) + ".pub")
    whole = (tmp_path / "krl").read_bytes()
    listed = allowed(f"bob@example.com {read_public_key(key).line}", revoked=whole[: len(whole) // 2])
    with pytest.raises(DeniedError, match="signer-revoked"):
        verify(DATA, sign(key, DATA, namespace=NAMESPACE), namespace=NAMESPACE, allowed=listed)


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class Token:
    """A FIDO token in software: what a hardware one would sign (PROTOCOL.u2f), with a private key that we have."""

    KIND = b"sk-ssh-ed25519@openssh.com"

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.blob = string(self.KIND) + string(raw) + string(b"ssh:")

    @property
    def line(self) -> str:
        return f"{self.KIND.decode()} {base64.b64encode(self.blob).decode()}"

    def sign(self, payload: bytes, namespace: str, *, touched: bool = True) -> str:
        hashed = hashlib.sha512(payload).digest()
        message = b"SSHSIG" + string(namespace.encode()) + string(b"") + string(b"sha512") + string(hashed)
        flags, counter = bytes([1 if touched else 0]), struct.pack(">I", 7)
        signed = hashlib.sha256(b"ssh:").digest() + flags + counter + hashlib.sha256(message).digest()
        raw = string(self.KIND) + string(self.private.sign(signed)) + flags + counter
        body = b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + string(namespace.encode()) + string(b"")
        text = base64.b64encode(body + string(b"sha512") + string(raw)).decode()
        lines = [text[start : start + 70] for start in range(0, len(text), 70)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"]) + "\n"


def test_a_key_on_a_token_counts_and_only_where_it_was_touched():
    token, other = Token(), Token()
    listed = allowed(f"bob@example.com {token.line}")
    options = {"namespace": NAMESPACE, "allowed": listed, "principal": "bob@example.com"}
    assert verify(DATA, token.sign(DATA, NAMESPACE), **options) == "bob@example.com"
    with pytest.raises(IntegrityError, match="touch"):
        verify(DATA, token.sign(DATA, NAMESPACE, touched=False), **options)
    with pytest.raises(DeniedError, match="signer-unknown"):
        verify(DATA, other.sign(DATA, NAMESPACE), **options)
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(DATA + b" ", token.sign(DATA, NAMESPACE), **options)
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(DATA, token.sign(DATA, "mlops-workbench.reject"), **options)
