"""The ssh target against a real sshd: jobs are sent, watched, ended and brought back."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.targets.link import link_to
from tests.targets.sshd import free_port, make_key
from workbench.compute.cards import list_targets
from workbench.compute.folder import JobFolder
from workbench.compute.hosts.errands import end as end_errand
from workbench.compute.ssh import SshTarget
from workbench.compute.targets import Capability, find_target
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.execute.travelling import travelling_files
from workbench.foundation.errors import StorageError, UnavailableError, UsageError
from workbench.foundation.project import Project

TICKS = "import time\nfor i in range({count}):\n    print('tick', i, flush=True)\n    time.sleep({pause})"


def make_project(root: Path, folder: Path, config: Path, *lines: str) -> Project:
    root.mkdir(parents=True, exist_ok=True)
    text = [
        '[project]\nname = "p"\n\n[targets.box]\nkind = "ssh"\nhost = "box"',
        f"folder = {json.dumps(str(folder))}\nssh_config = {json.dumps(str(config))}",
        f"python = {json.dumps(sys.executable)}",
        *lines,
    ]
    (root / "workbench.toml").write_text("\n".join(text) + "\n")
    return Project.open(root)


@pytest.fixture
def base(tmp_path) -> Path:
    return tmp_path / "far side 'x' \"データ\""


@pytest.fixture
def project(tmp_path, sshd, base) -> Project:
    return make_project(tmp_path / "here it's", base, sshd.config("box"))


@pytest.fixture
def target(project) -> Iterator[SshTarget]:
    found = find_target(project, "box")
    yield found
    for folder in (project.state_dir / "jobs").glob("*"):
        found.cleanup(folder.name)


def write_job(project: Project, job: str, *cells: str) -> JobFolder:
    """Write a job directory as ``execute`` does."""
    folder = JobFolder.of(project, job)
    folder.path.mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, folder.input)
    spec = {"job": job, "params": {}, "kernel": "python3", "language": "python", "cwd": "/tmp", "grace_s": 2.0}
    folder.spec.write_text(json.dumps(spec))
    for name, path in travelling_files(is_far=False).items():
        shutil.copyfile(path, folder.path / name)
    return folder


class Watcher:
    """Looks at one job again and again, as a follower does, and keeps every event with the moment it came."""

    def __init__(self, target: SshTarget, job: str) -> None:
        self.target, self.job = target, job
        self.events: list[JobEvent] = []
        self.silences = 0
        self.states: list[JobState] = []

    def look(self) -> bool:
        """Look once and tell whether the job has ended."""
        try:
            seen = self.target.poll({self.job: len(self.events)})[self.job]
        except UnavailableError as error:
            assert error.code == "host-unreachable", error
            self.silences += 1
            return False
        self.events += seen.events
        if not self.states or self.states[-1] is not seen.status.state:
            self.states.append(seen.status.state)
        self.status = seen.status
        return seen.status.state.is_terminal

    def until(self, is_so: Callable[[], object], timeout_s: float = 90) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, (self.states, self.events)
            self.look()
            time.sleep(0.1)

    def end(self, timeout_s: float = 90) -> None:
        self.until(lambda: self.states and self.states[-1].is_terminal, timeout_s)
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))

    def said(self) -> str:
        return "".join(str(event.data["text"]) for event in self.events if event.kind == "out")

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said())


def marked(job: str) -> list[psutil.Process]:
    """Return what lives with the mark of a job."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WORKBENCH_JOB") == job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_job_is_sent_watched_and_brought_back(project, target, base) -> None:
    folder = write_job(project, "jb-1", "print('こんにちは', 1 + 1)", "nothing = open('/dev/null').read()")
    target.submit("jb-1")
    watcher = Watcher(target, "jb-1")
    watcher.end()
    assert watcher.states[-1] is JobState.SUCCEEDED
    assert set(watcher.states) <= {JobState.STARTING, JobState.RUNNING, JobState.SUCCEEDED}
    assert watcher.said() == "こんにちは 2\n"
    assert (watcher.events[0].kind, watcher.events[-1].kind) == ("start", "exit")
    assert target.events("jb-1", 2) == tuple(watcher.events[2:])
    assert target.status("jb-1").state is JobState.SUCCEEDED
    brought = target.fetch("jb-1", ("output.ipynb", "exit.json"))
    assert brought == (folder.path / "exit.json", folder.path / "output.ipynb")
    assert "こんにちは" in folder.output.read_text()
    assert folder.read_exit().code == 0
    assert not {path.name for path in target.fetch("jb-1", ("**",))} & {"events.jsonl", "spec.json"}
    assert not folder.events.exists(), "how far events have been taken in is nobody else's to say"
    assert (base / "jobs" / "jb-1").stat().st_mode & 0o077 == 0
    target.cleanup("jb-1")
    assert marked("jb-1") == []
    assert (base / "jobs" / "jb-1" / "output.ipynb").exists(), "more can still be fetched"


