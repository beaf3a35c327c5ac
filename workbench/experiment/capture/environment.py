"""Which Python and packages a run rests on.

Read from the metadata that every installer leaves, without a pip subprocess and without parsing whole ``METADATA``
files with their long descriptions: of each only the lines up to name and version are looked at, and of ``RECORD``, the
installer's list of the distribution's files and their digests, the digest. Kept for the process until a folder of
packages changes (``%pip install`` in a cell).
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One installed distribution.

    Attributes:
        name: Normalised name (PEP 503).
        version: Its version.
        digest: Digest of its ``RECORD``; empty where the installer left none (an editable or a system package).
    """

    name: str
    version: str
    digest: str


def environment() -> tuple[str, str, tuple[str, ...]]:
    """Return digest, Python version and sorted ``name==version`` list of what is installed here."""
    packages = tuple(f"{package.name}=={package.version}" for package in _packages(_stamp()))
    digest = "sha256:" + hashlib.sha256("\n".join(packages).encode()).hexdigest()
    return digest, platform.python_version(), packages


def environment_lock() -> bytes:
    """Return ``environment.json``: Python, platform and each package with the digest of its own list of files."""
    lock = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": [vars(package) for package in _packages(_stamp())],
    }
    return json.dumps(lock, indent=1).encode()


def _stamp() -> tuple[tuple[str, int], ...]:
    """Return what changes when something is installed: the times of the folders that are searched."""
    found = []
    for entry in sys.path:
        path = Path(entry or ".")
        try:
            found.append((entry, path.stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


@lru_cache(maxsize=1)
def _packages(_stamp: tuple[tuple[str, int], ...]) -> tuple[Package, ...]:
    found: dict[str, Package] = {}
    for distribution in distributions():
        name, version = _named(distribution)
        if name and name not in found:  # the first on the path is the one that is imported
            record = distribution.read_text("RECORD")
            digest = "sha256:" + hashlib.sha256(record.encode()).hexdigest() if record else ""
            found[name] = Package(name, version, digest)
    return tuple(sorted(found.values(), key=lambda package: f"{package.name}=={package.version}"))


def _named(distribution: Distribution) -> tuple[str, str]:
    """Return name and version out of the head of the metadata; the whole of it costs a millisecond to parse."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    head = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", text.partition("\n\n")[0], flags=re.MULTILINE))
    return _normal(head.get("Name", "")), head.get("Version", "")


def _normal(name: str) -> str:
    """Normalise a distribution's name (PEP 503), so that one package has one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()
