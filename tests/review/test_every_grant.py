"""Every small grant there is, against an oracle; and the search finds each planted bug before it is believed.

Random tests miss the one combination that matters. Six names of four people, three models, two policies and every
verdict make 108 honest statements; every grant with at most two of them is tried, for each model and policy.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign
from workbench.foundation.store import Store
from workbench.review.policies.policy import Policy, parse_policy
from workbench.review.proof import approvals as module
from workbench.review.proof import verification
from workbench.review.proof.grant import Grant
from workbench.review.proof.persons import Person, person_of
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement, parse_statement
from workbench.review.proof.verification import verify_grant

MODELS = tuple("sha256:" + letter * 64 for letter in "abc")
POLICIES = tuple(f"[stages.production]\nrequired = []\napprovals = {count}\n".encode() for count in (1, 2))
# alice asked; bobby is another name of bob's key, dora and della are both in one certificate
KEYS = {"alice": "alice", "bob": "bob", "bobby": "bob", "carol": "carol", "dora": "cert", "della": "cert"}
PERSON = {"alice": 0, "bob": 1, "bobby": 1, "carol": 2, "dora": 3, "della": 3}
CERTIFIED = [name for name, key in KEYS.items() if key == "cert"]


class Space:
    """All statements, signed once, and all grants made of them."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store")
        self.policies = [parse_policy(text) for text in POLICIES]
        for text in POLICIES:
            self.store.put_bytes(text)
        for key in {*KEYS.values(), "authority"}:
            create_key(folder / key, comment=key)
        paths = {key: folder / key for key in KEYS.values()} | {"cert": certify(folder, "cert", CERTIFIED)}
        options = f'namespaces="{",".join(NAMESPACES)}"'
        lines = [f"{n} {options} {read_public_key(paths[k]).line}" for n, k in KEYS.items() if n not in CERTIFIED]
        authority = read_public_key(folder / "authority").line
        lines.append(f"{','.join(CERTIFIED)} cert-authority,{options} {authority}")
        self.allowed = AllowedSigners.parse("\n".join(lines))
        self.statements: list[tuple[Statement, tuple[str, str]]] = []
        for name, key in KEYS.items():
            for model in MODELS:
                for policy in self.policies:
                    for verdict in Verdict:
                        made = self._statement(name, model, policy, verdict)
                        data = build_statement(made)
                        signature = sign(paths[key], data, namespace=verdict.namespace)
                        self.statements.append((made, (data.decode(), signature)))

    def grants(self) -> Iterator[tuple[Grant, Policy, list[Statement]]]:
        """Yield every grant with the policy that stands when it is verified."""
        sets: list[tuple[tuple[Statement, tuple[str, str]], ...]] = [()]
        sets += [(one,) for one in self.statements]
        of_first = [item for item in self.statements if item[0].model_digest != MODELS[2]]
        sets += list(combinations_with_replacement(of_first, 2))
        for chosen in sets:
            for signed in self.policies:
                grant = Grant(
                    review="rv-00000001",
                    model="faults",
                    stage="production",
                    channel="faults@production",
                    model_digest=MODELS[0],
                    policy_digest=signed.digest,
                    evidence_digest=MODELS[0],
                    requester="alice",
                    author="alice",
                    statements=tuple(pair for _, pair in chosen),
                )
                for standing in self.policies:
                    yield grant, standing, [made for made, _ in chosen]

    def disagreements(self, *, enough: int = 1) -> list[tuple[list[Statement], bool]]:
        """Return grants on which verifier and oracle differ, up to ``enough``."""
        found = []
        for grant, standing, statements in self.grants():
            try:
                is_allowed = bool(verify_grant(grant, self.store, self.allowed, standing))
            except (DeniedError, IntegrityError):
                is_allowed = False
            if is_allowed != oracle(grant, standing, statements, self.policies):
                found.append((statements, is_allowed))
                if len(found) >= enough:
                    break
        return found

    @staticmethod
    def _statement(name: str, model: str, policy: Policy, verdict: Verdict) -> Statement:
        return Statement(
            verdict=verdict.value,
            model="faults",
            model_digest=model,
            stage="production",
            review="rv-00000001",
            policy_digest=policy.digest,
            evidence_digest=MODELS[0],
            requester="alice",
            author="alice",
            commit_author="",
            principal=name,
            at="2026-01-01T00:00:00+00:00",
            reason="",
        )


