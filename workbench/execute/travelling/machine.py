"""What a job takes of its machine, and what it may take: memory of all its processes, processors, time.

Travels with ``runner``; standard library alone. Linux says what a process tree takes in ``/proc``; elsewhere ``ps`` is
asked. A limit on memory is kept by looking: four times a second the resident memory of the kernel and everything it
started is added up. (``RLIMIT_AS`` would count address space, of which a GPU library maps hundreds of gigabytes.)
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_MIB = 1 << 20
_PR_SET_CHILD_SUBREAPER = 36


class Limits:
    """What ``spec.json`` allows a job; 0 means that nothing was said."""

    def __init__(self, resources: dict[str, Any]) -> None:
        self.memory_bytes = int(resources.get("memory_bytes") or 0)
        self.time_limit_s = float(resources.get("time_limit_s") or 0)
        self._began = 0.0
        self._oom_kills = oom_kills()
        take_cpus(int(resources.get("cpus") or 0))

    def bound_memory(self) -> None:
        """Leave a quarter of the machine to others, where nothing was said."""
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.memory_bytes = self.memory_bytes or physical * 3 // 4

    def begin(self) -> None:
        """Let the time begin."""
        self._began = time.monotonic()

    def exceeded(self, pid: int) -> tuple[int, str, str] | None:
        """Return how a job has to end that took too much; None while it is within its limits."""
        if self.time_limit_s and time.monotonic() - self._began > self.time_limit_s:
            return 124, "timeout", f"TimeoutError: it ran for more than {self.time_limit_s:g} s"
        if not self.memory_bytes:
            return None
        taken = tree_memory_bytes(pid)
        if taken <= self.memory_bytes:
            return None
        message = f"it took {taken // _MIB} MiB, and {self.memory_bytes // _MIB} MiB were allowed"
        return 137, "OOMKilled", f"OOMKilled: {message}"

    def death(self, code: int | None) -> tuple[int, str, str]:
        """Return the end of a job whose kernel died.

        Args:
            code: What it left: an exit code, or a signal's number below zero; None where nobody knows.
        """
        if oom_kills() > self._oom_kills:
            return 137, "OOMKilled", "OOMKilled: the system killed the kernel, which took more memory than it may"
        if code is not None and code not in (0, -signal.SIGKILL):
            how = f"ended by signal {-code} ({_name_of(-code)})" if code < 0 else f"ended with code {code}"
            return 137, "DeadKernelError", f"DeadKernelError: the kernel {how}"
        return 137, "DeadKernelError", "DeadKernelError: the kernel was killed; out of memory is the usual cause"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def take_cpus(count: int) -> None:
    """Keep this process, and so its kernel, on so many processors; 0 means all."""
    if count <= 0:
        return
    for name in _THREADS:
        os.environ.setdefault(name, str(count))
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        # Any of them, lest all jobs of a machine crowd on the first.
        os.sched_setaffinity(0, random.sample(allowed, min(count, len(allowed))))


def oom_kills() -> int:
    """Return how many processes of this control group the system has killed for memory; 0 where nobody counts."""
    try:
        group = Path("/proc/self/cgroup").read_text(encoding="ascii").rpartition("0::/")[2].strip()
        lines = Path("/sys/fs/cgroup", group, "memory.events").read_text(encoding="ascii").splitlines()
        return int(dict(line.split() for line in lines).get("oom_kill", 0))
    except (OSError, ValueError):
        return 0


def usage(pid: int) -> dict[str, int]:
    """Return what a heartbeat says: resident memory of a process and all below it, and of GPUs where there are any."""
    found = {"memory_bytes": tree_memory_bytes(pid)}
    gpu = gpu_memory_bytes(tree(pid)) if shutil.which("nvidia-smi") else -1
    if gpu >= 0:
        found["gpu_memory_bytes"] = gpu
    return found


def tree(pid: int) -> list[int]:
    """Return a process and all below it, parents first."""
    if not pid:
        return []
    children = _children_of()
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def tree_memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and all below it, 0 where it cannot be known."""
    return sum(memory_bytes(each) for each in tree(pid))


def memory_bytes(pid: int) -> int:
    """Return the resident memory of one process, 0 where it cannot be known."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        pass  # it has ended; or no /proc: macOS has ps
    if Path("/proc/self").exists():
        return 0
    return int((_words("ps", "-o", "rss=", "-p", str(pid)) or ["0"])[0]) * 1024


def gpu_memory_bytes(pids: list[int]) -> int:
    """Return the memory that processes take on GPUs; -1 where ``nvidia-smi`` does not say."""
    words = _words("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
    numbers = [int(word) for word in (word.strip(",") for word in words) if word.isdigit()]
    if len(numbers) != len(words):
        return -1
    return sum(mib * _MIB for pid, mib in zip(numbers[::2], numbers[1::2]) if pid in pids)  # noqa: B905 -- Python 3.9


def born(pid: int) -> str:
    """Return when a process began, in the system's own words; empty where it has ended or nobody can tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def kill_tree(pid: int) -> None:
    """Kill a process and all below it."""
    for each in tree(pid):
        try:
            os.kill(each, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _children_of() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it has ended
        found.setdefault(parent, []).append(int(entry.parent.name))
    return found


def _words(*command: str) -> list[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=3).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return []


class Guard:
    """A process that kills the kernel and all below it when the runner dies without a word.

    A kernel looks after its parent itself where it can; one that is deep in a C library, or of another language, does
    not, and would hold memory and GPU of a far machine for ever. The guard is forked while this process is small, sits
    in a session of its own and sleeps on a pipe whose other end only the runner has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _adopt_orphans()
        reading, self._pipe = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._pipe)
            _watch(reading)
        os.close(reading)

    def watch(self, pid: int) -> None:
        """Name the kernel; 0 means that there is none any more."""
        with self._lock:
            os.write(self._pipe, f"{pid} {born(pid)}\n".encode())

    def dismiss(self) -> None:
        """Let the guard go: the job ends in order, and with it whatever it has started."""
        for child in _children_of().get(os.getpid(), []):
            if child != self.pid:
                kill_tree(child)
        self.watch(0)
        os.close(self._pipe)
        os.waitpid(self.pid, 0)


def _adopt_orphans() -> None:
    """Become the parent of whatever below this process loses its own (Linux): so it can be ended with the job."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):  # no Linux
        return


def _watch(pipe: int) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):  # whoever waits for the end of the runner's output must not wait for this process
        os.dup2(nothing, handle)
    said = b""
    while True:
        data = os.read(pipe, 4096)
        if not data:
            break
        said += data
    pid, _, birth = (said.decode("ascii").splitlines() or ["0 "])[-1].partition(" ")
    if int(pid) and born(int(pid)) == birth:  # numbers of processes are used again
        kill_tree(int(pid))
    os._exit(0)
