"""What a far job brings back becomes the project's own run, once, however often it is taken in."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.execute.far_jobs import FarJob
from workbench.compute.folder import JobFolder
from workbench.compute.marked_lines import read_log
from workbench.contract.job import JobEvent
from workbench.contract.status import RunState
from workbench.execute import results
from workbench.execute.results import deliver_event, end_children, take_in
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store import delivery
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.tracking import finish_run, log_params, start_run
from workbench.experiment.transfer.far_store import FarStore
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import IntegrityError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CELL = """
import os, pathlib, mlflow, pandas as pd
pathlib.Path(os.environ["WORKBENCH_ARTIFACTS"], "report").mkdir()
pathlib.Path(os.environ["WORKBENCH_ARTIFACTS"], "report", "a.txt").write_text("declared")
with mlflow.start_run():
    mlflow.log_param("depth", 3)
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("odd", float("nan"))
    mlflow.set_tag("team", "mill")
    mlflow.set_tag("workbench.models", '["echo"]')
    mlflow.log_text("hello", "notes/h.txt")
    mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"a": [1.0, 2.0]}), name="frame"), context="training")
    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input: list[str], params=None) -> list[str]:
            return model_input
    mlflow.pyfunc.log_model(name="echo", python_model=Model(), pip_requirements=["mlflow"])
    with mlflow.start_run(nested=True, run_name="kid"):
        mlflow.log_metric("kid_loss", 2.0)
        with mlflow.start_run(nested=True, run_name="grandkid"):
            mlflow.log_metric("small", 1.0)
with mlflow.start_run(run_name="second"):
    mlflow.log_metric("s", 3.0)
    mlflow.log_text("more", "m.txt")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("home")
    (root / "workbench.toml").write_text('[project]\nname = "trial"\n')
    return Project.open(root, actor="ada@example.org")


@pytest.fixture(scope="module")
def far_job(tmp_path_factory) -> FarJob:
    """One real far job: its folder is read by all tests and changed by none."""
    job = FarJob(tmp_path_factory.mktemp("far"), CELL)
    job.run()
    assert job.end == (0, ""), job.folder.log.read_text()
    return job


def begin(project: Project) -> str:
    run = start_run(project, name="far", source="notebooks/a.ipynb", tags={"workbench.job": "jb-00000001"})
    log_params(project, run, {"alpha": "1"})
    return run


def contents(project: Project, run: str) -> dict[str, object]:
    """Everything there is of a run, in a form that can be compared; ids of children are left out."""
    detail = show_run(project, run)
    client = tracking_client(project)
    found = client.get_run(run)
    models = client.search_logged_models([found.info.experiment_id])
    points = sqlite3.connect(sqlite_path(project)).execute(
        "SELECT key, value, step, timestamp, is_nan FROM metrics WHERE run_uuid = ? ORDER BY 1, 3, 4", (run,)
    )
    return {
        "params": detail.card.params,
        "points": points.fetchall(),
        "tags": {key: value for key, value in detail.tags.items() if not key.startswith("mlflow.log-model")},
        "artifacts": sorted(detail.artifacts),
        "datasets": [(each.dataset.name, each.dataset.digest, len(each.tags)) for each in found.inputs.dataset_inputs],
        "models": [(model.name, str(model.status)) for model in models if model.source_run_id == run],
        "outputs": len(found.outputs.model_outputs),
        "children": sorted(
            (card.name, card.state, tuple(sorted(card.metrics.items())))
            for card in list_runs(project)
            if card.parent == run
        ),
    }


@pytest.fixture(scope="module")
def taken_in(project, far_job) -> str:
    run = begin(project)
    for event in far_job.folder.read_events():
        deliver_event(project, run, event)
    take_in(project, far_job.folder, run)
    finish_run(project, run, "FINISHED")
    return run


def test_everything_that_was_logged_there_is_here(project, far_job, taken_in) -> None:
    found = contents(project, taken_in)
    assert found["params"] == {"alpha": "1", "depth": "3"}
    assert [(key, round(value, 3), step) for key, value, step, _, _ in found["points"]] == [
        ("loss", 1.0, 0),
        ("loss", 0.5, 1),
        ("loss", 0.333, 2),
        ("loss", 0.25, 3),
        ("loss", 0.2, 4),
        ("odd", 0.0, 0),
    ]
    assert found["tags"]["team"] == "mill"
    assert found["tags"]["workbench.models"] == '["echo"]', "by this a review finds the model"
    assert found["tags"]["workbench.actor"] == "ada@example.org", "tags of ours stay what they were here"
    assert {"notes/h.txt", "report/a.txt"} <= set(found["artifacts"])
    assert [(name, tags) for name, _, tags in found["datasets"]] == [("frame", 1)]
    assert found["models"] == [("echo", "READY")]
    assert found["outputs"] == 1
    assert found["children"] == [("kid", "FINISHED", (("kid_loss", 2.0),)), ("second", "FINISHED", (("s", 3.0),))]
    kid = next(card for card in list_runs(project) if card.name == "kid")
    grandkid = next(card for card in list_runs(project) if card.name == "grandkid")
    assert (grandkid.parent, grandkid.metrics, grandkid.job) == (kid.id, {"small": 1.0}, "jb-00000001")
    second = next(card for card in list_runs(project) if card.name == "second")
    assert "m.txt" in show_run(project, second.id).artifacts


