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
        check: The check; ``approvals`` for the people.
        kind: ``required``, ``waivable``, ``optional`` or ``people``.
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
