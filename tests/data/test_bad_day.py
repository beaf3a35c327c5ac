"""Data on a bad day: processes that are killed at any step, full disks, files that change, locks that are damaged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_day.test_storage import give_up_rights
from tests.data.conftest import make_project
from workbench.data.content import digest_of
from workbench.data.dvc import cache, links
from workbench.data.dvc.pointers import read_pointer
from workbench.data.dvc.repo_lock import hold_repo_lock
from workbench.data.versions import list_versions, restore, snapshot, unlock, verify_versions
from workbench.foundation.errors import ConflictError, IntegrityError, StorageError, WorkbenchError
from workbench.foundation.project import Project

CSV = "data/readings.csv"
STEPS = frozenset(
    {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "sqlite3.connect"}
)


def dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("dvc")
    return subprocess.run([program, *words], cwd=root, capture_output=True, text=True, check=False)


def in_child(work: Callable[[], object], hardship: Callable[[], None] = lambda: None) -> str:
    """Do work in a child of its own; return the code of its error, ``ok``, or ``killed``."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            hardship()
            work()
            said = "ok"
        except WorkbenchError as error:
            said = error.code
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said or "killed"


def die_at(step: int) -> Callable[[], None]:
    """Kill the process when it is about to change the file system for the n-th time."""
    left = [step]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event in STEPS or is_write:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.addaudithook(hook)


class Scene:
    """A project with one version of a table and of a folder, both changed since."""

    names = (CSV, "images")

    def __init__(self, root: Path, cache_type: str) -> None:
        """Make it."""
        root.mkdir()
        self.root = root
        project = make_project(root)
        (root / "images" / "deep").mkdir(parents=True)
        for name in ("a", "b", "deep/c"):
            (root / "images" / name).write_bytes(name.encode() * 50)
        assert dvc(root, "init", "-q", "--no-scm").returncode == 0
        (root / ".dvc" / "config").write_text(f"[core]\n    no_scm = True\n[cache]\n    type = {cache_type}\n")
        self.before = self.bytes()
        self.old = snapshot(project, self.names)
        unlock(project, self.names)
        (root / CSV).write_text("time,torque\n1,2\n")
        (root / "images" / "a").write_bytes(b"changed")
        (root / "images" / "new").write_bytes(b"new")
        self.after = self.bytes()
        project.journal.close()

    def open(self) -> Project:
        return Project.open(self.root, actor="ada@example.org")

    def bytes(self) -> dict[str, bytes]:
        """Return the data as it lies there."""
        files = [self.root / CSV, *(self.root / "images").rglob("*")]
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in files if p.is_file()}

    def litter(self) -> list[str]:
        """Return what nobody should find any more."""
        found = [
            *self.root.rglob(".*.workbench-*"),
            *self.root.rglob("workbench-*"),
            *self.root.rglob("data-intent.json"),
        ]
        return [p.name for p in found if ".lock" not in p.name]


def faults_after(scene: Scene) -> list[str]:
    """Say what is wrong with a project in which a snapshot was killed, and go on with it as a person would."""
    project = scene.open()
    faults = []
    if scene.bytes() != scene.after:
        faults.append("the author's files changed")
    try:
        new = snapshot(project, scene.names)
    except WorkbenchError as error:
        return [*faults, f"snapshot: {error}"]
    if any(found.state != "whole" for found in verify_versions(project)):
        return [*faults, "an object is not whole"]
    if len(list_versions(project)) != 4 or any(a.id == b.id for a, b in zip(new, scene.old, strict=True)):
        faults.append("a version is missing")
    for version in scene.old:
        restore(project, version.id)
    if scene.bytes() != scene.before:
        faults.append("an earlier version did not come back")
    for version in new:
        restore(project, version.id)
    if scene.bytes() != scene.after:
        faults.append("the new version did not come back")
    project.journal.verify()
    return faults + scene.litter()