def test_a_model_that_came_back_can_be_loaded(project, taken_in, monkeypatch) -> None:
    import mlflow

    client = tracking_client(project)
    (model,) = [
        each
        for each in client.search_logged_models([client.get_run(taken_in).info.experiment_id])
        if each.source_run_id == taken_in
    ]
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(project.tracking_uri)
    try:
        assert mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict(["x"]) == ["x"]
    finally:
        mlflow.set_tracking_uri(before)


def test_taking_in_again_doubles_nothing(project, far_job, taken_in) -> None:
    before = contents(project, taken_in)
    runs = len(list_runs(project))
    results._children.clear()  # as in another process
    for event in far_job.folder.read_events():
        deliver_event(project, taken_in, event)
    take_in(project, far_job.folder, taken_in)
    delivery.drain(project, taken_in)
    assert contents(project, taken_in) == before
    assert len(list_runs(project)) == runs


def test_live_events_alone_bring_metrics_and_children(project, far_job) -> None:
    """A job whose machine was lost has no file to take in: what was said while it ran is there all the same."""
    run = begin(project)
    far_run = "f" * 32
    events = [
        ("tag", {"name": "mlflow.parentRunId", "value": "", "run": far_run}),
        ("tag", {"name": "mlflow.runName", "value": "lonely", "run": far_run}),
        ("tag", {"name": "mlflow.source.name", "value": "theirs", "run": ""}),
        ("metric", {"name": "loss", "value": 0.5, "step": 1, "at_ms": 1_000, "run": ""}),
        ("metric", {"name": "bad name \x00 £", "value": 0.5, "step": 1, "at_ms": 1_000, "run": ""}),
        ("metric", {"name": "worse", "value": "no number", "step": 1, "at_ms": 1_000, "run": ""}),
        ("metric", {"name": "odd", "value": "NaN", "step": 0, "at_ms": 1_000, "run": far_run}),
        ("metric", {"name": "kid", "value": 4, "step": 0, "at_ms": 1_000, "run": far_run}),
        ("heartbeat", {"memory_bytes": 1}),
    ]
    for number, (kind, data) in enumerate(events, 1):
        deliver_event(project, run, JobEvent(number, "2026-11-26T10:00:00.000+00:00", kind, data))
    for each in (run, results._children[project.root, run, far_run]):
        delivery.drain(project, each)
    assert show_run(project, run).card.metrics == {"loss": 0.5}
    child = lambda: next(card for card in list_runs(project) if card.parent == run)  # noqa: E731
    assert (child().name, child().state, child().metrics) == ("lonely", "RUNNING", {"kid": 4.0})
    end_children(project, run, RunState.LOST)
    assert child().state == "LOST"
    end_children(project, run)  # the machine answered, and had nothing more to say of it
    assert child().state == "KILLED"


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("changed", lambda path: path.write_bytes(b"other!!!")),
        ("cut", lambda path: path.write_bytes(b"")),
        ("missing", lambda path: path.unlink()),
    ],
)
def test_a_damaged_result_is_refused_and_nothing_is_added(project, far_job, tmp_path, name, plant) -> None:
    copy = JobFolder(tmp_path / "jb-00000001")
    shutil.copytree(far_job.folder.path, copy.path)
    plant(copy.path / "artifacts" / "report" / "a.txt")
    run = begin(project)
    before = contents(project, run)
    with pytest.raises(IntegrityError) as caught:
        take_in(project, copy, run)
    assert caught.value.code == "result-damaged"
    assert contents(project, run) == before


def test_no_id_of_another_jobs_is_believed(project, far_job, taken_in, tmp_path) -> None:
    """A replay may announce whatever it likes: a model of somebody else's with files of its own, say."""
    copy = JobFolder(tmp_path / "jb-00000002")
    shutil.copytree(far_job.folder.path, copy.path)
    events = [json.loads(line) for line in copy.events.read_text().splitlines()]
    (planted,) = [each for each in events if each["kind"] == "artifact" and each["data"]["path"].endswith("/MLmodel")]
    (copy.path / planted["data"]["path"]).write_bytes(b"evil")
    planted["data"].update(digest=digest_bytes(b"evil"), bytes=4)
    copy.events.write_text("".join(json.dumps(event) + "\n" for event in events))
    before = contents(project, taken_in)
    other = start_run(project, name="other", tags={"workbench.job": "jb-00000002"})
    with pytest.raises(IntegrityError, match="no model that this job has made"):
        take_in(project, copy, other)
    assert contents(project, taken_in) == before
    assert not [path for path in (project.state_dir / "artifacts").rglob("MLmodel") if path.read_bytes() == b"evil"]


