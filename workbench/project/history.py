"""What ran in production at any moment, who let it and on which evidence: read from the journal's chained events.

Nothing here looks at the records, which can be edited without breaking the chain, nor at the channel files: the answer
is as good as ``mlops audit verify``. An interval begins with the event that promoted a release or rolled back to it
and ends with the next one on the same channel; where the override or the approvals behind it end before, runners refuse
it from then on, which its state says. The journal knows what runners had to serve; whether one was running is in
``runner.started`` and ``runner.stopped``. Policies and overrides' statements are read from the store, by digests that
the chain tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.contract.history import Approval, ReleaseInterval
from workbench.foundation.canonical import digest_bytes, digest_json
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.journal import Event
from workbench.foundation.project import Project
from workbench.review.policies.policy import parse_policy
from workbench.review.policies.rules import StageRule
from workbench.review.proof.demands import end_of_approval
from workbench.review.proof.grant import Grant
from workbench.review.proof.override import OVERRIDE_H
from workbench.serving.outside import CHANGED, MENDED

_BEGINS = ("release.promoted", "release.rolled-back")
_OUTSIDE = (CHANGED, MENDED)


def show_history(project: Project, model: str, at: str = "") -> tuple[ReleaseInterval, ...]:
    """Show what ran, from when to when, who approved it and on which evidence; the newest first.

    Args:
        project: The project.
        model: A model's name, for all its channels, or one channel: ``<model>@<stage>``.
        at: Only what ran at this moment: ``2026-11-24T09:30``, in UTC unless it says otherwise
            (``2026-11-24T18:30+09:00``).

    Raises:
        NotFoundError: ``model-unreleased``: nothing was ever released under this name; ``nothing-then``: not yet at
            that moment.
        UsageError: ``time-malformed`` or ``time-in-future``.
    """
    moment = _moment(at) if at else None
    intervals = _intervals(project, moment or datetime.now(UTC))
    found = [i for i in intervals if model in (i.channel, i.channel.rpartition("@")[0])]
    if not found:
        names = {i.channel for i in intervals} | {i.channel.rpartition("@")[0] for i in intervals}
        hint = did_you_mean(model, names) if names else "release something first; what waits: mlops reviews"
        raise NotFoundError("model-unreleased", f"Nothing was released as '{model}'", hint)
    shown = tuple(i for i in reversed(found) if moment is None or _covers(i, moment))
    if not shown:
        first = found[0]
        raise NotFoundError(
            "nothing-then",
            f"Nothing of '{model}' ran at {at}; the first release was at {first.since}",
            f"see all of it: mlops history {model}",
        )
    return shown


def _intervals(project: Project, moment: datetime) -> list[ReleaseInterval]:
    """Return every interval, by the event that began it, with its state at a moment."""
    reviews: dict[str, list[Event]] = {}
    for event in project.journal.events(kind="review.*"):
        reviews.setdefault(event.subject, []).append(event)
    found: list[ReleaseInterval] = []
    last: dict[str, int] = {}
    for event in project.journal.events(kind="release.*"):
        channel = event.subject.removeprefix("channel:")
        if event.kind in _OUTSIDE and channel in last:
            before = found[last[channel]]
            found[last[channel]] = replace(before, outside=(*before.outside, _outside(event)))
        if event.kind not in _BEGINS:
            continue
        interval = _interval(project, event, reviews)
        if interval.channel in last:
            before = found[last[interval.channel]]
            found[last[interval.channel]] = replace(before, until=event.at)
        last[interval.channel] = len(found)
        found.append(interval)
    return [replace(interval, state=_state(interval, moment)) for interval in found]


def _interval(project: Project, event: Event, reviews: Mapping[str, list[Event]]) -> ReleaseInterval:
    data = event.data or {}  # None where the payload was erased: then only that something was released is known
    review, digest = str(data.get("review", "")), str(data.get("model_digest", ""))
    told = reviews.get(f"review:{review}", [])
    before = [e for e in told if e.seq < event.seq]
    asked = next((e for e in before if e.kind == "review.requested"), None)
    said = [e for e in before if e.kind == "review.approved" and (e.data or {}).get("model_digest") == digest]
    override = next((e for e in reversed(before) if e.kind == "review.overridden"), None)
    grant = _grant(project, event)
    if not (bool(grant["override"]) if grant else not _is_approved(said)):
        override = None
    if grant:  # an approval that had expired, or was given on other check results, was none of those that let it
        given = {digest_bytes(text.encode()) for text, _ in grant["statements"]}
        said = [e for e in said if (e.data or {}).get("statement_digest") in given]
    rested = [override] if override else said
    signed: dict[str, Any] = (rested[-1].data or {}) if rested else {}
    policy = str(signed.get("policy_digest", "") or ((asked.data or {}) if asked else {}).get("policy_digest", ""))
    channel = str(data.get("channel", ""))
    return ReleaseInterval(
        channel=channel,
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
        policy_digest=policy,
        evidence_digest=str(signed.get("evidence_digest", "")) or _evidence(project, signed),
        assurance=str(data.get("assurance", "")),
        approvals=tuple(map(_approval, rested)),
        seq=event.seq,
        approved_by=() if override else tuple(dict.fromkeys(e.actor for e in said)),
        overridden_by=override.actor if override else "",
        looked_at_by=_looked_at(told, override) if override else "",
        valid_until=_valid_until(project, rested, policy, channel.rpartition("@")[2], is_override=bool(override)),
        names=str(data.get("names", "")),
        evidence=f"mlops evidence export {review} {review}.zip" if review else "",
    )


def _grant(project: Project, event: Event) -> dict[str, Any]:
    """Return what a release rested on, by the proof that its statement names; empty where that is not kept."""
    try:
        statement = json.loads(project.store.read(str((event.data or {}).get("statement", ""))))
        record = project.journal.record("release", event.subject.partition(":")[2])
        grant = Grant.from_json(record.body["grant"]).to_json() if record else {}
        is_named = digest_json(grant) == statement["predicate"]["grant"]
    except (WorkbenchError, ValueError, KeyError, TypeError):
        return {}
    return {"override": (), **grant} if is_named else {}


def _is_approved(said: list[Event]) -> bool:
    """Tell whether the approvals were enough, as the last of them says; older ones do not say, and were."""
    return bool(said) and str((said[-1].data or {}).get("state", "APPROVED")) == "APPROVED"


def _evidence(project: Project, signed: Mapping[str, Any]) -> str:
    """Return the check reports that an override rests on, as its statement names them."""
    try:
        data = json.loads(project.store.read(str(signed.get("statement_digest", ""))))
        return str(data["predicate"]["evidence_digest"])
    except (WorkbenchError, ValueError, KeyError, TypeError):
        return ""


def _looked_at(told: list[Event], override: Event) -> str:
    """Return who looked at an override: of several, each has a look of its own, in the order they were signed in."""
    overrides = [event.seq for event in told if event.kind == "review.overridden"]
    looks = [event.actor for event in told if event.kind == "review.post-reviewed"]
    place = overrides.index(override.seq)
    return looks[place] if place < len(looks) else ""


def _valid_until(project: Project, rested: list[Event], policy: str, stage: str, *, is_override: bool) -> str:
    """Return when what a release rests on ends; empty where it does not, or the policy is no longer kept."""
    ends: list[datetime] = []
    for event in rested:
        at = datetime.fromisoformat(event.at)
        if is_override:
            ends.append(at + timedelta(hours=OVERRIDE_H))
        elif rule := _rule(project, policy, stage):
            ends += filter(None, [end_of_approval(rule, at)])
    return min(ends).isoformat(timespec="seconds") if ends else ""


def _rule(project: Project, policy: str, stage: str) -> StageRule | None:
    try:
        return parse_policy(project.store.read(policy)).stages.get(stage)
    except WorkbenchError:
        return None


def _outside(event: Event) -> str:
    data = event.data or {}
    said = str(data.get("message") or data.get("what") or "something was changed past the gate")
    return f"{event.at}: {'mended: ' if event.kind == MENDED else ''}{said}"


def _state(interval: ReleaseInterval, moment: datetime) -> str:
    if interval.until and datetime.fromisoformat(interval.until) <= moment:
        return "replaced"
    has_ended = interval.valid_until and datetime.fromisoformat(interval.valid_until) <= moment
    return "ended" if has_ended else "served"


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
