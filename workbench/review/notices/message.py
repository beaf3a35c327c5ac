"""What is said about an event: one sentence for people, a few fields for programs, no payload and no secret."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.foundation.journal import Event
from workbench.foundation.project import Project

_SAID = {
    "review.requested": "{actor} asks for a review of {what}",
    "review.checked": "The checks of {what} are done",
    "review.confirmed": "{actor} ran the checks of {what} again, with the same results",
    "review.approved": "{actor} approved {what}",
    "review.changes-requested": "{actor} asks for changes of {what}",
    "review.rejected": "{actor} rejected {what}",
    "review.waived": "{actor} waived a check of {what}",
    "review.commented": "{actor} commented on {what}",
    "review.overridden": "{actor} BROKE THE GLASS for {what}: it serves for 24 hours without the approvals",
    "review.post-reviewed": "{actor} looked at what was overridden: {what}",
    "review.refused": "A decision of {actor} on {what} was refused",
    "release.promoted": "{actor} released {what}",
    "release.rolled-back": "{actor} rolled back to {what}",
    "release.refused": "A release was refused: {what}",
    "release.out_of_band_change": "PAST THE GATE: {what} was changed in MLflow",
    "release.out_of_band_mended": "{what} is again as it was released",
    "policy.proposed": "{actor} proposes a policy that asks for less",
    "policy.signed": "{actor} signed for a proposed policy",
    "policy.adopted": "Another policy is in force",
    "reviewers.proposed": "{actor} proposes a list of reviewers that lets more people sign",
    "reviewers.signed": "{actor} signed for a proposed list of reviewers",
    "reviewers.adopted": "Another list of reviewers is in force",
    "alert.raised": "An alert was raised: {what}",
}


@dataclass(frozen=True)
class Message:
    """A notice before it is put into a receiver's format.

    Attributes:
        project: Name of the project.
        seq: Event it is about.
        at: UTC time of the event.
        kind: ``review.approved``, …
        subject: ``review:rv-…``.
        actor: Who did it.
        text: One sentence.
        command: What shows more; empty where nothing does.
    """

    project: str
    seq: int
    at: str
    kind: str
    subject: str
    actor: str
    text: str
    command: str


def message_of(project: Project, event: Event) -> Message:
    """Word an event."""
    noun, _, name = event.subject.partition(":")
    record = project.journal.record(noun, name) if noun in ("review", "release") else None
    body = record.body if record else event.data or {}
    what = name
    if body.get("model") and (body.get("stage") or body.get("channel")):
        what = f"{body['model']} → {body.get('stage') or str(body['channel']).partition('@')[2]} ({name})"
    said = _SAID.get(event.kind, "{kind}: {what}").format(actor=event.actor, what=what, kind=event.kind)
    command = {"review": f"mlops review show {name}", "release": "mlops releases", "alert": "mlops alerts"}.get(
        noun, ""
    )
    return Message(
        project.config.project.name, event.seq, event.at, event.kind, event.subject, event.actor, said, command
    )
