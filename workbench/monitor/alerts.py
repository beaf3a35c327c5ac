"""Alerts: tell an operator once, keep it current while it lasts, and take it back when it is over.

One alert stands for one cause on one channel of one model. Seen again it is *renewed* (count and time) instead of
raised anew; after three clean windows in a row it resolves itself, so a value that swings about its threshold does not
ring each time. After somebody resolved it by hand, only windows recorded later can raise it again.

Ids are computed from the cause, so two checks that race can only ever raise the same alert. The facts lie in the
record; title and action are worded from them when somebody reads (:mod:`workbench.monitor.wording`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.contract.monitor import AlertCard
from workbench.contract.status import AlertState
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Record, Transaction
from workbench.foundation.project import Project
from workbench.monitor import wording

CLEAN_WINDOWS = 3
"""Clean windows in a row after which an alert resolves itself."""
SYSTEM = "system"
"""Who raises and takes back: no person did."""

_URGENCY = {AlertState.OPEN: 0, AlertState.ACKNOWLEDGED: 1, AlertState.RESOLVED: 2}
_SEVERITY = {"critical": 0, "warning": 1}


@dataclass(frozen=True)
class Cause:
    """What an alert is about; equal causes share one open alert.

    Attributes:
        channel: Where.
        kind: ``drift``, ``prediction`` or ``out-of-band``.
        model_digest: Model that answers.
        name: What within the kind (``inputs``).
    """

    channel: str
    kind: str
    model_digest: str
    name: str

    def alert_id(self, generation: int) -> str:
        """Return the id of the alert raised for this cause for the ``generation``-th time."""
        return "al-" + digest_json([asdict(self), generation]).removeprefix("sha256:")[:10]


def list_alerts(project: Project, state: str = "", language: str = "en") -> tuple[AlertCard, ...]:
    """List alerts, the most urgent first: open before acknowledged before resolved, critical before warning.

    Args:
        project: The project.
        state: Only alerts in this state: ``OPEN``, ``ACKNOWLEDGED`` or ``RESOLVED``; empty lists all.
        language: Language of title and action: ``en`` or ``ja``.

    Raises:
        UsageError: ``state-unknown`` or ``language-unknown``.
    """
    wording.load_words(language)
    wanted = state.upper()
    if wanted and wanted not in set(AlertState):
        raise UsageError("state-unknown", f"No alert is ever '{state}'", did_you_mean(wanted, AlertState))
    cards = [card_of(record, language) for record in project.journal.records("alert", state=wanted or None)]
    cards.sort(key=lambda card: card.last_seen_at, reverse=True)
    cards.sort(key=lambda card: (_URGENCY[AlertState(card.state)], _SEVERITY.get(card.severity, 9)))
    return tuple(cards)


def acknowledge(project: Project, alert: str) -> AlertCard:
    """Say that you are on it: the alert stays, but asks for nobody else.

    Args:
        project: The project.
        alert: Id of the alert.

    Raises:
        NotFoundError: ``alert-unknown``.
        ConflictError: ``alert-resolved``: there is nothing left to be on.
    """
    return _move(project, alert, AlertState.ACKNOWLEDGED)


def resolve(project: Project, alert: str) -> AlertCard:
    """Say that it is mended; only windows recorded from now on can raise it again.

    Args:
        project: The project.
        alert: Id of the alert.

    Raises:
        NotFoundError: ``alert-unknown``.
    """
    return _move(project, alert, AlertState.RESOLVED)


def raise_alert(
    change: Transaction, cause: Cause, *, severity: str, facts: Mapping[str, Any], windows: int = 1
) -> AlertCard:
    """Raise an alert, or renew the open one of the same cause; append the event that shows the cause first.

    Args:
        change: Transaction that also records what showed it.
        cause: What it is about.
        severity: ``warning`` or ``critical``; a renewed alert never becomes milder.
        facts: Figures that title and action are worded from; those of a renewal replace the older ones.
        windows: Windows that showed it by now; a renewal counts one.
    """
    record, generation = _latest(change, cause)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    if record and record.state != AlertState.RESOLVED:
        worst = min(severity, record.body["severity"], key=lambda s: _SEVERITY.get(s, 9))
        seen = {"count": record.body["count"] + 1, "last_seen_at": now, "clean_windows": 0}
        body = {**record.body, **seen, "severity": worst, "facts": dict(facts)}
        return card_of(change.put("alert", record.id, record.state, body, expect=record.revision))
    alert = cause.alert_id(generation)
    body = {**asdict(cause), "severity": severity, "facts": dict(facts), "raised_at": now, "last_seen_at": now}
    body |= {"count": windows, "clean_windows": 0}
    change.append("alert.raised", f"alert:{alert}", {**asdict(cause), "severity": severity}, actor=SYSTEM)
    return card_of(change.put("alert", alert, AlertState.OPEN, body, expect=0))


def note_clean(change: Transaction, cause: Cause) -> AlertCard | None:
    """Count a clean window against the open alert of a cause and resolve it after :data:`CLEAN_WINDOWS` in a row."""
    record, _ = _latest(change, cause)
    if record is None or record.state == AlertState.RESOLVED:
        return None
    clean = record.body["clean_windows"] + 1
    if clean >= CLEAN_WINDOWS:
        return _resolve_by_system(change, record, f"{clean} clean windows")
    body = {**record.body, "clean_windows": clean}
    return card_of(change.put("alert", record.id, record.state, body, expect=record.revision))


def retire_alerts(project: Project, channel: str, model_digest: str) -> None:
    """Resolve alerts about models that no longer answer on a channel: there is nothing left to mend."""
    for stale in project.journal.records("alert"):
        if _is_stale(stale, channel, model_digest):
            with project.journal.transaction() as change:
                record = change.get("alert", stale.id)
                if record and _is_stale(record, channel, model_digest):
                    _resolve_by_system(change, record, "another model answers now")


def is_open(change: Transaction, cause: Cause) -> bool:
    """Tell whether an alert of this cause is open or acknowledged."""
    record, _ = _latest(change, cause)
    return record is not None and record.state != AlertState.RESOLVED


def resolved_seq(change: Transaction, cause: Cause) -> int:
    """Return the event that resolved this cause last; 0 where none did. Windows up to there are settled."""
    record, _ = _latest(change, cause)
    return record.changed_seq if record else 0


def card_of(record: Record, language: str = "en") -> AlertCard:
    """Return a record as its card, worded in a language."""
    body = record.body
    title, action = wording.alert_words(body["kind"], body["channel"], body["facts"], language)
    return AlertCard(
        id=record.id,
        channel=body["channel"],
        kind=body["kind"],
        severity=body["severity"],
        state=record.state,
        title=title,
        action=action,
        raised_at=body["raised_at"],
        last_seen_at=body["last_seen_at"],
        count=body["count"],
    )


def _is_stale(record: Record, channel: str, model_digest: str) -> bool:
    is_here = record.body["channel"] == channel and record.state != AlertState.RESOLVED
    return is_here and record.body["model_digest"] != model_digest


def _latest(change: Transaction, cause: Cause) -> tuple[Record | None, int]:
    """Return the newest alert of a cause and the generation that a new one would have."""
    found, generation = None, 0
    while record := change.get("alert", cause.alert_id(generation)):
        found, generation = record, generation + 1
    return found, generation


def _resolve_by_system(change: Transaction, record: Record, reason: str) -> AlertCard:
    change.append("alert.resolved", f"alert:{record.id}", {"reason": reason}, actor=SYSTEM)
    return card_of(change.put("alert", record.id, AlertState.RESOLVED, record.body, expect=record.revision))


def _move(project: Project, id: str, to: AlertState) -> AlertCard:
    with project.journal.transaction() as change:
        record = change.get("alert", id)
        if record is None:
            known = [r.id for r in project.journal.records("alert")]
            raise NotFoundError("alert-unknown", f"There is no alert '{id}'", did_you_mean(id, known))
        if record.state == to:
            return card_of(record)
        if record.state == AlertState.RESOLVED:
            raise ConflictError("alert-resolved", f"{id} is resolved already", "see what is open: mlops alerts")
        change.append(f"alert.{to.lower()}", f"alert:{id}", {"from": record.state})
        return card_of(change.put("alert", id, to, record.body, expect=record.revision))
