"""The alarm rule: when windows that drifted become something an operator is told.

``alarm_windows`` of the last three windows must drift. With no drift at all, a single window is rejected in up to
5 % of cases, two of three in fewer than 1 % (``tests/monitor/test_calibration.py`` prints the measured rates).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.foundation.journal import Record, Transaction
from workbench.monitor.alerts import Cause, is_open, note_clean, raise_alert, resolved_seq

LAST_WINDOWS = 3
"""Windows that the rule looks at."""

_CRITICAL_SIZE, _CRITICAL_SHARE, _CRITICAL_DISTANCE = 0.3, 0.5, 0.2


def sound(change: Transaction, channel: str, last: Sequence[Record], alarm_windows: int) -> None:
    """Raise, renew or calm the alerts of a channel after a window.

    Args:
        change: Transaction that recorded the window.
        channel: Channel.
        last: The last windows, at most three, the newest at the end.
        alarm_windows: How many of them must drift.
    """
    digest = str(last[-1].body["model_digest"])
    _judge(change, Cause(channel, "drift", digest, "inputs"), last, "is_drifted", alarm_windows)
    _judge(change, Cause(channel, "prediction", digest, "shares"), last, "is_prediction_drifted", alarm_windows)


def _judge(change: Transaction, cause: Cause, last: Sequence[Record], flag: str, alarm_windows: int) -> None:
    newest = last[-1].body
    if not newest[flag]:
        note_clean(change, cause)
        return
    settled = 0 if is_open(change, cause) else resolved_seq(change, cause)
    hits = sum(bool(window.body[flag]) for window in last if window.changed_seq > settled)
    if is_open(change, cause) or hits >= alarm_windows:
        severity, facts = _drift_facts(newest) if cause.kind == "drift" else _prediction_facts(newest)
        raise_alert(change, cause, severity=severity, facts=facts, windows=hits)


def _drift_facts(window: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    drifted = [feature for feature in window["features"] if feature["is_drifted"]]
    share = len(drifted) / len(window["features"])
    is_large = any(max(f["statistic"], f["missing"], f["outside"]) >= _CRITICAL_SIZE for f in drifted)
    facts = {"window": window["index"], "features": drifted[:5], "drifted": len(drifted), "of": len(window["features"])}
    return "critical" if is_large or share >= _CRITICAL_SHARE else "warning", facts


def _prediction_facts(window: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    distance = window["prediction_drift"]
    facts = {"window": window["index"], "distance": distance, "predictions": window["predictions"]}
    return "critical" if distance >= _CRITICAL_DISTANCE else "warning", {
        **facts,
        "reference": window["reference_share"],
    }
