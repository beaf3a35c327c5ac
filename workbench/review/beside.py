"""The candidate beside the champion: everything a reviewer compares, gathered once, rendered anywhere.

The champion is what was served when the candidate was checked, which the figures of the gate are about; what is served
now, the candidate itself perhaps, is said beside it.

What cannot be compared (a run that was deleted, data that is not in the cache) becomes a note and hides nothing else.
"""

from __future__ import annotations

import difflib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace

from workbench.contract.comparison import FeatureChange, MetricPair, ReviewComparison, SlicePair
from workbench.contract.model import ModelManifest
from workbench.contract.review import CheckReport
from workbench.contract.run import Difference, RunDiff
from workbench.contract.status import ReleaseState
from workbench.contract.table import DataDiff
from workbench.data.tables.diff import diff_data
from workbench.experiment.differences import diff_outputs, diff_runs
from workbench.experiment.runs import show_run
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.review.candidate import read_manifest
from workbench.review.model_cards import CARDS
from workbench.review.notebook import cells_of
from workbench.review.people import who_said
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.persons import person_of
from workbench.review.proof.statement import Verdict
from workbench.review.record import NOUN, Review, find_review, read

_BOUND = (
    "model_digest",
    "dataset_versions",
    "commit",
    "notebook_digest",
    "environment_digest",
    "policy_digest",
    "evidence_digest",
)
_GIT_S = 20
_LONGEST_CARD = 400


def compare_review(project: Project, review: str) -> ReviewComparison:
    """Show a candidate beside the model that was served when it was checked: results, slices, data, code and card.

    Also what changed since your own last approval of this model for this stage.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
    """
    found = find_review(project, review)
    notes: list[str] = []
    approved = _approved_last(project, found)
    own = ReviewComparison(
        review=found.id,
        model=found.model,
        stage=found.stage,
        metrics=tuple(_metrics(found, {})),
        slice_column=_slices(project, found)[0],
        slices=tuple(_slice_pairs(project, found, None)),
        cells=cells_of(project, found),
        approved_review=approved.id if approved else "",
        since_approval=(*_since(approved, found), *_packages(project, approved, found)) if approved else (),
    )
    releases = _releases(project, found)
    champion = _champion(found, releases)
    served = next((record for record in releases if record.state == ReleaseState.CURRENT), None)
    if served:
        served_digest, version = str(served.body["model_digest"]), int(served.body["version"])
        own = replace(own, served_digest=served_digest, served_version=version)
    notes += _serves_now(found, champion, served)
    if champion is None:
        when = "was released before" if served else "was released" if found.checks else "is released"
        notes.append(f"Nothing {when} on {found.model}@{found.stage}, so there is nothing to compare with")
        return replace(own, notes=tuple(notes))
    return _beside(project, found, champion, own, notes)


def _beside(
    project: Project, review: Review, champion: Record, own: ReviewComparison, notes: list[str]
) -> ReviewComparison:
    run, digest = str(champion.body["run"]), str(champion.body["model_digest"])
    difference = _runs(project, run, review.run, notes)
    outputs = _outputs(project, run, review.run, notes)
    theirs = difference.before.metrics if difference else {}
    changes = difference.differences if difference else ()
    return replace(
        own,
        champion_digest=digest,
        champion_version=int(champion.body["version"]),
        champion_run=run,
        metrics=tuple(_metrics(review, theirs)),
        slices=tuple(_slice_pairs(project, review, _review_of(project, champion))),
        features=tuple(_features(project, digest, review.model_digest, notes)),
        data=tuple(_data(project, run, review.run, notes)),
        packages=tuple(change for change in changes if change.kind == "package"),
        settings=tuple(change for change in changes if change.kind not in ("package", "metric")),
        commits=difference.commits if difference else (),
        patch=difference.patch if difference else (),
        notebook=difference.notebook if difference else (),
        outputs=outputs,
        card=tuple(_card(project, review.model, run, review.run, notes)),
        notes=(*notes, *(difference.notes if difference else ())),
    )


