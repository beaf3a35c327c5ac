"""What the report says, gathered once so that text, tables and figures speak of the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.contract.monitor import AlertCard, MonitorCard
from workbench.contract.project import AuditReport, JournalEvent, ProjectStatus
from workbench.contract.release import ReleaseCard
from workbench.contract.review import CheckReport, ReviewCard
from workbench.contract.run import RunCard
from workbench.contract.status import AlertState, ReleaseState, ReviewState, RunState
from workbench.experiment.runs import list_runs
from workbench.foundation.errors import IntegrityError, NotFoundError
from workbench.foundation.project import Project
from workbench.monitor import alerts, watch
from workbench.project.audit import list_events, verify_journal
from workbench.project.overview import project_status
from workbench.review.candidate import read_manifest
from workbench.review.reviews import list_reviews
from workbench.serving.releases import list_releases

_RUNS, _REVIEWS, _EVENTS = 200, 20, 20


@dataclass(frozen=True)
class Yardstick:
    """The metric that runs are compared by.

    Attributes:
        name: Name of the metric; empty where no run has one.
        is_higher_better: Its direction; None where no reviewed model says so, and then nothing is called best.
    """

    name: str
    is_higher_better: bool | None


@dataclass(frozen=True)
class Facts:
    """Everything that the page shows.

    Attributes:
        status: The project at a glance.
        owner: Who answers for it.
        at: When this was gathered.
        runs: Newest first.
        yardstick: What runs are compared by.
        best: Id of the best finished run; empty where that cannot be told.
        reviews: Last changed first.
        releases: Newest first.
        monitors: Watched channels.
        alerts: Most urgent first, worded in the page's language.
        events: Newest last.
        audit: Outcome of walking the journal; None where it is broken.
        audit_fault: What is broken in it.
    """

    status: ProjectStatus
    owner: str
    at: str
    runs: tuple[RunCard, ...]
    yardstick: Yardstick
    best: str
    reviews: tuple[ReviewCard, ...]
    releases: tuple[ReleaseCard, ...]
    monitors: tuple[MonitorCard, ...]
    alerts: tuple[AlertCard, ...]
    events: tuple[JournalEvent, ...]
    audit: AuditReport | None
    audit_fault: str

    @property
    def open_alerts(self) -> tuple[AlertCard, ...]:
        """Alerts that nobody resolved."""
        return tuple(alert for alert in self.alerts if alert.state != AlertState.RESOLVED)

    @property
    def waiting_reviews(self) -> tuple[ReviewCard, ...]:
        """Reviews that wait for a decision."""
        waiting = (ReviewState.CHECKING, ReviewState.OPEN, ReviewState.CHANGES_REQUESTED)
        return tuple(review for review in self.reviews if review.state in waiting)

    @property
    def current_releases(self) -> tuple[ReleaseCard, ...]:
        """What answers now, one for each channel."""
        return tuple(release for release in self.releases if release.state == ReleaseState.CURRENT)

    @property
    def verdict(self) -> tuple[str, str]:
        """The one sentence that a reader in a hurry needs: its tone and the key of its words."""
        if self.audit is None:
            return "bad", "verdict.journal"
        if any(release.faults for release in self.current_releases):
            return "bad", "verdict.gate"
        if any(alert.severity == "critical" for alert in self.open_alerts):
            return "bad", "verdict.critical"
        if self.open_alerts:
            return "warn", "verdict.warning"
        if self.waiting_reviews:
            return "warn", "verdict.review"
        return ("ok", "verdict.well") if self.current_releases else ("idle", "verdict.unreleased")


def gather(project: Project, language: str) -> Facts:
    """Read everything that the page shows."""
    runs, reviews = list_runs(project, limit=_RUNS), list_reviews(project)[:_REVIEWS]
    yardstick = _yardstick(project, runs, reviews)
    audit, fault = _audit(project)
    return Facts(
        status=project_status(project),
        owner=project.config.project.owner,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=runs,
        yardstick=yardstick,
        best=_best(runs, yardstick),
        reviews=reviews,
        releases=list_releases(project),
        monitors=watch.list_monitors(project),
        alerts=alerts.list_alerts(project, language=language),
        events=list_events(project, limit=_EVENTS),
        audit=audit,
        audit_fault=fault,
    )


def interval_of(check: CheckReport) -> tuple[float, float, float] | None:
    """Return estimate and interval of a check's metric, where it has one."""
    figures = check.figures
    if {"estimate", "low", "high"} <= figures.keys():
        return figures["estimate"], figures["low"], figures["high"]
    return None


def _audit(project: Project) -> tuple[AuditReport | None, str]:
    try:
        return verify_journal(project), ""
    except IntegrityError as error:
        return None, error.message


def _yardstick(project: Project, runs: Sequence[RunCard], reviews: Sequence[ReviewCard]) -> Yardstick:
    """Take the metric that the newest reviewed model is judged by, else the one that most runs have."""
    for review in reviews:
        try:
            manifest = read_manifest(project.store, review.model_digest)
        except (NotFoundError, IntegrityError):
            continue  # the review itself shows what became of the bytes
        if any(manifest.metric in run.metrics for run in runs):
            return Yardstick(manifest.metric, manifest.is_higher_better)
    counts = Counter(name for run in runs for name in sorted(run.metrics))
    return Yardstick(counts.most_common(1)[0][0] if counts else "", None)


def _best(runs: Sequence[RunCard], yardstick: Yardstick) -> str:
    measured = [run for run in runs if run.state == RunState.FINISHED and yardstick.name in run.metrics]
    if not measured or yardstick.is_higher_better is None:
        return ""
    sign = 1 if yardstick.is_higher_better else -1
    return max(measured, key=lambda run: sign * run.metrics[yardstick.name]).id
