"""A replay: the notebook of a run, in a fresh checkout of its commit, as a job with the same parameters.

The job's ``spec.json`` names the checkout and the kernel sees it as ``WORKBENCH_CHECKOUT``; it records in the project's
own journal and MLflow store, as a run with the tag ``workbench.replay_of``.
"""

from __future__ import annotations

import time
from pathlib import Path

from workbench.compute.targets import find_target
from workbench.contract.job import JobCard
from workbench.execute.checkout import not_replayable, pointers_of
from workbench.execute.jobs import cancel, wait
from workbench.execute.ledger import NOUN
from workbench.execute.parameters import declared_parameters
from workbench.execute.references import laid_out_entries
from workbench.execute.submission import Order, submit_order
from workbench.experiment.levels.facts import RunFacts, cells_of
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import PendingError
from workbench.foundation.project import Project


def require_same_code(facts: RunFacts, checkout: Path) -> None:
    """Refuse where the notebook of the commit is not what ran: another file, and other cells.

    Raises:
        UnknownResultError: ``not-replayable``.
    """
    notebook = checkout / facts.source
    if not facts.source.endswith(".ipynb"):
        raise not_replayable("no notebook is known as its source", "run the notebook as a job: mlops run <notebook>")
    if not notebook.is_file():
        hint = f"git add '{facts.source}' && git commit, then run again"
        raise not_replayable(f"its commit has no {facts.source}", hint)
    if facts.notebook_digest in ("", digest_file(notebook)):
        return
    # An open notebook differs from its commit as soon as a cell has an output; its cells say whether the code does.
    if facts.chain not in {cell.link for cell in cells_of(notebook.read_bytes())}:
        raise not_replayable(f"{facts.source} was not the one of its commit", "commit it, then run again")


def start_replay(project: Project, facts: RunFacts, checkout: Path, target: str, isolation: str = "") -> str:
    """Submit a replay and return its job.

    Args:
        project: The project.
        facts: The run.
        checkout: Checkout of its commit, with its data; it has to stay until the replay has ended.
        target: Where it runs.
        isolation: ``required`` or ``if-possible`` where it is confined; empty leaves it to the target.

    Raises:
        WorkbenchError: As :func:`workbench.execute.jobs.submit` says; then nothing was written.
    """
    travel, data = find_target(project, target).travel, None
    if travel and travel.is_here:
        data = laid_out_entries(project, checkout, pointers_of(project, checkout, dataset_versions(facts)).values())
    order = Order(
        notebook=facts.source,
        files_root=checkout,
        params=_params(project, facts, checkout / facts.source),
        target=target,
        name=f"replay of {facts.name}",
        replay_of=facts.run,
        commit=facts.commit,
        data=data,
        isolation=isolation,
    )
    return submit_order(project, order).id


def dataset_versions(facts: RunFacts) -> set[str]:
    """Return the versions that a run has read."""
    return {item.dataset_version for item in facts.inputs if item.dataset_version}


def await_replays(project: Project, jobs: tuple[str, ...], timeout_s: float) -> tuple[JobCard, ...]:
    """Wait for the ends of replays; what has not ended in time, or when this call is interrupted, is cancelled.

    Args:
        project: The project.
        jobs: The replays.
        timeout_s: Seconds for all of them together.
    """
    deadline = time.monotonic() + timeout_s
    ended: list[JobCard] = []
    try:
        for job in jobs:
            try:
                ended.append(wait(project, job, timeout_s=max(0.0, deadline - time.monotonic())))
            except PendingError:
                ended.append(cancel(project, job))
    finally:
        for job in jobs[len(ended) :]:
            cancel(project, job)  # its checkout is about to go
    return tuple(ended)


def _params(project: Project, facts: RunFacts, notebook: Path) -> dict[str, str]:
    """Return what was asked for; of a run without a job, what it logged as another value of declared parameters."""
    record = project.journal.record(NOUN, facts.job) if facts.job else None
    if record is not None:
        return dict(record.body["params"])
    declared = declared_parameters(notebook)
    return {name: value for name, value in facts.params.items() if value != declared.get(name, value)}
