"""Running the checks of a review: once at a time, in this process or in one that outlives the caller."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import ConflictError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project
from workbench.review.approving import asks_for_changes
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput
from workbench.review.checks.registry import run_check, skip_check
from workbench.review.notices.delivery import announce
from workbench.review.policies.check_rules import HERE
from workbench.review.policies.policy import CHECK_NAMES, StageRule, load_policy
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.review.record import Review, evidence_bytes, find_review, save
from workbench.review.signing import signature_of

START_GRACE_S = 60.0
"""Seconds a new process may take to import what it needs before a missing lease means that it died."""

_ALWAYS = ("format", "schema", "metric")
"""Checks cheap enough to run where policy does not ask for them; a replay may take as long as the training."""
_POLL_S = 0.2
_FOUND = ("state", "checks", "evidence_digest", "champion_digest", "holdout_digest")
_TRIES = 5


def lease_path(project: Project, review: str) -> Path:
    """Return the lock that a checker of this review holds."""
    return project.state_dir / "leases" / f"review-{review}"


def is_checker_dead(project: Project, review: Review) -> bool:
    """Tell whether a review that is being checked has nobody who checks it."""
    if review.state != ReviewState.CHECKING or inspect_lease(lease_path(project, review.id)).is_alive:
        return False
    since = datetime.now(UTC) - datetime.fromisoformat(review.checking_since)
    return abs(since.total_seconds()) > START_GRACE_S  # a clock that was set back makes nobody alive


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
    champion_digest = champion_of(project, f"{review.model}@{review.stage}")
    rule = load_policy(project).rule(review.stage)
    reports = reports_of(project, review, rule, champion_digest, since=review.checking_since)
    _save(project, review, reports, champion_digest)


def input_of(project: Project, review: Review, rule: StageRule, champion_digest: str) -> CheckInput:
    """Return what a check of a review is given."""
    return CheckInput(
        project=project,
        review=review.id,
        run=review.run,
        model=review.model,
        stage=review.stage,
        model_digest=review.model_digest,
        manifest=read_manifest(project.store, review.model_digest),
        rule=rule,
        champion_digest=champion_digest,
    )


def reports_of(
    project: Project, review: Review, rule: StageRule, champion_digest: str, since: str = ""
) -> tuple[CheckReport, ...]:
    """Run the checks that policy names, and those that are cheap, and return what they found; nothing is recorded.

    Args:
        project: The project.
        review: What is checked.
        rule: What policy asks for.
        champion_digest: What it is measured against; empty for nothing.
        since: UTC time from which on a job that runs these very checks is gone on with, not begun again; empty for
            never.
    """
    given = input_of(project, review, rule, champion_digest)
    plug_ins = dict.fromkeys(name for name in (*rule.required, *rule.optional) if name not in CHECK_NAMES)
    wanted = {*rule.required, *rule.optional, *_ALWAYS}
    names = tuple(name for name in (*CHECK_NAMES, *plug_ins) if name in wanted)
    if rule.checks.target != HERE:
        from workbench.review.elsewhere.sending import reports_from

        return reports_from(given, names, since)
    reports: list[CheckReport] = []
    for name in names:
        is_required = name in rule.required
        if reports and reports[0].name == "format" and reports[0].result != CheckResult.PASS:
            # A file that is not plainly a model is not opened by anything else either.
            reports.append(skip_check(project, name, is_required, "Not run: the file format did not pass"))
        else:
            reports.append(run_check(name, given, is_required))
    return tuple(reports)


def check_statement(
    project: Project, review: Review, reports: tuple[CheckReport, ...], at: str, own_evidence: str = ""
) -> tuple[bytes, dict[str, Any]]:
    """Return the statement that these checks were run, and what the journal tells of it; the statement is kept.

    Args:
        project: The project.
        review: What was checked, with its evidence.
        reports: What was found.
        at: When.
        own_evidence: Digest of what was found, where the review's own evidence is somebody else's.
    """
    results = {report.name: report.result for report in reports}
    facts: dict[str, Any] = {
        "stage": review.stage,
        "review": review.id,
        "policy_digest": review.policy_digest,
        "evidence_digest": review.evidence_digest,
        "champion_digest": review.champion_digest,
        "results": results,
    }
    if own_evidence:
        facts["own_evidence_digest"] = own_evidence
    if where := next((report.where for report in reports if report.where), ""):
        from workbench.review.elsewhere.sending import options_of

        facts |= {"where": where, "target_options": options_of(project, load_policy(project).rule(review.stage))}
    data = build_deed(Deed(DeedKind.CHECK, review.model, review.model_digest, project.actor, at, facts))
    names = ("evidence_digest", "champion_digest", "results", "own_evidence_digest", "where", "target_options")
    told = {name: facts[name] for name in names if name in facts}
    return data, {**told, "statement_digest": project.store.put_bytes(data)}


def _save(project: Project, review: Review, reports: tuple[CheckReport, ...], champion_digest: str) -> None:
    checked = review.changed(
        state=ReviewState.OPEN.value,
        checks=reports,
        evidence_digest=project.store.put_bytes(evidence_bytes(reports)),
        champion_digest=champion_digest,
        holdout_digest=_holdout_digest(project, reports),
    )
    data, told = check_statement(project, checked, reports, datetime.now(UTC).isoformat(timespec="seconds"))
    event = {**told, "signature_digest": signature_of(project, data, DeedKind.CHECK)}
    for attempt in range(_TRIES):
        now = find_review(project, review.id)
        found = {name: getattr(checked, name) for name in _FOUND}
        if asks_for_changes(project, now):  # said before the checks ran again, and as good as then
            found["state"] = ReviewState.CHANGES_REQUESTED.value
        try:
            with project.journal.transaction() as transaction:
                transaction.append("review.checked", review.subject, event)
                save(transaction, now.changed(**found))
            announce(project)
            return
        except ConflictError:  # somebody commented or overrode in the same moment, which contradicts no result
            if attempt == _TRIES - 1:
                raise


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
