"""The travelling files in job directories as far machines get them, with real kernels."""

from __future__ import annotations

import ast
import functools
import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.execute.bare_python import bare_python
from tests.execute.far_jobs import FarJob, travelling_module, until
from workbench.compute.marked_lines import read_log
from workbench.execute.travelling import travelling_files
from workbench.execute.travelling.prologue import CAPTURE
from workbench.foundation.canonical import digest_bytes

pytestmark = [pytest.mark.timeout(300)]
SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(600)"
OPTIONAL = ("keyring", "mlflow")  # imported where it is there
TRAVELLING = [path for path in travelling_files(is_far=True).values() if isinstance(path, Path)]
OF_CAPTURE = {f"workbench.experiment.capture.{name}" for name in CAPTURE}


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare") / "venv")


def outputs(job: FarJob) -> list[str]:
    cells = json.loads(job.folder.output.read_text())["cells"]
    return ["".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", [])]


@pytest.mark.parametrize("path", TRAVELLING, ids=lambda path: path.name)
def test_the_files_are_python_3_9_and_need_nothing_of_ours(path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    beside = {each.stem for each in TRAVELLING}
    of_capture = OF_CAPTURE if path.parent.name == "capture" else set()  # under the names they have at home
    tops = {name.partition(".")[0] for name in names - of_capture}
    assert tops <= set(sys.stdlib_module_names) | beside | {"papermill", "nbclient", *OPTIONAL}
    ruff = [str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--target-version", "py39"]
    done = subprocess.run([*ruff, "--select", "E9,F,UP036,FA", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_planted_newer_word_is_seen() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case 1: pass", feature_version=(3, 9))


def test_it_needs_papermill_and_ipykernel_alone(bare, tmp_path) -> None:
    probe = "import importlib.util as u; print([n for n in ('mlflow','workbench','dvc','pandas') if u.find_spec(n)])"
    found = subprocess.run([str(bare), "-c", probe], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
    cell = (
        "print(open('../data/small.txt').read(), x)\n"
        "import os, pathlib\n"
        "pathlib.Path(os.environ['WORKBENCH_ARTIFACTS'], 'model.bin').write_bytes(b'weights')"
    )
    job = FarJob(tmp_path, "x = 1", cell, files={"data/small.txt": "hello", "src/lib.py": "pass"}, params={})
    job.run(bare)
    assert job.end == (0, ""), job.folder.log.read_text()
    kinds = [event.kind for event in job.folder.read_events() if event.kind not in ("heartbeat", "out")]
    assert kinds == ["start", "cell_start", "cell_end", "cell_start", "cell_end", "artifact", "exit"]
    assert job.said("hello 1")
    assert job.of("artifact") == [{"path": "artifacts/model.bin", "digest": digest_bytes(b"weights"), "bytes": 7}]
    assert [event.seq for event in job.folder.read_events()] == list(range(1, len(job.folder.read_events()) + 1))
    (read,) = json.loads((job.folder.path / "inputs.json").read_text())
    assert (read["path"], read["digest"]) == ("data/small.txt", digest_bytes(b"hello"))
    assert not (job.folder.path / ".reserve").exists()


def test_an_error_in_a_cell(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "raise ValueError('bad data')", "print('never')")
    job.run(bare)
    assert job.end == (1, "cell_error")
    assert job.folder.read_exit().error == "ValueError: bad data"
    assert not job.said("never")


def test_a_kernel_that_dies(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "print('never')")
    job.run(bare)
    assert job.end == (137, "DeadKernelError")


def test_a_kernel_that_crashes_is_told_by_its_signal(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    job.run(bare)
    assert job.end == (137, "DeadKernelError")
    assert job.folder.read_exit().error == "DeadKernelError: the kernel ended by signal 11 (SIGSEGV)"


UNLUCKY = """
import os, sys
tries = os.path.join(os.path.dirname(__file__), "tries")
with open(tries, "a") as stream:
    stream.write("x")
if os.path.getsize(tries) <= int(sys.argv[1]):
    sys.exit("zmq.error.ZMQError: Address already in use")
os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *sys.argv[2:]])
"""


@pytest.mark.parametrize(("deaths", "end", "starts"), [(1, (0, ""), 2), (9, (2, "RuntimeError"), 3)])
def test_a_kernel_whose_port_was_taken_is_started_again(bare, tmp_path, deaths, end, starts) -> None:
    spec = tmp_path / "kernels" / "unlucky"
    spec.mkdir(parents=True)
    (spec / "start.py").write_text(UNLUCKY)
    argv = [str(bare), str(spec / "start.py"), str(deaths), "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "unlucky", "language": "python"}))
    job = FarJob(tmp_path, "print('once', 6 * 7)", kernel="unlucky")
    job.run(bare, env={"JUPYTER_PATH": str(tmp_path)})
    assert job.end == end, job.folder.log.read_text()
    assert len((spec / "tries").read_text()) == starts
    assert len([event for event in job.of("out") if "once 42" in event["text"]]) == (end[0] == 0)
    assert [event.kind for event in job.folder.read_events()].count("start") == 1


def test_sigterm_saves_and_ends_with_143(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "print('kept')", SLEEP)
    process = job.start(bare)
    until(lambda: job.said("asleep"))
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert job.end == (143, "cancelled")
    assert "kept\n" in outputs(job)


def test_a_cell_that_will_not_listen_ends_after_the_grace(bare, tmp_path) -> None:
    deaf = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{SLEEP}"
    job = FarJob(tmp_path, "print('kept')", deaf)
    process = job.start(bare)
    until(lambda: job.said("asleep"))
    asked = time.monotonic()
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert time.monotonic() - asked >= job.spec["grace_s"]
    assert job.end == (143, "cancelled")
    assert "kept\n" in outputs(job)


def test_a_time_limit_interrupts_and_saves(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "print('kept')", SLEEP, resources={"time_limit_s": 12})
    job.run(bare)
    assert job.end == (124, "timeout")
    assert "kept\n" in outputs(job)


def test_a_memory_limit_counts_the_whole_tree(bare, tmp_path) -> None:
    """The memory is taken by a child, and the child of a shell at that."""
    hungry = "hold = bytearray(400_000_000)\nimport time\ntime.sleep(600)"
    shell = "['sh', '-c', sys.executable + ' -c \"$CODE\"']"
    cell = f"import subprocess, sys\nsubprocess.run({shell}, env={{'CODE': {hungry!r}}})"
    job = FarJob(tmp_path, cell, resources={"memory_bytes": 300_000_000})
    job.run(bare)
    assert job.end == (137, "OOMKilled")
    assert "MiB were allowed" in job.folder.read_exit().error
    assert not [p for p in psutil.process_iter() if _environment(p).get("CODE") == hungry]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def test_within_its_limits_it_just_runs(bare, tmp_path) -> None:
    cell = "import os\nprint('cpus', len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    limits = {"memory_bytes": 2_000_000_000, "time_limit_s": 600, "cpus": 1}
    job = FarJob(tmp_path, cell, resources=limits)
    job.run(bare)
    assert job.end == (0, "")
    assert job.said("cpus 1 1")


def test_heartbeats_tell_memory_of_the_tree_and_of_gpus(bare, tmp_path) -> None:
    fake = tmp_path / "bin" / "nvidia-smi"
    fake.parent.mkdir()
    kernels = 'for d in /proc/[0-9]*; do grep -q ipykernel_launcher $d/cmdline && echo "${d#/proc/}, 512"; done'
    fake.write_text(f'#!/bin/sh\n{kernels}\necho "1, 4096"\n')
    fake.chmod(0o755)
    greedy = "x = bytearray(150_000_000); import time; time.sleep(60)"
    child = f"import subprocess, sys\nc = subprocess.Popen([sys.executable, '-c', {greedy!r}])"
    job = FarJob(tmp_path, f"{child}\nimport time\ntime.sleep(11)\nc.kill()")
    job.run(bare, env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    beats = job.of("heartbeat")
    assert max(beat["memory_bytes"] for beat in beats) > 180_000_000
    assert any(beat.get("gpu_memory_bytes") == 512 << 20 for beat in beats), "its own, not what others take"


@pytest.mark.parametrize("kind", ["asleep", "deep in C"])
def test_a_kernel_does_not_outlive_a_runner_that_was_killed(bare, tmp_path, kind) -> None:
    """A kernel that never gives the interpreter back cannot look after its parent itself."""
    busy = {
        "asleep": "time.sleep(600)",
        "deep in C": "import ctypes\nctypes.PyDLL(None).sleep(600)",
    }[kind]
    begin = "import os, subprocess, time\nc = subprocess.Popen(['sleep', '601'])"
    cell = f"{begin}\nprint('pids', os.getpid(), c.pid, flush=True)\ntime.sleep(1)\n{busy}"
    job = FarJob(tmp_path, cell)
    process = job.start(bare)
    until(lambda: job.said("pids"))
    pids = [int(word) for word in job.of("out")[0]["text"].split()[1:3]]
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids), 20)
    assert not (job.folder.path / "exit.json").exists()


def test_what_a_notebook_started_ends_with_the_job(bare, tmp_path) -> None:
    """Also what has lost its parent and moved into a session of its own."""
    child = "import time; time.sleep(603)"
    cell = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)"
    job = FarJob(tmp_path, cell)
    job.run(bare)
    assert job.end == (0, "")
    until(lambda: not [p for p in psutil.process_iter() if child in _words(p)], 10)


def test_the_guard_goes_with_the_job(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "print(1)")
    process = job.start(bare)
    guards = lambda: [p for p in psutil.process_iter() if str(job.folder.path) in " ".join(_words(p))]  # noqa: E731
    process.wait(timeout=120)
    until(lambda: not guards(), 10)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


# -- the bundle


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info, b""


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../evil.txt"), b"x")],
        [(tarfile.TarInfo("/tmp/far-evil.txt"), b"x")],
        [(tarfile.TarInfo("a/../../evil.txt"), b"x")],
        [link("out", "/etc"), (tarfile.TarInfo("out/evil.txt"), b"x")],
        [link("up", "../.."), (tarfile.TarInfo("up/evil.txt"), b"x")],
        [link("hard", "/etc/passwd", tarfile.LNKTYPE)],
        [link("pipe", "", tarfile.FIFOTYPE)],
    ],
    ids=["up", "absolute", "through", "link", "link up", "hard link", "pipe"],
)
def test_a_bundle_that_reaches_outside_is_refused(bare, tmp_path, members) -> None:
    job = FarJob(tmp_path, "print('never')")
    data = tar_of(*members)
    (job.folder.path / "bundle.tar.gz").write_bytes(data)
    job.spec["bundle"]["digest"] = digest_bytes(data)
    job.run(bare)
    assert job.end == (2, "BundleDamaged"), job.folder.log.read_text()
    assert not list(tmp_path.rglob("evil.txt"))
    assert not Path("/tmp/far-evil.txt").exists()
    assert not (job.folder.path / "work").exists()


@pytest.mark.parametrize("plant", ["changed", "cut", "missing", "no archive"])
def test_a_damaged_bundle_is_refused(bare, tmp_path, plant) -> None:
    job = FarJob(tmp_path, "print('never')")
    file = job.folder.path / "bundle.tar.gz"
    if plant == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    elif plant == "cut":
        file.write_bytes(file.read_bytes()[:50])
    elif plant == "missing":
        file.unlink()
    else:
        file.write_bytes(b"no archive")
        job.spec["bundle"]["digest"] = digest_bytes(b"no archive")
    job.run(bare)
    assert job.end == (2, "BundleDamaged")
    assert not job.said("never")
    assert [event.kind for event in job.folder.read_events()] == ["exit"]


# -- data


@pytest.fixture
def web(tmp_path):
    """A web server that gives files and takes them."""
    root = tmp_path / "web"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_PUT(self) -> None:
            (root / Path(self.path.partition("?")[0]).name).write_bytes(
                self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", root
        server.shutdown()


def data_of(content: bytes, *sources: str, path: str = "data/x.csv") -> list[dict]:
    digest = f"md5:{hashlib.md5(content).hexdigest()}"
    file = {"path": path, "digest": digest, "bytes": len(content), "sources": list(sources)}
    return [{"path": path, "version": f"{path}@{digest[4:16]}", "files": [file]}]


def test_data_is_fetched_from_the_first_source_that_has_it(bare, tmp_path, web) -> None:
    address, root = web
    (root / "right").write_bytes(b"a\n1\n")
    (tmp_path / "wrong").write_bytes(b"a\n2\n")
    sources = (str(tmp_path / "nowhere"), str(tmp_path / "wrong"), f"{address}/gone", f"{address}/right?signature=hush")
    job = FarJob(tmp_path, "print(open('../data/x.csv').read())", data=data_of(b"a\n1\n", *sources))
    job.run(bare)
    assert job.end == (0, ""), job.folder.read_exit()
    assert job.said("a\n1")
    (read,) = json.loads((job.folder.path / "inputs.json").read_text())
    assert read["dataset_version"] == job.spec["data"][0]["version"]


def test_data_from_a_path_and_from_a_file_address(bare, tmp_path) -> None:
    (tmp_path / "here").write_bytes(b"1")
    data = data_of(b"1", str(tmp_path / "here"), path="a.txt") + data_of(b"1", f"file://{tmp_path}/here", path="b.txt")
    job = FarJob(tmp_path, "print(open('../a.txt').read() + open('../b.txt').read())", data=data)
    job.run(bare)
    assert job.end == (0, "")
    assert job.said("11")


def test_data_that_no_source_has(bare, tmp_path, web) -> None:
    address, _ = web
    (tmp_path / "wrong").write_bytes(b"other")
    sources = (str(tmp_path / "wrong"), f"{address}/gone?signature=hush-hush")
    job = FarJob(tmp_path, "print('never')", data=data_of(b"a\n1\n", *sources))
    job.run(bare)
    assert job.end == (2, "data-unavailable")
    error = job.folder.read_exit().error
    assert "other bytes than were recorded" in error
    assert "404" in error
    assert "hush-hush" not in error + job.folder.log.read_text()
    assert not list((job.folder.path / "work" / "data").iterdir()), "nothing half is left"


def test_data_cannot_be_placed_outside(bare, tmp_path) -> None:
    (tmp_path / "here").write_bytes(b"1")
    job = FarJob(tmp_path, "print('never')", data=data_of(b"1", str(tmp_path / "here"), path="../../evil.txt"))
    job.run(bare)
    assert job.end == (2, "data-unavailable")
    assert not list(tmp_path.rglob("evil.txt"))


# -- results


def test_on_a_channel_of_lines_nothing_is_lost(bare, tmp_path) -> None:
    cell = (
        "import os, pathlib\nos.write(1, b'raw words without an end')\nos.system('echo shell words')\nprint('said')\n"
        "pathlib.Path(os.environ['WORKBENCH_ARTIFACTS'], 'big.bin').write_bytes(os.urandom(100_000))"
    )
    job = FarJob(tmp_path, cell, channel="stdout")
    out = job.run(bare)
    found = read_log(out)
    assert found.events() == job.folder.read_events()
    assert found.incomplete == ()
    for name in ("output.ipynb", "inputs.json", "artifacts/big.bin", "exit.json"):
        assert found.files[name] == (job.folder.path / name).read_bytes()
    assert all(line.startswith(b"\x1ewb1 ") for line in out.splitlines()), "other words go elsewhere"


def test_results_are_put_to_a_store(bare, tmp_path, web) -> None:
    address, root = web
    cell = "import os, pathlib\npathlib.Path(os.environ['WORKBENCH_ARTIFACTS'], 'a.txt').write_text('A')"
    put = {"output.ipynb": f"{address}/output.ipynb?s=1", "results.tar.gz": f"{address}/results.tar.gz"}
    job = FarJob(tmp_path, cell, results={"put": put})
    job.run(bare)
    assert job.end == (0, "")
    assert (root / "output.ipynb").read_bytes() == job.folder.output.read_bytes()
    with tarfile.open(root / "results.tar.gz") as archive:
        assert {"output.ipynb", "inputs.json", "artifacts/a.txt", "events.jsonl"} <= set(archive.getnames())


def test_results_that_cannot_be_put_are_no_success(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "print(1)", results={"put": {"output.ipynb": "http://127.0.0.1:9/x?signature=hush-hush"}})
    job.run(bare)
    assert job.end == (2, "results-unsent")
    assert "hush-hush" not in job.folder.read_exit().error


# -- a full disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


FILL = """
f = open('big.bin', 'wb', buffering=0)
try:
    while f.write(b'x' * 4096):
        pass
except OSError:
    pass
"""


@pytest.mark.parametrize(
    "cell",
    [
        "open('big.bin', 'wb').write(b'x' * 8_000_000)",
        f"{FILL}\nfor i in range(10**9): print('word' * 500, i)",
        f"{FILL}\nprint('y' * 900_000)",
    ],
    ids=["a cell's own file", "events", "the notebook"],
)
def test_a_full_disk_is_a_true_end(bare, small_disk, cell) -> None:
    job = FarJob(small_disk, cell, "print('never')")
    job.run(bare)
    assert job.end == (122, "disk-full")
    last = job.folder.read_events()[-1]
    assert (last.kind, last.data["reason"]) == ("exit", "disk-full")
    assert not job.said("never")


# -- tracking


def test_a_shared_server_is_named_to_the_kernel_and_nothing_else(bare, tmp_path) -> None:
    cell = "import os\nprint(os.environ['MLFLOW_TRACKING_URI'], os.environ['MLFLOW_RUN_ID'])"
    job = FarJob(tmp_path, cell, tracking={"uri": "http://tracking.example:5000", "run": "a" * 32})
    job.run(bare)
    assert job.said(f"http://tracking.example:5000 {'a' * 32}")
    assert not (job.folder.path / "far.db").exists()


@pytest.mark.slow
def test_mlflow_that_makes_its_own_tables_is_read_as_well(tmp_path) -> None:
    """Another version of MLflow than here finds no prepared tables."""
    cell = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('m', 2)\n    mlflow.log_text('t', 't.txt')"
    job = FarJob(tmp_path, cell)
    (job.folder.path / "mlflow-schema.sql").write_text("-- mlflow 0.0.1\n")
    job.run()
    assert job.end == (0, ""), job.folder.log.read_text()
    assert [(data["name"], data["value"], data["run"]) for data in job.of("metric")] == [("m", 2.0, "")]
    assert any(data["path"].endswith("/artifacts/t.txt") for data in job.of("artifact"))


# -- this project's package, there and not there

RECORDING = (
    "%load_ext workbench\nimport workbench",
    "with workbench.run('trial'):\n    workbench.log_params(depth=3)\n    workbench.log(f1=0.5)\n"
    "    workbench.log(f1=0.75)",
    "%%mlops track\nx = 5",
    "print('x is', x)",
)


def test_a_recording_notebook_runs_where_the_package_is_not(bare, tmp_path) -> None:
    job = FarJob(tmp_path, *RECORDING, files={"x.txt": "1"})
    job.run(bare)
    assert job.end == (0, ""), job.folder.read_exit()
    assert job.of("param") == [{"name": "depth", "value": "3"}]
    told = [(data["name"], data["value"], data["step"]) for data in job.of("metric")]
    assert told == [("f1", 0.5, 0), ("f1", 0.75, 1)]
    assert job.said("x is 5")


def test_what_needs_the_package_says_so(bare, tmp_path) -> None:
    job = FarJob(tmp_path, "import workbench\nworkbench.table('shuttle')")
    job.run(bare)
    assert job.end == (1, "cell_error")
    assert "workbench.table needs the package on this machine → pip install" in job.folder.read_exit().error


@pytest.mark.slow
def test_a_recording_notebook_records_where_the_package_is(tmp_path) -> None:
    job = FarJob(tmp_path, *RECORDING, files={"x.txt": "1"}, tracking={"uri": "", "experiment": "trial"})
    job.run()
    assert job.end == (0, ""), job.folder.log.read_text()
    assert ("depth", "3") in {(data["name"], data["value"]) for data in job.of("param")}
    assert [data["value"] for data in job.of("metric") if data["name"] == "f1"] == [0.5, 0.75]
    assert not (job.folder.path / "work" / ".workbench" / "mlflow.db").exists()


SEEDED = """
import random
import numpy
import numpy.random as other
random.seed(7)
numpy.random.seed(8)
other.default_rng(9)
random.random() + numpy.random.rand()
"""


@pytest.mark.parametrize("has_package", [False, True], ids=["stand-in", "package"])
def test_a_far_kernel_leaves_what_random_generators_were_seeded_to(tmp_path, has_package) -> None:
    """The same states that a process here would note, whether or not the package is installed over there."""
    job = FarJob(tmp_path / "far", SEEDED)
    python = sys.executable if has_package else bare_python(tmp_path / "venv", ("numpy",))
    job.run(python)
    assert job.end == (0, ""), job.folder.log.read_text()
    tags = json.loads((job.folder.path / "captured" / "tags.json").read_text())
    here = "import json\nfrom workbench.experiment.capture import seeds\nseeds.watch_seeds()\n"
    here += f"{SEEDED}print(json.dumps(seeds.seeds({{}})))"
    said = subprocess.run([sys.executable, "-c", here], check=True, capture_output=True, text=True).stdout
    assert json.loads(tags["workbench.seeds"]) == json.loads(said)
    assert json.loads(said)["numpy.default_rng"] == "seeded"


def test_a_damaged_word_of_seeds_is_none(tmp_path) -> None:
    seeds_of = travelling_module("surroundings").seeds_of
    assert seeds_of(tmp_path) == {}
    for text in ("", "[1]", "{", json.dumps({str(number): "x" for number in range(17)})):
        (tmp_path / "seeds.json").write_text(text)
        assert seeds_of(tmp_path) == {}
    (tmp_path / "seeds.json").write_text(json.dumps({"numpy": "y" * 200}))
    assert seeds_of(tmp_path) == {"numpy": "y" * 100}


def test_the_surroundings_are_those_that_a_kernel_at_home_notes(tmp_path) -> None:
    from workbench.experiment.capture.facts import machine_facts

    job = FarJob(tmp_path, "print(1)")
    job.run()
    here, captured = machine_facts(), job.folder.path / "captured"
    there = json.loads((captured / "tags.json").read_text())
    alone = ("workbench.hardware", "workbench.seeds")
    assert json.loads(there["workbench.seeds"])["random"] == "unused", "it drew nothing"
    assert {key: there[key] for key in there if key not in alone} == {
        key: here.tags[key] for key in here.tags if key not in alone
    }
    assert json.loads(there["workbench.hardware"]) == json.loads(here.tags["workbench.hardware"])
    assert (captured / "environment.json").read_bytes() == here.files["environment.json"]


def test_a_source_that_stumbles_is_asked_again(bare, tmp_path) -> None:
    answers = iter([b"a\n", None, b"a\n1\n"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = next(answers)
            self.send_response(200 if answer else 503)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(answer or b"busy")

        def log_message(self, *_: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_address[1]}/x"
        job = FarJob(tmp_path, "print(open('../data/x.csv').read())", data=data_of(b"a\n1\n", source))
        job.run(bare)
        server.shutdown()
    assert job.end == (0, ""), job.folder.read_exit()


def test_sigterm_while_a_source_does_not_answer(bare, tmp_path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        job = FarJob(tmp_path, "print('never')", data=data_of(b"1", source))
        process = job.start(bare)
        silent.accept()
        process.terminate()
        assert process.wait(timeout=20) == 143
    assert job.end == (143, "cancelled")


def test_a_bundle_from_a_store(bare, tmp_path, web) -> None:
    address, root = web
    job = FarJob(tmp_path, "print(open('../x.txt').read())", files={"x.txt": "carried"})
    (job.folder.path / "bundle.tar.gz").rename(root / "b.tar.gz")
    job.spec["bundle"]["source"] = f"{address}/b.tar.gz?signature=hush-hush"
    job.run(bare)
    assert job.end == (0, ""), job.folder.read_exit()
    assert job.said("carried")


def test_a_bundle_that_a_store_does_not_have(bare, tmp_path, web) -> None:
    job = FarJob(tmp_path, "print('never')")
    (job.folder.path / "bundle.tar.gz").unlink()
    job.spec["bundle"]["source"] = f"{web[0]}/b.tar.gz?signature=hush-hush"
    job.run(bare)
    assert job.end == (2, "BundleDamaged")
    assert "hush-hush" not in job.folder.read_exit().error
