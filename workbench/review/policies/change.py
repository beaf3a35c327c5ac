"""Changing the policy: stricter needs nothing, laxer needs the signatures that the policy before asked for.

A gate that whoever holds the pen can lower first is no gate. The policy in force is the last one that the journal's
chain says was taken up; a file that asks for less than it is believed only with signed statements about exactly that
step, by as many people and of the same groups as the policy before asks for, none of whom proposed it or, as far as Git
knows, wrote it; proposing is a signed statement too. Until then everything is denied. Where one person alone is listed,
or nobody yet, that one signs: who may let in a second one alone would gain nothing by being kept from this.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.canonical import digest_json
from workbench.foundation.counting import counted
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners
from workbench.review.policies.check_rules import HERE, ISOLATIONS
from workbench.review.policies.rules import COMPARISONS, LEVELS, POLICY_PATH, GroupRule, StageRule
from workbench.review.policies.writers import writers_of
from workbench.review.proof.deed import Deed, DeedKind, verify_deed
from workbench.review.proof.demands import missing_groups
from workbench.review.proof.persons import Person, person_of, signer_of

if TYPE_CHECKING:
    from workbench.foundation.journal import Event, Journal
    from workbench.foundation.store import Store

ADOPTED, SIGNED, PROPOSED = "policy.adopted", "policy.signed", "policy.proposed"
SUBJECT = "policy:gate"

_LOWER_IS_STRICTER = {
    "metric.margin",
    "reproduced.tolerance",
    "budget.size_bytes",
    "budget.memory_bytes",
    "budget.latency_ms",
    "leakage.overlap",
    "leakage.oracle",
    "slices.gap",
}
_HIGHER_IS_STRICTER = {"metric.confidence", "metric.minimum_rows", "metric.resamples", "card.minimum_words"}
_FREE_TO_ADD = {"metric.minimum", "budget.size_bytes", "budget.memory_bytes", "budget.latency_ms", "leakage.time"}
"""Limits of which there may be none: the first one only adds to what is asked. All else meant something unsaid."""
_NO_MATTER = {"checks.timeout_s", "reproduced.timeout_s"}
_ORDERED: Mapping[str, tuple[Any, ...]] = {
    "metric.comparison": COMPARISONS,
    "inputs.minimum_level": LEVELS,
    "hygiene.allow_hidden_state": (True, False),
    "checks.isolation": ISOLATIONS,
    "checks.target": (HERE, "sandbox"),  # both are the machine that checks, the second keeps more from it
    "reproduced.isolation": ISOLATIONS,
}
"""Values from the laxest to the strictest."""


def why_laxer(old: Mapping[str, StageRule], new: Mapping[str, StageRule]) -> tuple[str, ...]:
    """Return in words where a policy asks for less than another; a change that cannot be weighed counts as less.

    A stage that is gone counts too: it could come back with other rules.
    """
    found: list[str] = []
    for stage, before in old.items():
        if stage not in new:
            found.append(f"stage '{stage}' is gone")
        else:
            found += [f"[stages.{stage}] {what}" for what in _of_stage(before, new[stage])]
    return tuple(found)


def adoption(journal: Journal) -> Event | None:
    """Return the event that says which policy is in force; None where there was none yet.

    A journal from before policies were taken up explicitly names one with every request.

    Raises:
        IntegrityError: ``policy-lost``: the event does not say any more what was written.
    """
    known = journal.events(kind=ADOPTED) or [
        event for event in journal.events(kind="review.requested") if _names_policy(event) or not _is_whole(event)
    ]
    if not known:
        return None
    if not (_names_policy(known[-1]) and _is_whole(known[-1])):
        raise IntegrityError(
            "policy-lost",
            f"Event {known[-1].seq} of the journal does not say any more which policy is in force",
            "restore the journal from a backup, then: mlops audit verify",
        )
    return known[-1]


def adopted_digest(journal: Journal) -> str:
    """Return the policy in force, as the journal's chain says; empty where there was none yet.

    Raises:
        IntegrityError: ``policy-lost``.
    """
    return digest_of(adoption(journal))


def digest_of(adopted: Event | None) -> str:
    """Return the policy that an adoption names; empty without one."""
    return str(((adopted.data if adopted else None) or {}).get("policy_digest", ""))


def check_change(
    new: Mapping[str, StageRule],
    digest: str,
    *,
    root: Path,
    journal: Journal,
    store: Store,
    allowed: AllowedSigners,
    is_only_one: Callable[[], bool],
) -> None:
    """Refuse a policy that is laxer than the one in force and was not signed for under it.

    Args:
        new: Its stages.
        digest: Its digest.
        root: The project's folder, whose Git knows who wrote it.
        journal: Which policy is in force, and what was signed.
        store: Where policies and statements lie.
        allowed: ``policy/reviewers``.
        is_only_one: Tells whether one person alone, or nobody yet, may sign here; asked where it is laxer.

    Raises:
        DeniedError: ``policy-lowered``.
        IntegrityError: ``policy-lost``: the policy in force is gone, so nothing can be compared.
    """
    adopted = adoption(journal)
    if adopted is None or digest_of(adopted) == digest:
        return
    old = read_stages(store, digest_of(adopted))
    reasons = why_laxer(old, new)
    if not reasons:
        return
    is_lone = is_only_one()
    given = signers_of(
        adopted, digest, old, root=root, journal=journal, store=store, allowed=allowed, is_only_one=is_lone
    )
    if lacking := signatures_lacking(old, given, allowed, is_only_one=is_lone):
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise DeniedError(
            "policy-lowered",
            f"policy/gate.toml asks for less than the policy in force ({reasons[0]}{more}); {'; '.join(lacking)}",
            "have it signed under the policy before: mlops policy propose; or: git checkout policy/gate.toml",
        )


def read_stages(store: Store, digest: str) -> Mapping[str, StageRule]:
    """Return the stages of an earlier policy.

    Raises:
        IntegrityError: ``policy-lost``.
    """
    from workbench.review.policies.policy import parse_policy

    try:
        return parse_policy(store.read(digest)).stages
    except (NotFoundError, UsageError) as error:
        raise IntegrityError(
            "policy-lost",
            f"The policy in force ({digest[7:19]}) is not in the store any more",
            "restore .workbench/store from a backup",
        ) from error


def signatures_needed(old: Mapping[str, StageRule], *, is_only_one: bool = False) -> int:
    """Return how many people the policy before asks for where it asks for most; one where there is only one."""
    return 1 if is_only_one else max((rule.approvals for rule in old.values()), default=1)


def signatures_lacking(
    old: Mapping[str, StageRule], given: Iterable[str], allowed: AllowedSigners, *, is_only_one: bool
) -> tuple[str, ...]:
    """Return in words what the policy before still asks for; every group of every stage is asked."""
    people = [person_of(allowed, name=name) for name in given]
    needed = signatures_needed(old, is_only_one=is_only_one)
    lacking = [f"{len(people)} of {needed} signatures"] if len(people) < needed else []
    for stage, rule in old.items():
        for group, count in missing_groups(rule, None, people, allowed).items():
            lacking.append(f"{count} more of group '{group}' of stage '{stage}'")
    return tuple(lacking)


def proposers_of(
    adopted: Event, after: str, *, journal: Journal, store: Store, allowed: AllowedSigners
) -> tuple[str, ...]:
    """Return who proposed this step, by their signatures: whoever claims a name only has proposed nothing."""
    found = _deeds(PROPOSED, adopted, after, journal=journal, store=store, allowed=allowed)
    return tuple(dict.fromkeys(deed.principal for deed, _ in found))


def signers_of(
    adopted: Event,
    after: str,
    old: Mapping[str, StageRule],
    *,
    root: Path,
    journal: Journal,
    store: Store,
    allowed: AllowedSigners,
    is_only_one: bool,
) -> tuple[str, ...]:
    """Return who signed for this step and counts, one name a person; who proposed or wrote it does not."""
    proposals = list(_deeds(PROPOSED, adopted, after, journal=journal, store=store, allowed=allowed))
    if not proposals:
        return ()
    excluded: list[Person] = []
    if not is_only_one and not (old and all(rule.allow_self for rule in old.values())):
        writers = writers_of(root, POLICY_PATH, digest_of(adopted))
        excluded = [person for _, person in proposals] + [person_of(allowed, name=name) for name in writers]
    found: list[tuple[str, Person]] = []
    for deed, person in _deeds(SIGNED, adopted, after, journal=journal, store=store, allowed=allowed):
        if not any(person.is_same(other) for other in (*excluded, *(one for _, one in found))):
            found.append((deed.principal, person))
    return tuple(name for name, _ in found)


def step_facts(adopted: Event, kind: str) -> dict[str, str]:
    """Return what a signed proposal or signature says of the step it is about.

    Its start is one adoption, not a policy's digest alone: what was signed counts once, not whenever the same policy
    comes back into force.
    """
    return {"step": kind, "before": digest_of(adopted), "since": adopted.hash}


def _deeds(
    kind: str, adopted: Event, after: str, *, journal: Journal, store: Store, allowed: AllowedSigners
) -> Iterator[tuple[Deed, Person]]:
    wanted = step_facts(adopted, kind)
    for event in journal.events(kind=kind, after=adopted.seq):
        try:
            texts = [store.read(str((event.data or {})[name])).decode() for name in ("statement", "signature")]
            deed = verify_deed(texts[0], texts[1], allowed, DeedKind.POLICY)
        except (DeniedError, IntegrityError, NotFoundError, UsageError, KeyError, UnicodeDecodeError):
            continue  # a signature that does not hold any more counts for nothing
        if deed.digest == after and all(deed.fact(name) == value for name, value in wanted.items()):
            yield deed, signer_of(allowed, deed.principal, texts[1])


def _names_policy(event: Event) -> bool:
    return bool(event.data and event.data.get("policy_digest"))


def _is_whole(event: Event) -> bool:
    return event.data is not None and digest_json(event.data) == event.data_digest


def _of_stage(old: StageRule, new: StageRule) -> Iterator[str]:
    for name in old.required:
        if name not in new.required:
            yield f"no longer requires '{name}'"
        elif name in new.waivable and name not in old.waivable:
            yield f"lets '{name}' be waived"
    if new.approvals < old.approvals:
        yield f"asks for {counted(new.approvals, 'approval')}, not {old.approvals}"
    if new.allow_self and not old.allow_self:
        yield "lets authors approve"
    if old.wants_signed_names and not new.wants_signed_names:
        yield "believes names that nobody signed for"
    if old.after and new.after != old.after:
        yield f"no longer comes after '{old.after}'"
    if old.after == new.after and new.soak_h < old.soak_h:
        yield f"soaks for {counted(new.soak_h, 'hour')}, not {old.soak_h:g}"
    if old.expires_days is not None and (new.expires_days is None or new.expires_days > old.expires_days):
        yield "lets approvals count for longer"
    if set(new.break_glass.members) - set(old.break_glass.members):
        yield "lets more people override"
    if set(new.ci) - set(old.ci):
        yield "believes another machine"
    for name, group in old.groups.items():
        yield from _of_group(name, group, new.groups.get(name))
    yield from _of_thresholds(old, new)


def _of_group(name: str, old: GroupRule, new: GroupRule | None) -> Iterator[str]:
    if new is None:
        yield f"no longer asks group '{name}'"
        return
    if new.approvals < old.approvals or set(new.members) - set(old.members):
        yield f"asks less of group '{name}'"
    conditions = ("classes", "paths", "tags")
    is_always = not any(getattr(new, key) for key in conditions)
    was_always = not any(getattr(old, key) for key in conditions)
    if not is_always and (was_always or any(set(getattr(old, key)) - set(getattr(new, key)) for key in conditions)):
        yield f"asks group '{name}' more seldom"


def _of_thresholds(old: StageRule, new: StageRule) -> Iterator[str]:
    """Compare where checks run, and the limits of those that were required; on others nothing rested."""
    for check in fields(old):
        before, after = getattr(old, check.name), getattr(new, check.name)
        if check.name not in ("checks", *old.required) or not is_dataclass(before):
            continue
        # A check without a single limit has no result and blocks, so that its first one lets something through.
        is_blocking = all(getattr(before, item.name) in (None, "") for item in fields(before))
        for item in fields(before):
            key = f"{check.name}.{item.name}"
            values = getattr(before, item.name), getattr(after, item.name)
            if values[0] != values[1] and (is_blocking or not _is_stricter(key, *values)):
                yield f"{key} is {values[1]}, not {values[0]}"


def _is_stricter(key: str, old: Any, new: Any) -> bool:
    if key in _NO_MATTER:
        return True
    if old in (None, ""):
        return key in _FREE_TO_ADD
    if new in (None, ""):
        return False
    if (order := _ORDERED.get(key, ())) and {old, new} <= set(order):
        return bool(order.index(new) > order.index(old))
    if key in _LOWER_IS_STRICTER:
        return bool(new < old)
    return key in _HIGHER_IS_STRICTER and bool(new > old)
