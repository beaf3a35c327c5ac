"""A Python that has papermill and ipykernel, what these need, and nothing else: what a far machine is asked to have."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ALLOWED = ("papermill", "ipykernel")


def bare_python(folder: Path, extra: tuple[str, ...] = ()) -> Path:
    """Make a virtual environment of links to exactly those packages, without a network, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True)
    site = Path(asked.stdout.strip())
    for name in needed_by({*ALLOWED, *extra}):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(found.locate_file(top))))
    return python


def needed_by(names: set[str]) -> set[str]:
    """Return packages with all that they need."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        wanted = (each for each in map(Requirement, requires) if not each.marker or each.marker.evaluate({"extra": ""}))
        waiting += [each.name.lower().replace("_", "-") for each in wanted]
    return found