def test_an_error_in_a_cell_and_a_dead_kernel_are_told_apart(project, target) -> None:
    write_job(project, "jb-a", "1 / 0")
    write_job(project, "jb-b", "import os; os.kill(os.getpid(), 9)")
    for job in ("jb-a", "jb-b"):
        target.submit(job)
    first, second = Watcher(target, "jb-a"), Watcher(target, "jb-b")
    first.end()
    second.end()
    assert (first.status.state, first.status.reason) == (JobState.FAILED, "cell_error")
    assert first.status.error.startswith("ZeroDivisionError")
    assert (second.status.state, second.status.reason) == (JobState.FAILED, "DeadKernelError")


def test_sending_again_at_any_moment_starts_once(project, target, base) -> None:
    write_job(project, "jb-2", "import time; time.sleep(1)")
    target._host.put(target._files("jb-2"), target._folder("jb-2"))  # a caller that died before the start
    assert target.status("jb-2").state is JobState.PENDING
    threads = [threading.Thread(target=target.submit, args=["jb-2"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    target.submit("jb-2")
    watcher = Watcher(target, "jb-2")
    watcher.end()
    target.submit("jb-2")
    time.sleep(0.5)
    lines = (base / "jobs" / "jb-2" / "events.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["kind"] == "start" for line in lines) == 1
    assert len(lines) == len(watcher.events)


def test_a_large_bundle_is_sent_once_for_all_jobs_that_have_it(project, target, base, monkeypatch) -> None:
    data = os.urandom(2_000_000)
    sent: list[int] = []
    put = target._host.put
    monkeypatch.setattr(target._host, "put", lambda files, folder: (sent.append(len(files)), put(files, folder)))
    for job in ("jb-m", "jb-n"):
        folder = write_job(project, job, "print('x')")
        (folder.path / "bundle.tar.gz").write_bytes(data)
        spec = json.loads(folder.spec.read_text())
        folder.spec.write_text(json.dumps({**spec, "bundle": {"digest": "sha256:abc"}}))
        target.submit(job)
        target.submit(job)
        Watcher(target, job).end()
    shared = base / "bundles" / "sha256-abc" / "bundle.tar.gz"
    assert shared.read_bytes() == data
    for job in ("jb-m", "jb-n"):
        there = base / "jobs" / job
        assert (there / "bundle.tar.gz").samefile(shared)
        assert not list(there.glob(".bundle*"))
    old = time.time() - 30 * 86_400
    os.utime(shared, (old, old))
    target.cleanup("jb-m")
    assert not shared.exists(), "what nobody used for a long time goes"
    assert (base / "jobs" / "jb-n" / "bundle.tar.gz").read_bytes() == data


def test_the_runner_holds_the_lock_and_its_kernel_does_not(project, target, base) -> None:
    write_job(project, "jb-3", "print('up', flush=True)", "import time; time.sleep(60)")
    target.submit("jb-3")
    watcher = Watcher(target, "jb-3")
    watcher.until_said("up")
    runner = psutil.Process(json.loads((base / "jobs" / "jb-3" / "started").read_text())["pid"])
    kernels = [process for process in marked("jb-3") if process.pid != runner.pid]
    assert kernels
    runner.send_signal(signal.SIGKILL)
    watcher.end()
    assert (watcher.status.state, watcher.status.reason) == (JobState.FAILED, "RunnerDied")
    target.cleanup("jb-3")
    assert marked("jb-3") == []


def test_cancel_saves_the_notebook_and_leaves_nothing(project, target, base) -> None:
    helper = "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)"
    write_job(project, "jb-4", "print('first', flush=True)", helper, "import time; time.sleep(300)")
    target.submit("jb-4")
    watcher = Watcher(target, "jb-4")
    watcher.until(lambda: sum(event.kind == "cell_start" for event in watcher.events) == 3)
    assert len(marked("jb-4")) >= 3
    target.cancel("jb-4")
    assert marked("jb-4") == []
    watcher.end()
    assert (watcher.status.state, watcher.status.reason) == (JobState.CANCELLED, "cancelled")
    assert "first" in (base / "jobs" / "jb-4" / "output.ipynb").read_text()


def test_cancel_without_grace_and_before_the_start(project, target) -> None:
    write_job(project, "jb-5", "import time; time.sleep(300)")
    target.submit("jb-5")
    target.cancel("jb-5", 0)
    assert marked("jb-5") == []
    assert target.status("jb-5").state is JobState.CANCELLED
    write_job(project, "jb-6", "print('never')")
    target._host.put(target._files("jb-6"), target._folder("jb-6"))
    target.cancel("jb-6")
    target.submit("jb-6")
    assert target.status("jb-6") == target.poll({"jb-6": 0})["jb-6"].status
    assert target.status("jb-6").state is JobState.CANCELLED
    target.cancel("jb-never-sent")
    assert target.status("jb-never-sent").reason == "job directory gone"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["silence", "break_off", "stop"])
def test_a_link_that_is_cut_for_ten_seconds_loses_and_doubles_nothing(tmp_path, sshd, base, how) -> None:
    with link_to(sshd.port) as link:
        project = make_project(tmp_path / "p", base, sshd.config("box", port=link.port))
        target = find_target(project, "box")
        write_job(project, f"jb-{how}", TICKS.format(count=60, pause=0.25))
        target.submit(f"jb-{how}")
        watcher = Watcher(target, f"jb-{how}")
        watcher.until_said("tick 3")
        stopped = sshd.sessions() if how == "stop" else []
        for process in stopped:
            process.suspend()
        if how != "stop":
            getattr(link, how)()
        begun = time.monotonic()
        while time.monotonic() - begun < 10:
            watcher.look()
            time.sleep(0.2)
        link.mend()
        for process in stopped:
            if process.is_running():
                process.resume()
        watcher.end()
        assert watcher.silences, "the cut was noticed"
        assert watcher.status.state is JobState.SUCCEEDED
        assert watcher.said() == "".join(f"tick {i}\n" for i in range(60))
        target.cleanup(f"jb-{how}")


def test_a_long_silence_is_caught_up_in_several_answers(project, target, base, monkeypatch) -> None:
    write_job(project, "jb-7", "print('x')")
    target.submit("jb-7")
    Watcher(target, "jb-7").end()
    path = base / "jobs" / "jb-7" / "events.jsonl"
    text = "ø" * 4000
    lines = [{"seq": seq, "at": "", "kind": "out", "data": {"cell": 1, "text": text}} for seq in range(1, 1501)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines) + '{"seq": 1501, "at"')
    watcher = Watcher(find_target(project, "box"), "jb-7")
    looks = 0
    while not watcher.look():
        looks += 1
        assert watcher.status.state is JobState.RUNNING, "its end is not told before the rest"
    watcher.end()
    assert looks >= 2
    assert len(watcher.events) == 1500
    assert len(target.events("jb-7", 10)) == 1490


def test_nonsense_in_one_job_ends_that_one_and_hides_no_other(project, target, base) -> None:
    event = {"at": "", "kind": "out", "data": {"cell": 1, "text": "x"}}
    lines = [json.dumps({"seq": seq, **event}) + "\n" for seq in range(1, 5)]
    for job in ("jb-good", "jb-bad", "jb-gap"):
        (base / "jobs" / job).mkdir(parents=True)
        (base / "jobs" / job / "exit.json").write_text('{"code": 0, "reason": "", "error": ""}')
    (base / "jobs" / "jb-good" / "events.jsonl").write_text("".join(lines))
    (base / "jobs" / "jb-bad" / "events.jsonl").write_text("".join([*lines[:2], "\x00 no event\n", *lines[2:]]))
    (base / "jobs" / "jb-gap" / "events.jsonl").write_text("".join([lines[0], lines[3]]))
    watchers = [Watcher(target, job) for job in ("jb-good", "jb-bad", "jb-gap")]
    for watcher in watchers:
        watcher.end(20)
    assert [(len(watcher.events), watcher.status.reason) for watcher in watchers] == [
        (4, ""),
        (2, "result-damaged"),
        (1, "result-damaged"),
    ]
    assert "event 3" in watchers[1].status.error
    assert len(target.events("jb-gap")) == 1
    (base / "jobs" / "jb-good" / "exit.json").write_text("[]")
    assert target.status("jb-good").reason == "result-damaged"


def findings(target: SshTarget) -> dict[str, tuple[bool, str, str]]:
    return {finding.name: (finding.is_ok, finding.message, finding.hint) for finding in target.check()}


def test_check_looks_at_everything_in_one_command(target, monkeypatch) -> None:
    asked, run = [], target._host.run
    monkeypatch.setattr(target._host, "run", lambda *words, **options: asked.append(words) or run(*words, **options))
    found = findings(target)
    assert len(asked) == 1
    assert list(found) == ["reach", "python", "papermill", "folder", "disk"]
    assert all(is_ok for is_ok, _, _ in found.values()), found
    figures = target.figures()
    assert figures.cpus == len(os.sched_getaffinity(0))
    assert figures.memory_bytes == psutil.virtual_memory().total
    assert figures.free_disk_bytes > 1 << 20
    assert 0 <= figures.cpus_free <= figures.cpus
    assert target.capabilities | set(target.refusals) == set(Capability)


def test_what_is_missing_over_there_comes_with_the_command_that_mends_it(tmp_path, sshd, base) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    config = sshd.config("box")
    lines = (f"python = {json.dumps(str(bare / 'bin' / 'python'))}", "min_free_disk_gb = 1e6", 'folder = "/proc/jobs"')
    project = make_project(tmp_path / "p", base, config)
    text = (project.root / "workbench.toml").read_text().split("folder =")[0]
    (project.root / "workbench.toml").write_text("\n".join([text, f"ssh_config = '{config}'", *lines]))
    found = findings(find_target(Project.open(project.root), "box"))
    assert found["papermill"][0] is False
    assert shlex.split(found["papermill"][2])[-1] == f"{bare}/bin/python -m pip install papermill ipykernel"
    assert found["disk"][0] is False
    assert "du -xsh" in found["disk"][2]
    if os.getuid():
        assert found["folder"][0] is False


@pytest.mark.parametrize("python", ["/no/such/python", "no-such-python"])
def test_a_python_that_is_not_there_is_named(tmp_path, sshd, base, python) -> None:
    project = make_project(tmp_path / "p", base, sshd.config("box"))
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace(sys.executable, python))
    found = findings(find_target(Project.open(project.root), "box"))
    assert list(found) == ["far-python-missing"]
    assert python in found["far-python-missing"][1]


def test_a_login_shell_that_speaks_into_answers_is_a_finding(project, target, sshd) -> None:
    assert "far-shell-speaks" not in findings(target)
    talk = sshd.home / ".bashrc"
    talk.write_text("echo 'Welcome to box'\necho 'Have fun'\n")
    try:
        ((code, (is_ok, message, hint)),) = findings(target).items()
        with pytest.raises(UnavailableError, match="far-shell-speaks"):
            target.poll({"jb-1": 0})
        cards = {card.name: card for card in list_targets(project, refresh=True)}
    finally:
        talk.unlink()
    assert (code, is_ok) == ("far-shell-speaks", False)
    assert "'Welcome to box'" in message
    assert "~/.bashrc" in hint
    assert cards["local"].is_ready
    assert not cards[target.name].is_ready


def test_why_a_host_is_not_reached_is_a_finding(tmp_path, sshd, base) -> None:
    other = make_key(tmp_path / "other")
    (tmp_path / "known").write_text("")
    worlds = {
        "host-unreachable": sshd.config("box", port=free_port()),
        "host-authentication-failed": sshd.config("box", port=sshd.port, key=other),
    }
    for number, (code, config) in enumerate(worlds.items()):
        own = tmp_path / f"config{number}"
        own.write_bytes(config.read_bytes())
        found = findings(find_target(make_project(tmp_path / f"p{number}", base, own), "box"))
        assert list(found) == [code]
        assert found[code][2]


def test_gpus_are_counted_where_nvidia_smi_tells(tmp_path, sshd, base) -> None:
    shim = tmp_path / "shim"
    shim.mkdir()
    smi = (
        '#!/bin/sh\ncase "$1" in --query-gpu=*) echo GPU-1; echo GPU-2; echo GPU-3;; *) echo GPU-2; echo GPU-2;; esac\n'
    )
    (shim / "nvidia-smi").write_text(smi)
    (shim / "python").write_text(f'#!/bin/sh\nPATH={shlex.quote(str(shim))}:$PATH exec {sys.executable} "$@"\n')
    for path in shim.iterdir():
        path.chmod(0o755)
    project = make_project(tmp_path / "p", base, sshd.config("box"))
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace(sys.executable, str(shim / "python")))
    figures = find_target(Project.open(project.root), "box").figures()
    assert (figures.gpus, figures.gpus_free) == (3, 2)


