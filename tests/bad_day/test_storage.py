"""Disks and folders that refuse: a full disk, a limit on file sizes, files and folders without permission.

Each command runs in a fork of its own, which alone loses its rights: limits, and the capabilities that let root write
where nobody may.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_day.conftest import Place, Said
from tests.bad_day.situations import TRAIN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="capabilities and limits are Linux's")
_CAPABILITY_VERSION_3 = 0x20080522


def give_up_rights() -> None:
    """Let permissions hold for root, too."""
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, nothing) == 0


def fill_disk() -> None:
    """Let no file grow any more: the write fails as on a full disk (EFBIG for ENOSPC)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def in_fork(place: Place, hardship: Callable[[], None], *words: str) -> Said:
    """Give one command in a child that has it hard."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            hardship()
            said = place.mlops(*words)
            text = f"{said.code}\n{said.err}"
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            text = f"-1\n{traceback.format_exc()}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        code, _, err = stream.read().partition("\n")
    os.waitpid(child, 0)
    return Said(int(code), "", err)


WRITING = (
    ("run", TRAIN, "--detach"),
    ("data", "snapshot", "notebooks"),
    ("reviewers", "add", "zed@example.com", "{key}"),
    ("review", "request", "{run}", "--detach"),
    ("release", "{review}"),
    ("report",),
)


@pytest.mark.parametrize("words", WRITING, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("hardship", [fill_disk, give_up_rights])
def test_a_refused_write_is_a_storage_error(place: Place, hardship: Callable[[], None], words: tuple[str, ...]) -> None:
    if hardship is give_up_rights:
        for folder, _, files in os.walk(place.root):
            for name in files:
                Path(folder, name).chmod(0o444)
            Path(folder).chmod(0o555)
    before = place.state()
    said = in_fork(place, hardship, *(word.format(**place.known) for word in words))
    assert said.code in (3, 5), said.err
    assert len(said.err.splitlines()) == 1, said.err
    assert said.problem["hint"]
    assert place.state() == before


UNREADABLE = (
    ("workbench.toml", ("status",), "file-not-readable"),
    ("policy/reviewers", ("reviewers",), "file-not-readable"),
    ("policy/gate.toml", ("release", "{review}"), "policy-missing"),
    (TRAIN, ("run", TRAIN, "--detach"), "file-not-readable"),
    ("data/rows.csv", ("data",), "file-not-readable"),
    ("data/rows.csv.dvc", ("data",), "file-not-readable"),
    (".workbench/journal.db", ("reviews",), "folder-not-writable"),
    (".workbench/mlflow.db", ("runs",), "tracking-unreadable"),
)


@pytest.mark.parametrize(
    ("path", "words", "code"), UNREADABLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_may_not_be_read(place: Place, path: str, words: tuple[str, ...], code: str) -> None:
    before = place.state()
    (place.root / path).chmod(0)
    said = in_fork(place, give_up_rights, *(word.format(**place.known) for word in words))
    assert said.code in (1, 3), said.err
    assert said.problem["code"] == code
    assert said.problem["hint"]
    assert place.state() == before
