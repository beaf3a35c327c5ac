"""Which Python and packages a run rests on."""

from __future__ import annotations

import hashlib
import platform
import re
from functools import lru_cache


@lru_cache(maxsize=1)
def environment() -> tuple[str, str, tuple[str, ...]]:
    """Return digest, Python version and sorted ``name==version`` list of what is installed here."""
    from importlib.metadata import distributions

    found = {_normal(d.metadata["Name"]): d.version for d in distributions() if d.metadata["Name"]}
    packages = tuple(sorted(f"{name}=={version}" for name, version in found.items()))
    digest = "sha256:" + hashlib.sha256("\n".join(packages).encode()).hexdigest()
    return digest, platform.python_version(), packages


def _normal(name: str) -> str:
    """Normalise a distribution's name (PEP 503), so that one package has one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()
