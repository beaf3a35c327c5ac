"""An author's notebook that the gate runs again gets nothing of the checker's, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.review.test_reproduced import TRAIN, write_notebook
from tests.review.thief import MARK, laid_out, left_behind, taken, thief
from workbench.compute.folder import JobFolder
from workbench.compute.targets import SANDBOX, Travel
from workbench.contract.job import JobCard
from workbench.execute import submission
from workbench.execute.jobs import cancel, submit, wait
from workbench.execute.travelling import travelling_files
from workbench.foundation import confinement
from workbench.foundation.project import Project
from workbench.review import reviews

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
    pytest.mark.checklist("S1-17", "S1-32"),
]

LISTENING = "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"


@dataclass(frozen=True)
class Prey:
    """A checker's project, and what a notebook may want of it."""

    project: Project
    wanted: dict[str, object]


@pytest.fixture
def prey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prey]:
    home, root = tmp_path / "home", tmp_path / "project"
    for folder in (root / "notebooks", root / "policy"):
        folder.mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    (root / "policy" / "gate.toml").write_text("# rules")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PLANTED_TOKEN", "a token")
    project = Project.open(root, actor="alice@example.com")
    with project.journal.transaction() as transaction:
        transaction.append("project.created", "project:line", {})
    with laid_out(project, home, tmp_path / "outside") as wanted:
        yield Prey(project, wanted)


def run_hostile(prey: Prey) -> tuple[JobCard, dict[str, str]]:
    """Run the notebook in the sandbox and return what it got."""
    write_notebook(prey.project.root / "notebooks" / "train.ipynb", thief(prey.wanted))
    card = wait(prey.project, submit(prey.project, "notebooks/train.ipynb", target=SANDBOX).id, timeout_s=200)
    assert card.state == "SUCCEEDED", card
    return card, taken(JobFolder.of(prey.project, card.id).output)


@pytest.mark.checklist("S1-17")
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_hostile_notebook_gets_nothing(prey: Prey) -> None:
    card, found = run_hostile(prey)
    assert set(found.values()) == {"refused"}, found
    assert not left_behind()
    folder = JobFolder.of(prey.project, card.id)
    end = json.loads(folder.exit.read_text())
    assert end["isolation"] == "limits, no network, own files only, own processes only"
    assert not list(folder.path.rglob("loot.txt"))


