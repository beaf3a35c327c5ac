"""What the operating system refuses becomes an error that says what to look at."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import StorageError, storage_errors


@pytest.mark.skipif(sys.platform != "linux", reason="a file that answers every write with EIO")
def test_a_disk_that_fails_is_told_from_a_full_one() -> None:
    path = Path("/proc/self/mem")  # nothing lies at address 0, so the kernel answers with EIO, as a failing disk does
    handle = os.open(path, os.O_WRONLY)
    try:
        with pytest.raises(StorageError) as caught, storage_errors(path):
            os.write(handle, b"x")
    finally:
        os.close(handle)
    assert (caught.value.code, caught.value.message) == ("disk-failed", f"The disk failed at {path}")
    assert "dmesg" in caught.value.hint


@pytest.mark.parametrize("below", ["deep/er/file.json", "file.json", ""])
def test_what_is_in_the_way_is_what_the_hint_looks_at(tmp_path: Path, below: str) -> None:
    blocker = tmp_path / "jobs"
    if below:
        blocker.write_text("a file where a folder should be")
    else:
        blocker.mkdir()  # and a folder where a file should be
    with pytest.raises(StorageError) as caught, storage_errors(blocker / below):
        write_atomic(blocker / below, b"x")
    assert caught.value.code == "path-blocked"
    _, command = caught.value.hint.split(": ")
    assert shlex.split(command) == ["ls", "-ld", str(blocker)]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert blocker.is_dir() == (not below)
