"""Our signatures against OpenSSH's: the same bytes, and each verifies the other's."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign, verify

NAMESPACE = "mlops-workbench.approve"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id_ed25519"
    create_key(path, comment="a@example.com")
    return path


def allow(key: Path, who: str = "a@example.com", options: str = "") -> AllowedSigners:
    return AllowedSigners.parse(f"{who} {options} {read_public_key(key).line}")


def openssh_sign(key: Path, payload: bytes) -> str:
    message = key.parent / "message"
    message.write_bytes(payload)
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(message)]
    subprocess.run(command, check=True, capture_output=True)
    signature = message.with_suffix(".sig")
    text = signature.read_text()
    signature.unlink()
    return text


@pytest.mark.checklist("S1-16")
def test_the_same_bytes_as_openssh(key: Path) -> None:
    for payload in (b"", b"hello", bytes(range(256)) * 40):
        assert sign(key, payload, namespace=NAMESPACE) == openssh_sign(key, payload)


def test_openssh_verifies_ours(key: Path, tmp_path: Path) -> None:
    (tmp_path / "m.sig").write_text(sign(key, b"payload", namespace=NAMESPACE))
    (tmp_path / "reviewers").write_text(f"a@example.com {read_public_key(key).line}\n")
    command = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "reviewers"), "-I", "a@example.com"]
    command += ["-n", NAMESPACE, "-s", str(tmp_path / "m.sig")]
    subprocess.run(command, input=b"payload", check=True, capture_output=True)


@pytest.mark.parametrize(("kind", "bits"), [("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")])
def test_other_kinds_of_key_sign_through_openssh(tmp_path: Path, kind: str, bits: str) -> None:
    path = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-f", str(path)], check=True)
    signature = sign(path, b"payload", namespace=NAMESPACE)
    assert verify(b"payload", signature, namespace=NAMESPACE, allowed=allow(path)) == "a@example.com"
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(b"Payload", signature, namespace=NAMESPACE, allowed=allow(path))


def test_what_does_not_count(key: Path, tmp_path: Path) -> None:
    signature = sign(key, b"payload", namespace=NAMESPACE)
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(b"other", signature, namespace=NAMESPACE, allowed=allow(key))
    with pytest.raises(IntegrityError, match="signature-invalid"):
        verify(b"payload", signature, namespace="mlops-workbench.reject", allowed=allow(key))
    stranger = tmp_path / "stranger"
    create_key(stranger, comment="s")
    with pytest.raises(DeniedError, match="signer-unknown"):
        verify(b"payload", signature, namespace=NAMESPACE, allowed=allow(stranger))
    with pytest.raises(DeniedError, match="signer-other"):
        verify(b"payload", signature, namespace=NAMESPACE, allowed=allow(key), principal="b@example.com")
    with pytest.raises(DeniedError, match="signer-unknown"):
        verify(b"payload", signature, namespace=NAMESPACE, allowed=allow(key, options='namespaces="git"'))


def test_validity_is_a_period(key: Path) -> None:
    signature = sign(key, b"p", namespace=NAMESPACE)
    allowed = allow(key, options='valid-after="20260101",valid-before="20270101"')
    inside = datetime(2026, 6, 1, tzinfo=UTC)
    assert verify(b"p", signature, namespace=NAMESPACE, allowed=allowed, at=inside) == "a@example.com"
    for outside in (datetime(2025, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
        with pytest.raises(DeniedError, match="signer-unknown"):
            verify(b"p", signature, namespace=NAMESPACE, allowed=allowed, at=outside)


def test_a_key_is_never_overwritten(key: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(ConflictError, match="key-exists"):
        create_key(key, comment="again")
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o777 == 0o600


def test_missing_and_malformed_keys_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="key-missing"):
        read_public_key(tmp_path / "nothing")
    (tmp_path / "bad.pub").write_text("ssh-ed25519 AAAA! comment")
    with pytest.raises(UsageError, match="key-malformed"):
        read_public_key(tmp_path / "bad.pub")


@pytest.mark.parametrize("line", ["a@example.com", "a@example.com ssh-ed25519", "a@b frobnicate ssh-ed25519 AAAA"])
def test_a_malformed_reviewers_file_names_its_line(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        AllowedSigners.parse(f"# ok\n{line}\n", name="policy/reviewers")
    assert caught.value.code == "reviewers-malformed"
    assert "policy/reviewers:2" in caught.value.message


@pytest.mark.parametrize(
    ("who", "options"),
    [
        ("!mallory@example.com,*@example.com", ""),
        ("[a-z]@example.com", ""),
        ("a\x0b@example.com", ""),
        ("a\u00a0@example.com", ""),
        ("a\u2028@example.com", ""),
        ("a@example.com", 'namespaces="!mlops-workbench.approve,*"'),
        ("a@example.com", 'namespaces="mlops-workbench.[ab]*"'),
        ("a@example.com", 'namespaces="mlops-workbench.approve\x85"'),
        ("a@example.com", 'namespaces="a b"'),
    ],
)
def test_patterns_that_openssh_reads_otherwise_are_refused(key: Path, who: str, options: str) -> None:
    line = f"{who} {options} {read_public_key(key).line}"
    with pytest.raises(UsageError) as caught:
        AllowedSigners.parse(f"# ok\n\n{line}\n", name="policy/reviewers")
    assert caught.value.code == "reviewers-malformed"
    assert "policy/reviewers:3" in caught.value.message


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "reviewers"
    path.write_text("bob@example.com ssh-ed25519 AAAA\n", encoding="utf-8-sig")
    with pytest.raises(UsageError, match="byte-order mark") as caught:
        AllowedSigners.load(path)
    assert caught.value.hint == "save it as UTF-8 without a byte-order mark (BOM)"


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_line_ends_where_it_ends_for_openssh(key: Path, tmp_path: Path, separator: str) -> None:
    hidden = f"# a comment to OpenSSH{separator}a@example.com {read_public_key(key).line}\r\n"
    path = tmp_path / "reviewers"
    path.write_bytes(hidden.encode())
    assert AllowedSigners.load(path).entries == ()
    path.write_bytes(f"a@example.com {read_public_key(key).line} a{separator}b\n".encode())
    with pytest.raises(UsageError, match="reviewers-malformed"):
        AllowedSigners.load(path)
    path.write_bytes(f"a@example.com\t{read_public_key(key).line} 名前\r\n".encode())
    assert len(AllowedSigners.load(path).entries) == 1


@given(st.text(max_size=400))
def test_no_text_crashes_the_reviewers_parser(text: str) -> None:
    try:
        AllowedSigners.parse(text)
    except UsageError as error:
        assert error.code == "reviewers-malformed"


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_signature_parser(data: bytes) -> None:
    import base64

    armour = "-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(b"SSHSIG" + data).decode()
    with pytest.raises(IntegrityError):
        verify(b"p", armour + "\n-----END SSH SIGNATURE-----\n", namespace=NAMESPACE, allowed=AllowedSigners(()))
