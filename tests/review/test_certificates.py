"""One certificate with several names is one person: a real authority of ``ssh-keygen``, real signatures."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.foundation.errors import DeniedError, PendingError
from workbench.foundation.identity import create_key, read_public_key, sign
from workbench.foundation.identity.openssh import read_certificate
from workbench.foundation.project import Project
from workbench.review import reviews
from workbench.review.breaking import override, post_review
from workbench.review.decision import build_grant, draft_statement, signing_time
from workbench.review.policies.policy import load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.persons import signer_of
from workbench.review.proof.statement import NAMESPACES, Verdict, build_statement
from workbench.review.proof.verification import verify_grant
from workbench.review.record import find_review

LONG = "the line stands still and the old model is wrong"
TWO = '[stages.production]\nrequired = ["format"]\napprovals = 2\n'
GLASS = TWO + '[stages.production.break_glass]\nmembers = ["erin@example.com"]\n'


class Authority:
    """A certificate authority that the project believes for everybody at example.com."""

    def __init__(self, world, folder: Path) -> None:
        self.world, self.folder = world, folder
        create_key(folder / "ca", comment="ca")
        spaces = ",".join(NAMESPACES)
        with (world.root / "policy" / "reviewers").open("a") as stream:
            line = read_public_key(folder / "ca").line
            stream.write(f'*@example.com cert-authority,namespaces="{spaces}" {line}\n')

    def certify(self, key: str, *names: str, serial: int = 1) -> Path:
        """Return a certificate over a key, which is made where there is none."""
        path = self.folder / f"{key}-{serial}"
        if not path.exists():
            old = self.folder / f"{key}-1"
            if old.exists():
                for suffix in ("", ".pub"):
                    path.with_name(path.name + suffix).write_bytes(old.with_name(old.name + suffix).read_bytes())
                path.chmod(0o600)
            else:
                create_key(path, comment=key)
        listed = ",".join(f"{name}@example.com" for name in names)
        command = ["ssh-keygen", "-q", "-s", str(self.folder / "ca"), "-I", key, "-n", listed, "-z", str(serial)]
        subprocess.run([*command, f"{path}.pub"], check=True, capture_output=True)
        return path.with_name(path.name + "-cert.pub")

    def as_(self, name: str, certificate: Path) -> Project:
        return replace(self.world.as_("bob"), actor=f"{name}@example.com", key_path=certificate)


@pytest.fixture
def authority(world, tmp_path, monkeypatch) -> Authority:
    monkeypatch.setattr("workbench.review.checking._ALWAYS", ("format",))
    (world.root / "policy" / "gate.toml").write_text(TWO)
    (tmp_path / "ca").mkdir()
    return Authority(world, tmp_path / "ca")


def asked(world, models):
    return reviews.request_review(world.as_("alice"), world.log_model(models.good), wait=True)


def approval(project: Project, review: str) -> tuple[str, str]:
    """Sign an approval by hand, past everything that would refuse to."""
    found = find_review(project, review)
    rule = load_policy(project).rule(found.stage)
    data = build_statement(draft_statement(project, found, rule, Verdict.APPROVE, reason="", at=signing_time()))
    return data.decode(), sign(project.key_path, data, namespace=Verdict.APPROVE.namespace)


def test_two_names_of_one_certificate_are_one_approval(world, models, authority):
    certificate = authority.certify("erin", "erin", "frank")
    review = asked(world, models)
    reviews.approve(authority.as_("erin", certificate), review.id)
    card = reviews.approve(authority.as_("frank", certificate), review.id)
    assert card.state == "OPEN"
    with pytest.raises(PendingError, match="approvals-missing"):
        reviews.release_grant(world.as_("alice"), review.id)
    assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"


@pytest.mark.parametrize("serials", [(1, 1), (1, 2)])
def test_a_runner_counts_whoever_holds_the_key_once(world, models, authority, serials):
    """In one certificate, and in two certificates over the same key."""
    names = (("erin", "frank"),) * 2 if serials == (1, 1) else (("erin",), ("frank",))
    people = [
        authority.as_(name, authority.certify("erin", *listed, serial=serial))
        for name, listed, serial in zip(("erin", "frank"), names, serials, strict=True)
    ]
    review = asked(world, models)
    alice = world.as_("alice")
    plain = build_grant(alice, find_review(alice, review.id))
    grant = replace(plain, statements=tuple(approval(project, review.id) for project in people))
    with pytest.raises(DeniedError, match="1 of 2 approvals"):
        verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))
    enough = replace(grant, statements=(*grant.statements, approval(world.as_("bob"), review.id)))
    assert len(verify_grant(enough, alice.store, load_reviewers(alice), load_policy(alice))) == 2


def test_an_author_is_known_under_each_name_of_the_certificate(world, models, authority):
    certificate = authority.certify("erin", "alice", "erin")
    review = asked(world, models)
    erin, alice = authority.as_("erin", certificate), world.as_("alice")
    with pytest.raises(DeniedError, match="self-approval"):
        reviews.approve(erin, review.id)
    plain = build_grant(alice, find_review(alice, review.id))
    grant = replace(plain, statements=(approval(erin, review.id), approval(world.as_("bob"), review.id)))
    with pytest.raises(DeniedError, match="self-approval"):
        verify_grant(grant, alice.store, load_reviewers(alice), load_policy(alice))


def test_a_key_in_the_list_and_certified_is_one_persons(world, models, authority):
    """Bob's own key, certified for another name."""
    for suffix in ("", ".pub"):
        (authority.folder / f"bob-1{suffix}").write_bytes((world.keys / f"bob{suffix}").read_bytes())
    (authority.folder / "bob-1").chmod(0o600)
    certificate = authority.certify("bob", "frank")
    review = asked(world, models)
    reviews.approve(world.as_("bob"), review.id)
    assert reviews.approve(authority.as_("frank", certificate), review.id).state == "OPEN"


def test_who_overrode_does_not_look_afterwards_under_another_name(world, models, authority):
    (world.root / "policy" / "gate.toml").write_text(GLASS)
    certificate = authority.certify("erin", "erin", "frank")
    review = asked(world, models)
    override(authority.as_("erin", certificate), review.id, LONG)
    for name in ("erin", "frank"):
        with pytest.raises(DeniedError, match="self-approval"):
            post_review(authority.as_(name, certificate), review.id, LONG)
    assert not post_review(world.as_("bob"), review.id, LONG).owes_post_review


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_is_read_as_ssh_keygen_writes_it(authority, kind):
    key = authority.folder / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
    command = ["ssh-keygen", "-q", "-s", str(authority.folder / "ca"), "-I", "x", "-n", "a@x,b@x", f"{key}.pub"]
    subprocess.run(command, check=True)
    certificate = read_public_key(key.with_name(f"{kind}-cert.pub"))
    assert read_certificate(certificate.blob) == (read_public_key(key).blob, ("a@x", "b@x"))
    for end in range(0, len(certificate.blob) - 400, 7):
        with pytest.raises(ValueError, match=r"truncated|certificate|decode"):
            read_certificate(certificate.blob[:end])
    with pytest.raises(ValueError, match="is no certificate"):
        read_certificate(read_public_key(key).blob)


def test_who_signed_is_read_from_the_signature(world, authority):
    certificate = authority.certify("erin", "erin", "frank")
    allowed = load_reviewers(world.as_("alice"))
    person = signer_of(allowed, "erin@example.com", sign(certificate, b"x", namespace="git"))
    assert person.names == {"erin@example.com", "frank@example.com"}
    assert person.keys == {read_public_key(authority.folder / "erin-1").blob}
