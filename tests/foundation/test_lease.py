import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
