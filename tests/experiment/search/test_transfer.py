"""Runs over an air gap: whole, once, and never a file that was changed on its way."""

import json
import math
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.experiment.conftest import make_project
from workbench.experiment.annotations import delete_runs, note_run, star_runs
from workbench.experiment.runs import find_run, list_runs, show_run
from workbench.experiment.store import tracking
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.transfer import carrying, export_runs, history, import_runs
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError, WorkbenchError


@pytest.fixture
def here(project, tmp_path):
    """A project with a parent, its child and a run of another kind."""
    import mlflow
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client = mlflow.MlflowClient(project.tracking_uri)
    parent = tracking.start_run(project, name="sweep", params={"trials": 2})
    child = tracking.start_run(
        project, name="trial 日本", source="a.ipynb", params={"depth": 3}, tags={"mlflow.parentRunId": parent}
    )
    for step, value in enumerate((0.1, 0.7, float("nan"), 1 / 3, float("inf"))):
        client.log_metric(child, "f1", value, timestamp=1_793_000_000_000 + step * 7, step=step)
    client.log_metric(child, "f1", 0.25, timestamp=1_793_000_000_001, step=2)
    dataset = Dataset("rows", "abc123", "local", '{"uri": "data/a.csv"}', "{}", "{}")
    client.log_inputs(child, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    (tmp_path / "art" / "deep").mkdir(parents=True)
    (tmp_path / "art" / "deep" / "モデル.bin").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "art" / "empty").write_bytes(b"")
    tracking.log_artifacts(project, child, tmp_path / "art", "models/m")
    lost = tracking.start_run(project)
    tracking.finish_run(project, child, "FAILED", error="E: x")
    tracking.finish_run(project, parent, "FINISHED")
    tracking.finish_run(project, lost, "LOST")
    note_run(project, child, "look at *this*")
    star_runs(project, (child,))
    return {"project": project, "parent": parent, "child": child, "lost": lost, "file": tmp_path / "runs.zip"}


@pytest.fixture
def there(tmp_path_factory):
    """Another project, on the other side."""
    return make_project(tmp_path_factory.mktemp("there"))


def plain(project, run):
    """All that plain MLflow says of a run, with what has to differ left out."""
    import mlflow

    client = mlflow.MlflowClient(project.tracking_uri)
    found = client.get_run(run)
    points = {
        key: sorted((p.step, p.timestamp, "nan" if math.isnan(p.value) else p.value) for p in history_of)
        for key in found.data.metrics
        if (history_of := client.get_metric_history(run, key))
    }
    tags = {
        key: value
        for key, value in found.data.tags.items()
        if key not in ("mlflow.parentRunId", history.FROM_TAG, history.WHOLE_TAG)
    }
    info = (found.info.run_name, found.info.status, found.info.start_time, found.info.end_time)
    inputs = [(i.dataset.to_dictionary(), [(t.key, t.value) for t in i.tags]) for i in found.inputs.dataset_inputs]
    files = {}
    for name in show_run(project, run).artifacts:
        files[name] = Path(client.download_artifacts(run, name)).read_bytes()
    return info, tags, found.data.params, points, inputs, files


def test_runs_arrive_whole_and_once(here, there):
    sent = export_runs(here["project"], here["file"], (here["child"][:12], here["parent"]), query="state = LOST")
    assert set(sent.runs) == {here["parent"], here["child"], here["lost"]}
    arrived = import_runs(there, here["file"])
    assert (arrived.digest, arrived.runs, len(arrived.added)) == (sent.digest, sent.runs, 3)
    new = {history.run_as_json(there, run)["tags"][history.FROM_TAG]: run for run in arrived.added}
    for origin, run in new.items():
        assert plain(there, run) == plain(here["project"], origin)
    assert show_run(there, new[here["child"]]).card.parent == new[here["parent"]]
    card = show_run(there, new[here["child"]]).card
    assert (card.is_starred, card.note, card.state) == (True, "look at *this*", "FAILED")
    assert [card.state for card in list_runs(there, "state = LOST")] == ["LOST"]
    assert len(show_run(there, new[here["child"]]).artifacts) == 2
    again = import_runs(there, here["file"])
    assert again.added == ()
    assert len(list_runs(there)) == 3
    assert len(there.journal.events(kind="run.imported")) == 3
    assert not (there.state_dir / "staging").exists() or not list((there.state_dir / "staging").iterdir())
    assert import_runs(here["project"], here["file"]).added == ()


