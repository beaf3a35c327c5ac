"""What a check receives and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.contract.model import ModelManifest
from workbench.contract.status import CheckResult
from workbench.foundation.project import Project
from workbench.review.policies.policy import StageRule


@dataclass(frozen=True)
class CheckInput:
    """A frozen candidate and what it is measured against.

    Attributes:
        project: The project.
        review: Id of the review.
        run: MLflow run that made the model.
        model: Name of the model.
        stage: Stage it is asked for.
        model_digest: Its frozen bytes.
        manifest: What they are for.
        rule: What policy asks for at this stage.
        champion_digest: The model that is served there now; empty where none is.
        attempts: Which model this is of those that were tried on its holdout rows, where that was counted before; 0
            counts it in the journal.
    """

    project: Project
    review: str
    run: str
    model: str
    stage: str
    model_digest: str
    manifest: ModelManifest
    rule: StageRule
    champion_digest: str
    attempts: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        result: Pass, fail or unknown.
        summary: One sentence with the figures that decided.
        tool: Name and version of what checked, and the isolation it ran in.
        figures: Numbers behind the summary.
        evidence: Everything somebody would want to see in a year, as JSON; kept in the store.
    """

    result: CheckResult
    summary: str
    tool: str
    figures: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Check(Protocol):
    """One check, a module's function ``check``."""

    def __call__(self, given: CheckInput) -> Outcome:
        """Look at the candidate.

        Raises:
            WorkbenchError: No result could be reached.
        """
        ...
