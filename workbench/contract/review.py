"""Reviews: what is asked, what was checked, who decided."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CheckReport:
    """Outcome of one check.

    Attributes:
        name: ``metric``, ``schema``, ``reproduced``, ``format``, …
        result: A :class:`~workbench.contract.status.CheckResult`.
        is_required: Whether policy asks for it at this stage.
        summary: One sentence with the figures that decided.
        evidence_digest: Digest of the evidence in the store.
        duration_s: Seconds it took.
        tool: Name and version of what checked.
        figures: Numbers behind the summary (``estimate``, ``low``, ``high``, ``baseline``, ``rows``, …).
    """

    name: str
    result: str
    is_required: bool
    summary: str
    evidence_digest: str
    duration_s: float
    tool: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """One signed statement about a candidate.

    Attributes:
        verdict: ``approve``, ``reject`` or ``waive``.
        principal: Who signed.
        fingerprint: The key that signed.
        assurance: An :class:`~workbench.contract.status.Assurance`.
        at: UTC time.
        reason: What the reviewer said.
        statement_digest: Digest of the signed bytes in the store.
        signature_digest: Digest of the armoured signature in the store.
        check: The check that was waived; empty for other verdicts.
    """

    verdict: str
    principal: str
    fingerprint: str
    assurance: str
    at: str
    reason: str
    statement_digest: str
    signature_digest: str
    check: str = ""


@dataclass(frozen=True)
class Comment:
    """Something that somebody said about a candidate; it decides nothing.

    Attributes:
        id: Digest of who, when, what and on what.
        principal: Who said it.
        at: UTC time.
        on: ``check:<name>``, ``metric:<name>`` or ``cell:<id>``; empty for the whole.
        text: What they said.
    """

    id: str
    principal: str
    at: str
    on: str
    text: str


@dataclass(frozen=True)
class ReviewCard:
    """A review with everything that a reviewer looks at.

    Attributes:
        id: ``rv-…``.
        model: Name of the model.
        stage: Stage it is asked for (``production``).
        state: A :class:`~workbench.contract.status.ReviewState`.
        run: MLflow run that made it.
        model_digest: Digest of the frozen model.
        policy_digest: Digest of ``policy/gate.toml``.
        evidence_digest: Digest over all check reports.
        dataset_version: Dataset version it was trained on.
        commit: Git commit.
        notebook_digest: Digest of the source notebook.
        environment_digest: Digest of the environment.
        requester: Who asked.
        author: Who ran the training.
        requested_at: UTC time.
        checks: The checks, required ones first.
        decisions: The decisions, in order.
        needed: What is still needed, in words; empty where it can be released.
        metrics: The candidate's own metrics.
        comments: What was said about it, in order.
    """

    id: str
    model: str
    stage: str
    state: str
    run: str
    model_digest: str
    policy_digest: str
    evidence_digest: str
    dataset_version: str
    commit: str
    notebook_digest: str
    environment_digest: str
    requester: str
    author: str
    requested_at: str
    checks: tuple[CheckReport, ...] = ()
    decisions: tuple[Decision, ...] = ()
    needed: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True)
class Reviewer:
    """One line of ``policy/reviewers``.

    Attributes:
        principal: Mail address.
        fingerprint: ``SHA256:…``.
    """

    principal: str
    fingerprint: str