def test_the_same_runs_give_the_same_bytes(here, tmp_path):
    runs = (here["parent"], here["child"])
    one = export_runs(here["project"], tmp_path / "1.zip", runs)
    two = export_runs(here["project"], tmp_path / "2.zip", runs[::-1])
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert one.digest == two.digest
    with zipfile.ZipFile(tmp_path / "1.zip") as file:
        assert file.testzip() is None
        assert json.loads(file.read("manifest.json"))["format"] == "workbench.runs.v1"


def test_a_child_that_came_first_finds_its_parent(here, there, tmp_path):
    export_runs(here["project"], tmp_path / "child.zip", (here["child"],))
    export_runs(here["project"], tmp_path / "parent.zip", (here["parent"],))
    (child,) = import_runs(there, tmp_path / "child.zip").added
    assert show_run(there, child).card.parent == ""
    (parent,) = import_runs(there, tmp_path / "parent.zip").added
    assert show_run(there, child).card.parent == parent


@pytest.mark.parametrize("times", [1, 2])
def test_a_model_that_mlflow_keeps_beside_its_run_travels_with_it(here, there, tmp_path, monkeypatch, times):
    import mlflow
    from mlflow.entities import LoggedModelOutput, Metric

    client = mlflow.MlflowClient(here["project"].tracking_uri)
    number = client.get_run(here["child"]).info.experiment_id
    made = client.create_logged_model(number, "forest", here["child"], {"kind": "tree"}, {"depth": "3"}, "tabular")
    (tmp_path / "m" / "deep").mkdir(parents=True)
    (tmp_path / "m" / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "m" / "deep" / "重み.bin").write_bytes(b"\0weights")
    client.log_model_artifacts(made.model_id, str(tmp_path / "m"))
    client.log_outputs(here["child"], [LoggedModelOutput(made.model_id, 4)])
    client.log_batch(here["child"], metrics=[Metric("auc", 0.75, 1_793_000_000_000, 4, model_id=made.model_id)])
    client.finalize_logged_model(made.model_id, "READY")
    export_runs(here["project"], here["file"], (here["child"], here["parent"]))
    if times > 1:  # killed after its models were written
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(carrying, "set_tags", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
            import_runs(there, here["file"])
    import_runs(there, here["file"])
    run = history.imported_runs(there)[here["child"]][0]
    client = mlflow.MlflowClient(there.tracking_uri)
    (output,) = client.get_run(run).outputs.model_outputs
    found = client.get_logged_model(output.model_id)
    assert (output.step, found.name, found.model_type, str(found.status)) == (4, "forest", "tabular", "READY")
    assert (found.params, found.tags["kind"]) == ({"depth": "3"}, "tree")
    assert found.tags[history.MODEL_TAG] == made.model_id
    assert [(point.key, point.value, point.step) for point in found.metrics] == [("auc", 0.75, 4)]
    folder = local_folder(found.artifact_location)
    assert (folder / "deep" / "重み.bin").read_bytes() == b"\0weights"
    assert plain(there, run) == plain(here["project"], here["child"])


def test_a_model_is_found_where_its_project_is_now_and_one_without_files_is_not_passed_over(here, there, tmp_path):
    import mlflow
    from mlflow.entities import LoggedModelOutput

    project = here["project"]
    client = mlflow.MlflowClient(project.tracking_uri)
    made = client.create_logged_model(client.get_run(here["child"]).info.experiment_id, "forest", here["child"])
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text("flavors: {}\n")
    client.log_model_artifacts(made.model_id, str(tmp_path / "m"))
    client.log_outputs(here["child"], [LoggedModelOutput(made.model_id, 0)])
    client.finalize_logged_model(made.model_id, "READY")
    moved = f"/elsewhere/.workbench/artifacts/models/{made.model_id}/artifacts"
    with sqlite3.connect(sqlite_path(project)) as connection:
        connection.execute("UPDATE logged_models SET artifact_location = ?", (moved,))
    connection.close()
    export_runs(project, here["file"], (here["child"],))
    with zipfile.ZipFile(here["file"]) as file:
        assert f"runs/{here['child']}/models/{made.model_id}/MLmodel" in file.namelist()
    shutil.rmtree(project.state_dir / "artifacts" / "models" / made.model_id)
    with pytest.raises(NotFoundError, match="model-unknown"):
        export_runs(project, tmp_path / "2.zip", (here["child"],))
    assert not (tmp_path / "2.zip").exists()


def test_a_run_whose_kernel_has_died_arrives_as_killed(here, there):
    project = here["project"]
    code = "import os, workbench; c = workbench.run('r'); c.__enter__(); workbench.log(f1=0.5); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], cwd=project.root, check=False)
    (run,) = [card.id for card in list_runs(project, "name = r")]
    export_runs(project, here["file"], (run,))
    (new,) = import_runs(there, here["file"]).added
    before, after = show_run(project, run).card, show_run(there, new).card
    assert (after.state, after.metrics, after.duration_s) == ("KILLED", {"f1": 0.5}, before.duration_s)


def test_a_level_that_was_proved_elsewhere_is_not_claimed_here(here, there):
    tracking.set_tags(here["project"], here["child"], {"workbench.level": "R4"})
    export_runs(here["project"], here["file"], (here["child"],))
    (run,) = import_runs(there, here["file"]).added
    assert show_run(there, run).card.level == "R0"


@pytest.mark.parametrize("tag", ["workbench.replay_of", "workbench.resumes"])
@pytest.mark.parametrize("is_together", [True, False])
def test_what_a_run_follows_is_the_run_that_it_is_here(here, there, tmp_path, tag, is_together):
    tracking.set_tags(here["project"], here["child"], {tag: here["lost"]})
    first, second = (here["child"],), (here["lost"],)
    if is_together:
        first = second = (*first, *second)
    export_runs(here["project"], tmp_path / "1.zip", first)
    export_runs(here["project"], tmp_path / "2.zip", second)
    import_runs(there, tmp_path / "1.zip")
    import_runs(there, tmp_path / "2.zip")
    here_now = {origin: run for origin, (run, _) in history.imported_runs(there).items()}
    assert show_run(there, here_now[here["child"]]).tags[tag] == here_now[here["lost"]]


@pytest.mark.parametrize("place", ["begin_import", "fill_import", "set_tags"])
def test_killed_half_way_the_same_file_completes_it(here, there, monkeypatch, place):
    export_runs(here["project"], here["file"], (here["child"], here["parent"]))
    module = carrying if place == "set_tags" else history
    real = getattr(module, place)

    def dies(*args, **kwargs):
        if place != "set_tags":
            real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, place, dies)
    with pytest.raises(KeyboardInterrupt):
        import_runs(there, here["file"])
    monkeypatch.setattr(module, place, real)
    import_runs(there, here["file"])
    import_runs(there, here["file"])
    assert len(list_runs(there)) == 2
    found = {card.name: card.id for card in list_runs(there)}
    assert plain(there, found["trial 日本"]) == plain(here["project"], here["child"])
    assert len(there.journal.events(kind="run.imported")) == 2


