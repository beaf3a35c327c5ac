"""Why checks elsewhere gave no result, in words that people are told."""

from __future__ import annotations

from workbench.contract.job import JobCard
from workbench.foundation.errors import IntegrityError, UnknownResultError

NOT_CONFINED = "not-confined"
"""How a job ends that was not begun, because it could not be confined; ``execute/travelling/confined`` says it."""


def refused(target: str, missing: tuple[str, ...], python: str = "") -> UnknownResultError:
    """Return why checks cannot run on a target: what its Python lacks, or else that it is too old."""
    hint = f"install mlops-workbench there, or say which Python has it: python, or environment, of [targets.{target}]"
    if missing:
        message = f"Python on {target} lacks {', '.join(missing)}; the model was not opened there"
    else:
        message = f"Python on {target} is version {python}, and checks need 3.11 or newer; the model was not opened"
    return UnknownResultError("checks-refused", message, hint)


def late(target: str, job: str, timeout_s: float) -> UnknownResultError:
    """Return that a job took longer than policy waits."""
    message = f"Job {job} on {target} did not end within {timeout_s:g} s"
    return UnknownResultError("checks-late", message, f"mlops logs {job}")


def ended(card: JobCard) -> UnknownResultError:
    """Return how a job ended that did not succeed."""
    if card.reason == NOT_CONFINED:
        why = card.error.removeprefix(f"{NOT_CONFINED}: ")
        hint = 'name another target, or accept less: [stages.<stage>.checks] isolation = "if-possible"'
        return UnknownResultError("checks-not-confined", f"The model was not opened on {card.target}: {why}", hint)
    said = f"Job {card.id} on {card.target} ended as {card.state} {card.reason or card.error}".strip()
    return UnknownResultError("checks-lost", said, f"mlops logs {card.id}")


def too_large(target: str, hint: str) -> UnknownResultError:
    """Return that what was found cannot come home."""
    message = f"What checks found is too large to come back from {target}"
    return UnknownResultError("result-too-large", message, hint)


def forged(where: str, why: str) -> IntegrityError:
    """Return that what came back is not what checks of ours would say about what was sent."""
    message = f"What came back from {where} is no result of the checks that were sent: {why[:300]}"
    return IntegrityError("checks-forged", message, "see who may write to that machine, then have it checked again")
