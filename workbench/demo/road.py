"""The story: from raw readings to a watched model, with every refusal on the way."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.contract.job import JobCard
from workbench.contract.release import ReleaseCard
from workbench.contract.review import ReviewCard
from workbench.contract.status import CheckResult, ReviewState
from workbench.demo.mischief import changed_byte
from workbench.demo.stage import Narrator
from workbench.demo.traffic import Load, infer, invoke
from workbench.foundation.counting import counted
from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.verbs import find_verb

MODEL = "shuttle"
CHANNEL = f"{MODEL}@production"
AUTHOR, REVIEWER = "scientist@example.com", "reviewer@example.com"
_SETTLE_S = 1.0


@dataclass(frozen=True)
class People:
    """The same project as two people see it."""

    author: Project
    reviewer: Project


def walk(folder: Path) -> None:
    """Walk the whole road in ``folder``; what is there from an earlier walk is kept and used."""
    story = Narrator()
    begun = time.monotonic()
    people = _create_project(story, folder)
    _record_data(story, people)
    jobs = _train(story, people)
    first, second = _review(story, people, jobs)
    _serve(story, people, first, second)
    _watch(story, people)
    _prove(story, people, second)
    story.say(f"\n{story.table()}\n")
    story.say(f"The whole road took {time.monotonic() - begun:.0f} s. The project is in {people.author.root}")
    story.say("Open it in JupyterLab, with the side panel:   make lab")


def _create_project(story: Narrator, folder: Path) -> People:
    with story.step("Create a project from a template") as conclude:
        story.say(f"   $ mlops init {folder} --template shuttle")
        created = find_verb("init").load()(folder, template="shuttle", name="shuttle")
        people = People(
            *(
                Project.open(folder, actor=who, key_path=folder.resolve() / ".workbench" / "keys" / who.split("@")[0])
                for who in (AUTHOR, REVIEWER)
            )
        )
        for person in (people.author, people.reviewer):
            if person.key_path and not person.key_path.exists():
                create_key(person.key_path, comment=person.actor)
            story.do(
                people.author,
                "reviewers add",
                f"{person.actor} {person.key_path}.pub",
                principal=person.actor,
                public_key=f"{person.key_path}.pub",
            )
        _commit(people.author, "Let two people sign")
        conclude(
            f"{len(created.files)} files written, 2 people with SSH keys" if created.files else "was there already"
        )
    return people


def _record_data(story: Narrator, people: People) -> None:
    with story.step("Prepare the readings and record them as dataset versions") as conclude:
        project = people.author
        notebook = "notebooks/prepare_shuttle.ipynb"
        story.follow(project, story.do(project, "run", notebook, notebook=notebook))
        paths = ("data/train.csv", "data/holdout.csv", "data/live.csv")
        for path in paths:
            describe = find_verb("data describe").load()
            describe(project, path=path, owner=AUTHOR, purpose="find faults of the radiators", data_class="internal")
        versions = story.do(
            project, "data snapshot", " ".join(paths), paths=paths, message="split by the order of the readings"
        )
        for version in versions:
            story.say(f"     {version.id}  {version.rows:,} rows")
        _commit(project, "Record the data")
        conclude(f"{len(versions)} dataset versions, {sum(v.rows for v in versions):,} readings")


def _train(story: Narrator, people: People) -> list[JobCard]:
    with story.step("Train twice, as jobs on the local target") as conclude:
        project = people.author
        notebook = "notebooks/train_shuttle.ipynb"
        # Both start at once; neither needs this process: they go on if it is killed.
        started = [
            story.do(project, "run", f"{notebook} -p depth={depth}", notebook=notebook, params={"depth": str(depth)})
            for depth in (2, 6)
        ]
        jobs = [story.follow(project, job) for job in started]
        comparison = find_verb("runs compare").load()(project, runs=tuple(job.run for job in jobs))
        story.say(f"   $ mlops runs compare {' '.join(job.run[:8] for job in jobs)}")
        for difference in comparison.differences:
            story.say(f"     {difference.kind:<8} {difference.name:<20} {'  '.join(difference.values)}")
        scores = [run.metrics["holdout_f1"] for run in comparison.runs]
        conclude("F1 on unseen readings: " + " and ".join(f"{score:.4f}" for score in scores))
    return jobs


def _review(story: Narrator, people: People, jobs: list[JobCard]) -> tuple[ReleaseCard, ReviewCard]:
    with story.step("Review: checks, then somebody else's signature") as conclude:
        first = _approved_before(people, 0) or _request(story, people, jobs[0])
        _approve(story, people, first, "better than guessing the majority, reproduced")
        released = story.do(people.author, "release", first.id, review=first.id)
        second = _approved_before(people, 1) or _request(story, people, jobs[1])
        if second.state == ReviewState.OPEN:
            story.say("   The author tries to approve their own model:")
            approve = find_verb("review approve").load()
            story.refused(lambda: approve(people.author, review=second.id, reason="trust me"), "self-approval")
        _approve(story, people, second, "better than the model that is served, reproduced")
        story.say("   Somebody changes one byte of the reviewed model:")
        release = find_verb("release").load()
        with changed_byte(people.author, second.model_digest):
            story.refused(lambda: release(people.author, review=second.id), "bytes-changed")
        passed = sum(check.result == CheckResult.PASS for check in second.checks)
        conclude(f"{passed} of {len(second.checks)} checks pass, signed by {REVIEWER}, 2 tricks refused")
    return released, second


def _approved_before(people: People, position: int) -> ReviewCard | None:
    """Return the first or the second review of an earlier walk: what was approved stays approved."""
    reviews: list[ReviewCard] = list(find_verb("reviews").load()(people.author))
    approved = sorted((r for r in reviews if r.state == ReviewState.APPROVED), key=lambda r: r.requested_at)
    return approved[position] if position < len(approved) else None


def _request(story: Narrator, people: People, job: JobCard) -> ReviewCard:
    shown = f"{job.run[:8]} --to production"
    review: ReviewCard = story.do(people.author, "review request", shown, model=job.run, to="production", wait=True)
    for check in review.checks:
        story.say(f"     {check.result:<8} {check.name:<11} {check.summary}")
    return review


def _approve(story: Narrator, people: People, review: ReviewCard, reason: str) -> None:
    if review.state != ReviewState.OPEN:
        story.say(f"     {review.id} is {review.state} already")
        return
    approved = story.do(
        people.reviewer, "review approve", f"{review.id} -m '{reason}'", review=review.id, reason=reason
    )
    decision = approved.decisions[-1]
    story.say(f"     signed by {decision.principal} ({decision.assurance}), bound to model {review.model_digest[7:19]}")


def _serve(story: Narrator, people: People, first: ReleaseCard, second: ReviewCard) -> None:
    with story.step("Serve, swap under load, roll back") as conclude:
        project = people.author
        names, rows = _live_rows(project)
        runner = story.do(project, "serve", CHANNEL, channel=CHANNEL)
        story.say(f"     {runner.url} (process {runner.pid})")
        labels, digest = invoke(runner.url, names, rows[:4])
        story.say(f"     POST /invocations                {labels}  by model {digest[7:19]}")
        story.say(f"     POST /v2/models/{MODEL}/infer     {infer(runner.url, MODEL, rows[:4])}")
        with Load(runner.url, names, rows[:400]) as load:
            time.sleep(_SETTLE_S)
            story.do(project, "release", second.id, review=second.id)
            _await_model(runner.url, names, rows, second.model_digest)
            time.sleep(_SETTLE_S)
            story.do(project, "rollback", CHANNEL, channel=CHANNEL)
            _await_model(runner.url, names, rows, first.model_digest)
            time.sleep(_SETTLE_S)
        tally = load.tally
        for model, count in tally.answered.items():
            story.say(f"     {count} answers by model {model[7:19]}")
        if tally.failed or len(tally.answered) < 2:
            raise RuntimeError(f"the swap was not clean: {tally}")
        story.do(project, "release", second.id, review=second.id)
        _await_model(runner.url, names, rows, second.model_digest)
        answers = sum(tally.answered.values())
        conclude(f"{answers} answers, {tally.failed} failed, longest {tally.slowest_ms:.0f} ms, same process and port")


def _watch(story: Narrator, people: People) -> None:
    with story.step("Watch: shifted readings raise an alert") as conclude:
        project = people.author
        names, rows = _live_rows(project)
        runner = story.do(project, "serve", CHANNEL, channel=CHANNEL)
        _send(runner.url, names, rows[:2000])
        time.sleep(_SETTLE_S)
        calm = story.do(project, "monitor check", CHANNEL, channel=CHANNEL)
        story.say(
            f"     {counted(len(calm.windows), 'window')} of ordinary readings, {counted(len(calm.alerts), 'alert')}"
        )
        shifted = rows[2000:4000].copy()
        shifted[:, names.index("f1")] += 8  # one sensor reads 8 units too high
        _send(runner.url, names, shifted)
        time.sleep(_SETTLE_S)
        alarmed = story.do(project, "monitor check", CHANNEL, channel=CHANNEL)
        for alert in alarmed.alerts:
            story.say(f"     {alert.severity}: {alert.title}\n       → {alert.action}")
        if not alarmed.alerts:
            raise RuntimeError("the shift was not noticed")
        story.do(project, "stop", CHANNEL, channel=CHANNEL)
        conclude(
            f"{counted(len(alarmed.alerts), 'alert')}, {counted(len(alarmed.windows), 'window')} of 500 predictions"
        )


def _prove(story: Narrator, people: People, served: ReviewCard) -> None:
    with story.step("Prove it: evidence, lineage, an unbroken journal") as conclude:
        project = people.author
        proof = story.do(project, "runs evidence", served.run[:8], run=served.run)
        for item in proof.evidence:
            story.say(f"     {item.level}  {item.result:<8} {item.summary}")
        if proof.level != "R4":
            raise RuntimeError(f"the served run is only {proof.level}")
        road = story.do(project, "lineage", CHANNEL, id=CHANNEL)
        kinds = Counter(node.kind for node in road.nodes)
        story.say("     " + ", ".join(counted(count, kind) for kind, count in kinds.items()))
        reports = [story.do(project, "report", f"--language {code}", language=code) for code in ("en", "ja")]
        audit = story.do(project, "audit verify")
        story.say(f"     {audit.events} events, chain verified up to {audit.head[7:19]}")
        conclude(f"{proof.level}, {len(proof.evidence)} proofs; {audit.events} events verified; {reports[0].path}")


def _commit(project: Project, message: str) -> None:
    """Commit what the author would commit: policy and ``.dvc`` files, never data."""
    git = ["git", "-C", str(project.root), "-c", f"user.email={AUTHOR}", "-c", "user.name=scientist"]
    subprocess.run([*git, "add", "--all"], check=True, capture_output=True)
    if subprocess.run([*git, "diff", "--cached", "--quiet"], check=False).returncode:
        subprocess.run([*git, "commit", "--quiet", "-m", message], check=True, capture_output=True)


def _live_rows(project: Project) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float32]]]:
    """Return sensor names and the live readings, (rows, sensors) float32, without the answer."""
    path = project.root / "data" / "live.csv"
    names = path.open(encoding="utf-8").readline().strip().split(",")
    rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    keep = [index for index, name in enumerate(names) if name != "fault"]
    return [names[index] for index in keep], rows[:, keep]


def _send(url: str, names: list[str], rows: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    for start in range(0, len(rows), 100):
        invoke(url, names, rows[start : start + 100])


def _await_model(url: str, names: list[str], rows: np.ndarray[Any, np.dtype[np.float32]], digest: str) -> None:
    """Wait until the runner answers with this model."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if invoke(url, names, rows[:1])[1] == digest:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the runner did not take {digest}")
