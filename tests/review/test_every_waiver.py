"""Every small grant with waivers, against an oracle; and the search finds each planted bug before it is believed.

Four signers, three checks, two evidences make the waivers; every set of at most two of them beside an approval that
names any of these sets is tried, under every pair of a signed and a standing policy. The required check did not pass,
so nothing is let through that does not waive it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign
from workbench.foundation.store import Store
from workbench.review.policies.policy import Policy, parse_policy
from workbench.review.proof import approvals as module
from workbench.review.proof import statement, verification
from workbench.review.proof.grant import Grant, waiver_list
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement
from workbench.review.proof.verification import verify_grant
from workbench.review.proof.waiver import WAIVE_NAMESPACE, Waiver, build_waiver, parse_waiver

MODEL = "sha256:" + "a" * 64
REPORTS = b'[{"name":"metric","result":"fail"},{"name":"schema","result":"pass"}]'
EVIDENCE = digest_bytes(REPORTS)
OTHER = "sha256:" + "c" * 64
# alice asked; bobby is another name of bob's key, and dan's key may approve and not waive
KEYS = {"alice": "alice", "bobby": "bob", "carol": "carol", "dan": "dan"}
CHECKS = ("metric", "schema", "format")
POLICIES = tuple(
    f'[stages.production]\nrequired = ["metric"]\napprovals = 1\nwaivable = {waivable}\n'.encode()
    for waivable in ('["metric", "schema"]', '["metric"]', "[]")
)
REASON = "the old holdout was measured with a broken sensor"

Signed = tuple[Waiver, tuple[str, str]]


class Space:
    """All waivers, signed once, and an approval for each set of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, Store(folder / "store")
        self.store.put_bytes(REPORTS)
        self.policies = [parse_policy(text) for text in POLICIES]
        for text in POLICIES:
            self.store.put_bytes(text)
        for key in {*KEYS.values(), "eve"}:
            create_key(folder / key, comment=key)
        deciding = ",".join(verdict.namespace for verdict in Verdict)
        spaces = {name: ",".join(NAMESPACES) for name in KEYS} | {"dan": deciding, "eve": ",".join(NAMESPACES)}
        keys = {**KEYS, "bob": "bob", "eve": "eve"}
        spaces["bob"] = ",".join(NAMESPACES)
        self.allowed = AllowedSigners.parse(
            "\n".join(f'{n} namespaces="{spaces[n]}" {read_public_key(folder / k).line}' for n, k in keys.items())
        )
        self.waivers: list[Signed] = [
            self.waiver(name, check, evidence)
            for name in KEYS
            for check in CHECKS
            for evidence in (EVIDENCE, OTHER)
            if evidence == EVIDENCE or (name, check) == ("carol", "metric")
        ]

    def waiver(self, name: str, check: str, evidence: str) -> Signed:
        made = Waiver(
            check=check,
            model="faults",
            model_digest=MODEL,
            stage="production",
            review="rv-00000001",
            policy_digest=self.policies[0].digest,
            evidence_digest=evidence,
            requester="alice",
            author="alice",
            commit_author="",
            principal=name,
            at="2026-01-01T00:00:00+00:00",
            reason=REASON,
        )
        data = build_waiver(made)
        return made, (data.decode(), sign(self.folder / KEYS[name], data, namespace=WAIVE_NAMESPACE))

    def approval(self, named: str) -> tuple[str, str]:
        made = Statement(
            verdict="approve",
            model="faults",
            model_digest=MODEL,
            stage="production",
            review="rv-00000001",
            policy_digest=self.policies[0].digest,
            evidence_digest=EVIDENCE,
            requester="alice",
            author="alice",
            commit_author="",
            principal="eve",
            at="2026-01-01T00:00:00+00:00",
            reason="",
            waivers=named,
        )
        data = build_statement(made)
        return data.decode(), sign(self.folder / "eve", data, namespace=Verdict.APPROVE.namespace)

    def grant(self, waivers: tuple[Signed, ...], approval: tuple[str, str]) -> Grant:
        return Grant(
            review="rv-00000001",
            model="faults",
            stage="production",
            channel="faults@production",
            model_digest=MODEL,
            policy_digest=self.policies[0].digest,
            evidence_digest=EVIDENCE,
            requester="alice",
            author="alice",
            statements=(approval,),
            waivers=tuple(pair for _, pair in waivers),
        )

    def cases(self) -> Iterator[tuple[Grant, Policy, tuple[Signed, ...], str]]:
        """Yield grants, the standing policy, the waivers in it, and what the approval names."""
        sets = [(), *((one,) for one in self.waivers), *combinations(self.waivers, 2)]
        none = self.approval("")
        for chosen in sets:
            named = waiver_list(digest_bytes(pair[0].encode()) for _, pair in chosen)
            for said, approval in {"": none, named: self.approval(named)}.items():
                for standing in self.policies:
                    yield self.grant(chosen, approval), standing, chosen, said

    def wrong(self) -> list[tuple[tuple[Signed, ...], bool]]:
        """Return the first case on which verifier and oracle differ."""
        for grant, standing, waivers, said in self.kept:
            try:
                is_allowed = bool(verify_grant(grant, self.store, self.allowed, standing))
            except (DeniedError, IntegrityError):
                is_allowed = False
            if is_allowed != oracle(standing, waivers, said):
                return [(waivers, is_allowed)]
        return []


