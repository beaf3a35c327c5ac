"""End a job with every process it started: ``end.py <job directory> <mark> <grace in seconds, or -1> <days>``.

SIGTERM goes to the job's own process, which saves its work; what is left after the grace gets SIGKILL: whatever
carries the mark ``WORKBENCH_JOB``, descends from what does, or is in a session that one of these leads. What carries
another mark, or an empty one, was started for keeps. A grace of -1 asks nobody: the job is over, its results are home,
which ``home`` in its directory notes, and only what it left behind is meant; then directories that were marked so
more than so many days ago go as well, bundles and environments that nobody used since, and the folders of Slurm's
arrays (a list of executions, and what Slurm had to say of each) whose directories have all gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

VARIABLE = b"WORKBENCH_JOB="
KILL_S = 10.0


def end(folder: Path, mark: str, grace_s: float) -> list[int]:
    """End a job and return what would not go."""
    if grace_s >= 0 and folder.is_dir():
        leave_mark(folder / "cancelled")
        ask(folder, mark, grace_s)
    deadline = time.monotonic() + KILL_S
    while (left := processes_of(mark)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return sorted(left)


def leave_mark(path: Path) -> None:
    """Touch a file of the job's directory; where its notebook has put a link in its place, nothing elsewhere."""
    if path.is_symlink():
        path.unlink()
    path.touch()


def ask(folder: Path, mark: str, grace_s: float) -> None:
    """Send SIGTERM to the job's process, where it lives, and wait until it has ended.

    ``started`` lies where the notebook may write: a number in it that is not one of the job's own is not believed.
    """
    deadline = time.monotonic() + grace_s
    try:
        started = json.loads((folder / "started").read_text(encoding="utf-8"))
        pid, node = int(started["pid"]), started["node"]
    except (OSError, ValueError, LookupError, TypeError):
        return
    if not is_held(folder / "lock"):
        return
    if node != os.uname().nodename:
        raise SystemExit(f"it runs on {node}, and this is {os.uname().nodename}")
    if pid not in processes_of(mark):
        return
    os.kill(pid, signal.SIGTERM)
    while is_held(folder / "lock") and time.monotonic() < deadline:
        time.sleep(0.05)


def is_held(lock: Path) -> bool:
    """Tell whether the job's process lives."""
    with lock.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def processes_of(mark: str) -> set[int]:
    """Return the processes of a job, zombies left out."""
    table = proc_table() if Path("/proc/self/stat").exists() else ps_table()
    found = {pid for pid, (_, _, other) in table.items() if other == mark}
    while True:
        more = {
            pid
            for pid, (parent, session, other) in table.items()
            if pid not in found and other in (None, mark) and (parent in found or session in found)
        }
        if not more:
            return found - {os.getpid()}
        found |= more


def proc_table() -> dict[int, tuple[int, int, str | None]]:
    """Return parent, session and mark of each process of ours."""
    table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session = (folder / "stat").read_bytes().rpartition(b") ")[2].split()[:4]
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile, or somebody else's
            continue
        marks = [value[len(VARIABLE) :].decode("utf-8", "replace") for value in variables if value.startswith(VARIABLE)]
        if state != b"Z":
            table[int(folder.name)] = (int(parent), int(session), marks[0] if marks else None)
    return table


def ps_table() -> dict[int, tuple[int, int, str | None]]:
    """Do so where there is no /proc; sessions are not known there, process groups are."""
    said = subprocess.run(["ps", "-axEwwo", "pid=,ppid=,pgid=,command="], capture_output=True, text=True, check=False)
    table = {}
    for line in said.stdout.splitlines():
        pid, parent, group, command = line.split(None, 3)
        marked = re.search(VARIABLE.decode() + r"(\S*)", command)
        table[int(pid)] = (int(parent), int(group), marked[1] if marked else None)
    return table


def sweep(base: Path, days: float) -> None:
    """Remove what has been home for so many days.

    That a job ended long ago says nothing: its results may lie here alone, until whoever sent it is switched on again.
    """
    before = time.time() - days * 86_400
    for mark in (*base.glob("jobs/*/home"), *base.glob("bundles/*/bundle.tar.gz")):
        with contextlib.suppress(OSError):
            if mark.stat().st_mtime < before:
                shutil.rmtree(mark.parent, ignore_errors=True)
    for tasks in base.glob("arrays/*/tasks"):
        with contextlib.suppress(OSError):
            jobs = tasks.read_text(encoding="utf-8").split()
            if tasks.stat().st_mtime < before and not any((base / "jobs" / job).exists() for job in jobs):
                shutil.rmtree(tasks.parent, ignore_errors=True)
    users = [path.parent for path in base.glob("jobs/*/environment.txt")]
    if all((folder / "exit.json").exists() or (folder / "home").exists() for folder in users):  # else one is in use
        for lock in base.glob("envs/*.lock"):
            sweep_environment(lock, before)


def sweep_environment(lock: Path, before: float) -> None:
    """Remove an environment that nobody has used since; who makes or takes one holds its lock."""
    env, old = lock.with_suffix(""), lock.with_suffix(".old")
    with contextlib.suppress(OSError), lock.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if (env / ".whole").stat().st_mtime < before:
            shutil.rmtree(old, ignore_errors=True)
            env.rename(old)
            shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    where, grace = Path(sys.argv[1]).expanduser(), float(sys.argv[3])
    stubborn = end(where, sys.argv[2], grace)
    if grace < 0:
        sweep(where.parent.parent, float(sys.argv[4]))  # first: a full disk may have no room for one more name
        if where.is_dir():
            leave_mark(where / "home")
    sys.stdout.write(json.dumps(stubborn))
