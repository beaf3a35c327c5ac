"""Which classes of data a candidate rests on: what policies ask their groups by.

A card lies in the work tree, and whoever asks for a review can change it for a minute. So the strictest counts of what
the journal recorded with the version that was read, what the training commit says, what the card says now, and what
holds for the data that this was made from. An input of which none of these says a class asks every group that is asked
by classes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.contract.run import InputFile, RunDetail
from workbench.data.care.card import CLASSES, data_class_in_commit, data_class_of, strictest
from workbench.data.derived import derivations
from workbench.foundation.project import Project
from workbench.review.policies.rules import UNKNOWN_CLASS

_DATASET = "dataset"
_MOST_ANCESTORS = 200


@dataclass(frozen=True)
class DataClasses:
    """What is known of the classes of a run's inputs.

    Attributes:
        classes: The class of each input, without repetition; :data:`UNKNOWN_CLASS` for one that has none.
        unknown: Inputs of which no class is known.
        remarks: In words, where the class that counts is not what the card says, or was another one before.
    """

    classes: tuple[str, ...]
    unknown: tuple[str, ...]
    remarks: tuple[str, ...]


def classes_of(project: Project, run: RunDetail) -> DataClasses:
    """Find the class of everything that a run read."""
    parents = _parents(project)
    commit = run.commit.partition("+")[0]
    classes: list[str] = []
    unknown: list[str] = []
    remarks: list[str] = []
    for item in run.inputs:
        found, said = _class_of(project, item, commit, parents)
        classes.append(found or UNKNOWN_CLASS)
        unknown += [] if found else [item.path]
        remarks += said
    return DataClasses(tuple(dict.fromkeys(classes)), tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(remarks)))


def _class_of(
    project: Project, item: InputFile, commit: str, parents: dict[str, set[str]]
) -> tuple[str, tuple[str, ...]]:
    record = project.journal.record(_DATASET, item.dataset_version) if item.dataset_version else None
    recorded = str(record.body.get("data_class", "")) if record else ""
    committed, now = data_class_in_commit(project, item.path, commit), data_class_of(project, item.path)
    sources = {name: strictest((data_class_of(project, name), *_recorded(project, name)))
               for name in _ancestors(item, parents)}  # fmt: skip
    before = strictest((recorded, committed))
    found = strictest((before, now, *sources.values()))
    remarks = []
    if _is_stricter(before, now):
        remarks.append(f"{item.path} was {before} when it was read, and its card says {now or 'nothing'} now")
    remarks += [f"{item.path} was made from {name}, which is {said}"
                for name, said in sources.items() if _is_stricter(said, strictest((before, now)))]  # fmt: skip
    owner = item.dataset_version.rpartition("@")[0]
    earlier = strictest(_recorded(project, owner)) if owner else ""
    if _is_stricter(earlier, found):
        remarks.append(f"{owner} is {found or 'of no class'}, and another version of it was recorded as {earlier}")
    return found, tuple(remarks)


def _recorded(project: Project, path: str) -> Iterator[str]:
    """Yield the classes that versions of a dataset were recorded with."""
    for record in project.journal.records(_DATASET, prefix=f"{path}@"):
        yield str(record.body.get("data_class", ""))


def _parents(project: Project) -> dict[str, set[str]]:
    """Return what each path was made from, as the journal tells: cleaned, rewritten, declared in a pipeline."""
    found: dict[str, set[str]] = defaultdict(set)
    for source, output, _ in derivations(project):
        found[output].add(source)
    for event in project.journal.events(kind="data.rewritten"):
        for before, after in ((event.data or {}).get("versions") or {}).items():
            found[str(after).rpartition("@")[0]].add(str(before).rpartition("@")[0])
    for event in project.journal.events(kind="pipeline.added"):
        data = event.data or {}
        for output in data.get("outputs") or ():
            found[str(output)].update(map(str, data.get("inputs") or ()))
    return found


def _ancestors(item: InputFile, parents: dict[str, set[str]]) -> tuple[str, ...]:
    own = {item.path, item.dataset_version.rpartition("@")[0]} - {""}
    seen: dict[str, None] = {}
    frontier = sorted(own)
    while frontier and len(seen) < _MOST_ANCESTORS:
        following = sorted({parent for name in frontier for parent in parents.get(name, ())} - own - seen.keys())
        seen.update(dict.fromkeys(following))
        frontier = following
    return tuple(seen)


def _is_stricter(one: str, other: str) -> bool:
    return bool(one) and (not other or CLASSES.index(one) > CLASSES.index(other))
