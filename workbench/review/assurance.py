"""How much a release proves, and no more than that.

``local-self``: one person alone. ``local-signed``: another person's signature, on machines that the same people
control. ``ci-verified``: besides, a machine that policy names has run the checks and signed what they found.
``server-enforced``: another person's signature, and the tracking server keeps everybody but the gate's own account from
moving the model; whether a machine of the policy's has signed for the checks stands on the review.
"""

from __future__ import annotations

import json

from workbench.contract.status import Assurance
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.project import Project
from workbench.review.people import who_said
from workbench.review.policies.policy import StageRule, load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.deed import Deed, DeedKind, verify_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.persons import Person, person_of, signer_of
from workbench.review.proof.request import parse_request
from workbench.review.record import NOUN, Review, read

CHECKED, CONFIRMED = "review.checked", "review.confirmed"


def assurance_of(project: Project, grant: Grant, *, is_enforced: bool = False) -> str:
    """Return what a release proves: the weakest of its approvals, raised by what else was verified.

    Who approved is read from the signed statements of the grant, not from the record, which anybody can edit.

    Args:
        project: The project.
        grant: What the release rests on, already verified.
        is_enforced: Whether the tracking server was just seen to keep everybody else from moving the model.
    """
    record = project.journal.record(NOUN, grant.review)
    found = read(record) if record else None
    involved = {
        *(found.involved if found else ()),
        grant.requester,
        grant.author,
        grant.commit_author,
        *_producers(grant),
    }
    weakest = _weakest(load_reviewers(project), (*grant.statements, *grant.override), involved - {""})
    if weakest is not Assurance.LOCAL_SIGNED or grant.override:
        return weakest.value
    if is_enforced:
        return Assurance.SERVER_ENFORCED.value
    is_checked = found is not None and ci_checks(project, found, load_policy(project).rule(found.stage))
    return (Assurance.CI_VERIFIED if is_checked else weakest).value


def _producers(grant: Grant) -> tuple[str, ...]:
    return parse_request(grant.request.encode()).producers if grant.request else ()


def _weakest(allowed: AllowedSigners, said: tuple[tuple[str, str], ...], involved: set[str]) -> Assurance:
    """Return whether everybody who signed is somebody else than those whose work it is."""
    whose = [person_of(allowed, name=name) for name in involved]
    signers = [signer_of(allowed, json.loads(text)["predicate"]["principal"], signature) for text, signature in said]
    is_own = any(signer.is_same(other) for signer in signers for other in whose)
    return Assurance.LOCAL_SELF if is_own or not signers else Assurance.LOCAL_SIGNED


def signed_checks(project: Project, review: Review) -> tuple[tuple[Deed, Person], ...]:
    """Return who signed for the results that reviewers see now, each signature verified."""
    allowed = load_reviewers(project)
    found: list[tuple[Deed, Person]] = []
    for event in project.journal.events(subject=review.subject):
        if event.kind not in (CHECKED, CONFIRMED) or not event.data or not event.data.get("signature_digest"):
            continue
        try:
            text = project.store.read(str(event.data["statement_digest"])).decode()
            signature = project.store.read(str(event.data["signature_digest"])).decode()
            deed = verify_deed(text, signature, allowed, DeedKind.CHECK)
        except (DeniedError, IntegrityError, NotFoundError, KeyError, UnicodeDecodeError):
            continue
        if (deed.digest, deed.fact("evidence_digest")) == (review.model_digest, review.evidence_digest):
            found.append((deed, signer_of(allowed, deed.principal, signature)))
    return tuple(found)


def ci_checks(project: Project, review: Review, rule: StageRule) -> tuple[str, ...]:
    """Return the machines that policy names, signed for these very results, and are nobody who decided or asked."""
    if not rule.ci:
        return ()
    allowed = load_reviewers(project)
    others = [person_of(allowed, name=name) for name in review.involved if name]
    others += [who_said(project, decision, allowed) for decision in review.decisions]
    signed = [(deed.principal, who) for deed, who in signed_checks(project, review) if deed.principal in rule.ci]
    return tuple(dict.fromkeys(name for name, who in signed if not any(who.is_same(other) for other in others)))
