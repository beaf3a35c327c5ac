"""From what somebody typed to the node that was meant."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.contract.lineage import LineageNode
from workbench.experiment.lineage.runs import runs_of_notebook, runs_that_read
from workbench.experiment.runs import reader_of
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.foundation.project import Project
from workbench.project.lineage.road import Road

KINDS = ("file", "dataset", "notebook", "run", "model", "review", "release", "window", "alert")
_SHORTEST = 4
"""Letters of a beginning that is looked for; fewer would mean anything."""


def find_start(project: Project, road: Road, name: str) -> LineageNode:
    """Return the node that a name means.

    A name may be the id of anything on the road or a beginning of it, a channel (its newest release), a job (its run),
    a path, or ``kind:name``.

    Raises:
        NotFoundError: ``lineage-unknown``.
        UsageError: ``lineage-ambiguous``.
    """
    kind, _, rest = name.partition(":")
    wanted, text = (kind, rest) if kind in KINDS and rest else ("", name.strip())
    matches = list(dict.fromkeys(_matches(project, road, text.removeprefix("./"))))
    if wanted:
        matches = [match for match in matches if match[0] == wanted]
    exact = [match for match in matches if match[1] == text]
    chosen = exact or matches
    if not chosen:
        hint = "name a run, a file, a dataset version, a model's digest, a review, a release or a channel: mlops runs"
        raise NotFoundError("lineage-unknown", f"Nothing on the road is called '{name}'", hint)
    if len(chosen) > 1 and len({other for _, other in chosen}) > 1:
        hint = f"one of: {', '.join(':'.join(match) for match in chosen[:5])}"
        raise UsageError("lineage-ambiguous", f"'{name}' may mean several things", hint)
    return road.node(*chosen[0])


def _matches(project: Project, road: Road, text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what a text may mean, the likeliest first."""
    if len(text) < _SHORTEST:
        return
    for release in road.releases:
        if text == release.body["channel"]:
            yield "release", release.id
            return
    yield from _of_records(project, road, text)
    if job := project.journal.record("job", text):
        if run := job.body.get("run"):
            yield "run", str(run)
        return
    if all(letter in "0123456789abcdef" for letter in text):
        yield from (("run", run) for run in reader_of(project).ids_with_prefix(text))
    for digest in dict.fromkeys(review.body["model_digest"] for review in road.reviews):
        if digest.startswith(text) or digest.removeprefix("sha256:").startswith(text):
            yield "model", digest
    yield from _of_paths(project, road, text)


def _of_records(project: Project, road: Road, text: str) -> Iterator[tuple[str, str]]:
    for versions in road.datasets.values():
        for version in versions:
            if "@" in text and version.id.startswith(text):
                yield "dataset", version.id
    for records in (road.reviews, road.releases):
        for record in records:
            if record.id.startswith(text):
                yield record.noun, record.id
    for noun in ("window", "alert"):
        if found := project.journal.record(noun, text):
            yield noun, found.id


def _of_paths(project: Project, road: Road, text: str) -> Iterator[tuple[str, str]]:
    if text in road.datasets or f"file:{text}" in road.derived:
        yield "file", text
    elif text.endswith(".ipynb") or runs_of_notebook(project, text, 1):
        if runs_of_notebook(project, text, 1):
            yield "notebook", text
    elif found := runs_that_read(project, (text,), 1):
        # A version that plain `dvc add` recorded is known from the runs that read it.
        is_version = any(item.dataset_version == text for item in found[0].inputs)
        yield ("dataset" if is_version else "file"), text
