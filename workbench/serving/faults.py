"""What makes a release red: it was moved past the gate, it rests on an override, or nobody has looked at one since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from workbench.contract.release import ReleaseFault
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.review.overridden import owed_reviews
from workbench.review.policies.policy import load_policy
from workbench.review.proof.grant import Grant
from workbench.review.proof.verification import grant_ends
from workbench.serving.ledger import current_releases
from workbench.serving.outside import list_changes

OUT_OF_BAND, OVERRIDE_OWED, ENDED, UNVERIFIABLE = "out-of-band", "override-owed", "ended", "unverifiable"


def release_faults(project: Project) -> dict[str, tuple[ReleaseFault, ...]]:
    """Return by channel what is wrong with the release that stands there; only channels where something is."""
    found: dict[str, list[ReleaseFault]] = {}
    for change in list_changes(project):
        found.setdefault(change.channel, []).append(ReleaseFault(OUT_OF_BAND, change.message, change.hint))
    for review in owed_reviews(project):
        fault = ReleaseFault(
            OVERRIDE_OWED,
            f"{review.id} was overridden, and nobody has looked at it since",
            f"have somebody else look: mlops review post-review {review.id}",
            review.id,
        )
        found.setdefault(f"{review.model}@{review.stage}", []).append(fault)
    for channel, record in current_releases(project).items():
        for fault in _ended(project, record):
            found.setdefault(channel, []).append(fault)
    return {channel: tuple(faults) for channel, faults in found.items()}


def _ended(project: Project, record: Record) -> Iterator[ReleaseFault]:
    """Yield what has ended; whether others still suffice is the runner's to say."""
    review = str(record.body["review"])
    again = f"have it approved and release it again: mlops review show {review}"
    try:
        grant = Grant.from_json(record.body["grant"])
        ends = grant_ends(grant, project.store, load_policy(project))
    except WorkbenchError as error:
        yield ReleaseFault(UNVERIFIABLE, f"Its approvals cannot be verified: {error.message}", again, review)
        return
    now = datetime.now(UTC)
    for end in ends:
        if end <= now:
            what = "The override" if grant.override else "An approval"
            message = f"{what} that it rests on ended at {end.isoformat(timespec='minutes')}"
            yield ReleaseFault(ENDED, message, again, review)