def rewritten(source, target, change):
    """Copy an archive, with its members and manifest changed."""
    with zipfile.ZipFile(source) as old:
        members = {info.filename: (info, old.read(info)) for info in old.infolist()}
    members = change(members) or members
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name, (info, data) in members.items():
            entry = zipfile.ZipInfo(name, info.date_time)
            entry.external_attr, entry.compress_type = info.external_attr, zipfile.ZIP_DEFLATED
            new.writestr(entry, data)
    return target


def with_member(name, data=b"evil", mode=0o644):
    """Add a member, listed in the manifest with its true digest: only its name is wrong."""

    def change(members):
        import hashlib

        info, text = members.pop("manifest.json")
        manifest = json.loads(text)
        manifest["members"].append(
            {"path": name, "size": len(data), "digest": "sha256:" + hashlib.sha256(data).hexdigest()}
        )
        odd = zipfile.ZipInfo(name)
        odd.external_attr = mode << 16
        return {**members, name: (odd, data), "manifest.json": (info, json.dumps(manifest).encode())}

    return change


def byte_changed(members):
    name = next(name for name in members if name.endswith(".bin"))
    info, data = members[name]
    members[name] = (info, data[:-1] + bytes([data[-1] ^ 1]))


def metric_changed(members):
    name = next(name for name in members if name.endswith("run.json") and b"f1" in members[name][1])
    info, data = members[name]
    members[name] = (info, data.replace(b"0.7", b"0.9"))


