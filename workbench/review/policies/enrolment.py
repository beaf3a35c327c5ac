"""Taking up the list of reviewers, and having one that lets more people sign signed under the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from workbench.contract.policy import ReviewersChange
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, DeniedError
from workbench.foundation.identity import AllowedSigners, read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.policies.reviewers import (
    ADOPTED,
    NARROWED,
    PROPOSED,
    REVIEWERS_PATH,
    SIGNED,
    SUBJECT,
    Step,
    adoption,
    can_change,
    is_alone,
    list_digest,
    proposers_of,
    read_files,
    signatures_lacking,
    signers_of,
    step_of,
)
from workbench.review.policies.widening import both, lifted, revocations_of, why_wider
from workbench.review.proof.deed import Deed, DeedKind, build_deed, verify_deed
from workbench.review.proof.persons import person_of
from workbench.review.signing import key_for

FIRST = "first"


def adopt_reviewers(project: Project) -> None:
    """Take up what the files say, as far as it needs nobody or was signed for; else only what they take away."""
    step = step_of(project)
    if step is None:
        listed = read_files(project)
        if can_change(listed):
            _adopt(project, None, listed, FIRST)
        return
    if why_wider(step.old, step.new) and not signatures_lacking(project, step, signers_of(project, step))[1]:
        revoked = step.new.revocations if lifted(step.old, step.new) else revocations_of(step.old, step.new)
        _adopt(project, step, replace(step.new, revocations=revoked), SIGNED)
        return
    left = both(step.old, step.new)
    plain = replace(left, others=())  # without the lines that are gone, who was one person may be two
    is_changed = (plain.entries, plain.revocations) != (step.old.entries, step.old.revocations)
    if is_changed and not why_wider(step.old, plain):
        _adopt(project, step, plain, NARROWED)


def show_reviewers_change(project: Project) -> ReviewersChange:
    """Show whether the list of reviewers is in force, and what it would need."""
    step = step_of(project)
    if step is None:
        return ReviewersChange("", digest_bytes(read_files(project).text.encode()), "new")
    before = list_digest(step.adopted)
    wider = why_wider(step.old, step.new)
    if not wider:
        is_same = (step.old.entries, step.old.revocations) == (step.new.entries, step.new.revocations)
        return ReviewersChange(before, step.digest, "in-force" if is_same else "narrower")
    given = signers_of(project, step)
    needed, lacking = signatures_lacking(project, step, given)
    state = "signed" if not lacking else "proposed" if proposers_of(project, step) else "wider"
    return ReviewersChange(before, step.digest, state, wider, needed, given, lacking)


def propose_reviewers(project: Project, reason: str) -> None:
    """Take up the list as it is now, or propose it where it lets more people sign; others then sign."""
    step = step_of(project)
    if step is not None and why_wider(step.old, step.new) and project.actor not in proposers_of(project, step):
        _sign(project, step, PROPOSED, reason)
    adopt_reviewers(project)


def sign_reviewers(project: Project, reason: str) -> None:
    """Sign that the proposed list may take the place of the one in force, and take it up with the last signature.

    Raises:
        DeniedError: ``identity-missing``, ``reviewer-unknown`` or ``self-approval``.
    """
    step = step_of(project)
    if step is None:
        return
    allowed = both(step.old, step.new)
    person = person_of(allowed, name=project.actor, key=read_public_key(key_for(project, DeedKind.POLICY)).blob)
    proposers = proposers_of(project, step)
    if not is_alone(project) and any(person.is_same(person_of(allowed, name=name)) for name in proposers):
        raise DeniedError(
            "self-approval",
            "Who proposed a list of reviewers does not sign for it",
            "ask another reviewer: mlops reviewers",
        )
    if project.actor not in signers_of(project, step):
        _sign(project, step, SIGNED, reason)
    adopt_reviewers(project)


def enrol_alone(project: Project, reason: str) -> None:
    """Propose and sign in one step where the actor is the only reviewer there is."""
    change = show_reviewers_change(project)
    if change.state not in ("wider", "proposed") or not is_alone(project):
        return
    try:
        key_for(project, DeedKind.POLICY)
    except DeniedError:
        return  # somebody else's to sign: the line waits
    propose_reviewers(project, reason)
    sign_reviewers(project, reason)


def _adopt(project: Project, step: Step | None, listed: AllowedSigners, why: str) -> None:
    told = {
        "reviewers_digest": project.store.put_bytes(listed.text.encode()),
        "revoked": [project.store.put_bytes(data) for data in listed.revocations],
        "before": list_digest(step.adopted) if step else "",
        "why": why,
    }
    with project.journal.transaction() as transaction:
        transaction.append(ADOPTED, SUBJECT, told)


def _sign(project: Project, step: Step, kind: str, reason: str) -> None:
    """Sign that a step is proposed or may be taken, verify what was signed, then tell the journal."""
    key_path = key_for(project, DeedKind.POLICY)
    now = adoption(project.journal)
    if now is None or now.hash != step.adopted.hash:
        raise ConflictError("policy-unchanged", "Another list came into force meanwhile", "mlops policy")
    facts = {**step.facts(kind), "wider": list(why_wider(step.old, step.new)), "reason": reason}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    deed = Deed(DeedKind.POLICY, REVIEWERS_PATH.as_posix(), step.digest, project.actor, at, facts)
    data = build_deed(deed)
    armour = sign(key_path, data, namespace=DeedKind.POLICY.namespace)
    verify_deed(data.decode(), armour, both(step.old, step.new), DeedKind.POLICY)
    # What others are to sign for has to be there to be looked at.
    told = {
        "after": project.store.put_bytes(step.new.text.encode()),
        "statement": project.store.put_bytes(data),
        "signature": project.store.put_bytes(armour.encode()),
        "fingerprint": read_public_key(key_path).fingerprint,
    }
    with project.journal.transaction() as transaction:
        transaction.append(kind, SUBJECT, told)