def killed_everywhere(place: Path, cache_type: str, work: Callable[[Scene], object]) -> Iterator[tuple[int, Scene]]:
    """Yield a project for each step at which the work was killed, until it is done before it is killed."""
    untouched = Scene(place / "scene", cache_type)
    for step in range(400):
        shutil.copytree(untouched.root, place / "now", symlinks=True)
        scene = Scene.__new__(Scene)
        vars(scene).update({**vars(untouched), "root": place / "now"})
        said = in_child(lambda scene=scene: work(scene), die_at(step))
        assert said in ("ok", "killed"), said
        yield step, scene
        shutil.rmtree(place / "now")
        if said == "ok":
            return
    pytest.fail("it never ended")


@pytest.mark.parametrize("cache_type", ["copy", "hardlink"])
def test_a_snapshot_may_be_killed_at_any_step(tmp_path: Path, cache_type: str) -> None:
    steps = 0
    for step, scene in killed_everywhere(tmp_path, cache_type, lambda scene: snapshot(scene.open(), scene.names)):
        recorded = {record.id for record in scene.open().journal.records("dataset")}
        assert len(recorded) in (2, 4), f"step {step}: one of two was recorded"
        assert faults_after(scene) == [], f"killed at step {step}"
        steps = step
    assert steps > 20


