"""Taking up a policy, and having one that asks for less signed under the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from workbench.contract.policy import PolicyChange
from workbench.foundation.errors import ConflictError, DeniedError, NotFoundError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.project import Project
from workbench.review.policies.change import (
    ADOPTED,
    PROPOSED,
    SIGNED,
    SUBJECT,
    adopted_digest,
    adoption,
    digest_of,
    proposers_of,
    read_stages,
    signatures_lacking,
    signatures_needed,
    signers_of,
    step_facts,
    why_laxer,
)
from workbench.review.policies.enrolment import (
    adopt_reviewers,
    propose_reviewers,
    show_reviewers_change,
    sign_reviewers,
)
from workbench.review.policies.policy import Policy, read_current, read_policy
from workbench.review.policies.reviewers import can_change, is_alone, is_only_one, load_reviewers, read_files
from workbench.review.policies.rules import POLICY_PATH
from workbench.review.policies.writers import writers_of
from workbench.review.proof.deed import Deed, DeedKind, build_deed, verify_deed
from workbench.review.proof.persons import person_of
from workbench.review.signing import key_for


def adopt_policy(project: Project) -> Policy:
    """Read the policy and take it up as the one in force, where it is not already; the list of reviewers with it.

    Raises:
        DeniedError: ``policy-missing``, ``policy-invalid`` or ``policy-lowered``.
    """
    policy, data = read_current(project)
    before = adopted_digest(project.journal)
    is_explicit = bool(project.journal.events(kind=ADOPTED, limit=1))
    project.store.put_bytes(data)
    adopt_reviewers(project)
    if before != policy.digest or not is_explicit:
        with project.journal.transaction() as transaction:
            transaction.append(ADOPTED, SUBJECT, {"policy_digest": policy.digest, "before": before})
    return policy


def show_change(project: Project) -> PolicyChange:
    """Show whether the policy and the list of reviewers are in force, and what they would need.

    Args:
        project: The project.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``.
    """
    return replace(_show_policy(project), reviewers=show_reviewers_change(project))


def _show_policy(project: Project) -> PolicyChange:
    policy, _ = read_policy(project.root / POLICY_PATH)
    adopted = adoption(project.journal)
    before = digest_of(adopted)
    if adopted is None or before == policy.digest:
        return PolicyChange(before, policy.digest, "in-force" if before else "new", (), 0, ())
    old = read_stages(project.store, before)
    laxer = why_laxer(old, policy.stages)
    if not laxer:
        return PolicyChange(before, policy.digest, "stricter", (), 0, ())
    allowed, is_lone = load_reviewers(project), is_only_one(project)
    given = signers_of(
        adopted,
        policy.digest,
        old,
        root=project.root,
        journal=project.journal,
        store=project.store,
        allowed=allowed,
        is_only_one=is_lone,
    )
    lacking = signatures_lacking(old, given, allowed, is_only_one=is_lone)
    state = "signed" if not lacking else "proposed" if _proposers(project, policy.digest) else "laxer"
    needed = signatures_needed(old, is_only_one=is_lone)
    return PolicyChange(before, policy.digest, state, laxer, needed, given, lacking)


def propose_policy(project: Project, reason: str) -> PolicyChange:
    """Propose policy and reviewers as they are now, where they ask for less or let more people sign; others then sign.

    Proposing is signed, so that nobody proposes under another name and then signs for it themselves. What asks for more
    or takes people away needs nobody and is taken up at once, and so is what a new project begins with. Who is the only
    one who may sign does so in the same step.

    Args:
        project: The project.
        reason: Why it should be so.

    Raises:
        ConflictError: ``policy-unchanged``.
        DeniedError: ``policy-missing``, ``policy-invalid``, ``identity-missing`` or ``reviewer-unknown``.
    """
    change = show_change(project)
    is_protected = change.reviewers.state != "new" or not can_change(read_files(project))
    if change.state == "in-force" and change.reviewers.state in ("in-force", "new") and is_protected:
        raise ConflictError("policy-unchanged", "policy/ holds what is in force", "edit it first")
    if change.laxer:
        project.store.put_bytes(read_policy(project.root / POLICY_PATH)[1])
        if project.actor not in _proposers(project, change.after):
            _sign(project, change, PROPOSED, reason)
        if is_only_one(project):
            _sign_policy(project, change, reason)
    else:
        adopt_policy(project)
    propose_reviewers(project, reason)
    return show_change(project)


def sign_policy(project: Project, reason: str = "") -> PolicyChange:
    """Sign, under policy and reviewers in force, that what was proposed may take their place.

    Args:
        project: The project.
        reason: What you looked at; it becomes part of what you sign.

    Raises:
        NotFoundError: ``policy-not-proposed``.
        DeniedError: ``identity-missing``, ``reviewer-unknown`` or ``self-approval``.
    """
    change = show_change(project)
    asked: list[Callable[[], None]] = []
    if change.laxer and _proposers(project, change.after):
        asked.append(lambda: _sign_policy(project, change, reason))
    if change.reviewers.state in ("proposed", "signed"):
        asked.append(lambda: sign_reviewers(project, reason))
    if not asked:
        raise NotFoundError("policy-not-proposed", "There is nothing to sign for", 'mlops policy propose -m "…"')
    refused: list[DeniedError] = []
    for signing in asked:
        try:
            signing()
        except DeniedError as error:
            if error.code != "self-approval":
                raise
            refused.append(error)
    if len(refused) == len(asked):
        raise refused[0]
    return show_change(project)


def _sign_policy(project: Project, change: PolicyChange, reason: str) -> None:
    _check_may_sign(project, change, _proposers(project, change.after))
    if project.actor not in change.signers:
        _sign(project, change, SIGNED, reason)


def _sign(project: Project, change: PolicyChange, kind: str, reason: str) -> None:
    """Sign that a step is proposed or may be taken, verify what was signed, then tell the journal."""
    key_path = key_for(project, DeedKind.POLICY)
    adopted = adoption(project.journal)
    if adopted is None or digest_of(adopted) != change.before:
        raise ConflictError("policy-unchanged", "Another policy came into force meanwhile", "mlops policy")
    facts = {**step_facts(adopted, kind), "laxer": list(change.laxer), "reason": reason}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    data = build_deed(Deed(DeedKind.POLICY, str(POLICY_PATH), change.after, project.actor, at, facts))
    armour = sign(key_path, data, namespace=DeedKind.POLICY.namespace)
    verify_deed(data.decode(), armour, load_reviewers(project), DeedKind.POLICY)
    told = {
        "before": change.before,
        "after": change.after,
        "statement": project.store.put_bytes(data),
        "signature": project.store.put_bytes(armour.encode()),
        "fingerprint": read_public_key(key_path).fingerprint,
    }
    with project.journal.transaction() as transaction:
        transaction.append(kind, SUBJECT, told)


def _check_may_sign(project: Project, change: PolicyChange, proposers: tuple[str, ...]) -> None:
    allowed = load_reviewers(project)
    key = read_public_key(key_for(project, DeedKind.POLICY))
    person = person_of(allowed, name=project.actor, key=key.blob)
    if is_alone(project):
        return
    writers = writers_of(project.root, POLICY_PATH, change.before)
    if any(person.is_same(person_of(allowed, name=name)) for name in (*proposers, *writers)):
        raise DeniedError(
            "self-approval",
            "Who proposed a policy, or wrote it as Git knows, does not sign for it",
            "ask another reviewer: mlops reviewers",
        )


def _proposers(project: Project, after: str) -> tuple[str, ...]:
    adopted = adoption(project.journal)
    if adopted is None:
        return ()
    allowed = load_reviewers(project)
    return proposers_of(adopted, after, journal=project.journal, store=project.store, allowed=allowed)
