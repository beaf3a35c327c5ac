"""What keeps a far machine from being reached or asked: the code, what it is, and the command that mends it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.sshd import Sshd
from workbench.compute.cards import list_targets
from workbench.compute.hosts import errands
from workbench.compute.hosts.errands.end import processes_of
from workbench.compute.hosts.openssh import OpenSshHost
from workbench.compute.targets import find_target
from workbench.contract.project import Finding
from workbench.foundation.errors import PendingError, UnavailableError
from workbench.foundation.project import Project


@pytest.fixture
def project(tmp_path: Path, sshd: Sshd) -> Project:
    """A project with a far machine, and one for Slurm that is this very machine."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "workbench.toml").write_text(
        '[project]\nname = "p"\n\n[targets.box]\nkind = "ssh"\nhost = "box"\n'
        f"folder = {json.dumps(str(tmp_path / 'far'))}\nssh_config = {json.dumps(str(sshd.config('box')))}\n"
        f"python = {json.dumps(sys.executable)}\n\n"
        f'[targets.night]\nkind = "slurm"\nfolder = {json.dumps(str(tmp_path / "shared"))}\nbin = "/opt/no-slurm/bin"\n'
    )
    return Project.open(tmp_path / "p")


def change(project: Project, old: str, new: str) -> Project:
    path = project.root / "workbench.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return Project.open(project.root)


def wrong(project: Project, target: str) -> list[Finding]:
    """Return what is wrong with a target, as its card says."""
    project.journal.head()
    before = files(project)
    cards = {card.name: card for card in list_targets(project, refresh=True)}
    assert cards["local"].is_ready
    assert files(project) == before
    assert not cards[target].is_ready
    return [finding for finding in cards[target].checks if not finding.is_ok]


def files(project: Project) -> list[Path]:
    """Return the files of a project but for what its targets said last."""
    kept = ("targets", "journal.db-wal", "journal.db-shm")
    return [path for path in sorted(project.root.rglob("*")) if not {*path.parts} & {*kept}]


def test_without_an_ssh_command_it_is_said_what_to_install(project: Project, monkeypatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        (finding,) = wrong(project, "box")
        with pytest.raises(UnavailableError, match="command-missing"):
            find_target(project, "box").poll({"jb-1": 0})
    assert finding.name == "command-missing"
    assert finding.message == "There is no command 'ssh' here, which box is reached by"
    assert finding.hint == "install it: apt-get install openssh-client"
    assert {card.name: card for card in list_targets(project, refresh=True)}["box"].is_ready


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for sockets with a name that is short enough for them."""
    folder = Path(tempfile.mkdtemp(prefix="wb", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_connections_pass_through_no_folder_of_others(project: Project, runtime: Path, tmp_path: Path) -> None:
    own = runtime / "mlops-wb"
    for prepare in (lambda: own.mkdir() or own.chmod(0o777), lambda: own.symlink_to(tmp_path)):
        prepare()
        (finding,) = wrong(project, "box")
        assert (finding.name, finding.message.partition(",")[0]) == (
            "control-folder-not-private",
            f"{own} is not ours alone",
        )
        subprocess.run(["sh", "-c", finding.hint.removeprefix("remove it: ")], check=True)
        assert not own.is_symlink()
        host = OpenSshHost("box", config=Path(find_target(project, "box")._options.ssh_config))
        assert host.run(["echo", "here"]).out == b"here\n"
        host.close()
        shutil.rmtree(own)


def test_a_python_that_does_not_work_says_its_last_words(project: Project, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'starting' >&2\necho 'cannot open libpython3.so' >&2\nexit 3\n")
    python.chmod(0o755)
    (finding,) = wrong(change(project, sys.executable, str(python)), "box")
    assert (finding.name, finding.message) == (
        "far-python-failed",
        f"{python} on box failed: cannot open libpython3.so",
    )
    look = subprocess.run(shlex.split(finding.hint), capture_output=True, text=True, check=False)
    assert (look.returncode, "libpython3" in look.stderr) == (3, True), look
    assert not (tmp_path / "far").exists()


def test_slurm_commands_that_are_elsewhere_are_asked_for(project: Project, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "sh").symlink_to("/bin/sh")
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "squeue").write_text("#!/bin/sh\n")  # nobody waits there
    (tmp_path / "slurm" / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    with pytest.raises(UnavailableError) as caught:
        find_target(project, "night")._controller.queue()
    assert caught.value.code == "slurm-commands-missing"
    assert "has no Slurm commands: " in caught.value.message
    assert caught.value.hint.startswith('say where they are: bin = "/opt/slurm/bin"; look: ')
    assert not (tmp_path / "shared").exists()
    mended = change(project, "/opt/no-slurm/bin", str(tmp_path / "slurm"))
    assert not find_target(mended, "night")._controller.queue().jobs


RESTARTS = """
import os, subprocess, sys, time
environment = {**os.environ, "WORKBENCH_JOB": sys.argv[1]}
begun = time.monotonic()
while time.monotonic() - begun < 60:
    subprocess.Popen(["sleep", "3"], env=environment, start_new_session=True)
    time.sleep(0.005)
"""


def test_processes_that_do_not_end_are_named_and_ended_later(project: Project, tmp_path: Path, monkeypatch) -> None:
    """As where a service manager starts what was ended again, here faster than anybody can look."""
    for errand in Path(errands.__file__).parent.glob("*.py"):
        text = errand.read_text().replace("KILL_S = 10.0", "KILL_S = 1.0")
        (tmp_path / errand.name).write_text(text)
    monkeypatch.setattr(errands, "__file__", str(tmp_path / "__init__.py"))
    target, job = find_target(project, "box"), f"jb-restarted-{os.getpid()}"
    starters = [subprocess.Popen([sys.executable, "-c", RESTARTS, job]) for _ in range(2)]
    try:
        wait_for(job)
        with pytest.raises(PendingError) as caught:
            target.cancel(job, grace_s=0)
    finally:
        for starter in starters:
            starter.kill()
            starter.wait()
    error = caught.value
    assert error.code == "far-processes-left"
    named = re.fullmatch(rf"Processes of {job} on box would not end: ([0-9, ]+)", error.message)
    assert named, error
    assert shlex.split(error.hint)[-1] == f"ps -fp {named[1].replace(' ', '')}"
    assert subprocess.run(shlex.split(error.hint), capture_output=True, check=False).stdout.startswith(b"UID")
    target.cancel(job, grace_s=0)  # the same again, now that nobody starts them
    assert not processes_of(job)


def wait_for(job: str) -> None:
    deadline = time.monotonic() + 30
    while not processes_of(job):
        assert time.monotonic() < deadline
        time.sleep(0.05)
