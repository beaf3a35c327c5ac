"""Start a job once: ``begin.py <job directory> <mark> <shared bundle> <word> …``.

The process that becomes the job takes the lock of the directory and, holding it, writes ``started``; so however often
and by however many this is called, one runs, and where all died before that moment, the next call starts it. A bundle
that other jobs share gets a second name in the job's directory; an empty word means that the job brought its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from pathlib import Path

PATIENCE_S = 10.0
"""Somebody who looks holds the lock for a moment, too."""


def begin(folder: Path, mark: str, bundle: str, command: list[str]) -> None:
    """Start the command, unless that was done before.

    Raises:
        OSError: The disk is full, or there is no such command; the job has then not begun.
    """
    folder = folder.expanduser().resolve()
    if has_begun(folder):
        return
    if bundle:
        take_bundle(Path(bundle).expanduser(), folder)
    mouth, ear = os.pipe()[::-1]  # closed by a successful exec: silence is good news
    if os.fork() == 0:
        if os.fork() == 0:  # nobody's child: whoever started it need not bury it
            become(folder, mark, command, mouth)
        os._exit(0)
    os.close(mouth)
    os.wait()
    with os.fdopen(ear, encoding="utf-8") as stream:
        if said := stream.read():
            number, _, text = said.partition(" ")
            raise OSError(int(number), text)


def take_bundle(bundle: Path, folder: Path) -> None:
    """Give a job the shared bundle, whole or not at all."""
    os.utime(bundle)  # it is in use, and not swept away for a while
    new = folder / f".bundle.{os.getpid()}"
    try:
        os.link(bundle, new)
    except OSError:  # a file system that gives a file one name only
        shutil.copyfile(bundle, new)
    new.replace(folder / bundle.name)
    new.unlink(missing_ok=True)  # where both were names of one file, replacing did nothing


def has_begun(folder: Path) -> bool:
    """Tell whether the job was started, or cancelled before it was."""
    return (folder / "started").exists() or (folder / "cancelled").exists()


def become(folder: Path, mark: str, command: list[str], mouth: int) -> None:
    """Turn this process into the job, unless another one is it already; never returns."""
    try:
        os.setsid()
        os.chdir(folder)
        if take_lock(folder):
            claim(folder)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.execvpe(command[0], command, {**os.environ, "WORKBENCH_JOB": mark})  # noqa: S606
    except OSError as error:
        os.write(mouth, f"{error.errno} {error.strerror}: {error.filename or folder}".encode())
        Path("started").unlink(missing_ok=True)
    finally:
        os._exit(0)


def take_lock(folder: Path) -> bool:
    """Take the lock for as long as this process lives, also as another program; False where the job has begun."""
    lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(lock, True)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not has_begun(folder):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return not has_begun(folder)
    return False


def claim(folder: Path) -> None:
    """Write down who runs."""
    new = folder / ".started.new"
    with new.open("w", encoding="utf-8") as stream:
        json.dump({"pid": os.getpid(), "node": os.uname().nodename}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(folder / "started")


if __name__ == "__main__":
    begin(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
    sys.stdout.write("null")
