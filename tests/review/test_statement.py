"""Every way we could think of to get bytes served that nobody approved, each with a test of its own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import DeniedError, IntegrityError, WorkbenchError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign
from workbench.foundation.store import Store
from workbench.review.policies.policy import parse_policy
from workbench.review.proof.grant import Grant
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement, parse_statement
from workbench.review.proof.verification import verify_grant

ONE = b"[stages.production]\nrequired = []\napprovals = 1\n"
TWO = b"[stages.production]\nrequired = []\napprovals = 2\n"
SELF = b"[stages.production]\nrequired = []\napprovals = 1\nallow_self = true\n"


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


class Desk:
    """Keys, reviewers, a store and what an honest reviewer would sign."""

    def __init__(self, folder: Path, policy: bytes = ONE) -> None:
        self.folder = folder
        self.store = Store(folder / "store")
        self.policy = parse_policy(policy)
        self.store.put_bytes(policy)
        self.lines: list[str] = []
        for name in ("alice", "bob", "carol"):
            self.add_key(name)

    def add_key(self, key: str, *, principal: str = "", options: str = "") -> None:
        if not (self.folder / key).exists():
            create_key(self.folder / key, comment=key)
        spaces = f'namespaces="{",".join(NAMESPACES)}"'
        line = read_public_key(self.folder / key).line
        self.lines.append(f"{principal or key + '@example.com'} {options or spaces} {line}")

    @property
    def allowed(self) -> AllowedSigners:
        return AllowedSigners.parse("\n".join(self.lines))

    def statement(self, **changes: str) -> Statement:
        honest = Statement(
            verdict="approve",
            model="faults",
            model_digest=digest("a"),
            stage="production",
            review="rv-00000001",
            policy_digest=self.policy.digest,
            evidence_digest=digest("e"),
            requester="alice@example.com",
            author="alice@example.com",
            commit_author="alice@example.com",
            principal="bob@example.com",
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            reason="looked at it",
        )
        return replace(honest, **changes)

    def signed(self, key: str = "bob", namespace: str = "", **changes: str) -> tuple[str, str]:
        statement = self.statement(**{"principal": f"{key}@example.com", **changes})
        data = build_statement(statement)
        purpose = namespace or Verdict(statement.verdict).namespace
        return data.decode(), sign(self.folder / key, data, namespace=purpose)

    def grant(self, *pairs: tuple[str, str], **changes: str) -> Grant:
        honest = self.statement()
        names = ("review", "model", "stage", "model_digest", "policy_digest", "evidence_digest")
        values = {name: getattr(honest, name) for name in (*names, "requester", "author", "commit_author")}
        grant = Grant(channel="faults@production", statements=pairs or (self.signed(),), **values)
        return replace(grant, **changes)

    def verify(self, grant: Grant) -> tuple[str, ...]:
        return verify_grant(grant, self.store, self.allowed, self.policy)


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def refused(desk: Desk, grant: Grant, code: str) -> WorkbenchError:
    with pytest.raises((DeniedError, IntegrityError)) as caught:
        desk.verify(grant)
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.mark.checklist("S1-16", "S1-10")
def test_an_honest_approval_is_believed(desk):
    assert desk.verify(desk.grant()) == ("bob@example.com",)


def test_a_grant_survives_json(desk):
    grant = desk.grant()
    again = Grant.from_json(json.loads(json.dumps(grant.to_json())))
    assert again == grant
    assert desk.verify(again) == ("bob@example.com",)


@pytest.mark.parametrize("value", [None, [], {}, {"review": "x"}, "grant", 3])
def test_something_else_is_no_grant(value):
    with pytest.raises(IntegrityError, match="grant-malformed"):
        Grant.from_json(value)


@pytest.mark.parametrize("statements", [None, 1, ["x"], [["a"]], [["a", 1]], [["a", "b", "c"]]])
def test_a_grant_with_other_statements_is_refused(desk, statements):
    with pytest.raises(IntegrityError, match="grant-malformed"):
        Grant.from_json({**desk.grant().to_json(), "statements": statements})


@pytest.mark.checklist("S1-16")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_digest", digest("b")),
        ("evidence_digest", digest("b")),
        ("review", "rv-00000002"),
        ("requester", "dan@example.com"),
        ("author", "dan@example.com"),
        ("commit_author", ""),
    ],
)
def test_a_grant_about_anything_else_than_what_was_signed_is_refused(desk, field, value):
    refused(desk, desk.grant(**{field: value}), "grant-mismatch")


def test_swapped_model_bytes_are_refused(desk):
    refused(desk, desk.grant(model_digest=digest("f")), "grant-mismatch")


def test_a_statement_of_another_review_cannot_be_replayed(desk):
    old = desk.signed(review="rv-0000000f", model_digest=digest("0"))
    refused(desk, desk.grant(old), "grant-mismatch")


def test_another_stage_needs_its_own_approval(tmp_path):
    desk = Desk(tmp_path, ONE + ONE.replace(b"production", b"staging"))
    staged = desk.signed(stage="staging")
    refused(desk, desk.grant(staged), "grant-mismatch")


def test_another_model_name_is_refused(desk):
    refused(desk, desk.grant(model="other", channel="other@production"), "grant-mismatch")


def test_a_channel_that_is_not_the_approved_one_is_refused(desk):
    refused(desk, desk.grant(channel="faults@staging"), "grant-malformed")


def test_a_signature_for_another_purpose_is_worthless(desk):
    refused(desk, desk.grant(desk.signed(namespace="file")), "signature-invalid")
    refused(desk, desk.grant(desk.signed(namespace="mlops-workbench.reject")), "signature-invalid")


def test_a_rejection_cannot_be_presented_as_an_approval(desk):
    rejection = desk.signed(verdict="reject")
    refused(desk, desk.grant(rejection), "verdict-other")
    text = rejection[0].replace('"verdict":"reject"', '"verdict":"approve"')
    refused(desk, desk.grant((text, rejection[1])), "signature-invalid")


def test_an_edited_reason_is_refused(desk):
    text, signature = desk.signed()
    refused(desk, desk.grant((text.replace("looked at it", "did not look"), signature)), "signature-invalid")


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace(":", ": ", 1),  # other layout, same JSON
        lambda text: text[:-1] + ',"extra":1}',
        lambda text: text.replace('"reason"', '"reason":"x","reason"'),  # double key
        lambda text: text.replace("urn:mlops-workbench:decision:v1", "urn:other"),
        lambda text: text.replace('"approve"', '"maybe"'),
        lambda text: text.replace("sha256:e", "sha256:E"),
        lambda text: text.replace("alice@example.com", ""),
        lambda text: text.replace("+00:00", "+09:00"),
        lambda text: "[" * 5000,
        lambda text: "",
        lambda text: "null",
    ],
)
def test_only_the_one_canonical_form_is_read(desk, edit):
    text, signature = desk.signed()
    assert edit(text) != text
    refused(desk, desk.grant((edit(text), signature)), "statement-malformed")


def test_a_statement_comes_back_as_it_was(desk):
    statement = desk.statement(reason='日本語 "quoted"\n')
    assert parse_statement(build_statement(statement)) == statement


def test_a_stranger_cannot_approve(desk):
    create_key(desk.folder / "mallory", comment="m")
    refused(desk, desk.grant(desk.signed("mallory")), "signer-unknown")


def test_nobody_signs_in_the_name_of_another(desk):
    refused(desk, desk.grant(desk.signed("carol", principal="bob@example.com")), "signer-other")


@pytest.mark.checklist("S1-10", "S0-11")
@pytest.mark.parametrize("role", ["requester", "author", "commit_author"])
def test_who_asked_trained_or_wrote_it_cannot_approve(desk, role):
    mine = {role: "bob@example.com"}
    refused(desk, desk.grant(desk.signed(**mine), **mine), "self-approval")


def test_the_requester_cannot_approve_under_a_second_name_of_the_same_key(desk):
    desk.add_key("alice", principal="al@example.com")
    refused(desk, desk.grant(desk.signed("alice", principal="al@example.com")), "self-approval")


def test_the_requester_cannot_approve_with_a_second_key_of_the_same_name(desk):
    desk.add_key("alice-laptop", principal="alice@example.com")
    refused(desk, desk.grant(desk.signed("alice-laptop", principal="alice@example.com")), "self-approval")


def test_the_requester_cannot_approve_over_two_corners(desk):
    desk.add_key("alice", principal="al@example.com")
    desk.add_key("phone", principal="al@example.com")
    desk.add_key("phone", principal="a.l@example.com")
    refused(desk, desk.grant(desk.signed("phone", principal="a.l@example.com")), "self-approval")


def test_another_spelling_is_not_another_person(desk):
    desk.add_key("new", principal="Alice@Example.com")
    refused(desk, desk.grant(desk.signed("new", principal="Alice@Example.com")), "self-approval")


def test_a_key_for_everybody_is_the_requesters_too(desk):
    desk.add_key("team", principal="*@example.com")
    refused(desk, desk.grant(desk.signed("team", principal="dan@example.com")), "self-approval")


@pytest.mark.checklist("S1-10")
def test_two_approvals_need_two_people(tmp_path):
    desk = Desk(tmp_path, TWO)
    bob, carol = desk.signed("bob"), desk.signed("carol")
    assert desk.verify(desk.grant(bob, carol)) == ("bob@example.com", "carol@example.com")
    refused(desk, desk.grant(bob), "approvals-missing")
    refused(desk, desk.grant(bob, bob), "approvals-missing")
    refused(desk, desk.grant(bob, desk.signed("bob", reason="and again")), "approvals-missing")


def test_two_names_of_one_key_are_one_person(tmp_path):
    desk = Desk(tmp_path, TWO)
    desk.add_key("bob", principal="robert@example.com")
    refused(
        desk,
        desk.grant(desk.signed("bob"), desk.signed("bob", principal="robert@example.com")),
        "approvals-missing",
    )


def test_two_keys_of_one_name_are_one_person(tmp_path):
    desk = Desk(tmp_path, TWO)
    desk.add_key("bob-token", principal="bob@example.com")
    second = desk.signed("bob-token", principal="bob@example.com")
    refused(desk, desk.grant(desk.signed("bob"), second), "approvals-missing")


def test_one_bad_statement_beside_a_good_one_is_refused(desk):
    refused(desk, desk.grant(desk.signed(), desk.signed("carol", review="rv-0000000f")), "grant-mismatch")


def test_a_laxer_policy_slipped_into_the_store_gains_nothing(tmp_path):
    desk = Desk(tmp_path, TWO)
    lax = desk.store.put_bytes(ONE)
    grant = desk.grant(desk.signed(policy_digest=lax), policy_digest=lax)
    refused(desk, grant, "approvals-missing")


def test_a_policy_that_lets_authors_approve_gains_nothing_unless_it_stands(tmp_path):
    desk = Desk(tmp_path, ONE)
    lax = desk.store.put_bytes(SELF)
    grant = desk.grant(desk.signed("alice", policy_digest=lax), policy_digest=lax)
    refused(desk, grant, "self-approval")
    standing = Desk(tmp_path / "other", SELF)
    assert standing.verify(standing.grant(standing.signed("alice"))) == ("alice@example.com",)


def test_another_policy_than_the_signed_one_is_refused(desk):
    other = desk.store.put_bytes(ONE + b"# same rules\n")
    refused(desk, desk.grant(policy_digest=other), "grant-mismatch")


def test_a_stricter_policy_takes_effect_at_the_next_start(desk):
    grant = desk.grant()
    desk.policy = parse_policy(TWO)
    refused(desk, grant, "approvals-missing")


def test_a_policy_that_is_gone_or_changed_in_the_store_is_refused(desk):
    grant = desk.grant()
    path = desk.store.path_of(desk.policy.digest)
    path.chmod(0o644)
    path.write_bytes(SELF)
    refused(desk, grant, "bytes-changed")
    path.unlink()
    refused(desk, grant, "policy-invalid")


def test_bytes_that_are_no_policy_are_refused(desk):
    other = desk.store.put_bytes(b"not toml")
    refused(desk, desk.grant(desk.signed(policy_digest=other), policy_digest=other), "policy-invalid")


def test_a_removed_key_withdraws_its_approvals(desk):
    grant = desk.grant()
    desk.lines = [line for line in desk.lines if "bob" not in line]
    refused(desk, grant, "signer-unknown")


def test_an_expired_key_keeps_what_it_signed_before_and_no_more(tmp_path):
    desk = Desk(tmp_path)
    now = datetime.now(UTC)
    desk.lines = [line for line in desk.lines if not line.startswith("bob")]
    end = (now - timedelta(days=1)).strftime("%Y%m%d%H%M%SZ")
    desk.add_key("bob", options=f'namespaces="{",".join(NAMESPACES)}",valid-before="{end}"')
    refused(desk, desk.grant(), "signer-unknown")
    before = (now - timedelta(days=2)).isoformat(timespec="seconds")
    assert desk.verify(desk.grant(desk.signed(at=before))) == ("bob@example.com",)


def test_a_decision_from_the_future_is_refused(desk):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    refused(desk, desk.grant(desk.signed(at=later)), "signed-in-future")


def test_a_key_for_rejections_cannot_approve(desk):
    desk.add_key("eve", options='namespaces="mlops-workbench.reject"')
    refused(desk, desk.grant(desk.signed("eve")), "signer-unknown")


def test_a_broken_signature_is_refused(desk):
    text, signature = desk.signed()
    refused(desk, desk.grant((text, signature.replace("A", "B", 3))), "signature-malformed")
    refused(desk, desk.grant((text, "")), "signature-malformed")


def test_a_grant_without_statements_is_refused(desk):
    refused(desk, replace(desk.grant(), statements=()), "approvals-missing")


def test_a_stage_without_rules_is_refused(desk):
    grant = desk.grant(desk.signed(stage="moon"), stage="moon", channel="faults@moon")
    refused(desk, grant, "policy-invalid")


def test_every_single_changed_character_of_a_statement_is_noticed(desk):
    """Fuzz whole: flip each byte of the signed text in turn; none may pass."""
    text, signature = desk.signed()
    for index in range(len(text)):
        edited = text[:index] + chr(ord(text[index]) ^ 1) + text[index + 1 :]
        with pytest.raises((IntegrityError, DeniedError)):
            desk.verify(desk.grant((edited, signature)))


@pytest.mark.checklist("S1-16")
def test_openssh_verifies_it_by_hand(desk, tmp_path):
    """What a suspicious auditor does with nothing of ours installed."""
    text, signature = desk.signed()
    (tmp_path / "reviewers").write_text("\n".join(desk.lines) + "\n")
    (tmp_path / "decision.sig").write_text(signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "reviewers"), "-I", "bob@example.com"]
    command += ["-n", "mlops-workbench.approve", "-s", str(tmp_path / "decision.sig")]

    good = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    edited = subprocess.run(command, input=text.replace("looked", "peeked").encode(), capture_output=True, check=False)

    assert good.returncode == 0, good.stderr
    assert edited.returncode != 0


def test_the_statement_has_the_shape_of_in_toto(desk):
    value = json.loads(desk.signed()[0])
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert value["subject"] == [{"name": "faults", "digest": {"sha256": "a" * 64}}]
    assert set(value["predicate"]) == set(asdict(desk.statement())) - {
        "model",
        "model_digest",
        "waivers",
        "request_digest",
    }


def test_the_statement_is_canonical(desk):
    text = desk.signed()[0]
    assert canonical_json(json.loads(text)) == text.encode()
    assert digest_bytes(text.encode()).startswith("sha256:")
