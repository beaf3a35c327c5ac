"""Sweeps with real jobs: the search, what it leaves in MLflow and the journal, pruning, kills, budgets, bad spaces."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from workbench.compute.folder import JobFolder, read_json
from workbench.compute.processes import is_same_process, job_processes
from workbench.execute.jobs import list_jobs, show_job
from workbench.execute.ledger import execution_of_record
from workbench.execute.sweeps import process
from workbench.execute.sweeps.record import NOUN, ended_trials, jobs_of, record_begun, record_facts
from workbench.execute.sweeps.revival import folder_of, lease_of
from workbench.execute.sweeps.space import Dimension, Space
from workbench.execute.sweeps.sweeps import cancel_sweep, list_sweeps, show_sweep, sweep, wait_for_sweep
from workbench.experiment.runs import list_runs, show_run
from workbench.foundation.errors import FailedError, NotFoundError, PendingError, UnavailableError, UsageError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project

PARAMETERS = "x = 0.0\nk = 'a'\nsize = 1\nlayers = [1]\nis_deep = False"
MOST_KILLS = 15
SCORE = "import workbench\nworkbench.log(f1=-(x - 1) ** 2 + (k == 'b'))"


@pytest.fixture
def search(job_project: Project, write_notebook, request) -> Callable[..., str]:
    """Start a sweep over a notebook of the given cells; what is left of it is cancelled afterwards."""
    name = request.node.name.partition("[")[0]
    started: list[str] = []

    def start(*cells: str, space: str, **options: object) -> str:
        path = job_project.root / "notebooks" / f"{name}.ipynb"
        if not path.exists():
            write_notebook(path, *cells, parameters=PARAMETERS)
        (job_project.root / f"{name}.toml").write_text(space)
        card = sweep(job_project, f"notebooks/{name}.ipynb", f"{name}.toml", **options)
        started.append(card.id)
        return card.id

    yield start
    for each in started:
        if show_sweep(job_project, each).state == "RUNNING":
            cancel_sweep(job_project, each)


def controller_of(project: Project, sweep_id: str) -> int:
    """Return the process that holds the lease, or 0."""
    if not inspect_lease(lease_of(project, sweep_id)).is_alive:
        return 0
    return int((read_json(lease_of(project, sweep_id)) or {}).get("pid", 0))


def kill_controller(project: Project, sweep_id: str) -> bool:
    """Kill the controller where there is one; one that has only just taken the lease still stands in it as the last."""
    pid = controller_of(project, sweep_id)
    return bool(pid) and pid != os.getpid() and _kill(pid)


def seen(project: Project, sweep_id: str) -> str:
    """Tell what there is to see of a sweep, as a process sees it that opens the project anew."""
    project = Project.open(project.root, actor=project.actor)
    record = project.journal.record(NOUN, sweep_id)
    assert record is not None, "the journal does not know it"
    noted = read_json(folder_of(project, sweep_id) / "process.json")
    lines = [f"{record.state} {record.body}", f"controller {controller_of(project, sweep_id)}, noted {noted}"]
    for jobs in jobs_of(project, sweep_id).values():
        for job in jobs:
            folder = JobFolder.of(project, execution_of_record(job))
            left = [each.pid for each in job_processes(project.root, folder.path.name)]
            lines += [f"{job.id} {job.state} {job.body}", f"  {folder.read_progress()} processes {left}"]
            lines += [f"  {line}" for line in _tail(folder.log)]
    return "\n".join([*lines, *_tail(folder_of(project, sweep_id) / "log.txt")])


def _tail(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-20:] if path.exists() else []


@pytest.mark.checklist("S1-14")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_grid_is_tried_whole_and_its_best_trial_is_on_the_parent_run(job_project: Project, search) -> None:
    space = (
        'x = {type = "float", low = 0.0, high = 1.0, step = 1.0}\nk = {type = "categorical", choices = ["a", "b"]}\n'
    )
    options = {"space": space + "size = 3\n", "sampler": "grid", "parallel": 2, "direction": "minimize"}
    sweep_id = search(SCORE, **options)
    assert search(**options) == sweep_id, "the same sweep, asked for again, is followed and not started twice"
    seen: list[int] = []
    card = wait_for_sweep(job_project, sweep_id, on_trial=lambda trial: seen.append(trial.number))
    assert (card.state, card.complete, card.failed, card.trials, card.running) == ("SUCCEEDED", 4, 0, 4, 0)
    assert sorted(seen) == [0, 1, 2, 3]
    points = {(trial.params["x"], trial.params["k"]): trial.value for trial in card.history}
    assert points == {("0.0", "a"): -1.0, ("0.0", "b"): 0.0, ("1.0", "a"): 0.0, ("1.0", "b"): 1.0}
    assert (card.metric, card.best_value, card.best_params) == ("f1", -1.0, {"x": "0.0", "k": "a"})
    assert card.offer == f"mlops runs show {card.best_run}", "it has no model that could be reviewed"

    children = [run for run in list_runs(job_project, limit=1000) if run.parent == card.run]
    assert {run.id for run in children} == {trial.run for trial in card.history}
    assert {run.params["size"] for run in children} == {"3"}
    assert {run.state for run in children} == {"FINISHED"}
    parent = show_run(job_project, card.run)
    assert (parent.card.state, parent.card.metrics) == ("FINISHED", {"f1": -1.0})
    assert {"sampler": "grid", "best.x": "0.0", "best.k": "a", "size": "3"}.items() <= parent.card.params.items()
    assert parent.tags["workbench.best_run"] == card.best_run
    job = show_job(job_project, card.history[0].job)
    spec = json.loads(JobFolder.of(job_project, job.id).spec.read_text())
    assert (spec["sweep"], spec["trial"]) == (sweep_id, 0)
    kinds = [event.kind for event in job_project.journal.events(subject=f"sweep:{sweep_id}")]
    assert kinds == ["sweep.started", *["sweep.trial-ended"] * 4, "sweep.ended"]
    assert next(each for each in list_sweeps(job_project) if each.id == sweep_id).best_value == -1.0


LEARNS = """
import time, workbench
for step in range(6000):  # all have them all: a step that no other trial has come to is compared with nothing
    workbench.log(step=step, f1=x)
    time.sleep(0 if x < 5 else 0.1)
