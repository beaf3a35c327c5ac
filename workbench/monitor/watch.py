"""Watch a channel: cut what was predicted into windows, test each, and tell somebody when it lasts.

One window is one transaction: its record, its event and what it does to alerts are all there or none is. Its id is
``<channel>/<digest16>/<index>`` and it must not exist before, so of two checks that race one records it and the other
goes on behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from workbench.contract.monitor import AlertCard, FeatureDrift, MonitorCard, WindowCard
from workbench.contract.status import AlertState, ReleaseState
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.monitor import alarm, alerts
from workbench.review.notices.delivery import announce

if TYPE_CHECKING:
    from workbench.monitor.windows import PredictionLog

SHOWN_WINDOWS = 20
"""Windows that a card carries."""
_RECORDED = "RECORDED"


@dataclass(frozen=True)
class _Watched:
    """One log with what it is measured against.

    Attributes:
        channel: Channel.
        log: Its log of one model.
        is_current: Whether that model answers now; only then does a window raise an alert.
    """

    channel: str
    log: PredictionLog
    is_current: bool

    def window_id(self, index: int) -> str:
        """Return the record's id of the window at ``index``."""
        return window_id(self.channel, self.log.model_digest, index)


def check_channel(project: Project, channel: str) -> MonitorCard:
    """Cut new windows of predictions, test them for drift, and raise or renew alerts.

    Safe to call at any time and from several places at once: every prediction is used exactly once.

    Args:
        project: The project.
        channel: Channel to look at, such as ``shuttle@production``.

    Raises:
        NotFoundError: ``channel-unknown``.
        UsageError: ``config-out-of-range`` for the monitor section of ``workbench.toml``.
    """
    _check_settings(project)
    current = _current_releases(project)
    if channel not in current:
        hint = did_you_mean(channel, current)
        raise NotFoundError("channel-unknown", f"Nothing is released on a channel '{channel}'", hint)
    from workbench.monitor.windows import find_logs

    for log in find_logs(project.state_dir / "predictions", channel):
        _record_windows(project, _Watched(channel, log, log.model_digest == current[channel]))
    alerts.retire_alerts(project, channel, current[channel])
    announce(project)
    return _card(project, channel, current[channel])


def list_monitors(project: Project) -> tuple[MonitorCard, ...]:
    """Show every channel with a current release: its last windows and its open alerts. Changes nothing.

    Args:
        project: The project.
    """
    current = _current_releases(project)
    return tuple(_card(project, channel, digest) for channel, digest in sorted(current.items()))


def window_id(channel: str, model_digest: str, index: int) -> str:
    """Return the id of a window's record: ``<channel>/<first 16 hex digits of the model's digest>/<index>``."""
    return f"{channel}/{model_digest.removeprefix('sha256:')[:16]}/{index}"


def window_card(record: Record) -> WindowCard:
    """Return a window's record as its card."""
    values = {item.name: record.body[item.name] for item in fields(WindowCard)}
    return WindowCard(**{**values, "features": tuple(FeatureDrift(**f) for f in values["features"])})


def count_windows(project: Project, channel: str, model_digest: str) -> int:
    """Return how many windows are recorded; they have no gaps, so a few look-ups by id find the last one."""

    def exists(index: int) -> bool:
        return project.journal.record("window", window_id(channel, model_digest, index)) is not None

    low, high = 0, 1
    while exists(high - 1):
        low, high = high, high * 2
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if exists(middle - 1) else (low, middle)
    return low


def read_windows(project: Project, channel: str, model_digest: str, last: int) -> list[Record]:
    """Return the records of the last windows, the oldest first."""
    count = count_windows(project, channel, model_digest)
    names = (window_id(channel, model_digest, index) for index in range(max(0, count - last), count))
    return [record for name in names if (record := project.journal.record("window", name))]


def _current_releases(project: Project) -> dict[str, str]:
    released = project.journal.records("release", state=ReleaseState.CURRENT)
    return {str(r.body["channel"]): str(r.body["model_digest"]) for r in released}


def _card(project: Project, channel: str, model_digest: str) -> MonitorCard:
    from workbench.monitor.reference import reference_rows
    from workbench.monitor.windows import find_logs

    logs = find_logs(project.state_dir / "predictions", channel)
    shown = read_windows(project, channel, model_digest, SHOWN_WINDOWS)
    return MonitorCard(
        channel=channel,
        model_digest=model_digest,
        reference_rows=reference_rows(project.store, model_digest),
        rows_seen=sum(log.rows for log in logs if log.model_digest == model_digest),
        windows=tuple(window_card(record) for record in reversed(shown)),
        alerts=tuple(a for a in alerts.list_alerts(project) if _is_open_on(a, channel)),
    )


def _is_open_on(alert: AlertCard, channel: str) -> bool:
    return alert.channel == channel and alert.state != AlertState.RESOLVED


def _check_settings(project: Project) -> None:
    monitor = project.config.monitor
    problems = {
        "window_rows": (monitor.window_rows >= 30, "30 or more: fewer rows show no drift"),
        "alarm_windows": (1 <= monitor.alarm_windows <= alarm.LAST_WINDOWS, f"1 to {alarm.LAST_WINDOWS}"),
        "false_discovery_rate": (0 < monitor.false_discovery_rate < 1, "between 0 and 1"),
    }
    for name, (is_valid, wanted) in problems.items():
        if not is_valid:
            value = getattr(monitor, name)
            message = f"monitor.{name} is {value}, but must be {wanted}"
            raise UsageError("config-out-of-range", message, "change the line in workbench.toml")


def _record_windows(project: Project, watched: _Watched) -> None:
    """Record every whole window that the log holds behind the last recorded one."""
    from workbench.monitor.verdict import judge_window
    from workbench.monitor.windows import cut_window

    index = count_windows(project, watched.channel, watched.log.model_digest)
    while True:
        before = project.journal.record("window", watched.window_id(index - 1)) if index else None
        cursor = before.body["cursor"] if before else {}
        batch = cut_window(watched.log, cursor, project.config.monitor.window_rows)
        if batch is None:
            return
        body = judge_window(
            batch,
            watched.log,
            watched.channel,
            index,
            store=project.store,
            level=project.config.monitor.false_discovery_rate,
        )
        try:
            _commit(project, watched, index, body)
        except ConflictError:
            # Another check recorded this very window; ours would have been the same one.
            index = count_windows(project, watched.channel, watched.log.model_digest)
        else:
            index += 1


def _commit(project: Project, watched: _Watched, index: int, body: dict[str, Any]) -> None:
    name = watched.window_id(index)
    drifted = [feature["name"] for feature in body["features"] if feature["is_drifted"]]
    facts = {"rows": body["rows"], "model_digest": body["model_digest"], "drifted": drifted}
    with project.journal.transaction() as change:
        change.append("window.recorded", f"window:{name}", {**facts, "prediction_drift": body["prediction_drift"]})
        record = change.put("window", name, _RECORDED, body, expect=0)
        if watched.is_current:
            first = max(0, index - alarm.LAST_WINDOWS + 1)
            earlier = (change.get("window", watched.window_id(i)) for i in range(first, index))
            last = [*(window for window in earlier if window), record]
            alarm.sound(change, watched.channel, last, project.config.monitor.alarm_windows)
