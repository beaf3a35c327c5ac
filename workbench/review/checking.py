"""Running the checks of a review: once at a time, in this process or in one that outlives the caller."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import ConflictError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput
from workbench.review.checks.registry import run_check, skip_check
from workbench.review.policy import CHECK_NAMES, load_policy
from workbench.review.record import Review, evidence_bytes, find_review, save

START_GRACE_S = 60.0
"""Seconds a new process may take to import what it needs before a missing lease means that it died."""

_ALWAYS = ("format", "schema", "metric")
"""Checks cheap enough to run where policy does not ask for them; a replay may take as long as the training."""
_POLL_S = 0.2


def lease_path(project: Project, review: str) -> Path:
    """Return the lock that a checker of this review holds."""
    return project.state_dir / "leases" / f"review-{review}"


def is_checker_dead(project: Project, review: Review) -> bool:
    """Tell whether a review that is being checked has nobody who checks it."""
    if review.state != ReviewState.CHECKING or inspect_lease(lease_path(project, review.id)).is_alive:
        return False
    since = datetime.now(UTC) - datetime.fromisoformat(review.checking_since)
    return since.total_seconds() > START_GRACE_S


def start_checks(project: Project, review: str) -> None:
    """Run the checks in a process that outlives this one."""
    spawn_detached(
        "workbench.review.check_process",
        [str(project.root), review],
        log=project.state_dir / "reviews" / f"{review}.log",
        cwd=project.root,
        env={"WORKBENCH_ACTOR": project.actor},
    )


def run_checks_here(project: Project, review: str) -> None:
    """Run the checks, or wait for the process that does; return when they are done."""
    while find_review(project, review).state == ReviewState.CHECKING:
        try:
            run_checks(project, review)
        except ConflictError as error:
            if error.code != "lease-held":
                raise
            time.sleep(_POLL_S)


def run_checks(project: Project, review: str) -> None:
    """Run the checks and write down what they found.

    Raises:
        ConflictError: ``lease-held``: another process checks this review; ``record-changed``.
    """
    lease = Lease(lease_path(project, review))
    try:
        found = find_review(project, review)
        if found.state == ReviewState.CHECKING:
            _check(project, found)
    finally:
        lease.release()


def _check(project: Project, review: Review) -> None:
    rule = load_policy(project).rule(review.stage)
    given = CheckInput(
        project=project,
        review=review.id,
        run=review.run,
        model=review.model,
        stage=review.stage,
        model_digest=review.model_digest,
        manifest=read_manifest(project.store, review.model_digest),
        rule=rule,
        champion_digest=champion_of(project, f"{review.model}@{review.stage}"),
    )
    reports: list[CheckReport] = []
    for name in CHECK_NAMES:
        if name not in rule.required and name not in rule.optional and name not in _ALWAYS:
            continue
        is_required = name in rule.required
        if reports and reports[0].name == "format" and reports[0].result != CheckResult.PASS:
            # A file that is not plainly a model is not opened by anything else either.
            reports.append(skip_check(project, name, is_required, "Not run: the file format did not pass"))
        else:
            reports.append(run_check(name, given, is_required))
    _save(project, review, tuple(reports), given.champion_digest)


def _save(project: Project, review: Review, reports: tuple[CheckReport, ...], champion_digest: str) -> None:
    checked = review.changed(
        state=ReviewState.OPEN.value,
        checks=reports,
        evidence_digest=project.store.put_bytes(evidence_bytes(reports)),
        champion_digest=champion_digest,
        holdout_digest=_holdout_digest(project, reports),
    )
    event = {
        "evidence_digest": checked.evidence_digest,
        "champion_digest": champion_digest,
        "results": {report.name: report.result for report in reports},
    }
    with project.journal.transaction() as transaction:
        transaction.append("review.checked", review.subject, event)
        save(transaction, checked)


def _holdout_digest(project: Project, reports: tuple[CheckReport, ...]) -> str:
    """Return which rows the metric was measured on, so that later candidates share the confidence in them."""
    for report in reports:
        if report.name == "metric":
            return str(json.loads(project.store.read(report.evidence_digest)).get("holdout_digest", ""))
    return ""


def champion_of(project: Project, channel: str) -> str:
    """Return the digest of the model that is released on a channel now; empty where none is."""
    for record in project.journal.records("release", state="CURRENT"):
        if record.body.get("channel") == channel:
            return str(record.body["model_digest"])
    return ""
