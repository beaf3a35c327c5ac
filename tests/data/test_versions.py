"""Dataset versions over real DVC: recorded, listed, brought back, and never at the price of somebody's bytes."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from workbench.data.versions import list_versions, restore, snapshot, version_of
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, StorageError, UsageError
from workbench.project.template import create_project

CSV = "data/readings.csv"


def cache_files(project):
    return [p for p in (project.root / ".dvc" / "cache").rglob("*") if p.is_file()]


def change_one_row(project):
    path = project.root / CSV
    path.write_text(path.read_text().replace("\n7,1.000\n", "\n7,1.001\n"))


@pytest.mark.checklist("S1-12", "S1-08")
def test_one_changed_row_is_a_new_version_and_the_old_one_comes_back_byte_equal(any_project, dvc):
    original = (any_project.root / CSV).read_bytes()
    (first,) = snapshot(any_project, (CSV,), "as delivered")
    change_one_row(any_project)
    changed = (any_project.root / CSV).read_bytes()
    assert changed != original
    (second,) = snapshot(any_project, (CSV,))

    assert first.id != second.id
    assert first.id == f"{CSV}@{first.digest.removeprefix('md5:')[:12]}"
    assert (first.rows, first.columns) == (500, {"time": "int64", "torque": "double"})
    assert (first.message, first.actor, first.size, first.files) == (
        "as delivered",
        "ada@example.org",
        len(original),
        1,
    )
    assert restore(any_project, first.id).is_current
    assert (any_project.root / CSV).read_bytes() == original
    assert dvc("status").stdout.strip() == "Data and pipelines are up to date."
    restore(any_project, second.id)
    assert (any_project.root / CSV).read_bytes() == changed


def test_the_real_dvc_brings_back_what_we_recorded(any_project, dvc):
    original = (any_project.root / CSV).read_bytes()
    snapshot(any_project, (CSV,))
    assert dvc("status").stdout.strip() == "Data and pipelines are up to date."
    change_one_row(any_project)
    assert "modified" in dvc("status").stdout
    (any_project.root / CSV).unlink()
    done = dvc("checkout")
    assert done.returncode == 0, done.stderr
    assert (any_project.root / CSV).read_bytes() == original


def test_dvc_is_told_to_send_nothing(project, dvc):
    snapshot(project, (CSV,))
    assert dvc("config", "core.analytics").stdout.strip().lower() == "false"
    assert dvc("config", "core.check_update").stdout.strip().lower() == "false"


def test_unchanged_bytes_are_the_version_they_were(project):
    (first,) = snapshot(project, (CSV,), "first words stay")
    events = project.journal.head().seq
    assert snapshot(project, (CSV,), "other words") == (first,)
    assert project.journal.head().seq == events == 1
    event = project.journal.events()[0]
    assert (event.kind, event.subject) == ("data.snapshot", f"dataset:{first.id}")


def test_going_back_and_recording_again_is_the_old_version(project):
    (first,) = snapshot(project, (CSV,))
    change_one_row(project)
    snapshot(project, (CSV,))
    restore(project, first.id)
    assert snapshot(project, (CSV,))[0].id == first.id
    assert [event.kind for event in project.journal.events()] == ["data.snapshot", "data.snapshot", "data.restored"]


def test_restoring_twice_changes_nothing_the_second_time(project):
    (first,) = snapshot(project, (CSV,))
    change_one_row(project)
    snapshot(project, (CSV,))
    restore(project, first.id)
    before = project.journal.head()
    restore(project, first.id)
    assert project.journal.head() == before


def test_restore_takes_the_beginning_of_an_id_and_brings_back_a_deleted_file(project):
    (first,) = snapshot(project, (CSV,))
    original = (project.root / CSV).read_bytes()
    (project.root / CSV).unlink()
    assert not list_versions(project)[0].is_current
    restore(project, first.id[:-6])
    assert (project.root / CSV).read_bytes() == original


def test_list_says_which_version_the_working_tree_holds(project):
    snapshot(project, (CSV,))
    change_one_row(project)
    assert [version.is_current for version in list_versions(project)] == [False]
    snapshot(project, (CSV,))
    assert [version.is_current for version in list_versions(project)] == [True, False]


def test_several_paths_are_recorded_in_one_transaction(project):
    (project.root / "data" / "labels.tsv").write_text("a\tb\n1\tx\n")
    versions = snapshot(project, (CSV, "data/labels.tsv"))
    assert [version.path for version in versions] == [CSV, "data/labels.tsv"]
    assert [event.kind for event in project.journal.events()] == ["data.snapshot"] * 2


def test_a_failure_records_none_of_them(project, monkeypatch):
    (project.root / "data" / "labels.tsv").write_text("a\tb\n1\tx\n")
    with pytest.raises(NotFoundError):
        snapshot(project, (CSV, "data/missing.csv"))
    assert project.journal.records("dataset") == []
    assert not (project.root / ".dvc").exists()

    snapshot(project, (CSV,))
    pointer = (project.root / f"{CSV}.dvc").read_bytes()
    change_one_row(project)
    monkeypatch.setattr("workbench.data.versions._record", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        snapshot(project, (CSV, "data/labels.tsv"))
    assert (project.root / f"{CSV}.dvc").read_bytes() == pointer
    assert not (project.root / "data" / "labels.tsv.dvc").exists()


@pytest.mark.checklist("S1-12")
def test_a_folder_is_one_version_and_its_files_belong_to_it(project, dvc):
    folder = project.root / "images"
    (folder / "mono").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"\0" * 100)
    (folder / "mono" / "b.bin").write_bytes(b"\1" * 100)
    (first,) = snapshot(project, ("images",))
    assert (first.files, first.size, first.rows) == (2, 200, None)
    assert version_of(project, folder / "mono" / "b.bin") == first
    assert version_of(project, folder) == first

    (folder / "mono" / "b.bin").write_bytes(b"\2" * 100)
    assert version_of(project, folder / "mono" / "b.bin") is None
    (folder / "new.bin").write_bytes(b"new")
    snapshot(project, ("images",))
    restore(project, first.id)
    assert sorted(p.name for p in folder.rglob("*.bin")) == ["a.bin", "b.bin"]
    assert (folder / "mono" / "b.bin").read_bytes() == b"\1" * 100
    assert dvc("status").stdout.strip() == "Data and pipelines are up to date."
    assert not [p for p in project.root.iterdir() if p.name.startswith(".images")]


def test_unsaved_changes_are_never_lost(project):
    (first,) = snapshot(project, (CSV,))
    (project.root / CSV).write_text("precious\n1\n")
    with pytest.raises(ConflictError) as refusal:
        restore(project, first.id)
    assert refusal.value.code == "data-unsaved"
    assert refusal.value.hint == f"keep them first: mlops data snapshot {CSV}"
    assert (project.root / CSV).read_text() == "precious\n1\n"


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_a_broken_cache_is_named_and_nothing_is_touched(project, damage):
    (first,) = snapshot(project, (CSV,))
    (old,) = cache_files(project)
    change_one_row(project)
    snapshot(project, (CSV,))
    changed = (project.root / CSV).read_bytes()
    old.chmod(0o644)
    if damage == "removed":
        old.unlink()
    else:
        old.write_bytes(b"X" + old.read_bytes()[1:])
    with pytest.raises(IntegrityError) as refusal:
        restore(project, first.id)
    assert refusal.value.code == {"removed": "data-cache-missing", "changed": "data-cache-damaged"}[damage]
    assert (project.root / CSV).read_bytes() == changed
    assert sorted(p.name for p in (project.root / "data").iterdir()) == ["readings.csv", "readings.csv.dvc"]


def test_unknown_versions_get_the_nearest_name(project):
    (first,) = snapshot(project, (CSV,))
    with pytest.raises(NotFoundError) as unknown:
        restore(project, f"{CSV}@000000000000")
    assert unknown.value.code == "version-unknown"
    assert first.id in unknown.value.hint


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("data/reading.csv", "data-missing"),
        ("../outside.csv", "path-outside-project"),
        ("/etc/hostname", "path-outside-project"),
        (".workbench/journal.db", "path-not-data"),
        (".", "path-not-data"),
        ("", "path-not-data"),
        ("data/link.csv", "path-outside-project"),
        ("data/pipe", "path-special"),
    ],
)
def test_bad_paths_are_refused_and_nothing_is_written(project, path, code):
    (project.root.parent / "outside.csv").write_text("secret")
    (project.root / "data" / "link.csv").symlink_to(project.root.parent / "outside.csv")
    os.mkfifo(project.root / "data" / "pipe")
    assert project.journal.head().seq == 0
    with pytest.raises((UsageError, NotFoundError)) as refusal:
        snapshot(project, (path,))
    assert refusal.value.code == code
    assert not (project.root / ".dvc").exists()


def test_nothing_named_is_refused(project):
    with pytest.raises(UsageError, match="no-paths"):
        snapshot(project, ())


def test_a_file_of_a_versioned_folder_gives_a_version_of_the_folder(project):
    (first,) = snapshot(project, ("data",))
    assert snapshot(project, (CSV,)) == (first,)
    change_one_row(project)
    (second,) = snapshot(project, (CSV,))
    assert second.path == "data"
    assert second.id != first.id
    assert not (project.root / f"{CSV}.dvc").exists()


def test_a_folder_around_a_versioned_file_is_refused_with_the_reason(project):
    snapshot(project, (CSV,))
    with pytest.raises(ConflictError) as refusal:
        snapshot(project, ("data",))
    assert refusal.value.code == "data-overlaps"
    assert not (project.root / "data.dvc").exists()


def test_version_of_compares_the_bytes_not_the_name(project):
    assert version_of(project, project.root / CSV) is None
    (first,) = snapshot(project, (CSV,))
    assert version_of(project, project.root / CSV) == first
    change_one_row(project)
    assert version_of(project, project.root / CSV) is None
    (second,) = snapshot(project, (CSV,))
    assert version_of(project, project.root / CSV).id == second.id
    assert version_of(project, project.root.parent / "elsewhere.csv") is None


def test_what_plain_dvc_added_is_listed_and_recognised(project, dvc):
    assert dvc("init", "--no-scm").returncode == 0
    assert dvc("add", CSV).returncode == 0
    (found,) = list_versions(project)
    assert found.is_current
    assert version_of(project, project.root / CSV).id == found.id
    (recorded,) = snapshot(project, (CSV,))
    assert recorded.id == found.id
    assert recorded.rows == 500


def test_a_broken_pointer_is_mended_by_the_next_snapshot_or_named(project):
    (first,) = snapshot(project, (CSV,))
    (project.root / f"{CSV}.dvc").write_text("<<<<<<< HEAD\nouts: [\n")
    assert [version.id for version in list_versions(project)] == [first.id]
    restore(project, first.id)
    assert first.digest.removeprefix("md5:") in (project.root / f"{CSV}.dvc").read_text()


def test_files_beyond_ascii_and_in_shift_jis(project):
    path = project.root / "data" / "計測 値.csv"
    path.write_bytes("時刻,温度\n1,2.5\n2,3.5\n".encode("cp932"))
    (version,) = snapshot(project, ("data/計測 値.csv",))
    assert (version.rows, list(version.columns)) == (2, ["時刻", "温度"])
    path.write_bytes(b"x\n")
    snapshot(project, ("data/計測 値.csv",))
    restore(project, version.id)
    assert path.read_bytes() == "時刻,温度\n1,2.5\n2,3.5\n".encode("cp932")


@pytest.mark.parametrize("how", ["another version", "nothing new", "mlops init"])
def test_a_project_that_comes_into_git_later_keeps_its_data_out_of_it(project, dvc, how):
    def git(*words):
        command = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    (first,) = snapshot(project, (CSV,))
    if how == "mlops init":
        create_project(project.root, "blank")
    else:
        git("init", "-q")
        if how == "another version":
            change_one_row(project)
        snapshot(project, (CSV,))
    git("add", "-A")
    git("commit", "-qm", "first")
    kept = git("ls-files").splitlines()
    assert {".dvc/config", ".dvc/.gitignore", ".dvcignore", f"{CSV}.dvc", "data/.gitignore"} <= set(kept)
    assert not [name for name in kept if name.startswith((".dvc/cache", ".dvc/tmp")) or name == CSV]
    assert "up to date" in dvc("status").stdout
    assert git("status", "--porcelain") == ""
    restore(project, first.id)
    assert (version_of(project, project.root / CSV).id, dvc("diff", "HEAD").returncode) == (first.id, 0)


def test_who_told_dvc_to_do_without_git_is_obeyed(project, dvc):
    subprocess.run(["git", "init", "-q", str(project.root)], check=True)
    assert dvc("init", "--no-scm").returncode == 0
    before = (project.root / ".dvc" / "config").read_bytes()
    snapshot(project, (CSV,))
    assert (project.root / ".dvc" / "config").read_bytes() == before


def test_a_busy_dvc_lock_is_waited_for(project):
    """DVC itself gives up after three seconds; here its lock is held for five by another real process."""
    snapshot(project, (CSV,))
    change_one_row(project)
    holder = textwrap.dedent(
        """
        import sys, time
        from dvc.repo import Repo
        repo = Repo(sys.argv[1])
        with repo.lock:
            print("held", flush=True)
            time.sleep(5)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(project.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        (version,) = snapshot(project, (CSV,))
        assert process.poll() is not None or process.wait(10) == 0
    assert version.is_current


def test_a_lock_that_stays_busy_is_an_error(project, monkeypatch):
    snapshot(project, (CSV,))
    change_one_row(project)
    monkeypatch.setattr("workbench.data.dvc.repo_lock.LOCK_TIMEOUT_S", 0.0)
    from dvc.repo import Repo

    with Repo(str(project.root)).lock, pytest.raises(StorageError) as refusal:
        snapshot(project, (CSV,))
    assert refusal.value.code == "data-locked"


def test_four_processes_at_once_record_one_version(project):
    code = textwrap.dedent(
        """
        import sys, json
        from pathlib import Path
        from workbench.foundation.project import Project
        from workbench.data.versions import snapshot
        project = Project.open(Path(sys.argv[1]), actor="ada@example.org")
        print(json.dumps([v.id for v in snapshot(project, ("data/readings.csv",))]))
        """
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(project.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    found = {tuple(json.loads(process.communicate(timeout=120)[0])) for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(found) == 1
    assert project.journal.head().seq == 1
    project.journal.verify()


def test_a_full_disk_is_named_and_loses_nothing(project):
    """A real refusal by the operating system: files may not grow beyond 100 kB, which the data does."""
    snapshot(project, (CSV,))
    (project.root / CSV).write_text("x\n" * 200_000)
    pointer = (project.root / f"{CSV}.dvc").read_bytes()
    code = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from workbench.data.versions import snapshot
        from workbench.foundation.errors import WorkbenchError
        from workbench.foundation.project import Project
        import dvc.repo, dvc.repo.add, dvc_data.index
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            snapshot(Project.open(Path(sys.argv[1])), ("data/readings.csv",))
        except WorkbenchError as error:
            print(error.code)
        """
    )
    done = subprocess.run([sys.executable, "-c", code, str(project.root)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "disk-full", done.stderr
    assert (project.root / f"{CSV}.dvc").read_bytes() == pointer
    assert (project.root / CSV).stat().st_size == 400_000
    assert len(snapshot(project, (CSV,))) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(project):
    (project.root / "data").chmod(0o555)
    try:
        with pytest.raises(StorageError) as refusal:
            snapshot(project, (CSV,))
        assert refusal.value.code == "folder-not-writable"
    finally:
        (project.root / "data").chmod(0o755)


def test_parquet_rows_come_from_its_footer(project):
    import pandas as pd

    pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}).to_parquet(project.root / "data" / "t.parquet")
    (version,) = snapshot(project, ("data/t.parquet",))
    assert version.rows == 3
    assert list(version.columns) == ["a", "b"]
    (project.root / "data" / "bad.parquet").write_bytes(b"no parquet")
    assert snapshot(project, ("data/bad.parquet",))[0].rows is None