def test_the_harness_sees_an_object_that_is_written_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted fault: the cache is written in place, so that a killed process leaves half an object."""

    def in_place(source: str, target: str) -> None:
        data = Path(source).read_bytes()
        Path(target).write_bytes(data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2))
        Path(target).chmod(0o444)
        handle = os.open(target, os.O_RDWR)
        os.pwrite(handle, data, 0)
        os.close(handle)
        Path(source).unlink()

    def planted(scene: Scene) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(cache.os, "rename", in_place)
            snapshot(scene.open(), scene.names)

    found: list[str] = []
    for _, scene in killed_everywhere(tmp_path, "copy", planted):
        found += faults_after(scene)
        if found:
            break
    assert "an object is not whole" in found


@pytest.mark.parametrize("cache_type", ["copy", "hardlink"])
def test_a_restore_may_be_killed_at_any_step(tmp_path: Path, cache_type: str) -> None:
    def work(scene: Scene) -> None:
        for version in scene.old:
            restore(scene.open(), version.id)

    untouched = Scene(tmp_path / "scene", cache_type)
    new = snapshot(untouched.open(), Scene.names)
    for step in range(400):
        shutil.copytree(untouched.root, tmp_path / "now", symlinks=True)
        scene = Scene.__new__(Scene)
        vars(scene).update({**vars(untouched), "root": tmp_path / "now"})
        said = in_child(lambda scene=scene: work(scene), die_at(step))
        lies = scene.bytes()
        for name in {*lies, *scene.before, *scene.after}:
            assert lies.get(name) in (scene.before.get(name), scene.after.get(name)), f"step {step}: {name}"
        images = {name: data for name, data in lies.items() if name != CSV}
        whole = [{n: d for n, d in state.items() if n != CSV} for state in (scene.before, scene.after)]
        assert images in whole, f"step {step}: half a folder"
        work(scene)
        assert scene.bytes() == scene.before, f"step {step}"
        for version in new:
            restore(scene.open(), version.id)
        assert scene.bytes() == scene.after
        assert scene.litter() == [], f"step {step}"
        shutil.rmtree(tmp_path / "now")
        if said == "ok":
            break
    assert step > 10


def test_dvc_works_on_after_a_kill(tmp_path: Path) -> None:
    for step, scene in killed_everywhere(tmp_path, "copy", lambda scene: snapshot(scene.open(), scene.names)):
        if step % 25 == 20:
            assert dvc(scene.root, "status").returncode == 0
            done = dvc(scene.root, "add", *scene.names)
            assert done.returncode == 0, done.stderr
            assert dvc(scene.root, "gc", "-w", "-f").returncode == 0
            assert len(snapshot(scene.open(), scene.names)) == 2
            assert "up to date" in dvc(scene.root, "status").stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 3 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_keeps_every_earlier_version(small_disk: Path) -> None:
    project = make_project(small_disk)
    original = (project.root / CSV).read_bytes()
    (first,) = snapshot(project, (CSV,))
    (project.root / "data" / "big.bin").write_bytes(os.urandom(1_800_000))
    pointer = (project.root / f"{CSV}.dvc").read_bytes()
    (project.root / CSV).write_text("a\n1\n")
    with pytest.raises(StorageError) as refusal:
        snapshot(project, (CSV, "data/big.bin"))
    assert refusal.value.code == "disk-full"
    assert (project.root / f"{CSV}.dvc").read_bytes() == pointer
    assert not (project.root / "data" / "big.bin.dvc").exists()
    assert list((project.root / ".dvc" / "cache").glob("workbench-*")) == []
    (project.root / "data" / "big.bin").unlink()
    snapshot(project, (CSV,))
    restore(project, first.id)
    assert (project.root / CSV).read_bytes() == original
    assert "up to date" in dvc(project.root, "status").stdout


def test_a_read_only_project_can_be_read_and_refuses_to_be_written(project: Project) -> None:
    snapshot(project, (CSV,))
    (project.root / CSV).write_text("a\n1\n")
    project.journal.close()
    folders = [project.root / "data", project.root / ".dvc" / "cache" / "files" / "md5", project.root / ".dvc" / "tmp"]
    modes = {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(0o555)
    root = project.root
    said = in_child(lambda: snapshot(Project.open(root, actor="x"), (CSV,)), give_up_rights)
    listed = in_child(lambda: [list_versions(Project.open(root, actor="x"))], give_up_rights)
    for folder, mode in modes.items():
        folder.chmod(mode & 0o777)
    assert (said, listed) == ("folder-not-writable", "ok")
    assert [version.is_current for version in list_versions(project)] == [False]


def test_a_file_that_changes_meanwhile_is_refused(project: Project) -> None:
    path = project.root / "data" / "growing.bin"
    path.write_bytes(b"x" * (64 << 20))
    code = textwrap.dedent(
        """
        import sys, time
        with open(sys.argv[1], "r+b") as stream:
            print("on", flush=True)
            while True:
                stream.seek(5)
                stream.write(b"y")
                stream.flush()
                time.sleep(0.002)
        """
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(ConflictError) as refusal:
                snapshot(project, (CSV, "data/growing.bin"))
        finally:
            writer.kill()
    assert refusal.value.code == "data-changing"
    assert list_versions(project) == ()
    assert not list((project.root / "data").glob("*.dvc"))
    assert len(snapshot(project, (CSV, "data/growing.bin"))) == 2


def test_a_change_within_one_tick_of_the_clock_is_seen(project: Project) -> None:
    snapshot(project, (CSV,))
    path = project.root / "data" / "quick.bin"
    for number in range(300):
        path.write_bytes(b"%10d" % number)
        first = digest_of(project, "data/quick.bin")
        path.write_bytes(b"%10d" % -number if number else b"-" * 10)
        assert digest_of(project, "data/quick.bin") != first, number


def test_a_change_under_the_old_time_is_seen(project: Project) -> None:
    snapshot(project, (CSV,))
    path = project.root / CSV
    time.sleep(0.1)
    assert list_versions(project)[0].is_current
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"7,1.000", b"7,9.000"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not list_versions(project)[0].is_current


@pytest.mark.parametrize("damage", ["garbage", "empty", "removed", "folder"])
def test_notes_that_are_damaged_or_gone_cost_nothing_but_time(project: Project, damage: str) -> None:
    (first,) = snapshot(project, (CSV,))
    notes = project.root / ".dvc" / "tmp" / "workbench.db"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{notes}{suffix}").unlink(missing_ok=True)
    if damage == "garbage":
        notes.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    elif damage == "empty":
        notes.touch()
    elif damage == "folder":
        notes.mkdir()
    assert snapshot(project, (CSV,)) == (first,)
    (project.root / CSV).write_text("a\n1\n")
    assert snapshot(project, (CSV,))[0].id != first.id


def test_a_damaged_lock_file_is_named(project: Project) -> None:
    snapshot(project, (CSV,))
    (project.root / CSV).write_text("a\n1\n")
    (project.root / ".dvc" / "tmp" / "rwlock").write_text('{"write": {"/x"')
    with pytest.raises(IntegrityError) as refusal:
        snapshot(project, (CSV,))
    assert refusal.value.code == "data-lock-damaged"
    assert refusal.value.hint.endswith(f"rm '{project.root}/.dvc/tmp/rwlock'")
    (project.root / ".dvc" / "tmp" / "rwlock").unlink()
    assert len(snapshot(project, (CSV,))) == 1


def test_who_writes_elsewhere_is_not_waited_for_and_who_writes_here_is(project: Project) -> None:
    snapshot(project, (CSV,))
    note = project.root / ".dvc" / "tmp" / "rwlock"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        try:
            text = textwrap.dedent('{"write": {"%s": {"pid": %d, "cmd": "dvc repro"}}, "read": {}}')
            note.write_text(text % (project.root / "elsewhere", other.pid))
            with hold_repo_lock(project, [CSV], timeout_s=0.2):
                pass
            note.write_text(text % (project.root / CSV, other.pid))
            with pytest.raises(StorageError) as refusal, hold_repo_lock(project, [CSV], timeout_s=0.2):
                pass
            assert refusal.value.code == "data-locked"
            assert "dvc repro" in refusal.value.message
        finally:
            other.kill()
    with hold_repo_lock(project, [CSV], timeout_s=0.2):  # the writer is dead
        pass


def test_dvc_and_we_work_on_one_project_at_once(project: Project) -> None:
    snapshot(project, (CSV,))
    names = [f"data/{who}{number}.bin" for who in ("ours", "dvc") for number in range(6)]
    for name in names:
        (project.root / name).write_bytes(name.encode() * 1000)
    command = [Path(sys.executable).with_name("dvc"), "add", "-q", *names[6:]]
    with subprocess.Popen(command, cwd=project.root) as other:
        for name in names[:6]:
            snapshot(project, (name,))
            time.sleep(0.1)
        assert other.wait(60) == 0
    assert "up to date" in dvc(project.root, "status").stdout
    assert len(list_versions(project)) == 13
    assert {found.state for found in verify_versions(project)} == {"whole"}


def test_large_data_is_stored_once_and_cannot_be_written_in_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "LARGE_BYTES", 1 << 20)
    path = project.root / "data" / "large.bin"
    path.write_bytes(os.urandom(1 << 20))
    root = project.root

    def record() -> None:
        (version,) = snapshot(Project.open(root, actor="x"), ("data/large.bin",))
        assert version.link in ("hardlink", "reflink"), version.link
        if version.link == "hardlink":
            with pytest.raises(PermissionError):
                path.open("r+b")

    assert in_child(record, give_up_rights) == "ok"
    pointer = read_pointer(project, "data/large.bin")
    assert pointer is not None
    value = pointer.digest.removeprefix("md5:")
    stored = root / ".dvc" / "cache" / "files" / "md5" / value[:2] / value[2:]
    if path.stat().st_nlink > 1:
        assert path.samefile(stored)
    (version,) = unlock(project, ("data/large.bin",))
    assert not path.samefile(stored)
    with path.open("r+b") as stream:
        stream.write(b"X")
    assert {found.state for found in verify_versions(project)} == {"whole"}
    assert not next(v for v in list_versions(project) if v.id == version.id).is_current


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone read-only means nothing")
def test_for_root_large_data_is_copied_since_read_only_would_not_protect_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "LARGE_BYTES", 1 << 20)
    path = project.root / "data" / "large.bin"
    path.write_bytes(os.urandom(1 << 20))
    (version,) = snapshot(project, ("data/large.bin",))
    assert version.link in ("copy", "reflink")
    with path.open("r+b") as stream:
        stream.write(b"damage")
    assert {found.state for found in verify_versions(project)} == {"whole"}


def test_what_somebody_writes_at_the_moment_is_never_linked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 100)
    with path.open("ab"):
        assert not links.hard_link(str(path), str(tmp_path / "y"))
    assert links.hard_link(str(path), str(tmp_path / "y"))
    assert not links.hard_link(str(path), str(tmp_path / "z"))  # it has two names already
