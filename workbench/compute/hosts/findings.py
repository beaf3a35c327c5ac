"""What the errand ``describe`` found on a machine, as the findings of a target's check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.compute.hosts.posix import PosixHost
from workbench.contract.project import Finding

_GIB = 1 << 30
_PYTHON = (3, 9)


def check_python(found: Mapping[str, Any], target: str) -> Finding:
    """Say whether Python is new enough."""
    version = ".".join(map(str, found["python"]))
    is_ok = tuple(found["python"]) >= _PYTHON
    hint = "" if is_ok else f"name a newer one: python of [targets.{target}]"
    return Finding("python", is_ok, f"{found['executable']} is Python {version}, 3.9 or newer needed", hint)


def check_packages(found: Mapping[str, Any], host: PosixHost) -> Finding:
    """Say whether what a runner needs is installed."""
    missing = " and ".join(found["missing"])
    if not missing:
        return Finding("papermill", is_ok=True, message="papermill and ipykernel are there")
    command = f"{found['executable']} -m pip install {' '.join(found['missing'])}"
    return Finding("papermill", False, f"{missing} missing in {found['executable']}", host.typed(command))


def check_tar(found: Mapping[str, Any], host: PosixHost) -> tuple[Finding, ...]:
    """Say that files cannot be carried there, where that is so: every other machine has it."""
    return () if "tar" in found["tools"] else (Finding("tar", False, f"{host.name} has no tar", "install it there"),)


def check_folder(found: Mapping[str, Any], host: PosixHost, target: str) -> Finding:
    """Say whether job directories can be made."""
    if found["is_writable"]:
        return Finding("folder", is_ok=True, message=f"{found['folder']} is writable")
    hint = f"look: {host.typed('ls -ld ' + found['folder'])}; or name another: folder of [targets.{target}]"
    return Finding("folder", False, f"{host.name} lets us write nothing in {found['folder']}", hint)


def check_disk(found: Mapping[str, Any], host: PosixHost, min_free_disk_gb: float) -> Finding:
    """Say whether there is room for another job."""
    free_gb = found["free_disk_bytes"] / _GIB
    is_ok = free_gb >= min_free_disk_gb
    message = f"{free_gb:.1f} GiB free in {found['folder']}, {min_free_disk_gb:g} needed"
    hint = "" if is_ok else f"free some space there: {host.typed('du -xsh ' + found['folder'])}"
    return Finding("disk", is_ok, message, hint)
