"""The list of reviewers in force: ``policy/reviewers`` and ``policy/revoked``, as far as the list before allows.

Whoever can add a reviewer can let anything through, so the list is protected as the policy is. The journal's chain says
which list was taken up last. What the files leave out, narrow or revoke since then counts at once; what they add counts
for nothing until it is signed for under the policy and the list before, by as many other people as that policy asks for
approvals where it asks for most. Where one person alone is listed, that one signs.

The first list is believed: it is taken up with the first request, or with the first ``policy propose``.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.foundation.canonical import digest_bytes, digest_json
from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners
from workbench.review.policies.change import adopted_digest, read_stages, signatures_needed
from workbench.review.policies.rules import StageRule
from workbench.review.policies.widening import both
from workbench.review.proof.deed import Deed, DeedKind, verify_deed
from workbench.review.proof.demands import missing_groups
from workbench.review.proof.persons import Person, person_of, signer_of

if TYPE_CHECKING:
    from workbench.foundation.journal import Event, Journal
    from workbench.foundation.project import Project
    from workbench.foundation.store import Store

REVIEWERS_PATH = Path("policy") / "reviewers"
ADOPTED, SIGNED, PROPOSED = "reviewers.adopted", "reviewers.signed", "reviewers.proposed"
SUBJECT = "policy:reviewers"
NARROWED = "narrowed"

DEPARTURE = timedelta(days=30)
"""How long somebody who was removed still counts as one of those whose signatures are asked for.

Removing takes effect at once and needs nobody, so it must not lower what adding needs: else one reviewer removes all
others and signs alone.
"""


@dataclass(frozen=True)
class Step:
    """A change of the list that waits for signatures.

    Attributes:
        adopted: Event that says which list is in force.
        old: The list in force.
        new: What the files say.
    """

    adopted: Event
    old: AllowedSigners
    new: AllowedSigners

    @property
    def digest(self) -> str:
        """Digest of ``policy/reviewers`` as it is now."""
        return digest_bytes(self.new.text.encode())

    def facts(self, kind: str) -> dict[str, str]:
        """Return what each signed statement says of this step."""
        revoked = digest_bytes(b"".join(self.new.revocations))  # of the one file: only lists in force have several
        return {"step": kind, "before": list_digest(self.adopted), "since": self.adopted.hash, "revoked": revoked}


def load_reviewers(project: Project) -> AllowedSigners:
    """Read who may sign: what both the files and the list in force allow; a missing file allows nobody.

    Raises:
        UsageError: ``reviewers-malformed``.
        IntegrityError: ``reviewers-lost``.
    """
    listed = read_files(project)
    adopted = adoption(project.journal)
    if adopted is None or _says(adopted, listed):
        return listed
    return both(read_list(project.store, adopted), listed)


def read_files(project: Project) -> AllowedSigners:
    """Read the two files as they are."""
    return AllowedSigners.load(project.root / REVIEWERS_PATH)


def step_of(project: Project) -> Step | None:
    """Return the files beside the list in force; None where no list is in force yet."""
    adopted = adoption(project.journal)
    return None if adopted is None else Step(adopted, read_list(project.store, adopted), read_files(project))


def adoption(journal: Journal) -> Event | None:
    """Return the event that says which list is in force; None where none was taken up yet.

    Raises:
        IntegrityError: ``reviewers-lost``: the event does not say any more what was written.
    """
    known = journal.events(kind=ADOPTED)
    return _checked(known[-1]) if known else None


def list_digest(adopted: Event) -> str:
    """Return the digest of the list that an adoption names."""
    return str((adopted.data or {})["reviewers_digest"])


def read_list(store: Store, adopted: Event) -> AllowedSigners:
    """Return a list that was in force.

    Raises:
        IntegrityError: ``reviewers-lost``.
    """
    try:
        text = store.read(list_digest(adopted)).decode()
        revoked = tuple(store.read(str(digest)) for digest in (adopted.data or {})["revoked"])
        return replace(AllowedSigners.parse(text), revocations=revoked)
    except (NotFoundError, UsageError, UnicodeDecodeError) as error:
        raise IntegrityError(
            "reviewers-lost",
            f"The list of reviewers in force ({list_digest(adopted)[7:19]}) is not in the store any more",
            "restore .workbench/store from a backup",
        ) from error


def lists_since(project: Project, seq: int) -> Iterator[tuple[Event, AllowedSigners]]:
    """Yield the list in force at an event of the journal and each that came after it; one that is lost is left out."""
    known = project.journal.events(kind=ADOPTED)
    before = [event for event in known if event.seq < seq][-1:]
    for event in (*before, *(event for event in known if event.seq > seq)):
        with contextlib.suppress(IntegrityError):
            yield event, read_list(project.store, _checked(event))


def can_change(listed: AllowedSigners) -> bool:
    """Tell whether anybody on a list may sign for changes of it; a list without such a person protects nothing."""
    return bool(_signers(listed))


def signatures_lacking(project: Project, step: Step, given: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Return how many other people have to sign for a step, and in words what is still to be signed.

    A group of the policy is asked, too, where the step touches one of its members.
    """
    stages = policy_before(project)
    people = [person_of(step.old, name=name) for name in given]
    asked = _signers(_electorate(project))
    is_open = any(entry.is_authority for entry in step.old.entries)
    needed = signatures_needed(stages) if is_open else max(1, min(signatures_needed(stages), len(asked) - 1))
    held = both(step.old, step.new).entries
    touched = {n for e in step.new.entries if e not in held or step.old.is_revoked(e.key) for n in e.principals}
    lacking = [f"{len(people)} of {needed} signatures"] if len(people) < needed else []
    for stage, rule in stages.items():
        for group, count in missing_groups(rule, None, people, step.old).items():
            if any(fnmatch.fnmatchcase(m, name) for m in rule.groups[group].members for name in touched):
                lacking.append(f"{count} more of group '{group}' of stage '{stage}'")
    return needed, tuple(lacking)


