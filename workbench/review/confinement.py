"""Give up what a child does not need: memory without end, the network, other people's files.

Each step is tried and the ones that held are named; a system that does not offer one (macOS, a container that forbids
namespaces) runs with the rest and says so. Has to be called while the process has one thread, before numpy starts
its own: a user namespace cannot be entered with two.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

MEMORY_BYTES = 4 << 30
CPU_S = 120
FILE_BYTES = 1 << 30

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
# Landlock (https://docs.kernel.org/userspace-api/landlock.html): the numbers are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_ALL_RIGHTS = (1 << 13) - 1  # everything of the first version, which every Landlock has


def confine(scratch: Path) -> str:
    """Give up what can be given up and return what held: ``limits, no network, own files only``."""
    held = [_limit()]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _leave_network(libc):
            held.append("no network")
        if _keep_to(libc, scratch):
            held.append("own files only")
    return ", ".join(held)


def _limit() -> str:
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    )
    for kind, value in wanted:
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            if kind != resource.RLIMIT_AS:  # macOS has the name and refuses the call
                raise
            return "limits without memory"
    return "limits"


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Enter a network namespace that holds nothing but a loopback which is down."""
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0 and libc.unshare(_CLONE_NEWNET) != 0:
        return False
    lines = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return all(line.split(":")[0].strip() == "lo" for line in lines)


def _keep_to(libc: ctypes.CDLL, scratch: Path) -> bool:
    """Allow reading the interpreter and its libraries, and the scratch folder; nothing else."""
    handled = struct.pack("=Q", _ALL_RIGHTS)
    ruleset = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if ruleset < 0:
        return False
    try:
        reading = _EXECUTE | _READ_FILE | _READ_DIR
        is_complete = all(_allow(libc, ruleset, path, reading) for path in _libraries())
        is_complete = is_complete and _allow(libc, ruleset, scratch, _ALL_RIGHTS & ~_EXECUTE)
        return is_complete and libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> bool:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights if path.is_dir() else rights & ~_READ_DIR, handle)
        return bool(libc.syscall(_ADD_RULE, ruleset, 1, rule, 0) == 0)
    finally:
        os.close(handle)


def _libraries() -> Iterable[Path]:
    """Return what an interpreter reads while it imports numpy, onnx and onnxruntime."""
    system = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/sys/devices/system", "/dev/null", "/dev/urandom")
    facts = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo")
    own = (sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry))
    return {path for text in (*system, *facts, *own) if (path := Path(text).resolve()).exists()}