def oracle(standing: Policy, waivers: tuple[Signed, ...], said: str) -> bool:
    """Say in the plainest words what must hold."""
    allowed_now = set(standing.stages["production"].waivable) & {"metric", "schema"}
    each = all(
        made.principal not in ("alice", "dan") and made.check in allowed_now and made.evidence_digest == EVIDENCE
        for made, _ in waivers
    )
    is_let_through = any(made.check == "metric" for made, _ in waivers)
    return each and is_let_through and said == waiver_list(digest_bytes(pair[0].encode()) for _, pair in waivers)


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Space:
    space = Space(tmp_path_factory.mktemp("space"))
    space.kept = list(space.cases())
    return space


def remember(monkeypatch) -> None:
    """Verify each signature once."""
    for name in ("verify_decision", "verify_waiver"):
        monkeypatch.setattr(module, name, once(getattr(module, name)))


def once(real):
    """Return a function that asks ``real`` once for each text and signature."""
    seen: dict[tuple[object, ...], object] = {}

    def remembered(*given):
        key = (given[0], given[1])
        if key not in seen:
            try:
                seen[key] = real(*given)
            except (DeniedError, IntegrityError) as error:
                seen[key] = error
        if isinstance(seen[key], Exception):
            raise seen[key]
        return seen[key]

    return remembered


PLANTED = {
    "waivers are not verified": lambda m: m.setattr(
        module, "verify_waiver", lambda text, _signature, _allowed: parse_waiver(text.encode())
    ),
    "the policy is not asked": lambda m: m.setattr(module, "check_is_waivable", lambda *_: None),
    "authors may waive": lambda m: m.setattr(module, "check_is_other", lambda *_: None),
    "evidence is not compared": lambda m: m.setattr(module, "_check_binding", lambda *_: None),
    "approvals need not name the waivers": lambda m: m.setattr(module, "waiver_list", lambda _: ""),
    "reports are not looked at": lambda m: m.setattr(verification, "check_reports", lambda *_: None),
    "only the signed policy counts": lambda m: m.setattr(
        verification,
        "rules_of",
        lambda grant, store, _now: (parse_policy(store.read(grant.policy_digest)).rule(grant.stage),) * 2,
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_the_search_finds_a_planted_bug(space, monkeypatch, bug):
    remember(monkeypatch)
    PLANTED[bug](monkeypatch)
    assert space.wrong(), f"the search is blind to: {bug}"


def test_no_waiver_is_judged_wrongly(space, monkeypatch):
    remember(monkeypatch)
    assert len(space.kept) > 400
    assert space.wrong() == []
    allowed = sum(oracle(standing, waivers, said) for _, standing, waivers, said in space.kept)
    assert 0 < allowed < len(space.kept) / 4


def test_a_waiver_is_no_approval_and_an_approval_no_waiver(space):
    _, waiver = next(item for item in space.waivers if item[0].principal == "carol")
    with pytest.raises(IntegrityError):
        statement.verify_decision(*waiver, space.allowed, Verdict.APPROVE)
    with pytest.raises(IntegrityError):
        module.verify_waiver(*space.approval(""), space.allowed)


def test_a_grant_with_waivers_survives_its_json_and_one_without_reads_as_before(space):
    carol = next(item for item in space.waivers if item[0].principal == "carol")
    with_one = space.grant((carol,), space.approval(""))
    assert Grant.from_json(with_one.to_json()) == with_one
    without = space.grant((), space.approval(""))
    assert "waivers" not in without.to_json()
    assert Grant.from_json(without.to_json()) == without


@pytest.mark.parametrize(
    "change",
    [{"reason": "short"}, {"check": "fromat"}, {"model_digest": "sha256:x"}, {"requester": ""}, {"at": "2026-01-01"}],
)
def test_what_is_no_waiver_is_refused(space, change):
    with pytest.raises(IntegrityError, match="waiver-malformed"):
        parse_waiver(build_waiver(replace(space.waivers[0][0], **change)))
