"""MLflow's own calls in a captured process: same words, same results, our log and our runs."""

import asyncio
import json
import math
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import mlflow
import numpy as np
import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

import workbench
from workbench.experiment import session
from workbench.experiment.capture import quiet
from workbench.experiment.mlflow_calls import install
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store import append_log, tracking
from workbench.experiment.store.client import tracking_client


@pytest.fixture(autouse=True)
def captured(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    mlflow.set_tracking_uri(None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    session.begin_capture(project.root)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


class TestLogging:
    def test_what_was_logged_is_read_at_once(self, project):
        with mlflow.start_run() as run:
            mlflow.log_metric("a", 1)
            mlflow.log_metric("a", np.float32(2.5), step=1)
            mlflow.log_metrics({"b": 2.0, "c": math.nan}, step=3)
            mlflow.log_param("p", 3)
            mlflow.log_params({"q": None, "r": [1]})
            mlflow.set_tag("t", 1)
            mlflow.set_tags({"u": "x"})
            data = mlflow.get_run(run.info.run_id).data
            assert data.metrics["a"] == 2.5
            assert data.metrics["b"] == 2.0
            assert math.isnan(data.metrics["c"])
            assert data.params == {"p": "3", "q": "None", "r": "[1]"}
            assert (data.tags["t"], data.tags["u"]) == ("1", "x")
            history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "a")
            assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 2.5)]
            found = mlflow.search_runs(filter_string="metrics.b = 2.0")
            assert list(found.run_id) == [run.info.run_id]

    def test_it_goes_through_the_append_log(self, project, monkeypatch):
        written = []
        real = append_log.append
        monkeypatch.setattr(
            "workbench.experiment.mlflow_calls.records.append", lambda *a: (written.append(a[2:4]), real(*a))
        )
        with mlflow.start_run() as run:
            mlflow.log_metric("a", 1)
            mlflow.log_param("p", 1)
            mlflow.set_tag("t", 1)
            client = mlflow.MlflowClient()
            client.log_metric(run.info.run_id, "b", 1)
            now = int(time.time() * 1000)
            client.log_batch(run.info.run_id, [Metric("c", 1, now, 0)], [Param("d", "1")], [RunTag("e", "1")])
        written = [item for item in written if not item[1].startswith("system/")]
        assert written == [("metric", "a"), ("param", "p"), ("tag", "t"), ("metric", "b"),
                           ("metric", "c"), ("param", "d"), ("tag", "e")]  # fmt: skip

    def test_what_mlflow_refuses_it_refuses_in_its_own_words(self):
        with mlflow.start_run() as run:
            mlflow.log_param("p", 1)
            mlflow.log_param("p", 1)
            with pytest.raises(MlflowException, match="Changing param values is not allowed"):
                mlflow.log_param("p", 2)
            with pytest.raises(MlflowException, match="Changing param values is not allowed"):
                mlflow.log_params({"p": 3})
            with pytest.raises(MlflowException, match="Invalid value"):
                mlflow.log_metric("a", "high")
            with pytest.raises(MlflowException, match="Names may only contain"):
                mlflow.log_metric("a!", 1)
        assert mlflow.get_run(run.info.run_id).data.params == {"p": "1"}

    def test_a_parameter_that_the_store_has_already_is_known(self):
        with mlflow.start_run() as run:
            mlflow.log_param("p", 1)
        with mlflow.start_run(run_id=run.info.run_id):
            mlflow.log_param("p", 1)
            with pytest.raises(MlflowException, match="Changing param values"):
                mlflow.log_param("p", 2)

    def test_other_threads_and_other_runs(self, project):
        other = tracking.start_run(project, name="not captured here")
        with mlflow.start_run() as run:
            client = mlflow.MlflowClient()
            threads = [threading.Thread(target=client.log_metric, args=(run.info.run_id, f"m{i}", i)) for i in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            client.log_metric(other, "direct", 1.0)
            mlflow.log_metric("named", 2.0, run_id=other)
            assert other not in append_log.open_logs
        assert len(show_run(project, run.info.run_id).card.metrics) == 8
        assert mlflow.get_run(other).data.metrics == {"direct": 1.0, "named": 2.0}

    def test_asynchronous_calls_and_metrics_of_a_dataset_go_mlflows_own_way(self):
        with mlflow.start_run() as run:
            mlflow.log_metric("later", 1.0, synchronous=False).wait()
            data = mlflow.data.from_numpy(np.ones((3, 2)), name="n")
            mlflow.log_metric("on", 1.0, dataset=data)
        found = mlflow.get_run(run.info.run_id)
        assert (found.data.metrics["later"], found.data.metrics["on"]) == (1.0, 1.0)
        assert found.inputs.dataset_inputs[0].dataset.digest.startswith("xxh3")

    def test_another_server_is_left_alone(self, tmp_path):
        elsewhere = f"sqlite:///{tmp_path / 'theirs.db'}"
        mlflow.set_tracking_uri(elsewhere)
        with mlflow.start_run() as run:
            mlflow.log_metric("a", 1.0)
            assert run.info.run_id not in append_log.open_logs
        assert mlflow.get_run(run.info.run_id).info.experiment_id == "0"
        assert session._session.opened == {}


class TestRuns:
    @pytest.mark.checklist("S1-08")
    def test_a_plain_run_is_one_of_ours(self, project):
        with mlflow.start_run(run_name="plain") as run:
            assert mlflow.get_tracking_uri() == project.tracking_uri
            assert session.current_run()[1] == run.info.run_id
            workbench.log(f1=0.5)
        detail = show_run(project, run.info.run_id)
        assert (detail.card.state, detail.card.name) == ("FINISHED", "plain")
        assert detail.card.metrics == {"f1": 0.5}
        assert detail.environment_digest.startswith("sha256:")
        events = [event.kind for event in project.journal.events(subject=f"run:{run.info.run_id}")]
        assert events == ["run.started", "run.ended"]

    def test_a_failing_block_fails(self, project):
        with pytest.raises(ValueError, match="x"), mlflow.start_run() as run:
            raise ValueError("x")
        assert show_run(project, run.info.run_id).card.state == "FAILED"

    def test_already_active_does_not_come(self, project):
        first = mlflow.start_run()
        mlflow.log_metric("a", 1)
        second = mlflow.start_run(run_name="again")
        assert show_run(project, first.info.run_id).card.state == "FINISHED"
        mlflow.end_run()
        with mlflow.start_run() as outer, mlflow.start_run() as inner:
            mlflow.log_metric("x", 1)
        assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
        assert second.data.tags.get("mlflow.parentRunId") is None
        assert {card.state for card in list_runs(project)} == {"FINISHED"}

    def test_inside_a_run_of_ours_the_first_joins_and_the_next_are_children(self, project):
        with workbench.run("grid") as owner:
            mlflow.log_metric("all", 1)
            assert mlflow.active_run().info.run_id == owner
            trials = []
            for depth in (2, 4):
                with mlflow.start_run(run_name=f"depth {depth}") as trial:
                    mlflow.log_param("depth", depth)
                    trials.append(trial.info.run_id)
            mlflow.log_metric("best", 4)
        assert owner not in trials
        assert len(set(trials)) == 2
        assert show_run(project, owner).card.metrics == {"all": 1, "best": 4}
        assert [show_run(project, trial).card.params for trial in trials] == [{"depth": "2"}, {"depth": "4"}]
        client = tracking_client(project)
        assert {client.get_run(trial).data.tags["mlflow.parentRunId"] for trial in trials} == {owner}
        assert {card.state for card in list_runs(project)} == {"FINISHED"}
        assert mlflow.active_run() is None

    def test_the_first_that_asks_to_be_a_child_is_one(self, project):
        with workbench.run("search") as ours:
            for trial in range(2):
                with mlflow.start_run(nested=True, run_name=f"trial {trial}"):
                    mlflow.log_metric("loss", trial)
            mlflow.log_metric("best", 0.0)
        cards = {card.name: card for card in list_runs(project)}
        assert {name: card.metrics for name, card in cards.items()} == {
            "search": {"best": 0.0},
            "trial 0": {"loss": 0.0},
            "trial 1": {"loss": 1.0},
        }
        assert {cards["trial 0"].parent, cards["trial 1"].parent} == {ours}

    def test_a_child_left_open_ends_with_its_parent(self, project):
        with workbench.run() as owner:
            mlflow.log_metric("a", 1)
            child = mlflow.start_run().info.run_id
        assert mlflow.active_run() is None
        assert [show_run(project, run).card.state for run in (owner, child)] == ["FINISHED", "FINISHED"]

    def test_an_open_plain_run_does_not_swallow_a_tracked_one(self, project):
        plain = mlflow.start_run().info.run_id
        with workbench.run() as owner:
            mlflow.log_metric("inner", 1)
        mlflow.log_metric("outer", 1)
        mlflow.end_run()
        assert show_run(project, owner).card.metrics == {"inner": 1}
        assert show_run(project, plain).card.metrics == {"outer": 1}

    def test_ending_whatever_is_active_comes_to_an_end(self, project):
        with workbench.run() as owner:
            mlflow.log_metric("a", 1)
            while mlflow.active_run():
                mlflow.end_run()
            mlflow.log_metric("b", 2)
        card = show_run(project, owner).card
        assert (card.state, card.metrics) == ("FINISHED", {"a": 1, "b": 2})

    def test_a_job_keeps_its_run_and_gets_children_for_trials(self, project, monkeypatch):
        folder = project.root / ".workbench" / "jobs" / "jb-1"
        folder.mkdir(parents=True)
        run = tracking.start_run(project, tags={"workbench.job": "jb-1"})
        (folder / "run.json").write_text(json.dumps({"run": run}))
        monkeypatch.setenv("WORKBENCH_RUN_FILE", str(folder / "run.json"))
        monkeypatch.setenv("WORKBENCH_JOB", "jb-1")
        session.join_job_run()
        for depth in (2, 4):
            with mlflow.start_run() as trial:
                mlflow.log_param("depth", depth)
        with mlflow.start_run():
            mlflow.log_metric("trial", depth)
        mlflow.log_metric("whole", 1)
        assert trial.info.run_id != run
        cards = {card.id: card for card in list_runs(project)}
        assert cards[run].state == "RUNNING"
        assert (cards[run].params, cards[run].metrics) == ({"depth": "2"}, {"whole": 1})
        assert cards[trial.info.run_id].state == "FINISHED"
        told = [json.loads(line)["data"] for line in (folder / "outbox.jsonl").read_text().splitlines()]
        told = [item for item in told if not item["name"].startswith("system/")]
        assert told == [{"name": "whole", "value": 1.0, "step": 0}]

    def test_a_session_that_fails_never_fails_the_cell(self, project, monkeypatch, capsys):
        def broken(*_):
            raise RuntimeError("planted")

        monkeypatch.setattr(quiet, "_said", set())
        monkeypatch.setattr(session, "adopt", broken)
        monkeypatch.setattr(session, "release", broken)
        with mlflow.start_run() as run:
            mlflow.log_metric("a", 1)
        assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
        assert "planted" in capsys.readouterr().err


@pytest.mark.checklist("S4-05")
def test_a_killed_process_loses_nothing_that_was_logged(project, python):
    code = (
        "from workbench.experiment import session\nsession.begin_capture(project.root)\nimport mlflow\n"
        "from mlflow import log_metric\nrun = mlflow.start_run()\n"
        "for i in range(500):\n    log_metric('a', i, step=i)\n"
        "print(run.info.run_id, flush=True)\ntime.sleep(600)\n"
    )
    with python(code) as process:
        run = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert reap_dead_runs(project) == (run,), process.stderr
    detail = show_run(project, run)
    assert detail.card.state == "KILLED"
    assert detail.card.metrics["a"] == 499


def test_nothing_is_imported_for_it(python):
    code = (
        "from workbench.experiment import session\nsession.begin_capture(project.root)\n"
        "print(sorted({'mlflow', 'numpy', 'psutil', 'xxhash', 'pickletools'} & set(sys.modules)))"
    )
    with python(code) as process:
        said, noise = process.communicate()
    assert said.strip() == "[]", noise


def test_logging_costs_microseconds(project):
    def cpu_ms(action, count):
        found = []
        for _ in range(5):
            begun = time.process_time()
            for i in range(count):
                action(i)
            found.append((time.process_time() - begun) / count * 1000)
        return sorted(found)[2]

    with mlflow.start_run():
        ours = cpu_ms(lambda i: mlflow.log_metric("a", i * 0.5, step=i), 500)
    install.uninstall()
    os.environ.pop("MLFLOW_RUN_ID", None)
    with mlflow.start_run():
        theirs = cpu_ms(lambda i: mlflow.log_metric("a", i * 0.5, step=i), 20)
    assert theirs / ours > 25, (theirs, ours)


class TestRunsBesideEachOther:
    """Each thread and task has runs of its own, and mlflow's calls in it go to those."""

    def test_threads(self, project):
        is_all_begun, is_all_logged = threading.Barrier(3), threading.Barrier(3)

        def trial(number):
            with workbench.run(f"trial {number}"):
                is_all_begun.wait(30)
                for step in range(20):
                    mlflow.log_metric("number", number, step=step)
                mlflow.log_param("number", number)
                is_all_logged.wait(30)
                with mlflow.start_run(run_name=f"fold {number}", nested=True):
                    mlflow.log_metric("fold", number)
                mlflow.set_tag("after", number)

        threads = [threading.Thread(target=trial, args=(number,)) for number in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        found = {run.name: run for run in list_runs(project)}
        assert len(found) == 6
        for number in range(3):
            own, fold = found[f"trial {number}"], found[f"fold {number}"]
            assert (own.metrics, own.params) == ({"number": float(number)}, {"number": str(number)})
            assert len(show_run(project, own.id).history["number"]) == 20
            assert show_run(project, own.id).tags["after"] == str(number)
            assert (fold.metrics, fold.parent) == ({"fold": float(number)}, own.id)
        assert {run.state for run in found.values()} == {"FINISHED"}
        assert "MLFLOW_RUN_ID" not in os.environ

    def test_tasks(self, project):
        async def trial(number):
            with workbench.run(f"trial {number}"):
                for step in range(5):
                    mlflow.log_metric("number", number, step=step)
                    await asyncio.sleep(0.01 * (3 - number))
                assert mlflow.log_param("number", number) == number

        async def trials():
            await asyncio.gather(*(trial(number) for number in range(3)))

        asyncio.run(trials())
        assert mlflow.active_run() is None
        found = {run.name: run for run in list_runs(project)}
        assert {name: run.metrics for name, run in found.items()} == {
            f"trial {n}": {"number": float(n)} for n in range(3)
        }
        assert {name: run.params for name, run in found.items()} == {f"trial {n}": {"number": str(n)} for n in range(3)}
        assert [len(show_run(project, run.id).history["number"]) for run in found.values()] == [5, 5, 5]
        assert {run.state for run in found.values()} == {"FINISHED"}

    def test_a_helper_thread_that_lives_on_does_not_log_to_a_run_that_has_ended(self, project):
        with ThreadPoolExecutor(1) as pool:
            for number in range(2):
                with workbench.run(f"trial {number}"):
                    pool.submit(mlflow.log_metric, "number", number).result()
            pool.submit(mlflow.log_metric, "alone", 1).result()
            pool.submit(mlflow.end_run).result()
        found = {run.name: run.metrics for run in list_runs(project)}
        assert [found.pop(f"trial {number}") for number in range(2)] == [{"number": 0.0}, {"number": 1.0}]
        assert list(found.values()) == [{"alone": 1.0}], "in a run of its own"