@pytest.mark.checklist("S1-17")
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_without_the_confinement_the_test_sees_the_theft(prey: Prey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.compute.sandbox.Travel", lambda **options: Travel(**{**options, "isolation": ""}))
    card, found = run_hostile(prey)
    assert not [name for name, value in found.items() if value == "refused"], found
    assert "isolation" not in json.loads(JobFolder.of(prey.project, card.id).exit.read_text())


def launched(folder: Path, body: str, before: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    """Run code through ``launch`` in a process of its own."""
    job = folder / "job"
    job.mkdir()
    (job / "code.py").write_text(body)
    words = ", ".join(f"{name}={value!r}" for name, value in options.items())
    program = (
        "import sys\nfrom pathlib import Path\nfrom workbench.foundation import confinement\n"
        f"from workbench.foundation.confinement import Bounds\n{before}\nfolder = Path({str(job)!r})\n"
        "command = [sys.executable, str(folder / 'code.py')]\n"
        f"sys.exit(confinement.launch(command, folder, dict(PATH='/usr/bin'), {words}))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


NO_NAMESPACES = "confinement._unshare = lambda libc: False"


def test_processes_have_an_end_also_for_root(tmp_path: Path) -> None:
    """A bounded bomb: it stops by itself, whatever happens."""
    bomb = """
import os, time
born = 0
for _ in range(700):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        born += 1
    except BlockingIOError:
        break
    except OSError:
        break
print(born)
"""
    done = launched(
        tmp_path, bomb, "import os; options = Bounds(processes=400)", bounds=confinement.Bounds(processes=400)
    )
    if not Path("/proc/sys/kernel/pid_max").exists() or os.uname().release < "6.14":
        pytest.skip("this kernel counts root's processes nowhere")
    assert 0 < int(done.stdout) < 400, done.stdout + done.stderr


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    body = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", {MARK!r}], start_new_session=True, env={{}})
print(os.getpid(), sys.argv[1])
"""
    done = launched(tmp_path, body)
    assert done.stdout == "1 limits, no network, own files only, own processes only\n", done.stderr
    assert not left_behind()


def test_a_stop_is_passed_on_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    body = "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    body += "print('on', flush=True)\nsignal.pause()"
    before = (
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))\n"
        "signal.setitimer(signal.ITIMER_REAL, 2, 1)"  # again: it hears none that comes too early
    )
    assert launched(tmp_path, body, before).returncode == 7


def test_what_may_be_read_is_seen_and_not_changed_wherever_it_lies(tmp_path: Path) -> None:
    code, outside = tmp_path / "code", tmp_path / "outside"
    for folder in (code, outside):
        folder.mkdir()
        (folder / "said.txt").write_text(folder.name)
    body = f"""
import os
print(open({str(code / "said.txt")!r}).read(), os.path.exists({str(outside)!r}))
for change in (lambda: open({str(code / "said.txt")!r}, "w"), lambda: os.chmod({str(code / "said.txt")!r}, 0o777)):
    try:
        change()
        print("changed")
    except OSError:
        print("kept")
open("mine.txt", "w").write("x")
open("/tmp/mine.txt", "w").write("x")
"""
    done = launched(tmp_path, body, "from pathlib import PosixPath", readable=[code])
    assert done.stdout == "code False\nkept\nkept\n", done.stdout + done.stderr
    assert (tmp_path / "job" / "mine.txt").exists()
    assert (tmp_path / "job" / "tmp" / "mine.txt").exists()


def test_the_lock_is_neither_let_go_nor_replaced(tmp_path: Path) -> None:
    """By it the checker knows that the notebook has ended, before anything in its folder is touched."""
    path = str(tmp_path / "lock")
    before = f"""
import fcntl, os
lock = os.open({path!r}, os.O_RDWR | os.O_CREAT)
os.set_inheritable(lock, True)
fcntl.flock(lock, fcntl.LOCK_EX)
os.link({path!r}, {str(tmp_path / "job" / "lock")!r})
"""
    body = """
import fcntl, os
print(sorted(map(int, os.listdir("/proc/self/fd")))[:4])
for change in (lambda: os.unlink("lock"), lambda: os.rename("code.py", "lock"), lambda: open("lock", "w"),
               lambda: os.rename("lock", "other"), lambda: fcntl.flock(open("lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)):
    try:
        change()
        print("done")
    except OSError:
        print("kept")
"""
    done = launched(tmp_path, body, before, kept=("lock", "missing"))
    assert done.stdout == "[0, 1, 2, 3]\n" + 5 * "kept\n", done.stdout + done.stderr


def test_no_prefix_holds_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``/bin/python3`` lies right below the root, where ``lib/python3`` is as well; a home may look like a prefix."""
    assert not {"/", str(Path.home())} & set(confinement.prefixes_of(Path("/bin/python3")))
    home, env = tmp_path / "bob", tmp_path / "bob" / "env"
    for folder in (home, env):
        (folder / "lib" / "python3.11").mkdir(parents=True)
    assert list(confinement.prefixes_of(home / "bin" / "python")) == [str(home)]
    monkeypatch.setenv("HOME", str(home))
    assert not list(confinement.prefixes_of(home / "bin" / "python"))
    assert list(confinement.prefixes_of(env / "bin" / "python")) == [str(env)]


def test_a_kernel_is_a_name_and_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / "env"
    env.mkdir()
    (env / "pyvenv.cfg").touch()
    for kernel in (tmp_path / "mine", tmp_path / "jupyter" / "kernels" / "own"):
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps({"argv": [str(env / "bin" / "python")]}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; import confined; print(*confined._kernels(sys.argv[3]), sep='\\n')"
    )

    def readable(name: str) -> str:
        for file, path in travelling_files(is_far=True).items():
            (tmp_path / "job").mkdir(exist_ok=True)
            (tmp_path / "job" / file).write_bytes(path if isinstance(path, bytes) else Path(path).read_bytes())
        command = [sys.executable, "-c", program, str(tmp_path / "job"), "", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert str(env) in readable("own")
    assert str(env) not in readable(str(tmp_path / "mine"))
    assert str(env) not in readable("../../mine")


def test_what_cannot_be_confined_is_not_started(tmp_path: Path) -> None:
    done = launched(tmp_path, "print('started')", NO_NAMESPACES)
    assert (done.returncode, done.stdout) == (confinement.NOT_CONFINED, "")


def test_where_less_is_accepted_what_held_is_said(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("a private key")
    body = f"import sys\nprint(sys.argv[1])\nprint(open({str(secret)!r}).read())"
    done = launched(tmp_path, body, NO_NAMESPACES, is_strict=False)
    assert done.stdout == "limits, own files only\n", done.stderr
    assert "PermissionError" in done.stderr


def test_where_less_is_accepted_an_editable_installation_is_found(tmp_path: Path) -> None:
    """Its checkout is listed and not read: a confined program imports the package and sees nothing else of it."""
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "notes.txt").write_text("not to be read")
    (checkout / "mine").mkdir()
    for name in ("__init__.py", "part.py"):
        (checkout / "mine" / name).write_text("")
    (tmp_path / "job").mkdir()
    body = f"import sys\nsys.path.append({str(checkout)!r})\nimport mine.part\nprint(sys.argv[1])\n"
    body += f"open({str(checkout / 'notes.txt')!r})"
    done = launched(tmp_path / "job", body, f"sys.path.append({str(checkout)!r}); {NO_NAMESPACES}", is_strict=False)
    assert done.stdout == "limits, own files only\n", done.stderr
    assert "PermissionError" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_confined_job_is_cancelled_whole(prey: Prey) -> None:
    root = prey.project.root
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(300)', {MARK!r}]"
    source = f"import subprocess, sys, time\nsubprocess.Popen({sleeper})\ntime.sleep(300)"
    write_notebook(root / "notebooks" / "sleep.ipynb", source)
    card = submit(prey.project, "notebooks/sleep.ipynb", target=SANDBOX)
    deadline = time.monotonic() + 120
    while not left_behind() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_behind()
    assert cancel(prey.project, card.id).state == "CANCELLED"
    assert not left_behind()


@pytest.fixture
def unconfinable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let jobs travel with a confinement that finds no namespaces, as in a container that forbids them."""
    path = tmp_path / "confinement.py"
    text = (
        Path(confinement.__file__).read_text().replace("is_apart = sys.platform", "is_apart = False and sys.platform")
    )
    path.write_text(text)
    files: Callable[..., dict[str, object]] = travelling_files
    monkeypatch.setattr(submission, "travelling_files", lambda **o: {**files(**o), "confinement.py": path})


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.usefixtures("unconfinable")
def test_a_notebook_that_cannot_be_confined_is_unknown(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "policy").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    (root / ".gitignore").write_text(".workbench/\n")
    (root / "policy" / "gate.toml").write_text(
        '[stages.production]\nrequired = ["format", "reproduced"]\napprovals = 1\n'
    )
    write_notebook(root / "notebooks" / "train.ipynb", TRAIN.replace("SEED", "7").replace("NAME", "steady"))
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", "-C", root, "-c", "user.name=A", "-c", "user.email=a@example.com", *command], check=True)
    alice = Project.open(root, actor="alice@example.com")
    job = wait(alice, submit(alice, "notebooks/train.ipynb").id, timeout_s=240)
    assert job.state == "SUCCEEDED", job
    card = reviews.request_review(alice, "steady", wait=True)
    report = {check.name: check for check in card.checks}["reproduced"]
    assert report.result == "unknown"
    assert "was not run again on sandbox: this machine does not let a program be kept" in report.summary
    assert "[replay-not-confined] → let users make namespaces" in report.summary