def proposers_of(project: Project, step: Step) -> tuple[str, ...]:
    """Return who proposed a step, by their signatures."""
    return tuple(dict.fromkeys(deed.principal for deed, _ in _deeds(project, step, PROPOSED)))


def signers_of(project: Project, step: Step) -> tuple[str, ...]:
    """Return who signed for a step and counts, one name a person; who proposed it only where nobody else is listed."""
    if not proposers_of(project, step):
        return ()
    excluded = [] if is_alone(project) else [person for _, person in _deeds(project, step, PROPOSED)]
    found: list[tuple[str, Person]] = []
    for deed, person in _deeds(project, step, SIGNED):
        if not any(person.is_same(other) for other in (*excluded, *(one for _, one in found))):
            found.append((deed.principal, person))
    return tuple(name for name, _ in found)


def is_alone(project: Project) -> bool:
    """Tell whether whoever proposes may sign: nobody else is listed, or the policy lets everybody decide alone."""
    stages = policy_before(project)
    return is_only_one(project) or (bool(stages) and all(rule.allow_self for rule in stages.values()))


def is_only_one(project: Project) -> bool:
    """Tell whether one person alone, or nobody yet, is asked to sign for changes."""
    listed = _electorate(project)
    return len(_signers(listed)) <= 1 and not any(entry.is_authority for entry in listed.entries)


def policy_before(project: Project) -> Mapping[str, StageRule]:
    """Return the stages of the policy in force; none where there was no policy yet."""
    digest = adopted_digest(project.journal)
    return read_stages(project.store, digest) if digest else {}


def _electorate(project: Project) -> AllowedSigners:
    """Return the list whose people are asked: of narrower ones only what has been in force for long enough."""
    now = datetime.now(UTC)
    for event in reversed(project.journal.events(kind=ADOPTED)):
        is_old = datetime.fromisoformat(event.at) <= now - DEPARTURE
        if is_old or (_checked(event).data or {}).get("why") != NARROWED:
            listed = read_list(project.store, event)
            if _signers(listed):
                return listed
    return AllowedSigners(())


def _signers(listed: AllowedSigners) -> tuple[Person, ...]:
    """Return the people who may sign for changes now; an authority stands for people nobody has counted."""
    found: list[Person] = []
    now = datetime.now(UTC)
    for entry in listed.unrevoked:
        if not entry.is_valid_at(DeedKind.POLICY.namespace, now):
            continue
        person = person_of(listed, key=entry.key.blob)
        if not any(person.is_same(other) for other in found):
            found.append(person)
    return tuple(found)


def _deeds(project: Project, step: Step, kind: str) -> Iterator[tuple[Deed, Person]]:
    """Yield what was signed about a step and holds, and by whom."""
    allowed, wanted = both(step.old, step.new), step.facts(kind)
    for event in project.journal.events(kind=kind, after=step.adopted.seq):
        try:
            texts = [project.store.read(str((event.data or {})[name])).decode() for name in ("statement", "signature")]
            deed = verify_deed(texts[0], texts[1], allowed, DeedKind.POLICY)
        except (DeniedError, IntegrityError, NotFoundError, UsageError, KeyError, UnicodeDecodeError):
            continue  # a signature that does not hold any more counts for nothing
        said = {name: deed.fact(name) for name in wanted}
        if (deed.name, deed.digest, said) == (REVIEWERS_PATH.as_posix(), step.digest, wanted):
            yield deed, signer_of(allowed, deed.principal, texts[1])


def _says(adopted: Event, listed: AllowedSigners) -> bool:
    """Tell whether the files are just what was taken up."""
    revoked = [digest_bytes(data) for data in listed.revocations]
    return list_digest(adopted) == digest_bytes(listed.text.encode()) and (adopted.data or {})["revoked"] == revoked


def _checked(event: Event) -> Event:
    data = event.data or {}
    if not data.get("reviewers_digest") or "revoked" not in data or digest_json(data) != event.data_digest:
        raise IntegrityError(
            "reviewers-lost",
            f"Event {event.seq} of the journal does not say any more which reviewers are in force",
            "restore the journal from a backup, then: mlops audit verify",
        )
    return event