def certify(folder: Path, key: str, names: list[str]) -> Path:
    """Have the authority certify a key for several names, and return the certificate."""
    command = ["ssh-keygen", "-q", "-s", str(folder / "authority"), "-I", key, "-n", ",".join(names)]
    subprocess.run([*command, f"{folder / key}.pub"], check=True)
    return folder / f"{key}-cert.pub"


def oracle(grant: Grant, standing: Policy, statements: list[Statement], policies: list[Policy]) -> bool:
    """Say in the plainest words what must hold."""
    signed = next(policy for policy in policies if policy.digest == grant.policy_digest)
    needed = max(policy.stages["production"].approvals for policy in (signed, standing))
    are_about_this = all(
        (s.verdict, s.model_digest, s.policy_digest) == ("approve", grant.model_digest, grant.policy_digest)
        for s in statements
    )
    people = {PERSON[s.principal] for s in statements}
    return are_about_this and PERSON["alice"] not in people and len(people) >= needed


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Space:
    return Space(tmp_path_factory.mktemp("space"))


def remember_signatures(monkeypatch) -> None:
    """Verify each signature once: there are 108 of them and thousands of grants."""
    seen: dict[tuple[object, ...], object] = {}
    real = module.verify_decision

    def remembered(text, signature, allowed, verdict):
        key = (text, signature, verdict)
        if key not in seen:
            try:
                seen[key] = real(text, signature, allowed, verdict)
            except (DeniedError, IntegrityError) as error:
                seen[key] = error
        if isinstance(seen[key], Exception):
            raise seen[key]
        return seen[key]

    monkeypatch.setattr(module, "verify_decision", remembered)


def skip(*_arguments, **_options) -> None:
    return None


PLANTED = {
    "the digests are not compared": lambda m: m.setattr(module, "_check_binding", skip),
    "authors may approve": lambda m: m.setattr(module, "check_is_other", skip),
    "two names of one key are two people": lambda m: m.setattr(
        module, "signer_of", lambda _allowed, name, _signature: Person(frozenset({name}), frozenset())
    ),
    "one certificate, two people": lambda m: m.setattr(
        module, "signer_of", lambda allowed, name, _signature: person_of(allowed, name=name)
    ),
    "only the signed policy counts": lambda m: m.setattr(
        verification,
        "rules_of",
        lambda grant, store, _now: (parse_policy(store.read(grant.policy_digest)).rule(grant.stage),) * 2,
    ),
    "only the standing policy counts": lambda m: m.setattr(
        verification, "rules_of", lambda grant, _store, now: (now.rule(grant.stage),) * 2
    ),
    "a rejection counts as a decision like any other": lambda m: m.setattr(
        module,
        "verify_decision",
        lambda text, _signature, _allowed, _verdict: parse_statement(text.encode()),
    ),
}


@pytest.mark.checklist("S1-16", "S1-10")
@pytest.mark.parametrize("bug", PLANTED)
def test_the_search_finds_a_planted_bug(space, monkeypatch, bug):
    remember_signatures(monkeypatch)
    PLANTED[bug](monkeypatch)
    assert space.disagreements(), f"the search is blind to: {bug}"


@pytest.mark.checklist("S1-16", "S1-10")
def test_no_small_grant_is_judged_wrongly(space, monkeypatch):
    remember_signatures(monkeypatch)
    tried = sum(1 for _ in space.grants())
    assert tried > 2000
    assert space.disagreements() == []
    allowed = sum(oracle(*given, space.policies) for given in space.grants())
    assert 0 < allowed < tried / 10


def test_the_oracle_is_not_the_verifier(space):
    """An oracle that always agreed would prove nothing: it must say yes to an honest grant and no to its mirror."""
    grant, standing, _ = next(space.grants())
    honest = [made for made, _ in space.statements if made.principal == "bob" and made.verdict == "approve"]
    mine = [s for s in honest if (s.model_digest, s.policy_digest) == (grant.model_digest, grant.policy_digest)]
    assert oracle(grant, standing, mine, space.policies)
    assert not oracle(grant, standing, [replace(mine[0], principal="alice")], space.policies)
