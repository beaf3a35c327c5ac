"""A confined notebook may write into its job's directory; whoever looks at that from outside is not its errand boy."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.compute.folder import Exit, JobFolder
from workbench.compute.hosts.errands import run_errand
from workbench.compute.hosts.far_folders import Look
from workbench.compute.hosts.here import HereHost
from workbench.compute.sandbox import SandboxTarget
from workbench.compute.slurm import SlurmTarget
from workbench.compute.slurm.scripts import JOB as JOB_SCRIPT
from workbench.compute.slurm.scripts import MARK
from workbench.compute.slurm.states import Seen
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState
from workbench.doors.commandline import parse
from workbench.execute import travelling
from workbench.execute.mirror import Mirror
from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import UnavailableError
from workbench.foundation.project import Project

pytestmark = pytest.mark.checklist("S1-17", "S1-32")

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\na private key\n"
JOB = "jb-0bad0bad"  # nobody else's: ending it ends every process of this machine that carries the name
DONE = '{"code": 0, "reason": "", "error": ""}'


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "id_ed25519").write_text(KEY)
    return tmp_path / "id_ed25519"


@pytest.fixture
def target(tmp_path: Path) -> SandboxTarget:
    root = tmp_path / "project"
    root.mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    return SandboxTarget(Project.open(root), "sandbox", {})


@pytest.fixture
def folder(target: SandboxTarget) -> Iterator[Path]:
    """The directory of a job that runs: its lock is held."""
    made = target._project.state_dir / "sandbox" / "jobs" / JOB
    made.mkdir(parents=True)
    (made / "started").write_text(json.dumps({"pid": os.getpid(), "node": os.uname().nodename}))
    here = JobFolder.of(target._project, JOB)
    here.path.mkdir(parents=True)
    here.spec.write_bytes(canonical_json({"isolation": "required"}))
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield made


def look(folder: Path) -> dict[str, Any]:
    seen: dict[str, Any] = run_errand(
        HereHost(), sys.executable, "look", [str(folder.parent), "note.txt", folder.name, "0", "0"]
    )[folder.name]
    return seen


@pytest.mark.parametrize("name", ["starting.txt", "exit.json", "events.jsonl", "note.txt", "log.txt"])
@pytest.mark.parametrize("is_alive", [True, False])
def test_no_link_has_another_file_read(folder: Path, key: Path, name: str, is_alive: bool) -> None:
    (folder / name).symlink_to(key)
    if not is_alive:
        (folder / "lock").unlink()
        (folder / "lock").touch()
    assert "private key" not in json.dumps(look(folder))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_holds_nobody_up(folder: Path, make: Callable[[Path], None]) -> None:
    for name in ("starting.txt", "exit.json", "events.jsonl", "note.txt"):
        make(folder / name)
    seen = look(folder)
    assert (seen["exit"], seen["reason"], seen["events"]) == ("", "", "")


def test_files_without_end_are_not_read_whole(folder: Path) -> None:
    for name in ("starting.txt", "exit.json", "events.jsonl"):
        with (folder / name).open("wb") as stream:
            stream.truncate(1 << 40)
    assert look(folder)["events"] == ""


def test_a_last_word_counts_once_nothing_runs_any_more(folder: Path, target: SandboxTarget) -> None:
    """Else files are fetched while the notebook still swaps folders for links."""
    (folder / "exit.json").write_text(DONE)
    (folder / "outputs").mkdir()
    (folder / "outputs" / "a.txt").write_text("a result")
    assert target.poll({JOB: 0})[JOB].status.state is not JobState.SUCCEEDED
    assert target.status(JOB).state is not JobState.SUCCEEDED
    with pytest.raises(UnavailableError, match="still runs") as refused:
        target.fetch(JOB, ("outputs/**",))
    assert parse(refused.value.hint.split()[1:]).verb.words == "logs"

    (folder / "lock").unlink()
    (folder / "lock").touch()
    assert target.status(JOB).state is JobState.SUCCEEDED
    assert [path.read_text() for path in target.fetch(JOB, ("outputs/**",))] == ["a result"]


@pytest.mark.parametrize("said", ['{"pid": BYSTANDER, "node": "NODE"}', '{"pid": null, "node": "NODE"}', "nonsense"])
def test_no_other_process_is_ended_in_its_place(folder: Path, said: str) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        text = said.replace("BYSTANDER", str(bystander.pid)).replace("NODE", os.uname().nodename)
        (folder / "started").write_text(text)
        assert run_errand(HereHost(), sys.executable, "end", [str(folder), JOB, "0.2", "1"]) == []
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize(("name", "grace"), [("cancelled", "0"), ("home", "-1")])
def test_no_mark_is_left_elsewhere(folder: Path, tmp_path: Path, name: str, grace: str) -> None:
    (folder / "started").unlink()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    run_errand(HereHost(), sys.executable, "end", [str(folder), JOB, grace, "1"])
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_slurms_marks_are_not_written_through_a_link(tmp_path: Path, shell: str, is_there: bool) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "job"
    folder.mkdir()
    if is_there:
        elsewhere.write_text("mine")
    (folder / "slurm.cancel").symlink_to(elsewhere)
    (folder / "slurm.timeout").symlink_to(elsewhere)
    warned = re.search(r"trap '(.*?); kill -TERM \"\$runner\"' USR1", JOB_SCRIPT)
    assert warned
    for script in (MARK, f'cd "$1"; {warned[1]}'):
        subprocess.run([shell, "-c", script, shell, str(folder)], check=True)
    assert [(folder / name).is_symlink() for name in ("slurm.cancel", "slurm.timeout")] == [False, False]
    assert [(folder / name).read_text() for name in ("slurm.cancel", "slurm.timeout")] == ["asked\n", "warned\n"]
    assert elsewhere.read_text() == "mine" if is_there else not elsewhere.exists()


def test_the_runners_last_word_is_not_written_through_a_link(tmp_path: Path) -> None:
    """Where nothing more than an exit code says that a job was not confined, the runner outside writes it."""
    for name in ("runner.py", "machine.py"):
        shutil.copy(Path(travelling.__file__).parent / name, tmp_path)
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "spec.json").write_text(json.dumps({"cwd": "."}))
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "job" / ".exit.json.new").symlink_to(tmp_path / "elsewhere")
    code = "import runner, pathlib; runner.Job(pathlib.Path('job')).end(2, 'not-confined', '')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert json.loads((tmp_path / "job" / "exit.json").read_text())["reason"] == "not-confined"


@pytest.mark.parametrize(
    "said",
    [
        '{"code": Infinity, "reason": "", "error": ""}',
        '{"code": 1e999, "reason": "", "error": ""}',
        '{"code": 0}',
        '{"code": "0", "reason": "", "error": ""}',
        "[]",
        "[" * 60_000,
    ],
)
def test_a_last_word_that_is_none_hides_no_other_job(folder: Path, target: SandboxTarget, said: str) -> None:
    (folder / "exit.json").write_text(said)
    (folder / "lock").unlink()
    (folder / "lock").touch()
    assert target.status(JOB).reason == "result-damaged"
    here = JobFolder.of(target._project, JOB)
    here.exit.write_text(said)
    assert here.read_exit() is None


@pytest.mark.parametrize(
    "line",
    [
        '{"seq": 2, "at": "2026", "kind": "start", "data": []}',
        '{"seq": 2, "at": 2026, "kind": "metric", "data": {}}',
        '{"seq": 2, "at": "2026", "kind": ["metric"], "data": {}}',
        '{"seq": 2.0, "at": "2026", "kind": "out", "data": {}}',
        '{"seq": 2, "at": "2026"}',
        "[" * 200_000,
        "2",
    ],
)
def test_an_event_that_is_none_hides_no_other_job(folder: Path, target: SandboxTarget, line: str) -> None:
    first = '{"seq": 1, "at": "2026", "kind": "start", "data": {"cells": 3}}'
    (folder / "events.jsonl").write_text(f"{first}\n{line}\n")
    sighting = target.poll({JOB: 0})[JOB]
    assert [event.seq for event in sighting.events] == [1]
    here = JobFolder.of(target._project, JOB)
    here.events.write_text(f"{first}\n{line}\n")
    assert here.read_progress().cells == 3


def test_halves_of_letters_are_marks_in_what_is_kept(folder: Path, target: SandboxTarget) -> None:
    """No file and no database takes them: the follower would try for ever."""
    data = {"text": "\ud800 \U0001f600"}
    line = json.dumps({"seq": 1, "at": "2026", "kind": "out", "data": data})
    assert "\\ud800" in line
    (folder / "events.jsonl").write_text(f"{line}\n")
    (folder / "exit.json").write_text(json.dumps({"code": 1, "reason": "\udcff", "error": ""}))
    sighting = target.poll({JOB: 0})[JOB]
    mirror = Mirror(JobFolder.of(target._project, JOB))
    mirror.append(sighting.events)
    assert [event.data["text"] for event in mirror.folder.read_events()] == ["? \U0001f600"]
    (folder / "lock").unlink()
    (folder / "lock").touch()
    assert target.status(JOB).reason == "?"


def test_all_events_are_those_above_any_number_below_one(target: SandboxTarget, folder: Path) -> None:
    here = JobFolder.of(target._project, JOB)
    here.events.write_text("".join(f'{{"seq": {n}, "at": "", "kind": "out", "data": {{}}}}\n' for n in (1, 2)))
    assert [event.seq for event in here.read_events(-1)] == [1, 2]


def test_a_last_word_counts_once_slurm_has_ended_the_job(target: SandboxTarget, folder: Path) -> None:
    cluster = SlurmTarget(target._project, "cluster", {"folder": str(folder.parents[1])})
    notes = dict.fromkeys(("slurm.cancel", "slurm.timeout", "slurm.txt", "log.txt"), "") | {"slurm.json": '{"id": "7"}'}
    look = Look("alive", has_events=True, exit=Exit(0, "", ""), notes=notes)
    cluster._silent_since[JOB] = -1e9  # however long ago it said so
    assert cluster._status(JOB, look, {"7": Seen("7", "RUNNING", "")}, {}).state is JobState.RUNNING
    assert cluster._status(JOB, look, {"7": Seen("7", "COMPLETED", "")}, {}).state is JobState.SUCCEEDED


def test_a_last_word_that_is_none_still_ends_the_job(folder: Path, target: SandboxTarget) -> None:
    here = JobFolder.of(target._project, JOB)
    here.exit.write_text('{"code": 0}')
    ended = TargetStatus(JobState.FAILED, "result-damaged", "exit.json cannot be read")
    assert Mirror(here).last_word(ended) == ended
