import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.foundation import lease as lease_module
from workbench.foundation import open_file_lock
from workbench.foundation.errors import ConflictError
from workbench.foundation.lease import Lease, inspect_lease

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from workbench.foundation.lease import Lease
lease = Lease(Path(sys.argv[1]), heartbeat_s=0.1)
child = subprocess.Popen(["sleep", "30"])  # a child that outlives its parent must not keep the lease
print(child.pid, flush=True)
time.sleep(30)
"""


def test_a_killed_holder_is_known_dead_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        assert inspect_lease(path).is_alive
        with pytest.raises(ConflictError, match="lease-held"):
            Lease(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        state = inspect_lease(path)
        assert not state.is_alive
        assert state.is_certain
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


def test_a_file_that_nobody_has_written_to_tells_of_no_dead_holder(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    assert not inspect_lease(path).was_held
    path.touch()
    state = inspect_lease(path)
    assert (state.is_alive, state.was_held) == (False, False), "it may be about to be locked"
    with start(LOOKER, path, "LOCK_EX", 30) as holder:
        assert inspect_lease(path).was_held
        holder.kill()
    lease = Lease(path)
    left = path.read_bytes()
    lease.release()
    path.write_bytes(left)
    state = inspect_lease(path)
    assert (state.is_alive, state.was_held) == (False, True)


def test_looking_at_ones_own_lease_does_not_drop_it(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    lease = Lease(path, heartbeat_s=0.05)
    assert inspect_lease(path).is_alive
    probe = "import sys; from pathlib import Path; from workbench.foundation.lease import inspect_lease as i;"
    probe += "sys.exit(not i(Path(sys.argv[1])).is_alive)"
    assert subprocess.run([sys.executable, "-c", probe, str(path)], check=False).returncode == 0
    lease.release()
    assert not inspect_lease(path).is_alive


def test_on_another_host_the_heartbeat_decides(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    path.write_text('{"pid": 1, "host": "another-host"}')
    assert inspect_lease(path, heartbeat_s=1).is_alive
    assert not inspect_lease(path, heartbeat_s=1).is_certain
    old = time.time() - 3
    os.utime(path, (old, old))
    assert not inspect_lease(path, heartbeat_s=1).is_alive


def test_a_lease_beats(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    lease = Lease(path, heartbeat_s=0.05)
    os.utime(path, (0, 0))
    until = time.monotonic() + 2
    while path.stat().st_mtime < 1 and time.monotonic() < until:
        time.sleep(0.02)
    assert path.stat().st_mtime > 1
    lease.release()


LOOKER = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(handle, getattr(fcntl, sys.argv[2]))
print(flush=True)
time.sleep(float(sys.argv[3]))
"""


def start(source: str, *words: object) -> subprocess.Popen[str]:
    """Start a process and wait until it says that it holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", source, *map(str, words)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_somebody_who_only_looks_keeps_no_holder_out(tmp_path: Path) -> None:
    path = tmp_path / "run-1"
    path.touch()
    with start(LOOKER, path, "LOCK_SH", 0.08):
        Lease(path).release()
    with start(LOOKER, path, "LOCK_SH", 1) as other:
        assert not inspect_lease(path).is_alive, "two who look are no holder to each other"
        other.kill()


def before_locking(monkeypatch: pytest.MonkeyPatch, happening) -> None:
    """Have something happen once, after a file was opened and before it is locked or looked at."""
    todo = [happening]

    def after(real):
        def changed(handle: int):
            if todo:
                todo.pop()()
            return real(handle)

        return changed

    for name in ("_lock", "_is_locked"):
        monkeypatch.setattr(lease_module, name, after(getattr(lease_module, name)))


def test_a_lease_is_of_the_file_that_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run-1"
    path.touch()
    before_locking(monkeypatch, path.unlink)
    lease = Lease(path)
    try:
        assert path.exists()
        probe = "import sys; from pathlib import Path; from workbench.foundation.lease import inspect_lease as i;"
        probe += "sys.exit(not i(Path(sys.argv[1])).is_alive)"
        assert subprocess.run([sys.executable, "-c", probe, str(path)], check=False).returncode == 0
    finally:
        lease.release()


def test_a_holder_that_came_between_opening_and_locking_is_seen(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "run-1"
    path.touch()
    holders: list[subprocess.Popen[str]] = []

    def change_hands() -> None:
        path.unlink()
        holders.append(start(LOOKER, path, "LOCK_EX", 30))

    before_locking(monkeypatch, change_hands)
    try:
        assert inspect_lease(path).is_alive
    finally:
        for holder in holders:
            with holder:
                holder.kill()


PROBE = """
import sys
from pathlib import Path
from workbench.foundation import open_file_lock
from workbench.foundation.errors import ConflictError
from workbench.foundation.lease import Lease, inspect_lease
if sys.argv[2] == "posix":
    open_file_lock._SET_LOCK = open_file_lock._GET_LOCK = None
