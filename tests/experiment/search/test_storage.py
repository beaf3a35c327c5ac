"""What can be freed is shown, freed once and completely, and is never anything that somebody rests on."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from workbench.experiment import storage
from workbench.experiment.annotations import delete_runs, undelete_runs
from workbench.experiment.runs import list_runs, rows_of, show_run
from workbench.experiment.storage import collection
from workbench.experiment.store import tracking
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.models import register_version
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import UsageError
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

OLD = time.time() - 40 * 86_400


def make_run(project, tmp_path, *, delete=False, is_old=True):
    run = tracking.start_run(project, name="r")
    folder = tmp_path / "art"
    folder.mkdir(exist_ok=True)
    (folder / "weights.bin").write_bytes(b"x" * 1000)
    tracking.log_artifacts(project, run, folder, "models/m")
    tracking.finish_run(project, run, "FINISHED")
    if delete:
        delete_runs(project, (run,))
        if is_old:
            with sqlite3.connect(sqlite_path(project)) as connection:
                connection.execute("UPDATE runs SET deleted_time = ? WHERE run_uuid = ?", (int(OLD * 1000), run))
            connection.close()
    return run


def artifacts(project, run):
    return local_folder(rows_of(project, (run,))[0].artifact_uri)


def aged(path):
    os.utime(path, (OLD, OLD))
    return path


def by_part(reports):
    return {report.part: report for report in reports}


def collect(project, **options):
    return by_part(storage.collect_garbage(project, **options))


@pytest.fixture
def littered(project, tmp_path):
    """One thing of each kind that can go, and beside each one that must stay."""
    state = project.state_dir
    gone = {"run": make_run(project, tmp_path, delete=True)}
    kept = {"run": make_run(project, tmp_path), "fresh": make_run(project, tmp_path, delete=True, is_old=False)}

    orphan = state / "artifacts" / ("e" * 32)
    (orphan / "artifacts").mkdir(parents=True)
    (orphan / "artifacts" / "x").write_bytes(b"12345")
    gone["orphan"] = aged(orphan)
    young = state / "artifacts" / ("f" * 32)
    young.mkdir()
    logged = state / "artifacts" / "models" / "m-1"
    logged.mkdir(parents=True)
    aged(logged)

    policy = project.store.put_bytes(b"policy")
    named = project.store.put_bytes(b"named by a manifest")
    manifest = project.store.put_bytes(canonical_json({"files": [{"path": "a", "size": 1, "digest": named}]}))
    loose = project.store.put_bytes(b"nobody names me")
    new = project.store.put_bytes(b"just written")
    for digest in (policy, named, manifest, loose):
        aged(project.store.path_of(digest))
    gone["blob"] = project.store.path_of(loose)
    kept["blobs"] = [project.store.path_of(digest) for digest in (policy, named, manifest, new)]

    for job, notebook in (("jb-done", b"{}"), ("jb-differs", b"{ }")):
        run = make_run(project, tmp_path)
        folder = state / "jobs" / job
        folder.mkdir(parents=True)
        (folder / "output.ipynb").write_bytes(b"{}")
        (tmp_path / "nb").mkdir(exist_ok=True)
        (tmp_path / "nb" / "output.ipynb").write_bytes(notebook)
        tracking.log_artifacts(project, run, tmp_path / "nb", "notebook")
        with project.journal.transaction() as change:
            change.append("job.ended", f"job:{job}", {})
            body = {"run": run, "ended_at": "2026-01-01T00:00:00+00:00", "is_run_open": False}
            change.put("job", job, "SUCCEEDED", body)
        if job == "jb-done":
            gone["job"] = folder
        else:
            kept["job"] = folder

    gone["lease"] = state / "leases" / f"run-{kept['run']}"
    gone["lease"].write_text("{}")
    aged(gone["lease"])
    with project.journal.transaction() as change:
        change.append("review.requested", "review:rv-1", {"policy_digest": policy})
        change.put("review", "rv-1", "APPROVED", {"run": kept["run"], "model_digest": manifest})
    return gone, kept


def test_showing_changes_nothing(project, littered):
    before = sorted((str(p), p.stat().st_mtime) for p in project.state_dir.rglob("*") if "journal" not in p.name)
    head = project.journal.head()
    found = collect(project)
    assert {part: report.items for part, report in found.items()} == {
        "deleted-runs": 1, "orphan-artifacts": 1, "jobs": 1, "blobs": 1, "leases": 1, "trash": 0, "dvc-cache": 0,
    }  # fmt: skip
    assert found["deleted-runs"].bytes == 1000
    assert found["orphan-artifacts"].bytes == 5
    assert not any(report.is_freed for report in found.values())
    assert project.journal.head() == head
    ignored = ("-shm", "-wal")
    after = sorted((str(p), p.stat().st_mtime) for p in project.state_dir.rglob("*") if "journal" not in p.name)
    assert [x for x in after if not x[0].endswith(ignored)] == [x for x in before if not x[0].endswith(ignored)]


def test_freeing_takes_exactly_what_was_shown(project, littered):
    gone, kept = littered
    shown, freed = collect(project), collect(project, yes=True)
    assert {p: (r.items, r.bytes) for p, r in freed.items()} == {p: (r.items, r.bytes) for p, r in shown.items()}
    assert all(report.is_freed for report in freed.values() if report.items)
    assert not artifacts(project, gone["run"]).exists()
    assert not any(gone[name].exists() for name in ("orphan", "blob", "job", "lease"))
    assert not (project.state_dir / "trash").exists()
    assert all(path.is_file() for path in kept["blobs"])
    assert kept["job"].is_dir()
    assert (project.state_dir / "artifacts" / "models" / "m-1").is_dir()
    assert (project.state_dir / "artifacts" / ("f" * 32)).is_dir()
    for run in (kept["run"], kept["fresh"]):
        assert (artifacts(project, run) / "models" / "m" / "weights.bin").is_file()
    (event,) = project.journal.events(kind="storage.freed")
    assert event.data["deleted-runs"] == {"items": 1, "bytes": 1000}
    again = collect(project, yes=True)
    assert all(report.items == 0 for report in again.values())
    assert len(project.journal.events(kind="storage.freed")) == 1
    undelete_runs(project, (gone["run"],))
    assert show_run(project, gone["run"]).artifacts == ()


def test_what_a_review_or_the_registry_rests_on_stays(project, tmp_path):
    reviewed, registered = (make_run(project, tmp_path, delete=True) for _ in range(2))
    with project.journal.transaction() as change:
        change.append("review.requested", "review:rv-1", {})
        change.put("review", "rv-1", "REJECTED", {"run": reviewed})
    undelete_runs(project, (registered,))
    register_version(project, registered, "m")
    delete_runs(project, (registered,))
    assert collect(project, yes=True, older_than_days=0)["deleted-runs"].items == 0
    for run in (reviewed, registered):
        assert (artifacts(project, run) / "models" / "m" / "weights.bin").is_file()


@pytest.mark.parametrize("source", ["{folder}/models/m", "runs:/{run}/models/m", "mlflow-artifacts:/1/{run}/artifacts"])
def test_a_model_version_that_names_no_run_keeps_the_one_whose_files_it_names(project, tmp_path, source):
    run = make_run(project, tmp_path, delete=True)
    register_version(project, make_run(project, tmp_path), "m")
    with sqlite3.connect(sqlite_path(project)) as connection:
        named = source.format(folder=artifacts(project, run), run=run)
        connection.execute("UPDATE model_versions SET run_id = NULL, source = ?", (named,))
    connection.close()
    assert collect(project, yes=True)["deleted-runs"].items == 0
    assert (artifacts(project, run) / "models" / "m" / "weights.bin").is_file()


def test_a_live_run_keeps_its_lease_and_an_ended_one_loses_it_only_when_old(project, tmp_path):
    run = make_run(project, tmp_path)
    path = project.state_dir / "leases" / f"run-{run}"
    lease = Lease(path)
    aged(path)
    assert collect(project, yes=True)["leases"].items == 0
    lease.release()
    path.write_text("{}")
    assert collect(project, yes=True, older_than_days=0)["leases"].items == 0
    assert path.is_file()


def test_what_is_needed_again_in_the_last_moment_is_put_back(project, littered, monkeypatch):
    gone, _ = littered
    real = collection._discard

    def touched(project, candidate):
        if candidate.path == gone["blob"]:
            assert project.store.put_bytes(b"nobody names me")  # a review that begins right now
        real(project, candidate)

    monkeypatch.setattr(collection, "_discard", touched)
    collect(project, yes=True)
    assert gone["blob"].read_bytes() == b"nobody names me"


@pytest.mark.parametrize("after", range(5))
def test_killed_anywhere_the_next_call_completes_it(project, littered, monkeypatch, after):
    gone, kept = littered
    real, calls = collection._discard, []

    def dying(project, candidate):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(candidate)
        real(project, candidate)

    monkeypatch.setattr(collection, "_discard", dying)
    with pytest.raises(KeyboardInterrupt):
        collect(project, yes=True)
    monkeypatch.setattr(collection, "_discard", real)
    assert collect(project)["trash"].items == after
    collect(project, yes=True)
    assert all(report.items == 0 for report in collect(project).values())
    assert not any(gone[name].exists() for name in ("orphan", "blob", "job", "lease"))
    assert all(path.is_file() for path in kept["blobs"])


def test_dvc_objects_are_counted_and_left(project):
    if not shutil.which("git"):
        pytest.skip("no Git")
    cache = project.root / ".dvc" / "cache" / "files" / "md5"
    names = {letter: letter * 32 for letter in "abcdef"}
    for digest in names.values():
        (cache / digest[:2]).mkdir(parents=True)
        (cache / digest[:2] / digest[2:]).write_bytes(b"12")
    listing = cache / "00" / ("0" * 30 + ".dir")
    listing.parent.mkdir()
    listing.write_text(json.dumps([{"md5": names["a"], "relpath": "x"}]))
    (project.root / "now.dvc").write_text(f"outs:\n- md5: {'0' * 32}.dir\n")
    git = ["git", "-C", str(project.root), "-c", "user.email=a@b", "-c", "user.name=a"]
    subprocess.run([*git, "init", "-q"], check=True)
    (project.root / "old.dvc").write_text(f"outs:\n- md5: {names['b']}\n")
    subprocess.run([*git, "add", "old.dvc"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    (project.root / "old.dvc").write_text(f"outs:\n- md5: {names['c']}\n")
    with project.journal.transaction() as change:
        change.append("data.snapshot", "dataset:x", {})
        change.put("dataset", "x@dddd", "RECORDED", {"digest": f"md5:{names['d']}"})
    found = collect(project, yes=True)["dvc-cache"]
    assert (found.items, found.bytes, found.is_freed) == (2, 4, False)
    assert "dvc gc would free 1 dataset version besides that no commit names, such as x@dddd" in found.why
    assert "dvc gc --" not in found.why, "which would free it"
    subprocess.run([*git, "add", "now.dvc", "old.dvc"], check=True)
    (project.root / "more.dvc").write_text(f"outs:\n- md5: {names['d']}\n")
    assert "free them with: dvc gc --workspace --all-commits" in collect(project)["dvc-cache"].why
    assert all((cache / digest[:2] / digest[2:]).is_file() for digest in names.values())


@pytest.mark.parametrize("is_other_disk", [False, True])
def test_a_store_beside_the_project_is_freed_too(tmp_path, monkeypatch, is_other_disk):
    (tmp_path / "project").mkdir()
    uri = f"sqlite:///{tmp_path / 'shared' / 'mlflow.db'}"
    (tmp_path / "shared").mkdir()
    (tmp_path / "project" / "workbench.toml").write_text(f'[project]\nname = "p"\n[tracking]\nuri = "{uri}"\n')
    project = Project.open(tmp_path / "project", actor="ada@example.org")
    run = make_run(project, tmp_path, delete=True)
    folder = artifacts(project, run).parent
    assert folder.is_relative_to(tmp_path / "shared")
    shown = collect(project)["deleted-runs"]
    assert (shown.items, shown.examples) == (1, (str(folder),))
    real = Path.rename

    def rename(path, target):
        if is_other_disk and Path(target).is_relative_to(project.root):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert collect(project, yes=True)["deleted-runs"].is_freed
    assert list((tmp_path / "shared" / "artifacts").iterdir()) == []
    assert collect(project)["deleted-runs"].items == 0


def test_a_wrong_age_is_refused(project):
    with pytest.raises(UsageError, match="age-wrong"):
        storage.collect_garbage(project, older_than_days=-1)


def test_an_empty_project_has_nothing_to_free(project):
    assert all(report.items == 0 for report in storage.collect_garbage(project, yes=True))
    assert list_runs(project) == ()
    assert project.journal.events(kind="storage.freed") == []