def test_a_full_disk_over_there_refuses_the_job_and_leaves_nothing(tmp_path, sshd) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        project = make_project(tmp_path / "p", small, sshd.config("box"), "min_free_disk_gb = 0.0")
        target = find_target(project, "box")
        folder = write_job(project, "jb-8", "print('x')")
        (folder.path / "bundle.tar.gz").write_bytes(os.urandom(2_000_000))
        with pytest.raises(StorageError) as caught:
            target.submit("jb-8")
        assert caught.value.code == "far-disk-full"
        assert list((small / "jobs").iterdir()) == []
        (folder.path / "bundle.tar.gz").unlink()
        target._host.put(target._files("jb-8"), target._folder("jb-8"))
        with (small / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass
        with pytest.raises(StorageError) as caught:
            target.submit("jb-8")
        assert caught.value.code == "far-disk-full"
        (small / "ballast").unlink()
        target.submit("jb-8")
        Watcher(target, "jb-8").end()
        target.cleanup("jb-8")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ('host = ""', "target-option-missing"),
        ('host = "-oProxyCommand=touch /tmp/never"', "target-option-wrong"),
        ('host = "a b"', "target-option-wrong"),
        ('host = "box"\nfolder = "jobs"', "target-option-wrong"),
        ('host = "box"\nenvironment = "conda"', "target-option-wrong"),
        ('host = "box"\nport = 70000', "target-option-wrong"),
        ('host = "box"\nenv = ["A"]', "target-option-wrong-type"),
        ('host = "box"\nenv = {A = 1}', "target-option-wrong-type"),
        ('host = "box"\ndata_sources = "x"', "target-option-wrong-type"),
        ('host = "box"\ndata_sources = [1]', "target-option-wrong-type"),
        ('host = "box"\npyhton = "x"', "target-option-unknown"),
    ],
)
def test_wrong_options_are_refused(tmp_path, lines, code) -> None:
    (tmp_path / "workbench.toml").write_text(f'[project]\nname = "p"\n[targets.box]\nkind = "ssh"\n{lines}\n')
    with pytest.raises(UsageError) as caught:
        find_target(Project.open(tmp_path), "box")
    assert caught.value.code == code
    assert caught.value.hint