def one_missing(members):
    members.pop(next(name for name in members if name.endswith(".bin")))


def manifest_lost(members):
    members.pop("manifest.json")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (byte_changed, "archive-changed"),
        (metric_changed, "archive-changed"),
        (one_missing, "archive-changed"),
        (manifest_lost, "archive-invalid"),
        (with_member("../../evil.py"), "archive-invalid"),
        (with_member("/etc/evil"), "archive-invalid"),
        (with_member("runs/RUN/artifacts/../../../evil"), "archive-invalid"),
        (with_member("runs/RUN/artifacts/a\\..\\evil"), "archive-invalid"),
        (with_member("runs/" + "0" * 32 + "/artifacts/x"), "archive-invalid"),
        (with_member("runs/RUN/artifacts/link", b"/etc/passwd", 0o120777), "archive-invalid"),
        (with_member("runs/RUN/artifacts/zeros", b"\0" * (80 << 20)), "archive-too-large"),
    ],
)
def test_a_file_that_was_changed_is_refused_as_a_whole(here, there, tmp_path, change, code):
    export_runs(here["project"], here["file"], (here["child"],))

    def named(members):
        changed = change(members)
        if not changed:
            return None
        fixed = {name.replace("RUN", here["child"]): value for name, value in changed.items()}
        info, text = fixed["manifest.json"]
        fixed["manifest.json"] = (info, text.replace(b"RUN", here["child"].encode()))
        return fixed

    odd = rewritten(here["file"], tmp_path / "odd.zip", named)
    with pytest.raises(WorkbenchError) as refusal:
        import_runs(there, odd)
    assert refusal.value.code == code, refusal.value
    assert list_runs(there) == ()
    assert there.journal.events(kind="run.imported") == []
    assert not list(tmp_path.rglob("evil*"))
    rewritten(here["file"], tmp_path / "same.zip", lambda members: None)
    assert len(import_runs(there, tmp_path / "same.zip").added) == 1  # the harness changes nothing else


def test_a_truncated_or_foreign_file_is_refused(here, there, tmp_path):
    export_runs(here["project"], here["file"], (here["child"],))
    (tmp_path / "cut.zip").write_bytes(here["file"].read_bytes()[:-40])
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("manifest.json", '{"format": "other", "runs": [], "members": []}')
    for name, kind in (("cut.zip", IntegrityError), ("text.zip", IntegrityError), ("other.zip", UsageError)):
        with pytest.raises(kind):
            import_runs(there, tmp_path / name)
    with pytest.raises(UsageError, match="archive-missing"):
        import_runs(there, tmp_path / "none.zip")


def test_what_cannot_be_exported_is_said(here, tmp_path):
    project = here["project"]
    live = tracking.start_run(project, tags={"workbench.job": "jb-1"})
    for arguments, code in (
        (((), ""), "nothing-to-export"),
        (((live,), ""), "run-running"),
        ((("nobody",), ""), "run-unknown"),
        (((), "metrics.f1 >"), "query-invalid"),
    ):
        with pytest.raises(WorkbenchError) as refusal:
            export_runs(project, here["file"], *arguments)
        assert refusal.value.code == code
        assert not here["file"].exists()
    here["file"].write_text("mine")
    with pytest.raises(ConflictError, match="file-exists"):
        export_runs(project, here["file"], (here["child"],))
    assert here["file"].read_text() == "mine"


def test_an_imported_run_that_was_deleted_does_not_come_back(here, there):
    export_runs(here["project"], here["file"], (here["lost"],))
    (run,) = import_runs(there, here["file"]).added
    delete_runs(there, (run,))
    assert import_runs(there, here["file"]).added == ()
    with pytest.raises(NotFoundError):
        find_run(there, run)