"""


@pytest.mark.checklist("S1-14")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hopeless_trial_is_pruned_from_its_live_metrics(job_project: Project, search) -> None:
    space = 'x = {type = "float", low = 0.0, high = 5.0, step = 1.0}\n'
    options = {"sampler": "grid", "pruner": "median", "direction": "minimize", "metric": "f1", "parallel": 2}
    sweep_id = search(LEARNS, space=space, **options)
    try:
        card = wait_for_sweep(job_project, sweep_id, timeout_s=400)  # it would take ten minutes to its end
    except PendingError:
        pytest.fail(seen(job_project, sweep_id))
    assert (card.complete, card.pruned, card.failed) == (5, 1, 0)
    pruned = card.history[5]
    assert (pruned.state, pruned.value, pruned.reason) == ("PRUNED", None, "pruned")
    job = show_job(job_project, pruned.job)
    assert (job.state, job.reason) == ("CANCELLED", "pruned")
    assert max(point.step for point in show_run(job_project, pruned.run).history["f1"]) < 5999
    assert show_run(job_project, pruned.run).tags["workbench.trial_state"] == "PRUNED"


@pytest.mark.checklist("S1-14")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_again_and_again_it_loses_no_trial_and_tells_none_twice(job_project: Project, search, wait_until):
    slow = "import time, workbench\ntime.sleep(1)\nworkbench.log(f1=x)"
    space = 'x = {type = "float", low = 0.0, high = 9.0}\n'
    sweep_id = search(slow, space=space, trials=6, parallel=2, sampler="random")
    chance, kills, killed_job = random.Random(4), 0, ""
    told = partial(seen, job_project, sweep_id)
    # A machine that is too slow for a controller to get anywhere between two kills must not be struck for ever.
    while show_sweep(job_project, sweep_id).state == "RUNNING" and kills < MOST_KILLS:
        time.sleep(chance.uniform(0.5, 4))
        kills += kill_controller(job_project, sweep_id)
        running = [trial for trial in show_sweep(job_project, sweep_id).history if trial.state == "RUNNING"]
        if running and not killed_job and kills > 2:  # one job, with everything that looks after it
            killed_job = running[0].job
            noted = read_json(JobFolder.of(job_project, killed_job).process) or {}
            victims = [each.pid for each in job_processes(job_project.root, killed_job)]
            if is_same_process(int(noted.get("pid", 0)), float(noted.get("started", 0))):
                victims.append(int(noted["pid"]))
            for victim in victims:
                _kill(victim)
        wait_until(
            lambda: show_sweep(job_project, sweep_id).state != "RUNNING" or controller_of(job_project, sweep_id),
            120,
            told,
        )
    wait_until(lambda: show_sweep(job_project, sweep_id).state != "RUNNING", 240, told)
    card = show_sweep(job_project, sweep_id)
    assert kills > 2
    assert (card.state, card.complete, card.failed) == ("SUCCEEDED", 6, 0), told()
    assert [trial.number for trial in card.history] == list(range(6))
    assert {float(trial.params["x"]): trial.value for trial in card.history} == {
        trial.value: trial.value for trial in card.history
    }
    events = job_project.journal.events(kind="sweep.trial-ended", subject=f"sweep:{sweep_id}")
    assert sorted(event.data["trial"] for event in events if event.data) == list(range(6))
    jobs = [jobs[-1] for jobs in jobs_of(job_project, sweep_id).values()]
    assert len(jobs) == 6
    ran_before = {job.id for job in jobs if any("started_at" in past for past in job.body.get("attempts", []))}
    assert ran_before <= {killed_job}, f"only what was killed ran again\n{told()}"
    assert len({trial.run for trial in card.history}) == 6
    parents = [run for run in list_runs(job_project, limit=1000) if run.id == card.run or run.name == card.name]
    assert [run.id for run in parents] == [card.run], "one parent run, however often it began"


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cancelled_sweep_ends_its_jobs_and_keeps_what_it_found(job_project: Project, search, wait_until) -> None:
    cells = "import time, workbench\nworkbench.log(f1=x)\ntime.sleep(0 if x < 0.5 else 600)"
    space = 'x = {type = "float", low = 0.0, high = 2.0, step = 1.0}\n'
    sweep_id = search(cells, space=space, sampler="grid", parallel=2)
    wait_until(
        lambda: (card := show_sweep(job_project, sweep_id)).complete == 1 and card.running,
        seen=partial(seen, job_project, sweep_id),
    )
    kill_controller(job_project, sweep_id)  # cancelling needs nobody who is there already
    card = cancel_sweep(job_project, sweep_id)
    assert (card.state, card.best_value) == ("CANCELLED", 0.0)
    assert all(show_job(job_project, trial.job).state in ("SUCCEEDED", "CANCELLED") for trial in card.history)
    assert show_run(job_project, card.run).card.state == "KILLED"
    assert cancel_sweep(job_project, sweep_id).ended_at == card.ended_at


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "case",
    [
        ("1 / 0", "", "ZeroDivisionError"),
        ("import workbench\nworkbench.log(f1=1, loss=2)", "", "logs f1, loss; say which one counts: --metric"),
        ("import workbench\nworkbench.log(f1=1)", "f1x", "did you mean 'f1'?"),
    ],
)
def test_a_sweep_without_any_value_fails_and_says_why(job_project, write_notebook, tmp_path, case):
    cell, metric, told = case
    path = write_notebook(job_project.root / "notebooks" / f"{tmp_path.name}.ipynb", cell, parameters=PARAMETERS)
    (job_project.root / "one.toml").write_text('size = {type = "int", low = 1, high = 9}\n')
    card = sweep(job_project, f"notebooks/{path.name}", "one.toml", 2, metric=metric, parallel=2, name=tmp_path.name)
    with pytest.raises(FailedError) as caught:
        wait_for_sweep(job_project, card.id)
    assert caught.value.code == "sweep-failed"
    assert told in caught.value.message
    shown = show_sweep(job_project, card.id)
    assert (shown.state, shown.failed, shown.best_run, shown.best_trial) == ("FAILED", 2, "", -1)
    assert show_run(job_project, shown.run).card.state == "FAILED"


# What is wrong is said before anything is started.


@pytest.fixture
def project(tmp_path: Path, write_notebook) -> Project:
    root = tmp_path / "project"
    write_notebook(root / "notebooks" / "train.ipynb", SCORE, parameters=PARAMETERS)
    (root / "workbench.toml").write_text('[project]\nname = "p"\n')
    return Project.open(root, actor="ada@example.org")


def refused(project: Project, space: str | None = None, **options: object) -> NotFoundError | UsageError:
    if space is not None:
        (project.root / "space.toml").write_text(space)
    with pytest.raises((NotFoundError, UsageError, UnavailableError)) as caught:
        sweep(project, "notebooks/train.ipynb", "space.toml", **{"trials": 3, **options})
    assert project.journal.head().seq == 0
    assert not (project.state_dir / "sweeps").exists()
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("space", "code", "told"),
    [
        ('size = {type = "int", low = 1, hihg = 2}', "config-unknown-key", "space.toml:1"),
        ('\nsize = {type = "int", low = 1}', "config-missing-key", "space.toml:2"),
        ('size = {type = "int", low = 1.5, high = 2}', "config-wrong-type", "space.toml:1"),
        ('size = {type = "itn", low = 1, high = 2}', "space-invalid", "'itn' is no type"),
        ("size = {low = 1, high = 2}", "space-invalid", "'size' does not say its type"),
        ('size = {type = "int", low = 3, high = 2}', "space-invalid", "low 3 is above high 2"),
        ('size = {type = "int", low = 1, high = 2, step = 0}', "space-invalid", "step 0"),
        ('x = {type = "float", low = 0, high = 2, log = true}', "space-invalid", "no logarithm"),
        ('x = {type = "float", low = 1, high = 2, log = true, step = 0.5}', "space-invalid", "exclude each other"),
        ('x = {type = "float", low = 1, high = inf}', "space-invalid", "finite"),
        ('k = {type = "categorical", choices = []}', "space-invalid", "space.toml:1"),
        ('k = {type = "categorical", choices = ["a", ["b"]]}', "space-invalid", "a choice must be text"),
        ('k = {type = "categorical", choices = ["a", "a"]}', "space-invalid", "twice"),
        ('k = {type = "categorical", choise = ["a"]}', "config-unknown-key", "k.choise"),
        ('\n\n[siez]\ntype = "int"\nlow = 1\nhigh = 2', "parameter-unknown", "space.toml:3"),
        ('size = {type = "categorical", choices = ["many"]}', "parameter-wrong-type", "space.toml:1"),
        ('is_deep = {type = "int", low = 0, high = 1}', "parameter-wrong-type", "is_deep"),
        ("size = 3", "space-invalid", "nothing to search"),
        ("", "space-invalid", "is empty"),
        ("size = ", "config-syntax", "space.toml"),
        ("size = 1979-05-27", "space-invalid", "date"),
    ],
)
def test_a_bad_space_is_refused_with_its_line(project: Project, space: str, code: str, told: str) -> None:
    error = refused(project, space)
    assert error.code == code
    assert told in error.message


def test_a_misspelt_name_in_a_space_names_the_nearest(project: Project) -> None:
    assert refused(project, 'siz = {type = "int", low = 1, high = 2}').hint == "did you mean 'size'?"
    assert "int" in refused(project, 'size = {type = "itn", low = 1, high = 2}').hint
    assert refused(project, 'size = {type = "int", low = 1, hihg = 2}').hint == "did you mean 'high'?"
    (project.root / "space.toml").rename(project.root / "spase.toml")
    assert (refused(project).code, refused(project).hint) == ("space-missing", "did you mean 'spase.toml'?")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"trials": 0}, "trials-missing"),
        ({"trials": -1}, "sweep-option-wrong"),
        ({"trials": 10**6}, "sweep-option-wrong"),
        ({"parallel": 0}, "sweep-option-wrong"),
        ({"direction": "maximise"}, "sweep-option-wrong"),
        ({"sampler": "tpee"}, "sweep-option-wrong"),
        ({"pruner": "mean"}, "sweep-option-wrong"),
        ({"target": "lokal"}, "target-unknown"),
        ({"sampler": "grid"}, "space-invalid"),
    ],
)
def test_a_wrong_option_is_refused(project: Project, options: dict[str, object], code: str) -> None:
    assert refused(project, 'x = {type = "float", low = 0, high = 2}', **options).code == code


def test_a_target_that_cannot_cancel_cannot_prune(project: Project, monkeypatch) -> None:
    from workbench.compute.local import LocalTarget

    monkeypatch.setattr(LocalTarget, "capabilities", frozenset())
    error = refused(project, 'x = {type = "float", low = 0, high = 2}', pruner="median")
    assert (error.code, error.hint) == ("target-cannot", "leave it out: --pruner none")


def test_the_points_of_a_space_are_all_there_and_fit(project: Project) -> None:
    assert Dimension("int", 2, 12, 3).points() == (2, 5, 8, 11)
    assert Dimension("float", 0.1, 0.5, 0.2).points() == (0.1, 0.3, 0.5)
    assert Dimension("int", 1, 8, 0, log=True).points() == ()
    space = Space({"a": Dimension("int", 1, 2, 1), "b": Dimension("categorical", choices=(True, "x"))}, {"c": "1"})
    assert list(space.grid()) == [{"a": 1, "b": True}, {"a": 1, "b": "x"}, {"a": 2, "b": True}, {"a": 2, "b": "x"}]
    assert space.typed({"a": 1, "b": True}) == {"c": "1", "a": "1", "b": "True"}
    assert Space.from_json(json.loads(json.dumps(space.as_json()))) == space


def test_who_has_waited_long_enough_is_told_that_it_goes_on(project: Project) -> None:
    settings = {
        **dict.fromkeys(("notebook", "notebook_digest", "target", "metric", "name"), "x"),
        **{"space": {"dimensions": {}, "fixed": {}}, "trials": 1, "parallel": 1, "seed": 0, "resources": {}},
        **{"direction": "maximize", "sampler": "tpe", "pruner": "none"},
    }
    record_begun(project, "sw-1", settings)
    before = project.journal.head()
    lease = Lease(lease_of(project, "sw-1"))  # its controller lives
    try:
        with pytest.raises(PendingError) as caught:
            wait_for_sweep(project, "sw-1", timeout_s=0)
    finally:
        lease.release()
    assert (caught.value.code, caught.value.hint) == ("sweep-running", "mlops sweep show sw-1")
    assert "still runs after 0 s" in caught.value.message
    assert project.journal.head() == before


def test_a_controller_that_cannot_live_ends_the_sweep(project: Project) -> None:
    settings = {
        **dict.fromkeys(("notebook", "notebook_digest", "target", "metric", "name"), "x"),
        **{"space": {"dimensions": {}, "fixed": {}}, "trials": 1, "parallel": 1, "seed": 0, "resources": {}},
        **{"direction": "maximize", "sampler": "tpe", "pruner": "none"},
    }
    record_begun(project, "sw-1", settings)
    record_facts(project, "sw-1", starts=20)
    assert process.main(project.root, "sw-1") == 1
    record = project.journal.record(NOUN, "sw-1")
    assert record is not None
    assert (record.state, "died 20 times" in record.body["error"]) == ("FAILED", True)
    assert process.main(project.root, "sw-1") == 0, "it has ended"
    assert ended_trials(project, "sw-1") == {}
    assert list_jobs(project) == ()
    assert not (folder_of(project, "sw-1")).exists()
