"""Signing and verifying a decision, and the gate over 10,000 of them, against bare Ed25519 over the same bytes.

Budgets: sign and verify one decision <= 5 ms; 10,000 signed statements evaluated (parsed, held to their one canonical
form, verified, their signers looked up) <= 1 s. Where bare Ed25519 alone takes more than half of that second, the
machine is too slow or too busy to tell, and that is what is said. Processor time of the calmest round.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workbench.foundation.identity import AllowedSigners, create_key, read_public_key, sign, signatures
from workbench.review.proof.statement import NAMESPACES, Statement, Verdict, build_statement, verify_decision

STATEMENTS, ROUNDS = 10_000, 3
PAIR_BUDGET_MS, GATE_BUDGET_S = 5.0, 1.0
WHO = "bob@example.com"
DIGEST = "sha256:" + "a" * 64


def statement(number: int) -> bytes:
    """Return the bytes of one decision; no two are equal."""
    said = Statement(
        verdict="approve",
        model="faults",
        model_digest=f"sha256:{number:064x}",
        stage="production",
        review=f"rv-{number:08x}",
        policy_digest=DIGEST,
        evidence_digest=DIGEST,
        requester="alice@example.com",
        author="alice@example.com",
        commit_author="",
        principal=WHO,
        at="2026-01-01T00:00:00+00:00",
        reason="looked at the slices",
    )
    return build_statement(said)


def spent(work: Callable[[], object]) -> float:
    """Return the processor time of some work, in seconds."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "id_ed25519"
        create_key(key, comment=WHO)
        line = f'{WHO} namespaces="{",".join(NAMESPACES)}" {read_public_key(key).line}'
        texts = [statement(number) for number in range(STATEMENTS)]
        signed: list[tuple[str, str]] = []
        space = Verdict.APPROVE.namespace
        signing = spent(lambda: signed.extend((text.decode(), sign(key, text, namespace=space)) for text in texts))
        signing *= 1000 / STATEMENTS
    allowed = AllowedSigners.parse(line)

    def evaluate() -> None:
        for text, signature in signed:
            verify_decision(text, signature, allowed, Verdict.APPROVE)

    def evaluate_afresh() -> float:
        signatures._is_valid.cache_clear()
        return spent(evaluate)

    afresh = min(evaluate_afresh() for _ in range(ROUNDS))
    again = min(spent(evaluate) for _ in range(ROUNDS))
    private = Ed25519PrivateKey.generate()
    public, made = private.public_key(), [private.sign(text) for text in texts]
    bare = spent(lambda: [public.verify(one, text) for one, text in zip(made, texts, strict=True)])
    pair = signing + afresh / STATEMENTS * 1000
    missed = "machine too busy to tell" if bare > GATE_BUDGET_S / 2 else "BROKEN"
    verdicts = ["kept" if pair <= PAIR_BUDGET_MS else "BROKEN", "kept" if afresh <= GATE_BUDGET_S else missed]
    print(f"sign a decision                {signing:8.3f} ms")
    print(f"sign and verify a decision     {pair:8.3f} ms   budget {PAIR_BUDGET_MS:g} ms: {verdicts[0]}")
    print(f"bare Ed25519, {STATEMENTS:,} times   {bare:8.3f} s")
    print(
        f"gate, {STATEMENTS:,} statements       {afresh:8.3f} s    {afresh / bare:.1f} x bare; "
        f"budget {GATE_BUDGET_S:g} s: {verdicts[1]}"
    )
    print(f"the same again in one process  {again:8.3f} s    each signature is verified once")
    return int("BROKEN" in verdicts)


if __name__ == "__main__":
    sys.exit(main())