is_alive = inspect_lease(Path(sys.argv[1])).is_alive
try:
    Lease(Path(sys.argv[1]))
except ConflictError:
    assert is_alive
else:
    assert not is_alive
sys.exit(not is_alive)
"""


def is_seen(path: Path, way: str = "open-file") -> bool:
    """Tell whether another process, with the one kind of lock or the other, finds a lease held."""
    ended = subprocess.run([sys.executable, "-c", PROBE, str(path), way], check=False, capture_output=True, text=True)
    assert not ended.stderr
    return ended.returncode == 0


@pytest.fixture(params=["open-file", "posix"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Hold with the locks of Linux, and with those of everybody."""
    if request.param == "open-file" and sys.platform != "linux":
        pytest.skip("locks of open files")
    if request.param == "posix":
        monkeypatch.setattr(open_file_lock, "_SET_LOCK", None)
        monkeypatch.setattr(open_file_lock, "_GET_LOCK", None)
    return str(request.param)


def test_a_holder_that_reads_its_own_lease_file_keeps_it(tmp_path: Path, way: str) -> None:
    path = tmp_path / "run-1"
    lease = Lease(path)
    assert is_seen(path)
    assert is_seen(path, "posix")
    path.read_bytes()  # as a notebook does that packs its folder
    assert is_seen(path) == (way == "open-file"), "a POSIX lock is what that takes away"
    lease.release()


FORKED = """
import os, sys, time
from pathlib import Path
from workbench.foundation import open_file_lock
from workbench.foundation.lease import Lease, inspect_lease
if sys.argv[2] == "posix":
    open_file_lock._SET_LOCK = open_file_lock._GET_LOCK = None
path = Path(sys.argv[1])
lease = Lease(path)
if os.fork():
    time.sleep(30)
    os._exit(0)  # else it would go on as its own child, and end the tests' process
print(os.getpid(), flush=True)
lease.release()  # a child that ends in order does this, too
assert inspect_lease(path).is_alive, "the parent lives"
os.kill(os.getppid(), 9)
time.sleep(0.2)
assert not inspect_lease(path).is_alive
print("gone", flush=True)
time.sleep(30)
"""


def test_a_forked_child_keeps_no_lease_of_its_dead_parent(tmp_path: Path, way: str) -> None:
    path = tmp_path / "run-1"
    with subprocess.Popen([sys.executable, "-c", FORKED, path, way], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            assert holder.stdout.readline() == "gone\n"
            assert path.exists()
            assert not is_seen(path)
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="locks of open files")
def test_a_child_that_kept_the_handle_would_keep_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above would see if nobody closed it."""
    path = tmp_path / "run-1"
    lease = Lease(path)
    monkeypatch.setattr(lease_module, "_handles", set())
    read, write = os.pipe()
    if not (child := os.fork()):
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    lease._stop.set()
    os.close(lease._handle)
    assert is_seen(path)
    os.close(write)
    os.waitpid(child, 0)
    os.close(read)
    assert not is_seen(path)


@pytest.mark.skipif(sys.platform != "linux", reason="locks of open files")
def test_one_process_holds_a_lease_once(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "run-1")
    with pytest.raises(ConflictError, match="lease-held"):
        Lease(tmp_path / "run-1")
    assert is_seen(tmp_path / "run-1")
    lease.release()
    Lease(tmp_path / "run-1").release()
