"""The road as edges: for a set of nodes of one kind, what lies one step before or behind them.

A step asks for all its nodes at once, so a walk costs a few queries whatever the number of runs. Reviews, releases and
alerts are few and read once; windows are many and read by channel and model only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from workbench.contract.lineage import LineageEdge, LineageNode
from workbench.data.derived import derivations
from workbench.experiment.lineage.runs import (
    RunLinks,
    links_of,
    runs_of_notebook,
    runs_that_follow,
    runs_that_read,
)
from workbench.foundation.journal import Record
from workbench.foundation.project import Project


@dataclass
class Steps:
    """What one step has found.

    Attributes:
        nodes: Nodes by id.
        edges: Edges, in order and each once.
    """

    nodes: dict[str, LineageNode] = field(default_factory=dict)
    edges: dict[LineageEdge, None] = field(default_factory=dict)

    def link(self, source: LineageNode, target: LineageNode, kind: str) -> None:
        """Add an edge with its ends."""
        self.nodes.setdefault(source.id, source)
        self.nodes.setdefault(target.id, target)
        self.edges.setdefault(LineageEdge(source.id, target.id, kind))


class Road:
    """One project's road.

    Args:
        project: The project.
        limit: At most so many runs or windows a step.
    """

    def __init__(self, project: Project, limit: int) -> None:
        self._project = project
        self._limit = limit
        self._runs: dict[str, RunLinks] = {}
        self.is_cut = False

    def up(self, kind: str, names: Collection[str]) -> Steps:
        """Return what nodes of one kind were made from."""
        return self._step(kind, names, is_up=True)

    def down(self, kind: str, names: Collection[str]) -> Steps:
        """Return what was made from nodes of one kind."""
        return self._step(kind, names, is_up=False)

    def node(self, kind: str, name: str) -> LineageNode:
        """Return one node with what is known of it."""
        match kind:
            case "run":
                self._load((name,))
                return self._run_node(name)
            case "model":
                return self._model_node(name)
            case "dataset":
                return self._versions.get(name) or _plain(kind, name)
            case "review" | "release" | "alert" | "window":
                record = self._project.journal.record(kind, name)
                return _record_node(record) if record else _plain(kind, name)
            case _:
                return _plain(kind, name)

    def _node_of(self, id: str) -> LineageNode:
        kind, _, name = id.partition(":")
        return self.node(kind, name)

    @cached_property
    def reviews(self) -> list[Record]:
        """All reviews."""
        return self._project.journal.records("review")

    @cached_property
    def releases(self) -> list[Record]:
        """All releases, the newest first."""
        return self._project.journal.records("release")

    @cached_property
    def datasets(self) -> dict[str, list[Record]]:
        """All dataset versions by path."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self._project.journal.records("dataset"):
            found[str(record.body["path"])].append(record)
        return found

    @cached_property
    def _derivations(self) -> tuple[LineageEdge, ...]:
        """Steps that no run has made, as the journal's events tell them: cleaned, rewritten, declared in a pipeline."""
        journal = self._project.journal
        found: dict[LineageEdge, None] = {}
        for source, output, step in derivations(self._project):
            found[LineageEdge(f"file:{source}", f"file:{output}", step)] = None
        for event in journal.events(kind="data.rewritten"):
            for before, after in ((event.data or {}).get("versions") or {}).items():
                found[LineageEdge(f"dataset:{before}", f"dataset:{after}", "rewritten")] = None
        for event in journal.events(kind="pipeline.added"):
            data = event.data or {}
            notebook = f"notebook:{data.get('notebook')}"
            found.update((LineageEdge(f"file:{path}", notebook, "declared"), None) for path in data.get("inputs") or ())
            found.update(
                (LineageEdge(notebook, f"file:{path}", "declared"), None) for path in data.get("outputs") or ()
            )
        return tuple(found)

    @cached_property
    def derived(self) -> frozenset[str]:
        """Ids of the nodes that take part in such a step."""
        return frozenset(end for edge in self._derivations for end in (edge.source, edge.target))

    @cached_property
    def _versions(self) -> dict[str, LineageNode]:
        return {record.id: _record_node(record) for records in self.datasets.values() for record in records}

    @cached_property
    def _by_digest(self) -> dict[str, Record]:
        """The last review of each frozen model."""
        return {str(review.body["model_digest"]): review for review in reversed(self.reviews)}

    @cached_property
    def _frozen(self) -> dict[tuple[str, str], list[str]]:
        """Digests by run and model name: what reviews have frozen of a run's models."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for review in self.reviews:
            key, digest = (review.body["run"], review.body["model"]), review.body["model_digest"]
            if digest not in found[key]:
                found[key].append(digest)
        return found

    def _step(self, kind: str, names: Collection[str], *, is_up: bool) -> Steps:
        steps = Steps()
        table: dict[str, tuple[Callable[..., None] | None, Callable[..., None] | None]] = {
            "file": (None, self._from_files),
            "dataset": (self._to_datasets, self._from_datasets),
            "notebook": (None, self._from_notebooks),
            "run": (self._to_runs, self._from_runs),
            "model": (self._to_models, self._from_models),
            "review": (self._to_reviews, self._from_reviews),
            "release": (self._to_releases, self._from_releases),
            "window": (self._to_windows, None),
            "alert": (self._to_alerts, None),
        }
        expand = table[kind][0 if is_up else 1]
        if expand:
            expand(names, steps)
        for edge in self._derivations if kind in ("file", "dataset", "notebook") else ():
            here = edge.target if is_up else edge.source
            if here.partition(":")[0] == kind and here.partition(":")[2] in names:
                steps.link(self._node_of(edge.source), self._node_of(edge.target), edge.kind)
        return steps

    # --- data -----------------------------------------------------------------------------------------------------

    def _from_files(self, paths: Collection[str], steps: Steps) -> None:
        for path in paths:
            for record in self.datasets.get(path, ()):
                steps.link(_plain("file", path), _record_node(record), "versioned")
        for run in self._take(runs_that_read(self._project, paths, self._limit)):
            for item in run.inputs:
                if item.path in paths and not item.dataset_version:
                    steps.link(_plain("file", item.path), self._run_node(run.id), "read")

    def _to_datasets(self, versions: Collection[str], steps: Steps) -> None:
        for version in versions:
            steps.link(_plain("file", version.rpartition("@")[0]), self.node("dataset", version), "versioned")

    def _from_datasets(self, versions: Collection[str], steps: Steps) -> None:
        for run in self._take(runs_that_read(self._project, versions, self._limit)):
            for version in dict.fromkeys(item.dataset_version for item in run.inputs):
                if version in versions:
                    steps.link(self.node("dataset", version), self._run_node(run.id), "read")

    def _from_notebooks(self, notebooks: Collection[str], steps: Steps) -> None:
        for notebook in notebooks:
            for run in self._take(runs_of_notebook(self._project, notebook, self._limit)):
                steps.link(_plain("notebook", notebook), self._run_node(run.id), "ran")

    # --- runs and models ------------------------------------------------------------------------------------------

    def _to_runs(self, runs: Collection[str], steps: Steps) -> None:
        self._load(runs)
        known = [self._runs[run] for run in runs if run in self._runs]
        self._load([other for run in known for other in (run.replay_of, run.resumes) if other])
        for run in known:
            here = self._run_node(run.id)
            for item in run.inputs:
                before = self.node("dataset", item.dataset_version) if item.dataset_version else None
                steps.link(before or _plain("file", item.path), here, "read")
            if run.source:
                steps.link(_plain("notebook", run.source), here, "ran")
            for other, kind in ((run.replay_of, "replayed"), (run.resumes, "resumed")):
                if other:
                    steps.link(self._run_node(other), here, kind)

    def _from_runs(self, runs: Collection[str], steps: Steps) -> None:
        self._load(runs)
        for run in (self._runs[run] for run in runs if run in self._runs):
            for model in run.models:
                for name in self._frozen.get((run.id, model)) or [f"{run.id}/{model}"]:
                    steps.link(self._run_node(run.id), self._model_node(name), "made")
        for run in self._take(runs_that_follow(self._project, runs, self._limit)):
            for other, kind in ((run.replay_of, "replayed"), (run.resumes, "resumed")):
                if other in runs:
                    steps.link(self._run_node(other), self._run_node(run.id), kind)

    def _to_models(self, models: Collection[str], steps: Steps) -> None:
        makers = {model: model.partition("/")[0] for model in models if "/" in model}
        pairs = [(review.body["run"], review.body["model_digest"]) for review in self.reviews]
        pairs += [(run, model) for model, run in makers.items()]
        wanted = [(run, model) for run, model in dict.fromkeys(pairs) if model in models]
        self._load([run for run, _ in wanted])
        for run, model in wanted:
            steps.link(self._run_node(run), self._model_node(model), "made")

    def _from_models(self, models: Collection[str], steps: Steps) -> None:
        for review in self.reviews:
            if review.body["model_digest"] in models:
                steps.link(self._model_node(review.body["model_digest"]), _record_node(review), "reviewed")

    def _model_node(self, name: str) -> LineageNode:
        review = self._by_digest.get(name)
        label = review.body["model"] if review else name.rpartition("/")[2]
        run = self._runs.get(review.body["run"] if review else name.partition("/")[0])
        return LineageNode(f"model:{name}", "model", name, label, run.ended_at if run else "", run.actor if run else "")

    # --- from review to prediction --------------------------------------------------------------------------------

    def _to_reviews(self, reviews: Collection[str], steps: Steps) -> None:
        for review in self.reviews:
            if review.id in reviews:
                steps.link(self._model_node(review.body["model_digest"]), _record_node(review), "reviewed")

    def _from_reviews(self, reviews: Collection[str], steps: Steps) -> None:
        by_id = {review.id: review for review in self.reviews}
        for release in self.releases:
            if (review := by_id.get(release.body["review"])) and review.id in reviews:
                steps.link(_record_node(review), _record_node(release), "allowed")

    def _to_releases(self, releases: Collection[str], steps: Steps) -> None:
        by_id = {review.id: review for review in self.reviews}
        for release in self.releases:
            if release.id in releases:
                review = by_id.get(release.body["review"])
                before = _record_node(review) if review else _plain("review", release.body["review"])
                steps.link(before, _record_node(release), "allowed")

    def _from_releases(self, releases: Collection[str], steps: Steps) -> None:
        wanted = [release for release in self.releases if release.id in releases]
        for channel, digest in dict.fromkeys((r.body["channel"], r.body["model_digest"]) for r in wanted):
            prefix = f"{channel}/{digest.removeprefix('sha256:')[:16]}/"
            windows = self._project.journal.records("window", prefix=prefix, limit=self._limit)
            self.is_cut = self.is_cut or len(windows) == self._limit
            for record in (*windows, *self._alerts(channel, digest)):
                release = self._release_of(record)
                if release and release.id in releases:
                    kind = "answered" if record.noun == "window" else "raised"
                    steps.link(_record_node(release), _record_node(record), kind)

    def _to_windows(self, windows: Collection[str], steps: Steps) -> None:
        self._link_back("window", windows, "answered", steps)

    def _to_alerts(self, alerts: Collection[str], steps: Steps) -> None:
        self._link_back("alert", alerts, "raised", steps)

    def _link_back(self, noun: str, names: Collection[str], kind: str, steps: Steps) -> None:
        for name in names:
            record = self._project.journal.record(noun, name)
            release = self._release_of(record) if record else None
            if record and release:
                steps.link(_record_node(release), _record_node(record), kind)

    def _alerts(self, channel: str, digest: str) -> list[Record]:
        found = self._project.journal.records("alert")
        return [r for r in found if (r.body.get("channel"), r.body.get("model_digest")) == (channel, digest)]

    def _release_of(self, record: Record) -> Record | None:
        """Return the release that answered: the last of its channel and model that was there before it."""
        at = record.body.get("started_at") or record.body.get("raised_at") or ""
        key = (record.body.get("channel"), record.body.get("model_digest"))
        same = [r for r in self.releases if (r.body["channel"], r.body["model_digest"]) == key]
        before = [r for r in same if str(r.body["released_at"]) <= str(at)]
        ordered = sorted(before or same, key=lambda r: str(r.body["released_at"]))
        return (ordered[-1] if before else ordered[0]) if ordered else None

    # --- runs that were read --------------------------------------------------------------------------------------

    def _take(self, found: Iterable[RunLinks]) -> list[RunLinks]:
        runs = list(found)
        self.is_cut = self.is_cut or len(runs) >= self._limit
        self._runs.update((run.id, run) for run in runs)
        return runs

    def _load(self, runs: Collection[str]) -> None:
        missing = [run for run in dict.fromkeys(runs) if run and run not in self._runs]
        self._runs.update((run.id, run) for run in links_of(self._project, missing))

    def _run_node(self, run: str) -> LineageNode:
        known = self._runs.get(run)
        if known is None:
            return _plain("run", run)
        return LineageNode(f"run:{run}", "run", run, known.name or run[:8], known.started_at, known.actor)


_LABELS = {"dataset": "path", "review": "model", "release": "channel", "window": "channel", "alert": "kind"}
_TIMES = {
    "dataset": "created_at",
    "review": "requested_at",
    "release": "released_at",
    "window": "started_at",
    "alert": "raised_at",
}
_ACTORS = {"dataset": "actor", "review": "requester", "release": "actor"}


def _record_node(record: Record) -> LineageNode:
    body, noun = record.body, record.noun
    label, at, actor = (str(body.get(names.get(noun, ""), "")) for names in (_LABELS, _TIMES, _ACTORS))
    return LineageNode(f"{noun}:{record.id}", noun, record.id, label, at, actor)


def _plain(kind: str, name: str) -> LineageNode:
    return LineageNode(f"{kind}:{name}", kind, name, name)
