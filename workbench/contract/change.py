"""A change as the panel hears of it: which nouns to read again, never what they now hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CHANGED_SCHEMA_ID = "https://mlops-workbench.readthedocs.io/events/changed/v1"
"""Id of the jupyter_events schema that carries a :class:`Change`; clients filter on it."""


class ChangedNoun(StrEnum):
    """What may have changed: the first word of a journal event's kind, and what is watched beside the journal."""

    PROJECT = "project"
    DATA = "data"
    JOB = "job"
    RUN = "run"
    SWEEP = "sweep"
    REVIEW = "review"
    REVIEWER = "reviewer"
    RELEASE = "release"
    RUNNER = "runner"
    WINDOW = "window"
    ALERT = "alert"
    REPORT = "report"


@dataclass(frozen=True)
class Change:
    """Something in a project is not what it was; read the named nouns again.

    Attributes:
        root: Absolute path of the project, as ``ProjectStatus.root`` says it.
        nouns: What changed; each a :class:`~workbench.contract.change.ChangedNoun`.
        seq: Number of journal events; it does not rise where only progress was made.
    """

    root: str
    nouns: tuple[str, ...]
    seq: int
