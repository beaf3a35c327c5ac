"""Which Python, packages, hardware and seeds a job ran on, written down as a kernel at home writes it (``captured/``).

Travels with ``runner``; the same files and tags as ``experiment/capture`` leaves, which tests hold side by side.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

_MOST_GENERATORS = 16
_GPU_QUERY = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]


def write_surroundings(folder: Path) -> None:
    """Write ``environment.json`` and ``tags.json`` below ``captured``."""
    packages = installed()
    names = "\n".join(f"{each['name']}=={each['version']}" for each in packages)
    lock = {"python": platform.python_version(), "platform": platform.platform(), "packages": packages}
    tags = {
        "workbench.environment_digest": "sha256:" + hashlib.sha256(names.encode()).hexdigest(),
        "workbench.python": platform.python_version(),
        "workbench.hardware": json.dumps(hardware(), ensure_ascii=False)[:7_500],
    }
    if seeds := seeds_of(folder):
        tags["workbench.seeds"] = json.dumps(seeds)
    captured = folder / "captured"
    captured.mkdir(exist_ok=True)
    (captured / "environment.json").write_bytes(json.dumps(lock, indent=1).encode())
    (captured / "tags.json").write_text(json.dumps(tags), encoding="utf-8")


def seeds_of(folder: Path) -> dict[str, str]:
    """Return the state that each random generator was seeded to, as the kernel left word; of a killed one nothing."""
    try:
        found = json.loads((folder / "seeds.json").read_bytes())
    except (OSError, ValueError):
        return {}
    is_sound = isinstance(found, dict) and len(found) <= _MOST_GENERATORS
    return {str(name)[:100]: str(state)[:100] for name, state in found.items()} if is_sound else {}


def installed() -> list[dict[str, str]]:
    """Return name, version and digest of the list of files of every package that is installed here."""
    found: dict[str, dict[str, str]] = {}
    for each in distributions():
        text = each.read_text("METADATA") or each.read_text("PKG-INFO") or ""
        head = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", text.partition("\n\n")[0], flags=re.MULTILINE))
        name = re.sub(r"[-_.]+", "-", head.get("Name", "")).lower()
        if name and name not in found:  # the first on the path is the one that is imported
            record = each.read_text("RECORD")
            digest = "sha256:" + hashlib.sha256(record.encode()).hexdigest() if record else ""
            found[name] = {"name": name, "version": head.get("Version", ""), "digest": digest}
    return sorted(found.values(), key=lambda each: f"{each['name']}=={each['version']}")


def hardware() -> dict[str, Any]:
    """Return processor, cores, memory, machine and GPUs."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "machine": platform.machine(),
        "gpus": _gpus(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line for line in lines if line.startswith(("model name", "Hardware", "cpu model"))]
    return names[0].partition(":")[2].strip() if names else platform.processor()


def _gpus() -> list[str]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        done = subprocess.run([command, *_GPU_QUERY], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
