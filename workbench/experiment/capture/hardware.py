"""Which machine a run rests on, for the tag ``workbench.hardware``."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

_GPU_QUERY = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
_GPU_TIMEOUT_S = 10


@lru_cache(maxsize=1)
def hardware() -> dict[str, Any]:
    """Return ``{"cpu", "cores", "memory_bytes", "machine", "gpus"}``; looks once in a process.

    ``cores`` are those this process may use. ``gpus`` is a list of what ``nvidia-smi`` says, where there is one: a
    process of its own, so call this from a thread.
    """
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_bytes": _memory_bytes(),
        "machine": platform.machine(),
        "gpus": _gpus(),
    }


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith(("model name", "Hardware", "cpu model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # no /proc: the platform module asks in its own way
    return platform.processor()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _gpus() -> list[str]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        done = subprocess.run(
            [command, *_GPU_QUERY], capture_output=True, text=True, check=False, timeout=_GPU_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
