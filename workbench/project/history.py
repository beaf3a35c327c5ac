"""What ran in production at any moment, who let it and on which evidence: read from the journal's chained events.

Nothing here looks at the records, which can be edited without breaking the chain, nor at the channel files: the answer
is as good as ``mlops audit verify``. An interval begins with the event that promoted a release or rolled back to it
and ends with the next one on the same channel. The journal knows what runners had to serve; whether one was running
is in ``runner.started`` and ``runner.stopped``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workbench.contract.history import Approval, ReleaseInterval
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Event
from workbench.foundation.project import Project

_BEGINS = ("release.promoted", "release.rolled-back")


def show_history(project: Project, model: str, at: str = "") -> tuple[ReleaseInterval, ...]:
    """Show what ran, from when to when, who approved it and on which evidence; the newest first.

    Args:
        project: The project.
        model: A model's name, for all its channels, or one channel: ``<model>@<stage>``.
        at: Only what ran at this moment: ``2026-11-24T09:30``, in UTC unless it says otherwise
            (``2026-11-24T18:30+09:00``).

    Raises:
        NotFoundError: ``model-unreleased``: nothing was ever released under this name.
        UsageError: ``time-malformed`` or ``time-in-future``.
    """
    moment = _moment(at) if at else None
    intervals = _intervals(project)
    found = [i for i in intervals if model in (i.channel, i.channel.rpartition("@")[0])]
    if not found:
        names = {i.channel for i in intervals} | {i.channel.rpartition("@")[0] for i in intervals}
        raise NotFoundError("model-unreleased", f"Nothing was released as '{model}'", did_you_mean(model, names))
    return tuple(i for i in reversed(found) if moment is None or _covers(i, moment))


def _intervals(project: Project) -> list[ReleaseInterval]:
    """Return every interval, by the event that began it."""
    reviews: dict[str, list[Event]] = {}
    for event in project.journal.events(kind="review.*"):
        reviews.setdefault(event.subject, []).append(event)
    found: list[ReleaseInterval] = []
    last: dict[str, int] = {}
    for event in project.journal.events(kind="release.*"):
        if event.kind not in _BEGINS:
            continue
        interval = _interval(event, reviews)
        if interval.channel in last:
            before = last[interval.channel]
            found[before] = replace(found[before], until=event.at)
        last[interval.channel] = len(found)
        found.append(interval)
    return found


def _interval(event: Event, reviews: Mapping[str, list[Event]]) -> ReleaseInterval:
    data = event.data or {}  # None where the payload was erased: then only that something was released is known
    review, digest = str(data.get("review", "")), str(data.get("model_digest", ""))
    told = [e for e in reviews.get(f"review:{review}", ()) if e.seq < event.seq]
    asked = next((e for e in told if e.kind == "review.requested"), None)
    said = [e for e in told if e.kind == "review.approved" and (e.data or {}).get("model_digest") == digest]
    signed: dict[str, Any] = (said[-1].data or {}) if said else {}
    return ReleaseInterval(
        channel=str(data.get("channel", "")),
        version=int(data.get("version", 0)),
        model_digest=digest,
        since=event.at,
        until="",
        release=event.subject.partition(":")[2],
        how=event.kind.partition(".")[2],
        actor=event.actor,
        review=review,
        requester=asked.actor if asked else "",
        run=str(((asked.data or {}) if asked else {}).get("run", "")),
        policy_digest=str(signed.get("policy_digest", "")),
        evidence_digest=str(signed.get("evidence_digest", "")),
        assurance=str(data.get("assurance", "")),
        approvals=tuple(map(_approval, said)),
        seq=event.seq,
    )


def _approval(event: Event) -> Approval:
    data = event.data or {}
    names = ("fingerprint", "assurance", "statement_digest", "signature_digest")
    return Approval(principal=event.actor, at=event.at, **{name: str(data.get(name, "")) for name in names})


def _covers(interval: ReleaseInterval, moment: datetime) -> bool:
    has_begun = datetime.fromisoformat(interval.since) <= moment
    return has_begun and (not interval.until or moment < datetime.fromisoformat(interval.until))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write it as 2026-11-24T09:30, or with an offset: 2026-11-24T18:30+09:00"
        raise UsageError("time-malformed", f"'{text}' is no time", hint) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise UsageError("time-in-future", f"'{text}' is yet to come", "leave --at out for what answers now")
    return moment
