"""Promotions: approved bytes going on a channel, as a signed statement that the next stage can rest on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, WorkbenchError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.journal import Event
from workbench.foundation.project import Project
from workbench.review.policies.policy import Policy, StageRule
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.review.proof.demands import check_soaked
from workbench.review.proof.grant import Grant, check_is_other, involved_in, read_request
from workbench.review.proof.persons import person_of, signer_of
from workbench.review.proof.request import asked_as
from workbench.review.proof.statement import parse_statement
from workbench.review.proof.stay import check_promoter, verify_stay
from workbench.review.signing import may_sign

_KINDS = {"release.promoted": DeedKind.PROMOTE, "release.rolled-back": DeedKind.ROLLBACK}


@dataclass(frozen=True)
class Signed:
    """A promotion's statement in the store.

    Attributes:
        statement: Digest of its bytes.
        signature: Digest of its armoured signature; empty where nobody signed.
    """

    statement: str
    signature: str


@dataclass(frozen=True)
class _Promoted:
    """A promotion as journal and store kept it; nothing of it is verified.

    Attributes:
        text: What was signed.
        signature: The armour.
        grant: What it rested on.
        at: When the journal was told.
    """

    text: str
    signature: str
    grant: Grant
    at: datetime


def sign_promotion(project: Project, grant: Grant, policy: Policy, event: str) -> Signed:
    """State that these bytes go on their channel now, and sign it where the actor's key may.

    Raises:
        DeniedError: ``promotion-unsigned`` or ``promotion-own``: a later stage rests on this one, so somebody has to
            sign whose work it is not. Going back, and breaking the glass, nobody rests on.
    """
    kind = _KINDS[event]
    later = later_rules(policy, grant.stage)
    is_signed = may_sign(project, kind)
    if later and not is_signed:
        raise DeniedError(
            "promotion-unsigned",
            f"A later stage comes after '{grant.stage}', so whoever releases there has to sign",
            f"an owner writes {kind.namespace} into their line's namespaces in policy/reviewers",
        )
    is_rested_on = kind is DeedKind.PROMOTE and not grant.override
    if is_rested_on and later and not any(rule.allow_self for rule in later):
        _check_is_other(project, grant)
    facts = {
        "channel": grant.channel,
        "stage": grant.stage,
        "review": grant.review,
        "policy_digest": policy.digest,
        "grant": digest_json(grant.to_json()),
    }
    data = build_deed(Deed(kind, grant.model, grant.model_digest, project.actor, _moment(grant), facts))
    signature = ""
    if is_signed and project.key_path is not None:
        signature = project.store.put_bytes(sign(project.key_path, data, namespace=kind.namespace).encode())
    return Signed(project.store.put_bytes(data), signature)


def later_rules(policy: Policy, stage: str) -> tuple[StageRule, ...]:
    """Return the rules of the stages that come after one."""
    return tuple(rule for rule in policy.stages.values() if rule.after == stage)


def rest_on_stage_before(project: Project, grant: Grant, rule: StageRule, policy: Policy) -> Grant:
    """Return a grant with the proof that its bytes stand on the stage before, and have for long enough.

    What counts is the time that they have been there without a break until now: another model in between, a rollback,
    an override or approvals that expired begin it anew. The journal's own times count here: a statement may be dated
    back by its signer, an event cannot.

    Raises:
        DeniedError: ``stage-skipped``, or what the approvals there lack.
        PendingError: ``soak-time``.
        IntegrityError: The last promotion there is not what was signed.
    """
    if not rule.after:
        return grant
    now = datetime.now(UTC)
    allowed = load_reviewers(project)
    first: _Promoted | None = None
    begun = until = now
    refused: WorkbenchError | None = None
    for promoted in _standing(project, f"{grant.model}@{rule.after}", grant.model_digest):
        try:
            deed = verify_stay(
                promoted.text,
                promoted.signature,
                promoted.grant,
                store=project.store,
                allowed=allowed,
                policy=policy,
                until=until,
                soak_h=rule.soak_h,
            )
        except (DeniedError, IntegrityError) as error:
            refused = refused or _as_release(error, rule, promoted)
            break
        until = promoted.at
        try:
            if not rule.allow_self:
                check_promoter(signer_of(allowed, deed.principal, promoted.signature), allowed, grant, promoted.grant)
        except DeniedError as error:
            refused = error
            continue
        first, begun = promoted, max(promoted.at, deed.moment)
    if first is None:
        raise refused or DeniedError(
            "stage-skipped",
            f"{grant.channel} comes after '{rule.after}', and these bytes do not stand there now",
            f"release them there first; a review of them: mlops review request {_these_bytes(grant, rule.after)}",
        )
    check_soaked(rule, begun, now)
    return replace(grant, before=((first.text, first.signature),), earlier=(first.grant,))


def _as_release(error: DeniedError | IntegrityError, rule: StageRule, promoted: _Promoted) -> WorkbenchError:
    """Say of a signature that counts no more which it is: whoever releases now has another key, which is good."""
    if not isinstance(error, DeniedError) or not error.code.startswith("signer-"):
        return error
    return DeniedError(
        error.code,
        f"What '{rule.after}' rests on counts no more: {error.message}",
        f"have it released there anew: mlops release {promoted.grant.review}",
    )


def _these_bytes(grant: Grant, stage: str) -> str:
    """Return what asks for these bytes on a stage: the newest run of the model may have made others."""
    request = read_request(grant)
    return asked_as(f"{request.run[:12]}/{grant.model}" if request else grant.model, stage)


def standing_since(project: Project, channel: str, model_digest: str) -> datetime | None:
    """Return since when a channel holds these bytes without a break or an override; None where it does not.

    Nothing is verified: it is for a look at what would be, not for letting anything through.
    """
    since: datetime | None = None
    for promoted in _standing(project, channel, model_digest):
        if promoted.grant.override:
            break
        since = promoted.at
    return since


def _standing(project: Project, channel: str, model_digest: str) -> Iterator[_Promoted]:
    """Yield the promotions that put these bytes on a channel and were not followed by others, the newest first.

    An event that does not say any more what was written ends it: it may have been about anything.
    """
    for event in reversed(project.journal.events(kind="release.*")):
        if event.kind not in _KINDS:
            continue
        is_whole = event.data is not None and digest_json(event.data) == event.data_digest
        if is_whole and event.data and event.data.get("channel") != channel:
            continue
        promoted = _read(project, event) if is_whole and event.data else None
        if promoted is None or promoted.grant.model_digest != model_digest:
            return
        yield promoted


def _read(project: Project, event: Event) -> _Promoted | None:
    """Return what an event and its release kept; None where something of it is gone, or nobody signed."""
    record = project.journal.record("release", event.subject.partition(":")[2])
    data = event.data or {}
    if not data.get("signature"):
        return None
    try:
        text = project.store.read(str(data["statement"])).decode()
        signature = project.store.read(str(data["signature"])).decode()
        kept = Grant.from_json(record.body["grant"]) if record else None
    except (IntegrityError, NotFoundError, KeyError, UnicodeDecodeError):
        return None
    return _Promoted(text, signature, kept, datetime.fromisoformat(event.at)) if kept else None


def _moment(grant: Grant) -> str:
    """Return the time of a promotion: now, or when the last approval is dated where a reviewer's clock is ahead."""
    signed = (datetime.fromisoformat(parse_statement(text.encode()).at) for text, _ in grant.statements)
    return max([datetime.now(UTC), *signed]).isoformat(timespec="seconds")


def _check_is_other(project: Project, grant: Grant) -> None:
    allowed = load_reviewers(project)
    key = read_public_key(project.key_path).blob if project.key_path else b""
    try:
        check_is_other(person_of(allowed, name=project.actor, key=key), allowed, *involved_in(grant))
    except DeniedError as error:
        raise DeniedError(
            "promotion-own",
            f"A later stage comes after '{grant.stage}', so nobody whose work it is releases there",
            f"ask somebody else to: mlops release {grant.review}",
        ) from error