def _releases(project: Project, review: Review) -> list[Record]:
    """Return the releases on the review's channel, the newest first."""
    channel = f"{review.model}@{review.stage}"
    found = [record for record in project.journal.records("release") if record.body.get("channel") == channel]
    return sorted(found, key=lambda record: int(record.body["version"]), reverse=True)


def _champion(review: Review, releases: list[Record]) -> Record | None:
    """Return the release that was served when the review's checks ran; what is served now where none has run yet."""
    if not review.checks:
        return next((record for record in releases if record.state == ReleaseState.CURRENT), None)
    theirs = [record for record in releases if record.body["model_digest"] == review.champion_digest]
    before = [record for record in theirs if str(record.body["released_at"]) <= review.checking_since]
    return next(iter((*before, *reversed(theirs))), None)


def _serves_now(review: Review, champion: Record | None, served: Record | None) -> Iterator[str]:
    """Say what is served now, where it is something else than what the candidate is compared with."""
    if served is None or (champion and champion.body["model_digest"] == served.body["model_digest"]):
        return
    version, channel = served.body["version"], f"{review.model}@{review.stage}"
    if served.body["model_digest"] == review.model_digest:
        yield f"Version {version} of {channel} is served now: this candidate"
    else:
        yield f"Version {version} of {channel} is served now; the candidate was checked against what was served before"


def _review_of(project: Project, champion: Record) -> Review | None:
    record = project.journal.record(NOUN, str(champion.body["review"]))
    return read(record) if record else None


def _runs(project: Project, before: str, after: str, notes: list[str]) -> RunDiff | None:
    try:
        return diff_runs(project, before, after)
    except WorkbenchError as error:
        notes.append(f"The runs cannot be compared: {error.message}")
        return None


def _outputs(project: Project, before: str, after: str, notes: list[str]) -> tuple[str, ...]:
    try:
        return diff_outputs(project, before, after)
    except WorkbenchError as error:
        notes.append(f"What the notebooks wrote cannot be compared: {error.message}")
        return ()


def _metrics(review: Review, theirs: dict[str, float]) -> Iterator[MetricPair]:
    """Yield the metric that the gate tested first, then what the runs logged."""
    tested = _report(review, "metric")
    if tested and "candidate" in tested.figures:
        figures = tested.figures
        yield MetricPair(
            "holdout", figures["candidate"], figures.get("baseline"), figures.get("low"), figures.get("high"), True
        )
    for name in dict.fromkeys((*review.metrics, *theirs)):
        if not name.startswith("system/"):
            yield MetricPair(name, review.metrics.get(name), theirs.get(name))


def _report(review: Review, name: str) -> CheckReport | None:
    return next((report for report in review.checks if report.name == name), None)


def _slices(project: Project, review: Review | None) -> tuple[str, dict[str, float], dict[str, int]]:
    """Return the column, the metric by slice and the rows by slice, as the check's evidence has them."""
    report = _report(review, "slices") if review else None
    if report is None or not report.evidence_digest:
        return "", {}, {}
    try:
        evidence = json.loads(project.store.read(report.evidence_digest))
        return str(evidence["column"]), dict(evidence["scores"]), dict(evidence["rows"])
    except (WorkbenchError, ValueError, KeyError, TypeError):
        return "", {}, {}


def _slice_pairs(project: Project, review: Review, champion: Review | None) -> Iterator[SlicePair]:
    column, scores, rows = _slices(project, review)
    other, theirs, _ = _slices(project, champion)
    for name, count in rows.items():
        yield SlicePair(name, count, scores.get(name), theirs.get(name) if other == column else None)


def _features(project: Project, before: str, after: str, notes: list[str]) -> Iterator[FeatureChange]:
    try:
        old, new = read_manifest(project.store, before), read_manifest(project.store, after)
    except WorkbenchError as error:
        notes.append(f"The signatures cannot be compared: {error.message}")
        return
    yield from _signature(old, new)


