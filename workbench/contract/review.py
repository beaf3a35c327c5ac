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
        where: The job it ran in, with target, machine and how it was confined there; empty where it ran in a child of
            the process that checked.
    """

    name: str
    result: str
    is_required: bool
    summary: str
    evidence_digest: str
    duration_s: float
    tool: str
    figures: dict[str, float] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True)
class Decision:
    """One signed statement about a candidate.

    Attributes:
        verdict: ``approve``, ``changes-requested``, ``reject``, ``waive``, ``override`` or ``post-review``.
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
        follows: Review that this one answers; empty where none.
        overridden_until: UTC time at which an override of it ends; empty without one.
        owes_post_review: Whether somebody overrode it and nobody has looked at it since.
        checked_by: Who signed for these check results; nobody in lists, which verify no signatures.
        assurance: How much a release of it would prove now, an :class:`~workbench.contract.status.Assurance`, tracking
            server left out; empty where nothing lets it through, and in lists.
        names: ``signed`` where who trained it signed the request and everybody with a hand in it has a listed key, else
            ``claimed``: the people named are who they say; empty as ``assurance`` is.
        waivable: Checks that stand in the way now and that policy lets reviewers waive.
        break_glass: Who may override it now, as policy says; nobody where it cannot be overridden.
        remarks: What to know of the classes of its data, in words: none is known, or a stricter one was.
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
    follows: str = ""
    overridden_until: str = ""
    owes_post_review: bool = False
    checked_by: tuple[str, ...] = ()
    assurance: str = ""
    names: str = ""
    waivable: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReviewStatus:
    """A review that lets its model through; what does not raises the error that says why.

    Attributes:
        review: The review.
        model: Name of the model.
        stage: Stage it is let through to.
        is_allowed: True.
        is_override: Whether it rests on an override.
        model_digest: The bytes.
        checks: The checks.
    """

    review: str
    model: str
    stage: str
    is_allowed: bool
    is_override: bool
    model_digest: str
    checks: tuple[CheckReport, ...] = ()


@dataclass(frozen=True)
class StatementDraft:
    """What somebody would sign, byte for byte.

    Attributes:
        review: The review.
        verdict: ``approve``, ``changes-requested``, ``reject``, ``waive``, ``override``, ``post-review`` or
            ``comment``.
        namespace: Purpose of the signature.
        at: UTC time that stands in it; hand it back as ``at``, and these very bytes are signed.
        digest: Digest of the bytes; hand it back as ``shown``, and no others are.
        text: The bytes: an in-toto Statement as canonical JSON.
    """

    review: str
    verdict: str
    namespace: str
    at: str
    digest: str
    text: str


@dataclass(frozen=True)
class Reviewer:
    """One line of ``policy/reviewers``.

    Attributes:
        principal: Mail address.
        fingerprint: ``SHA256:…``.
        is_in_force: Whether the line counts; one that was added waits until others have signed for it, and one whose
            key was revoked counts no more.
    """

    principal: str
    fingerprint: str
    is_in_force: bool = True


@dataclass(frozen=True)
class Identity:
    """A key to sign with that was made.

    Attributes:
        principal: Whose it is, usually a mail address.
        fingerprint: ``SHA256:…``.
        public_key: Path of its public half, which may be given away.
        is_in_force: Whether it may decide already; a new key may once it stands in ``policy/reviewers``.
        offer: What lists it there, as a command.
    """

    principal: str
    fingerprint: str
    public_key: str
    is_in_force: bool
    offer: str
