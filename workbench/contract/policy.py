"""What the policy's own tools answer, and model cards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PolicyWarning:
    """Something in a policy that is allowed and probably not meant.

    Attributes:
        stage: The stage; empty for the whole policy.
        code: Stable identifier: ``nothing-required``, ``waivable-unused``, …
        message: What it is.
        hint: What would be meant.
    """

    stage: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class PolicyDemand:
    """One thing that a stage asks for, in words.

    Attributes:
        stage: The stage.
        check: The check; ``approvals`` or a group's name for the people, ``expiry`` or ``order`` for the time,
            ``checks`` for the place.
        kind: ``required``, ``waivable``, ``optional``, ``people``, ``time`` or ``place``.
        demand: What it has to show.
    """

    stage: str
    check: str
    kind: str
    demand: str


@dataclass(frozen=True)
class PolicyCase:
    """One case of a policy test.

    Attributes:
        name: Name of the case.
        stage: Stage it is judged at.
        expected: Verdict it should have: ``allowed``, ``denied``, ``pending`` or ``unknown``.
        found: Verdict it has.
        is_ok: Whether they agree.
        reason: Why it has that verdict.
    """

    name: str
    stage: str
    expected: str
    found: str
    is_ok: bool
    reason: str


@dataclass(frozen=True)
class PolicyTrial:
    """One past review judged by another policy.

    Attributes:
        review: The review.
        model: Its model.
        stage: Its stage.
        before: Verdict under the policy it was requested under.
        after: Verdict under the other policy.
        is_same: Whether they agree.
        reason: Why it has the verdict after.
    """

    review: str
    model: str
    stage: str
    before: str
    after: str
    is_same: bool
    reason: str


@dataclass(frozen=True)
class ReviewersChange:
    """``policy/reviewers`` and ``policy/revoked`` beside the list of reviewers in force.

    Attributes:
        before: Digest of the list in force; empty where none is protected yet.
        after: Digest of the file.
        state: ``new`` (believed as it is until the first request), ``in-force``, ``narrower`` (in force at once),
            ``wider`` (what was added counts for nothing), ``proposed`` or ``signed``.
        wider: What it allows beyond the list in force, in words.
        needed: Signatures that it needs.
        signers: Who signed and counts.
        lacking: What is still to be signed, in words.
    """

    before: str
    after: str
    state: str
    wider: tuple[str, ...] = ()
    needed: int = 0
    signers: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyChange:
    """The policy file beside the policy in force, and the list of reviewers.

    Attributes:
        before: Digest of the policy in force; empty where there was none yet.
        after: Digest of the file.
        state: ``new``, ``in-force``, ``stricter`` (needs nobody), ``laxer`` (denies everything), ``proposed`` or
            ``signed``.
        laxer: Where it asks for less, in words.
        needed: Signatures that it needs under the policy in force.
        signers: Who signed and counts.
        lacking: What is still to be signed, in words: signatures, and those of groups of the policy in force.
        reviewers: The same of the list of reviewers.
    """

    before: str
    after: str
    state: str
    laxer: tuple[str, ...] = ()
    needed: int = 0
    signers: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    reviewers: ReviewersChange = ReviewersChange("", "", "new")


@dataclass(frozen=True)
class ModelCard:
    """A model card in the project.

    Attributes:
        model: Name of the model.
        path: File, relative to the project.
        language: ``en`` or ``ja``.
        is_complete: Whether nothing is missing.
        missing: What is not written yet, in words.
    """

    model: str
    path: str
    language: str
    is_complete: bool
    missing: tuple[str, ...] = ()
