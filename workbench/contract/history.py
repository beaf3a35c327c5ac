"""What ran: the intervals in which releases answered on their channels, with the proof that let them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Approval:
    """One approval that a release rested on, as the journal's chain tells it.

    Attributes:
        principal: Who approved.
        fingerprint: The key that signed.
        assurance: An :class:`~workbench.contract.status.Assurance`.
        at: UTC time.
        statement_digest: Digest of the signed bytes in the store.
        signature_digest: Digest of the armoured signature in the store.
    """

    principal: str
    fingerprint: str
    assurance: str
    at: str
    statement_digest: str
    signature_digest: str


@dataclass(frozen=True)
class ReleaseInterval:
    """A stretch of time in which one release was what a channel's runners had to serve.

    Attributes:
        channel: ``<model>@<stage>``.
        version: 1, 2, … within the channel.
        model_digest: The bytes.
        since: UTC time from which on, this moment included.
        until: UTC time up to which, this moment excluded; empty where it still answers.
        release: ``rl-…``.
        how: ``promoted`` or ``rolled-back`` (it came by going back to earlier bytes).
        actor: Who released it.
        review: Review that allowed it.
        requester: Who asked for the review; empty where the journal does not say.
        run: MLflow run that made the model; empty where the journal does not say.
        policy_digest: Digest of the policy it was approved under; its bytes lie in the store.
        evidence_digest: Digest of the check reports that were signed; their bytes lie in the store.
        assurance: Weakest assurance among the approvals.
        approvals: The approvals that it rested on, in order; of an override, that one statement.
        seq: Journal event that began the interval.
        approved_by: Who approved; nobody where it was overridden.
        overridden_by: Who let it through without the approvals; empty where they were there.
        looked_at_by: Who signed the post-review of that override; empty while nobody has, and without an override.
        valid_until: UTC time at which the approvals expire or the override ends, from which on runners refuse; empty
            where they do not.
        state: At the moment asked for: ``served``; ``ended``, where runners refused it because override or approvals
            had ended; ``replaced`` by what came after.
        outside: What was changed past the gate meanwhile (alias, tag, artifact), and what was mended again. Runners
            served the released bytes all the same.
        evidence: The command that exports what proves it.
        names: ``signed`` where people's names stood under listed keys, else ``claimed``; empty for older releases.
    """

    channel: str
    version: int
    model_digest: str
    since: str
    until: str
    release: str
    how: str
    actor: str
    review: str
    requester: str
    run: str
    policy_digest: str
    evidence_digest: str
    assurance: str
    approvals: tuple[Approval, ...]
    seq: int
    approved_by: tuple[str, ...] = ()
    overridden_by: str = ""
    looked_at_by: str = ""
    valid_until: str = ""
    state: str = "served"
    outside: tuple[str, ...] = ()
    evidence: str = ""
    names: str = ""