def _signature(old: ModelManifest, new: ModelManifest) -> Iterator[FeatureChange]:
    was = {feature.name: (index, feature.dtype) for index, feature in enumerate(old.features)}
    now = {feature.name: (index, feature.dtype) for index, feature in enumerate(new.features)}
    for name, (index, kind) in was.items():
        if name not in now:
            yield FeatureChange("dropped", name, kind, "")
        elif now[name][1] != kind:
            yield FeatureChange("retyped", name, kind, now[name][1])
        elif now[name][0] != index:
            yield FeatureChange("moved", name, f"position {index + 1}", f"position {now[name][0] + 1}")
    for name, (_, kind) in now.items():
        if name not in was:
            yield FeatureChange("added", name, "", kind)
    if old.classes != new.classes:
        yield FeatureChange("class", "classes", ", ".join(old.classes), ", ".join(new.classes))


def _data(project: Project, before: str, after: str, notes: list[str]) -> Iterator[DataDiff]:
    """Yield how each dataset that both read differs, where its version is another."""
    try:
        old, new = (
            {item.path: item.dataset_version for item in show_run(project, run).inputs if item.dataset_version}
            for run in (before, after)
        )
    except WorkbenchError as error:
        notes.append(f"The data cannot be compared: {error.message}")
        return
    for path in sorted(old.keys() & new.keys()):
        if old[path] == new[path]:
            continue
        try:
            yield diff_data(project, old[path], new[path], examples=5)
        except WorkbenchError as error:
            notes.append(f"{path} cannot be compared: {error.message}")


def _card(project: Project, model: str, before: str, after: str, notes: list[str]) -> Iterator[str]:
    """Yield what differs in the model card between the two runs' commits."""
    path = f"{CARDS.as_posix()}/{model}.md"
    try:
        commits = [show_run(project, run).commit.partition("+")[0] for run in (before, after)]
    except WorkbenchError as error:
        notes.append(f"The model card cannot be compared: {error.message}")
        return
    old = _at_commit(project, commits[0], path)
    file = project.root / path
    new = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None
    if old is None or new is None:
        if new is not None:
            notes.append("Git does not know the model card as it was for the served model")
        return
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "served", "now", lineterm="")
    yield from list(lines)[:_LONGEST_CARD]


def _at_commit(project: Project, commit: str, path: str) -> str | None:
    if not commit or not all(letter in "0123456789abcdef" for letter in commit):
        return None
    command = ["git", "-C", str(project.root), "show", f"{commit}:./{path}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_S, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _approved_last(project: Project, review: Review) -> Review | None:
    """Return the other review of this model and stage that the reader approved last."""
    allowed = load_reviewers(project)
    me = person_of(allowed, name=project.actor)
    found: list[tuple[str, Review]] = []
    for record in project.journal.records(NOUN):
        other = read(record)
        if other.id == review.id or (other.model, other.stage) != (review.model, review.stage):
            continue
        found += [
            (decision.at, other)
            for decision in other.decisions
            if decision.verdict == Verdict.APPROVE and me.is_same(who_said(project, decision, allowed))
        ]
    return max(found, key=lambda item: item[0])[1] if found else None


def _since(approved: Review, review: Review) -> Iterator[Difference]:
    for name in _BOUND:
        values = [_words(getattr(each, name)) for each in (approved, review)]
        if values[0] != values[1]:
            yield Difference("bound", name, tuple(values))
    for name in dict.fromkeys((*approved.params, *review.params)):
        values = [each.params.get(name, "") for each in (approved, review)]
        if values[0] != values[1]:
            yield Difference("param", name, tuple(values))
    for name in dict.fromkeys((*approved.metrics, *review.metrics)):
        figures = [each.metrics.get(name) for each in (approved, review)]
        if figures[0] != figures[1] and not name.startswith("system/"):
            yield Difference("metric", name, tuple("" if each is None else f"{each:.6g}" for each in figures))
    results = [{report.name: report.result for report in each.checks} for each in (approved, review)]
    for name in dict.fromkeys((*results[0], *results[1])):
        if results[0].get(name) != results[1].get(name):
            yield Difference("check", name, (results[0].get(name, ""), results[1].get(name, "")))


def _packages(project: Project, approved: Review, review: Review) -> Iterator[Difference]:
    """Yield the packages behind another environment digest; what the runs no longer tell is only that it is another."""
    if approved.environment_digest != review.environment_digest:
        found = _runs(project, approved.run, review.run, [])
        yield from (change for change in (found.differences if found else ()) if change.kind == "package")


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
