"""From a sweep straight to a review: its best trial is a run like any other, and its model is asked for by that run."""

from __future__ import annotations

from workbench.contract.review import ReviewCard
from workbench.execute.sweeps.sweeps import show_sweep
from workbench.foundation.errors import PendingError
from workbench.foundation.project import Project
from workbench.review.reviews import request_review


def request_best(project: Project, sweep: str, to: str = "production", wait: bool = False) -> ReviewCard:
    """Ask for the model of a sweep's best trial to be let through to a stage.

    Args:
        project: The project.
        sweep: Id of the sweep, or a unique beginning of it.
        to: The stage, as ``policy/gate.toml`` names it.
        wait: Return when the checks are done instead of at once.

    Raises:
        NotFoundError: ``sweep-unknown``, or the best trial logged no model.
        PendingError: ``sweep-without-best``: no trial came to a value yet.
    """
    found = show_sweep(project, sweep)
    if not found.best_run:
        message = f"Sweep {found.id} is {found.state} and has no best trial"
        raise PendingError("sweep-without-best", message, f"mlops sweep show {found.id}")
    return request_review(project, found.best_run, to, wait)