def test_a_far_store_that_is_none_is_refused(project, far_job, tmp_path) -> None:
    copy = JobFolder(tmp_path / "jb-00000001")
    shutil.copytree(far_job.folder.path, copy.path)
    (copy.path / "far.db").write_bytes(b"no database" * 100)
    with pytest.raises(IntegrityError) as caught:
        take_in(project, copy, begin(project))
    assert caught.value.code == "result-damaged"


@pytest.mark.parametrize("name", ["artifacts/../../secret.txt", "artifacts/{}/new.txt", "artifacts/" + "x" * 300, "\0"])
def test_names_in_events_cannot_reach_outside(project, far_job, tmp_path, name) -> None:
    copy = JobFolder(tmp_path / "jb-00000001")
    shutil.copytree(far_job.folder.path, copy.path)
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    lines = copy.events.read_text().splitlines()
    digest = "sha256:" + __import__("hashlib").sha256(b"mine").hexdigest()
    (copy.path / "artifacts" / str(tmp_path).lstrip("/")).mkdir(parents=True)
    (copy.path / f"artifacts/{tmp_path}/new.txt").write_text("mine")
    data = {"path": name.format(tmp_path), "digest": digest, "bytes": 4}
    lines.append(json.dumps({"seq": len(lines) + 1, "at": "", "kind": "artifact", "data": data}))
    copy.events.write_text("\n".join(lines) + "\n")
    with pytest.raises(IntegrityError):
        take_in(project, copy, begin(project))
    assert Path(secret).read_text() == "mine"
    assert not (tmp_path / "new.txt").exists()


def query(statement: str) -> Callable[[JobFolder], object]:
    """Return what changes a far store as nobody who writes one would."""

    def change(folder: JobFolder) -> None:
        with sqlite3.connect(folder.path / "far.db") as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.executescript(statement)
        connection.close()

    return change


def tear(folder: JobFolder) -> None:
    """Overwrite the pages of the metrics, as a disk does that lost them."""
    path = folder.path / "far.db"
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'metrics'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)


def say(**event: object) -> Callable[[JobFolder], object]:
    return lambda folder: folder.events.open("a").write(json.dumps(event) + "\n")


