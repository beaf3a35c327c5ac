"""A controller that dies at any step loses nothing: every step is the last one once, with jobs that cost nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.compute.folder import Progress
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState
from workbench.execute.ledger import NOUN as JOB
from workbench.execute.ledger import execution_of_record, record_ended, record_retried, record_started, record_submitted
from workbench.execute.sweeps import controller as module
from workbench.execute.sweeps import record as journal
from workbench.execute.sweeps.controller import Controller
from workbench.execute.sweeps.measures import Measure, is_rung
from workbench.execute.sweeps.revival import folder_of
from workbench.execute.sweeps.space import Dimension, Space
from workbench.execute.sweeps.study import Study, open_file
from workbench.foundation.errors import IntegrityError, UnavailableError
from workbench.foundation.project import Project

TRIALS = 3


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class World:
    """Jobs that end at once, and a step at which the controller dies."""

    def __init__(self, project: Project) -> None:
        self.project, self.steps, self.fatal = project, itertools.count(), -1
        self.ends: list[JobState] = []
        self.reason = ""

    def mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Die before or after a call, where it is the step that was chosen."""

        def either(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = call(*arguments, **options)
            self.step()
            return result

        return either

    def step(self) -> None:
        if next(self.steps) == self.fatal:
            raise Killed

    def submit(self, project: Project, order: Any) -> Any:
        job = f"jb-{project.journal.head().seq}"
        spec = {"notebook": "n", "notebook_digest": "", "target": "local", "name": "", "attempt": 1, "replay_of": ""}
        record_submitted(project, job, {**spec, "sweep": order.sweep, "trial": order.trial}, order.params)
        return type("Card", (), {"id": job})

    def run_jobs(self, project: Project) -> None:
        for record in project.journal.records(JOB, state=JobState.PENDING):
            execution = execution_of_record(record)
            record_started(project, execution, f"run-{record.id}")
            end = self.ends.pop(0) if self.ends else JobState.SUCCEEDED
            record_ended(project, execution, TargetStatus(end, self.reason), Progress(1, 1), is_run_open=False)

    def retry(self, project: Project, job: str) -> None:
        record = project.journal.record(JOB, job)
        assert record is not None
        record_retried(project, record)


class NoParent:
    """MLflow is shown at work in test_sweeps.py."""

    run = "parent"

    def __init__(self, *_: Any) -> None:
        return

    def begin(self) -> None:
        return

    def note(self, *_: Any) -> None:
        return

    def end(self, *_: Any) -> None:
        return


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "p"\n')
    world = World(Project.open(tmp_path, actor="ada@example.org"))
    monkeypatch.setattr(module, "Parent", NoParent)
    monkeypatch.setattr(module, "submit_order", world.mortal(world.submit))
    monkeypatch.setattr(module.job_verbs, "retry", world.retry)
    monkeypatch.setattr(module, "reconcile_jobs", world.run_jobs)
    monkeypatch.setattr(module, "has_model", lambda *_: False)
    monkeypatch.setattr(module, "measure", lambda _project, run, _metric: Measure("f1", float(len(run))))
    monkeypatch.setattr(module, "_POLL_S", 0.0)
    monkeypatch.setattr(module, "_RECONCILE_S", 0.0)
    monkeypatch.setattr(Study, "ask", world.mortal(Study.ask))
    monkeypatch.setattr(Study, "tell", world.mortal(Study.tell))
    monkeypatch.setattr(journal, "record_trial", world.mortal(journal.record_trial))
    return world


def begin(world: World, name: str, **settings: Any) -> str:
    space = Space({"x": Dimension("float", 0, 1), "k": Dimension("categorical", choices=("a", "b"))})
    body = {
        **{"notebook": "n.ipynb", "notebook_digest": "", "target": "local", "space": space.as_json(), "name": name},
        **{"trials": TRIALS, "parallel": 2, "metric": "f1", "direction": "maximize", "sampler": "random"},
        **{"pruner": "none", "seed": 1, "resources": {}, **settings},
    }
    folder = folder_of(world.project, name)
    folder.mkdir(parents=True)
    (folder / "input.ipynb").write_bytes(b"{}")
    journal.record_begun(world.project, name, body)
    return name


def control(world: World, name: str) -> None:
    record = world.project.journal.record(journal.NOUN, name)
    assert record is not None
    Controller(world.project, record).run()


def told(project: Project, name: str) -> list[int]:
    events = project.journal.events(kind="sweep.trial-ended", subject=f"sweep:{name}")
    return sorted(event.data["trial"] for event in events if event.data)


def test_a_death_at_any_step_loses_no_trial_and_tells_none_twice(world: World) -> None:
    control(world, begin(world, "sw-whole"))
    steps = next(world.steps)
    assert steps >= 8 * TRIALS, "each trial is asked for, submitted, told and noted"
    for fatal in range(steps):
        name = begin(world, f"sw-{fatal}")
        world.steps, world.fatal = itertools.count(), fatal
        with pytest.raises(Killed):
            control(world, name)
        world.fatal = -1
        control(world, name)
        record = world.project.journal.record(journal.NOUN, name)
        assert record is not None
        assert record.state == "SUCCEEDED"
        assert told(world.project, name) == list(range(TRIALS)), f"killed at step {fatal}"
        assert record.body["counts"] == {"complete": TRIALS, "pruned": 0, "failed": 0}
        jobs = journal.jobs_of(world.project, name)
        assert {number: len(tries) for number, tries in jobs.items()} == dict.fromkeys(range(TRIALS), 1)
        points = [tries[0].body["params"]["x"] for tries in jobs.values()]
        assert len(set(points)) == TRIALS, "a restart does not try the same points again"
        study = Study({**record.body, "id": name}, Space.from_json(record.body["space"]), storage(world.project, name))
        assert [(point.state, point.value is not None) for point in study.points()] == [("COMPLETE", True)] * TRIALS


def test_the_harness_sees_a_trial_that_is_told_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ended_trials", lambda *_: {})  # a controller that does not look what it has told
    name = begin(world, "sw-planted")
    world.fatal = 8 * TRIALS - 1  # after everything was told
    with pytest.raises(Killed):
        control(world, name)
    world.fatal = -1
    control(world, name)
    assert told(world.project, name) != list(range(TRIALS))


def storage(project: Project, name: str) -> Any:
    return open_file(folder_of(project, name) / "study.log")


@pytest.mark.parametrize("end", [JobState.LOST, JobState.PREEMPTED])
def test_what_a_machine_lost_is_tried_again_and_not_for_ever(world: World, end: JobState) -> None:
    world.ends = [end]
    name = begin(world, "sw-again", parallel=1)
    control(world, name)
    jobs = journal.jobs_of(world.project, name)
    assert [jobs[number][0].body["attempt"] for number in range(TRIALS)] == [2, 1, 1]
    world.ends = [end] * 3
    name = begin(world, "sw-gone", parallel=1)
    control(world, name)
    record = world.project.journal.record(journal.NOUN, name)
    assert record is not None
    (job,) = journal.jobs_of(world.project, name)[0]
    assert (job.body["attempt"], record.body["counts"]["failed"]) == (3, 1)
    assert record.state == "SUCCEEDED"


def test_trials_that_all_fail_are_not_gone_on_with(world: World) -> None:
    world.ends, world.reason = [JobState.FAILED] * 50, "cell_error"
    name = begin(world, "sw-bad", trials=50)
    control(world, name)
    record = world.project.journal.record(journal.NOUN, name)
    assert record is not None
    assert record.state == "FAILED"
    assert record.body["counts"]["failed"] < 10
    assert "cell_error" in record.body["error"]


def test_a_target_that_is_away_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [UnavailableError("target-not-ready", "Target 'far': away", "ssh far")] * 2
    said: list[str] = []

    def submit(project: Project, order: Any) -> Any:
        if answers:
            raise answers.pop()
        record = project.journal.record(journal.NOUN, "sw-away")
        said.append(record.body.get("error", "") if record else "")
        return world.submit(project, order)

    monkeypatch.setattr(module, "submit_order", submit)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    control(world, begin(world, "sw-away"))
    assert said[0] == "Target 'far': away"
    assert told(world.project, "sw-away") == list(range(TRIALS))


def test_trials_are_compared_at_the_same_few_steps() -> None:
    rungs = [step for step in range(100_000) if is_rung(step)]
    assert rungs[:66] == [*range(64), 64, 66]
    assert len(rungs) < 500
    assert not is_rung(-1)


def test_a_torn_study_is_mended_and_a_damaged_one_is_named(world: World) -> None:
    name = begin(world, "sw-torn")
    control(world, name)
    path = folder_of(world.project, name) / "study.log"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 4, "tri')
    record = world.project.journal.record(journal.NOUN, name)
    assert record is not None
    space = Space.from_json(record.body["space"])
    study = Study({**record.body, "id": name}, space, storage(world.project, name))
    assert study.ask().number == TRIALS
    assert path.read_bytes().startswith(whole)
    path.write_bytes(b"noise\n" + whole)
    with pytest.raises(IntegrityError) as caught:
        storage(world.project, name)
    assert caught.value.code == "study-damaged"
