"""Say what a machine has: ``describe.py <folder> [gpus] [module …]``; Pythons far older than a job needs know it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("papermill", "ipykernel")
TOOLS = ("tar", "uv")


def describe(folder: Path, has_gpus_asked: bool, modules: Any = ()) -> Any:
    """Look at this Python, the tools, the folder and the machine."""
    nearest = next(path for path in (folder, *folder.parents) if path.is_dir())
    disk = os.statvfs(nearest)
    return {
        "python": list(sys.version_info[:3]),
        "executable": sys.executable,
        "missing": [name for name in (*PACKAGES, *modules) if importlib.util.find_spec(name) is None],
        "tools": [name for name in TOOLS if shutil.which(name)],
        "folder": str(nearest),
        "is_writable": os.access(nearest, os.W_OK | os.X_OK),
        "free_disk_bytes": disk.f_bavail * disk.f_frsize,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "load": os.getloadavg()[0],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": gpus() if has_gpus_asked else [0, 0],
    }


def gpus() -> Any:
    """Count the GPUs and those on which nobody computes, where ``nvidia-smi`` is there to tell."""
    if not shutil.which("nvidia-smi"):
        return [0, 0]
    installed = ask("--query-gpu=uuid")
    if installed is None:
        return [0, 0]
    busy = ask("--query-compute-apps=gpu_uuid")
    return [len(installed), -1 if busy is None else len(installed - busy)]


def ask(query: str) -> Any:
    """Return the first words of an answer, or None where there is none."""
    try:
        said = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return set(said.stdout.decode().split())


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(
            describe(Path(sys.argv[1]).expanduser(), "gpus" in sys.argv, [n for n in sys.argv[2:] if n != "gpus"])
        )
    )
