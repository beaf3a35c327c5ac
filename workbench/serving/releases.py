"""Releasing: put approved bytes on a channel, take them off again, show what was there.

A release is refused where anybody who calls the model would be worse off: no valid approval, bytes that changed, a
model no runner could open, or one that nobody could watch.
"""

from __future__ import annotations

import re
import time

from workbench.contract.model import REFERENCE_FILE
from workbench.contract.release import ReleaseCard
from workbench.contract.status import ReleaseState, ReviewState
from workbench.foundation.errors import (
    DeniedError,
    IntegrityError,
    NotFoundError,
    UsageError,
    WorkbenchError,
    did_you_mean,
)
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.review.assurance import assurance_of
from workbench.review.naming import names_of
from workbench.review.notices.delivery import announce
from workbench.review.policies.policy import load_policy
from workbench.review.promotion import later_rules, sign_promotion
from workbench.review.proof.grant import Grant
from workbench.review.reviews import release_grant, renewed_grant, show_review
from workbench.serving import ledger
from workbench.serving.channel import ChannelFile, ChannelName
from workbench.serving.faults import release_faults
from workbench.serving.ledger import Promotion
from workbench.serving.outside import note_registered
from workbench.serving.promise import verify_channel_file
from workbench.serving.registering import register
from workbench.serving.runners import await_release
from workbench.serving.server_gate import is_enforced


def release(project: Project, review: str) -> ReleaseCard:
    """Release an approved model: its runner swaps to it without dropping a request.

    Repeating it is harmless; where the approvals are others than those the current release rests on, the same bytes are
    released anew, on these. So they are where a later stage rests on this one and somebody else released before. The
    release before stays in the list and can be rolled back to.

    Args:
        project: The project.
        review: Id of the approved review.

    Raises:
        PendingError: The review is not approved yet.
        DeniedError: The approvals do not allow it, or ``monitor-missing``.
        IntegrityError: Bytes or statements are not what was approved.
    """
    started = time.perf_counter()
    grant = release_grant(project, review)
    shown = show_review(project, review)
    channel = str(ChannelName.parse(grant.channel))
    current = ledger.current_releases(project).get(channel)
    is_anew = current is not None and _is_vouched_anew(project, current)
    if current and ledger.rests_on(current, grant) and not is_anew:
        return _announce(project, current, started)
    try:
        _check_watched(project, grant)
        approvers = _check_servable(project, grant)
    except (DeniedError, IntegrityError) as error:
        _record_refusal(project, f"review:{grant.review}", grant, error)
        raise
    promotion = _promotion(project, grant, shown.run, approvers, "release.promoted", is_anew=is_anew)
    record = ledger.promote(project, promotion, "release.promoted", ReleaseState.SUPERSEDED)
    return _announce(project, record, started)


def roll_back(project: Project, channel: str, to: str = "") -> ReleaseCard:
    """Go back to an earlier release of a channel; its approvals are verified again.

    One that rested on an override rests on the approvals that came since.

    Args:
        project: The project.
        channel: Channel: ``<model>@<stage>``.
        to: Version, release id, review id or beginning of a model digest, of a release on this channel or of an
            approved review for it that was never released; by default the newest earlier model that nobody rolled
            back from.

    Raises:
        NotFoundError: ``channel-unknown``, ``release-unknown`` or ``rollback-none``.
        PendingError: The review that ``to`` names is not approved yet.
        UsageError: ``release-ambiguous``.
        DeniedError: The approvals do not hold any more.
        IntegrityError: Bytes or statements are not what was approved.
    """
    started = time.perf_counter()
    ChannelName.parse(channel)
    known = ledger.history(project, channel)
    if not known:
        names = {str(record.body["channel"]) for record in project.journal.records(ledger.NOUN)}
        raise NotFoundError("channel-unknown", f"Nothing was released on {channel}", did_you_mean(channel, names))
    current = next(record for record in known if record.state == ReleaseState.CURRENT)
    wanted = _find(project, known, channel, to) if to else _before(known, current)
    if isinstance(wanted, str):  # it never answered here, so it has to show what a first release has to show
        grant = release_grant(project, wanted)
        subject, run = f"review:{wanted}", show_review(project, wanted).run
    else:
        grant = renewed_grant(project, Grant.from_json(wanted.body["grant"]))
        subject, run = f"release:{wanted.id}", wanted.body["run"]
    if ledger.rests_on(current, grant):
        return _announce(project, current, started)
    try:
        if isinstance(wanted, str):
            _check_watched(project, grant)
        approvers = _check_servable(project, grant)
    except (DeniedError, IntegrityError) as error:
        _record_refusal(project, subject, grant, error)
        raise
    promotion = _promotion(project, grant, run, approvers, "release.rolled-back")
    record = ledger.promote(project, promotion, "release.rolled-back", ReleaseState.ROLLED_BACK)
    return _announce(project, record, started)


def list_releases(project: Project) -> tuple[ReleaseCard, ...]:
    """List releases, the newest first."""
    ledger.sync_channels(project)
    faults = release_faults(project)
    current = ReleaseState.CURRENT
    return tuple(
        ledger.card_of(record, faults=faults.get(record.body["channel"], ()) if record.state == current else ())
        for record in sorted(
            project.journal.records(ledger.NOUN), key=lambda r: str(r.body["released_at"]), reverse=True
        )
    )