def test_options_that_are_lists_and_tables_are_taken(tmp_path) -> None:
    text = 'host = "box"\nenv = {A = "env:B"}\ndata_sources = ["/mnt/x"]\nbundle_limit_mb = 2\nlost_after_s = 8\n'
    (tmp_path / "workbench.toml").write_text(f'[project]\nname = "p"\n[targets.box]\nkind = "ssh"\n{text}')
    travel = find_target(Project.open(tmp_path), "box").travel
    assert (travel.env, travel.data_sources) == ({"A": "env:B"}, ("/mnt/x",))
    assert (travel.bundle_limit_bytes, travel.lost_after_s) == (2_000_000, 8.0)


def test_what_has_long_been_home_is_swept_and_nothing_else(tmp_path) -> None:
    old = time.time() - 9 * 86_400
    jobs = {
        "jb-old": {"exit.json": old, "home": old},
        "jb-cancelled": {"cancelled": old, "home": old},
        "jb-new": {"exit.json": old, "home": time.time()},
        "jb-running": {"spec.json": old},
        "jb-nobody-came-for": {"exit.json": old},
        "jb-cancelled-and-not-home": {"cancelled": old, "output.ipynb": old},
    }
    for name, files in jobs.items():
        folder = tmp_path / "jobs" / name
        folder.mkdir(parents=True)
        for file, at in files.items():
            (folder / file).touch()
            os.utime(folder / file, (at, at))
    here = tmp_path / "jobs" / "jb-new"
    os.utime(here / "home", (old, old))  # what is cleaned up now counts from now
    for days in ("30", "7"):
        subprocess.run([sys.executable, "-IS", end_errand.__file__, here, "jb-new", "-1", days], check=True)
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == jobs.keys() - {"jb-old", "jb-cancelled"}