@pytest.mark.parametrize(
    "plant",
    [
        lambda folder: (folder.path / "far.db").write_bytes(b""),
        lambda folder: os.truncate(folder.path / "far.db", (folder.path / "far.db").stat().st_size // 2),
        tear,
        query("DROP TABLE runs"),
        query("DROP TABLE metrics"),
        query("DROP TABLE tags"),
        query("ALTER TABLE metrics RENAME COLUMN step TO pace"),
        query(
            "ALTER TABLE metrics RENAME TO m; CREATE TABLE metrics AS SELECT key, 'x' AS value, 0 AS is_nan, step,"
            " timestamp, run_uuid FROM m"
        ),
        query("ALTER TABLE datasets RENAME COLUMN dataset_uuid TO id"),
        query("ALTER TABLE datasets ADD COLUMN more TEXT"),
        query("UPDATE runs SET run_uuid = 'x''y' WHERE rowid = 2"),
        say(seq=10_000, at="", kind="artifact", data={"path": "a", "bytes": "many", "digest": ""}),
        say(seq=10_000, at="", kind="artifact", data={"bytes": 1}),
        say(seq=10_000, at="", kind="artifact", data=7),
        say(other=1),
        lambda folder: folder.events.open("a").write("no event\n"),
    ],
    ids=[
        "empty",
        "cut in two",
        "torn",
        "no runs",
        "no metrics",
        "no tags",
        "another column",
        "words for numbers",
        "no key",
        "a column more",
        "no run's id",
        "no size",
        "no path",
        "no data",
        "no event",
        "no JSON",
    ],
)
def test_what_is_torn_or_half_made_is_damaged_each_time(project, far_job, tmp_path, plant) -> None:
    """Anything else would be tried again for ever."""
    copy = JobFolder(tmp_path / "jb-00000001")
    shutil.copytree(far_job.folder.path, copy.path)
    plant(copy)
    run = begin(project)
    for _ in range(2):
        with pytest.raises(IntegrityError) as caught:
            take_in(project, copy, run)
        assert caught.value.code == "result-damaged"


def test_a_live_event_with_a_time_that_is_none_ends_nothing(project) -> None:
    run = begin(project)
    deliver_event(project, run, JobEvent(1, "yesterday", "metric", {"name": "m", "value": 1.0, "step": 0, "run": ""}))
    with pytest.raises(IntegrityError):
        deliver_event(project, run, JobEvent(2, "", "metric", {"name": "m", "value": 1.0, "step": 0, "run": "x'y"}))


def test_a_file_both_declared_and_logged_is_no_damage(far_job, tmp_path) -> None:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "another"\n')  # a job's models are one run's
    project = Project.open(tmp_path, actor="ada@example.org")
    copy = JobFolder(tmp_path / "jb-00000001")
    shutil.copytree(far_job.folder.path, copy.path)
    logged = next(name for name in results.verified_artifacts(copy) if name.endswith("/artifacts/notes/h.txt"))
    (copy.path / "artifacts" / "notes").mkdir()
    (copy.path / "artifacts" / "notes" / "h.txt").write_text("other")
    digest = digest_bytes(b"other")
    say(seq=10_000, at="", kind="artifact", data={"path": "artifacts/notes/h.txt", "bytes": 5, "digest": digest})(copy)
    run = begin(project)
    for _ in range(2):
        take_in(project, copy, run)
    assert (copy.path / logged).read_text() == "hello"
    assert (copy.path / "artifacts" / "notes" / "h.txt").read_text() == "other"


LARGE = """
import json, os, pathlib, mlflow
folder = pathlib.Path(os.environ["WORKBENCH_ARTIFACTS"])
(folder / "small.txt").write_text("small")
for name in ("artifacts/weights.bin", "outputs/frame.arrow"):
    place = folder.parent / name
    place.parent.mkdir(exist_ok=True)
    with place.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
said = {"path": "outputs/frame.arrow", "digest": "sha256:0", "bytes": (64 << 20) + 1}
with open(os.environ["WORKBENCH_OUTBOX"], "a") as stream:
    stream.write(json.dumps({"kind": "artifact", "data": said}) + "\\n")
with mlflow.start_run():
    mlflow.log_metric("m", 1.0)
"""


def test_what_no_log_can_hold_is_named_and_all_else_comes(project, tmp_path) -> None:
    """The job did what it should: it keeps its end, and its run says what lies nowhere here."""
    job = FarJob(tmp_path, LARGE, channel="stdout", target="tokyo")
    log = read_log(job.run())
    assert job.end == (0, ""), job.folder.log.read_text()
    home = JobFolder(tmp_path / "home" / "jb-00000001")
    log.write_files(home.path)
    home.events.write_text("".join(json.dumps(asdict(event)) + "\n" for event in log.events()))
    lost = [event.data for event in log.events() if event.kind == "lost"]
    assert [(data["path"], data["bytes"]) for data in lost] == [
        ("artifacts/weights.bin", (64 << 20) + 1),
        ("outputs/frame.arrow", (64 << 20) + 1),
    ]
    assert 'store = "s3://bucket/prefix" in [targets.tokyo]' in str(lost[0]["hint"])
    run = begin(project)
    for _ in range(2):
        take_in(project, home, run)
    found = show_run(project, run)
    assert found.tags["workbench.lost"].startswith("artifacts/weights.bin, outputs/frame.arrow: too large")
    assert "store = " in found.tags["workbench.lost"]
    assert "small.txt" in found.artifacts
    assert "weights.bin" not in found.artifacts
    assert found.card.metrics == {"m": 1.0}
    (home.path / "artifacts" / "small.txt").unlink()
    with pytest.raises(IntegrityError):
        take_in(project, home, run)


def test_a_store_takes_what_no_log_can_hold(tmp_path) -> None:
    """What goes to a store is announced, whatever its size; here no store answers, and that is the end."""
    put = {"results.tar.gz": "http://127.0.0.1:9/results.tar.gz"}
    job = FarJob(tmp_path, LARGE, channel="stdout", results={"put": put})
    job.run()
    assert job.end == (2, "results-unsent")
    assert job.of("lost") == []
    assert "artifacts/weights.bin" in {data["path"] for data in job.of("artifact")}


def test_a_column_cannot_say_more_than_its_name(tmp_path):
    """Its file is the notebook's to write, and its columns are named in a statement on the project's own store."""
    name = 'model_id") VALUES (?) ON CONFLICT DO UPDATE SET name = 1 --'
    with sqlite3.connect(tmp_path / "far.db") as connection:
        connection.execute('CREATE TABLE logged_models ("{}" TEXT)'.format(name.replace('"', '""')))
        connection.execute("INSERT INTO logged_models VALUES ('m')")
    with pytest.raises(IntegrityError, match="result-damaged"):
        FarStore(tmp_path / "far.db").rows("logged_models")