def _promotion(
    project: Project, grant: Grant, run: str, approvers: tuple[str, ...], event: str, *, is_anew: bool = False
) -> Promotion:
    """Sign that these bytes go on their channel, and say how much that proves."""
    signed = sign_promotion(project, grant, load_policy(project), event)
    return Promotion(
        grant,
        run,
        approvers,
        assurance_of(project, grant, is_enforced=is_enforced(project, grant.model)),
        signed.statement,
        signed.signature,
        is_anew,
        names_of(project, grant.request, grant.request_signature),
    )


def _is_vouched_anew(project: Project, current: Record) -> bool:
    """Tell whether somebody else than before releases where a later stage rests on who did.

    Theirs may be the signature that it can rest on: a later stage refuses that of whoever asks for it there.
    """
    stage = ChannelName.parse(str(current.body["channel"])).stage
    return current.body["actor"] != project.actor and bool(later_rules(load_policy(project), stage))


def _check_watched(project: Project, grant: Grant) -> None:
    """Refuse a model without a profile of its training data: nobody could tell whether it still fits (S1-43)."""
    if all(entry.path != REFERENCE_FILE for entry in project.store.tree(grant.model_digest)):
        raise DeniedError(
            "monitor-missing",
            f"The model brings no {REFERENCE_FILE}, so nobody could see it drift",
            "save it with its training rows: workbench.save_model(model, name=…, train=X_train, …)",
        )


def _check_servable(project: Project, grant: Grant) -> tuple[str, ...]:
    """Do what a runner will do, so that what it would refuse is never released; return who approved."""
    from workbench.serving.runner.loading import load_served

    file = ChannelFile("", grant.channel, grant.model, grant.model_digest, 0, grant.to_json())
    approvers = verify_channel_file(project, file, grant.channel)  # first: what is not approved yet is a refusal here
    load_served(project, file, grant.channel)
    return approvers


def _record_refusal(project: Project, subject: str, grant: Grant, error: WorkbenchError) -> None:
    data = {"channel": grant.channel, "code": error.code, "model_digest": grant.model_digest}
    with project.journal.transaction() as change:
        change.append("release.refused", subject, data)


def _announce(project: Project, record: Record, started: float) -> ReleaseCard:
    """Write the channel file, wait for a running runner, and name the version in MLflow's registry."""
    channel = str(record.body["channel"])
    ledger.sync_channel(project, channel)
    announce(project)
    outcome = await_release(project, channel, record.id, started)
    notes = tuple(filter(None, (outcome.note, _name_in_registry(project, record))))
    return ledger.card_of(record, answering_after_ms=outcome.after_ms, notes=notes)


def _name_in_registry(project: Project, record: Record) -> str:
    """Register the version and point the stage's alias at it; the release stands whether or not MLflow answers."""
    model, stage = str(record.body["model"]), ChannelName.parse(str(record.body["channel"])).stage
    try:
        note_registered(project, record, register(project, str(record.body["run"]), model, stage))
    except WorkbenchError as error:
        return f"MLflow's registry does not show it: {error.message} [{error.code}]"
    return ""


def _before(known: list[Record], current: Record) -> Record:
    """Return the newest earlier release whose bytes differ and were not rolled back from since."""
    latest: dict[str, Record] = {}
    for record in known:
        latest.setdefault(str(record.body["model_digest"]), record)
    for digest, record in latest.items():
        if digest != current.body["model_digest"] and record.state != ReleaseState.ROLLED_BACK:
            return record
    channel = current.body["channel"]
    hint = "name one: mlops releases" if len(latest) > 1 else f"there is no earlier model: mlops stop {channel} ends it"
    raise NotFoundError("rollback-none", f"Nothing before {current.id} is left on {channel}", hint)


def _find(project: Project, known: list[Record], channel: str, to: str) -> Record | str:
    """Return the release that ``to`` names, else the id of a review.

    ``known`` are the channel's releases, the newest first.
    """
    for record in known:
        if to in (record.id, record.body["review"]) or to.removeprefix("v") == str(record.body["version"]):
            return record
    reviews = _reviews_of(project, channel)
    if to in reviews:
        return to
    approved = [id_ for id_, (_, state) in reviews.items() if state == ReviewState.APPROVED]
    prefix = to.removeprefix("sha256:")
    digests: dict[str, Record | str] = {}
    if re.fullmatch("[0-9a-f]{4,64}", prefix):
        digests = {reviews[id_][0]: id_ for id_ in reversed(approved)}
        digests |= {str(r.body["model_digest"]): r for r in reversed(known)}
    found = [wanted for digest, wanted in digests.items() if digest.removeprefix("sha256:").startswith(prefix)]
    if len(found) > 1:
        raise UsageError("release-ambiguous", f"'{to}' begins several digests", "write more of it: mlops releases")
    if not found:
        names = [str(record.body["version"]) for record in known] + [record.id for record in known] + approved
        raise NotFoundError(
            "release-unknown", f"'{to}' was neither released nor approved for {channel}", did_you_mean(to, names)
        )
    return found[0]


def _reviews_of(project: Project, channel: str) -> dict[str, tuple[str, str]]:
    """Return digest and state of every review for this channel by its id, the last changed first."""
    name = ChannelName.parse(channel)
    return {
        record.id: (str(record.body["model_digest"]), record.state)
        for record in project.journal.records("review")
        if (record.body["model"], record.body["stage"]) == (name.model, name.stage)
    }