def test_the_folder_of_an_array_goes_with_the_last_of_its_jobs(tmp_path) -> None:
    old = time.time() - 9 * 86_400
    for job, is_home in (("jb-1", True), ("jb-2", True), ("jb-3", True), ("jb-4", False), ("jb-now", False)):
        (tmp_path / "jobs" / job).mkdir(parents=True)
        if is_home:
            (tmp_path / "jobs" / job / "home").touch()
            os.utime(tmp_path / "jobs" / job / "home", (old, old))
    arrays = {"all-home": "jb-1\njb-2\n", "one-left": "jb-3\njb-4\n", "young": "jb-gone\n"}
    for array, tasks in arrays.items():
        (tmp_path / "arrays" / array).mkdir(parents=True)
        (tmp_path / "arrays" / array / "0.txt").touch()
        (tmp_path / "arrays" / array / "tasks").write_text(tasks)
        if array != "young":
            os.utime(tmp_path / "arrays" / array / "tasks", (old, old))
    here = tmp_path / "jobs" / "jb-now"
    subprocess.run([sys.executable, "-IS", end_errand.__file__, here, "jb-now", "-1", "7"], check=True)
    assert sorted(os.listdir(tmp_path / "jobs")) == ["jb-4", "jb-now"]
    assert sorted(os.listdir(tmp_path / "arrays")) == ["one-left", "young"]


def test_a_disk_without_room_for_one_more_name_is_swept_all_the_same(tmp_path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=8", "tmpfs", tmp_path], check=True)
    try:
        old = time.time() - 9 * 86_400
        for name, mark in (("jb-1", "exit.json"), ("jb-old", "home")):
            folder = tmp_path / "jobs" / name
            folder.mkdir(parents=True)
            (folder / mark).touch()
            os.utime(folder / mark, (old, old))
        with contextlib.suppress(OSError):
            for number in range(8):
                (tmp_path / f"ballast-{number}").touch()
        here = tmp_path / "jobs" / "jb-1"
        subprocess.run([sys.executable, "-IS", end_errand.__file__, here, "jb-1", "-1", "7"], check=True)
        assert sorted(os.listdir(tmp_path / "jobs")) == ["jb-1"]
        assert sorted(os.listdir(here)) == ["exit.json", "home"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)
