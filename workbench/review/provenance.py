"""Where a candidate comes from: who had a hand in its bytes, what policies ask groups by, and what it was made with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.contract.run import RunDetail
from workbench.experiment.levels.facts import read_artifact
from workbench.experiment.runs import reader_of, show_run
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.tags import joined_tag
from workbench.foundation.errors import NotFoundError
from workbench.foundation.project import Project
from workbench.review.data_classes import DataClasses, classes_of
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.persons import recorded_name

_OWN_TAGS = ("workbench.", "mlflow.")
_COAUTHORS = "%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)"
_MOST_ANCESTORS = 50


@dataclass(frozen=True)
class Provenance:
    """What is known of a candidate beside its bytes; the attributes are those of a request.

    Attributes:
        undescribed: Inputs of which no class is known.
        remarks: What reviewers should know of the classes of its data, in words.
    """

    commit_author: str
    changes_digest: str
    notebook_digest: str
    executed_digest: str
    producers: tuple[str, ...]
    traits: tuple[str, ...]
    seeds: dict[str, str] = field(default_factory=dict)
    undescribed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def provenance_of(project: Project, run: RunDetail) -> Provenance:
    """Gather where a run's model comes from, and keep its notebook, as it was written and executed, and the patch."""
    rows = reader_of(project).search(RunQuery(limit=1, ids=(run.card.id,)))
    uri = rows[0].artifact_uri if rows else ""
    patch = read_artifact(project, uri, "workbench/changes.patch")
    source = read_artifact(project, uri, "workbench/source.ipynb")
    executed = read_artifact(project, uri, "notebook/output.ipynb")
    allowed = load_reviewers(project)
    names = [recorded_name(allowed, name) for name in _names_of_commit(project, run.commit)]
    others = {*names[1:], *_people_before(project, run), *_hands_on(project, run)}
    data = classes_of(project, run)
    return Provenance(
        commit_author=names[0] if names else "",
        changes_digest=project.store.put_bytes(patch) if patch else "",
        notebook_digest=_frozen(project, source, run.notebook_digest),
        executed_digest=project.store.put_bytes(executed) if executed else "",
        producers=tuple(sorted(others - {"", "system", run.card.actor})),
        traits=traits_of(run, data),
        undescribed=data.unknown,
        remarks=data.remarks,
        seeds=_seeds(joined_tag(rows[0].tags, "workbench.seeds") if rows else ""),
    )


def _frozen(project: Project, notebook: bytes | None, recorded: str) -> str:
    """Keep the notebook and return the digest that the run recorded of it, or its own where the run recorded none.

    One that is no longer what the run recorded is kept under its own name, and the request names the other.
    """
    kept = project.store.put_bytes(notebook) if notebook else ""
    return recorded or kept


def traits_of(run: RunDetail, data: DataClasses) -> tuple[str, ...]:
    """Return what a policy's groups are asked by: classes and paths of what it read, and people's own tags."""
    paths = {item.path for item in run.inputs} | ({run.card.source} if run.card.source else set())
    tags = {f"{name}={value}" for name, value in run.tags.items() if not name.startswith(_OWN_TAGS)}
    found = (
        [f"class:{name}" for name in data.classes] + [f"path:{path}" for path in paths] + [f"tag:{tag}" for tag in tags]
    )
    return tuple(sorted(found))


def _hands_on(project: Project, run: RunDetail) -> Iterator[str]:
    """Yield whoever started or imported the run, as the chain says: a tag can be written over, an event not."""
    kinds = ("run.started", "run.imported")
    yield from (e.actor for e in project.journal.events(subject=f"run:{run.card.id}") if e.kind in kinds)


def _people_before(project: Project, run: RunDetail) -> Iterator[str]:
    """Yield who ran what this run goes on from."""
    seen: set[str] = set()
    before = run.resumes
    while before and before not in seen and len(seen) < _MOST_ANCESTORS:
        seen.add(before)
        try:
            found = show_run(project, before)
        except NotFoundError:
            return
        yield found.card.actor
        before = found.resumes


def _names_of_commit(project: Project, commit: str) -> Iterator[str]:
    """Yield a commit's author, committer and co-authors; nobody where there is no Git or no such commit."""
    name = commit.partition("+")[0]
    if not name or not all(letter in "0123456789abcdef" for letter in name):
        return
    command = ["git", "-C", str(project.root), "show", "-s", f"--format={_COAUTHORS}", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return
    for line in done.stdout.splitlines():
        _, bracket, address = line.rpartition("<")
        yield (address.rstrip("> ") if bracket else line).strip()


def _seeds(text: str) -> dict[str, str]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}
