"""Find and end every process of a job, also those that moved to another group or lost their parent.

A job's processes inherit ``WORKBENCH_JOB``; that mark outlives a parent, a session and a process group, which no
list of children does. Descendants, and members of sessions that the job's processes lead (a kernel leads one), are
taken as well, because a child may have been started with an empty environment; such a child that also lost its
parent, and whose session's leader is dead, cannot be told from any other process and stays.

What a notebook starts for keeps (another job, a model runner) carries another mark, or an empty one
(:func:`~workbench.foundation.background.spawn_detached` sets it), and is left alone together with its children.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

JOB_VARIABLE = "WORKBENCH_JOB"
PROJECT_VARIABLE = "WORKBENCH_PROJECT"
_NOTED_WITHIN_S = 30.0


def job_processes(root: Path, job: str, leader: int = 0) -> list[psutil.Process]:
    """Return the living processes of a job, without this one and without the leader itself.

    Args:
        root: The project's folder; another project may have a job of the same name.
        job: The job.
        leader: Process whose descendants belong to the job; 0 where it is gone.
    """
    found = {process.pid: process for process in _marked(root, job)}
    if leader:
        found.update((process.pid, process) for process in _descendants(leader, job))
    found.update((process.pid, process) for process in _in_sessions_of({*found, leader} - {0}, job))
    spared = {os.getpid(), leader}
    return [process for pid, process in found.items() if pid not in spared]


def end_processes(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Ask processes to end, and after ``grace_s`` seconds make them."""
    waiting = list(processes)
    for process in waiting:
        _signal(process, is_forced=False)
    _, alive = psutil.wait_procs(waiting, timeout=grace_s)
    for process in alive:
        _signal(process, is_forced=True)
    psutil.wait_procs(alive, timeout=5)


def started_at(pid: int) -> float:
    """Return when a process was started, to be noted with its number; now, where it has ended already.

    Not the time of noting: on a machine that is loaded enough, half a minute may lie between the two.
    """
    try:
        created: float = psutil.Process(pid).create_time()
    except psutil.Error:
        return time.time()
    return created


def is_same_process(pid: int, noted: float) -> bool:
    """Tell whether ``pid`` lives and is the process that was noted down at ``noted``, no later one with its number."""
    try:
        process = psutil.Process(pid)
        was_noted_soon: bool = -2.0 < noted - process.create_time() < _NOTED_WITHIN_S
        return was_noted_soon and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _living() -> Iterator[psutil.Process]:
    """Yield every process as it is now.

    ``psutil.process_iter`` remembers processes by number from call to call: one whose number has gone to a job's would
    be found by the environment of the job's, and then, as the process that it was, not be ended.
    """
    for pid in psutil.pids():
        with suppress(psutil.Error):  # gone meanwhile
            yield psutil.Process(pid)


def _marked(root: Path, job: str) -> Iterable[psutil.Process]:
    for process in _living():
        environment = _environment(process)
        if environment.get(JOB_VARIABLE) == job and environment.get(PROJECT_VARIABLE) == str(root):
            yield process


def _descendants(pid: int, job: str) -> Iterable[psutil.Process]:
    try:
        children = psutil.Process(pid).children()
    except psutil.Error:
        return
    for child in children:
        if _environment(child).get(JOB_VARIABLE, job) == job:
            yield child
            yield from _descendants(child.pid, job)


def _in_sessions_of(pids: set[int], job: str) -> Iterable[psutil.Process]:
    leaders = {pid for pid in pids if _session(pid) == pid}
    for process in _living() if leaders else ():
        if _session(process.pid) in leaders and _environment(process).get(JOB_VARIABLE, job) == job:
            yield process


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:  # gone meanwhile
        return -1


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        environment: dict[str, str] = process.environ()
    except (psutil.Error, OSError):  # another user's, or gone meanwhile
        return {}
    return environment


def _signal(process: psutil.Process, *, is_forced: bool) -> None:
    try:
        if is_forced:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        return
