"""A short lock: one at a time, and whoever waits too long is told by whom."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.foundation.errors import StorageError
from workbench.foundation.lock import hold_lock

HOLDER = """
import sys
from pathlib import Path
from workbench.foundation.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leases" / ".data"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_whoever_waits_too_long_is_told_who_holds_it(path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(StorageError) as refusal, hold_lock(path, timeout_s=0.2):
        pass
    assert (refusal.value.code, str(path) in refusal.value.message) == ("lock-busy", True)
    _, command = refusal.value.hint.split("yours: ")
    if shutil.which("lsof"):
        lsof, named_path = shlex.split(command)
        named = subprocess.run([lsof, "-t", named_path], capture_output=True, text=True, check=False).stdout
        assert named.split() == [str(holder.pid)]
    holder.communicate("")
    with hold_lock(path, timeout_s=0.2):  # what the hint asks to wait for has come
        pass


def test_a_holder_that_dies_gives_it_back(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with hold_lock(path, timeout_s=0.2):
        pass
