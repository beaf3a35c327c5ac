"""Which of the files that travelled a kernel has read, written down as a kernel at home would (``inputs.json``).

Travels with ``runner``. The kernel's part (in ``prologue``) is a hook on ``open`` that appends each new path to a file;
the digests are taken here when the kernel has ended. Native readers (Parquet) open files unseen: data in their formats
that was fetched for the job counts as read, which says too much rather than too little.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_NATIVE = (".parquet", ".feather", ".arrow", ".orc", ".h5", ".hdf5", ".nc")
_CODE = (".py", ".pyc", ".so", ".ipynb", ".dvc", ".pth")
_OURS = ("workbench.toml", ".workbench")
"""What the project's own package reads, where it is installed, is no input of the notebook's."""
_MOST = 2_000


class Inputs:
    """The files below ``work`` that were read."""

    def __init__(self, folder: Path, work: Path, data: list[dict[str, Any]]) -> None:
        self._folder, self._work, self._data = folder, work, data
        self._read = folder / "read.txt"
        os.environ["WORKBENCH_READ_FILE"] = str(self._read)
        os.environ["WORKBENCH_READ_ROOT"] = os.path.realpath(work)

    def write(self) -> None:
        """Write ``inputs.json``."""
        versions = {file["path"]: entry.get("version", "") for entry in self._data for file in entry["files"]}
        recorded = {file["path"]: file["digest"] for entry in self._data for file in entry["files"]}
        names = self._names() | {name for name in versions if name.endswith(_NATIVE)}
        found = []
        for name in sorted(names)[:_MOST]:
            path = self._work / name
            if not path.is_file() or name.endswith(_CODE) or name.partition("/")[0] in _OURS:
                continue
            sha256, md5 = _digests(path)
            version = versions.get(name, "") if recorded.get(name) == f"md5:{md5}" else ""
            found.append({"path": name, "digest": f"sha256:{sha256}", "dataset_version": version, "reader": ""})
        (self._folder / "inputs.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")

    def _names(self) -> set[str]:
        """Return the paths that were opened for reading before they were opened for writing."""
        try:
            lines = self._read.read_bytes().decode("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            return set()
        root = os.path.realpath(self._work) + os.sep
        return {line[2 + len(root) :] for line in lines if line.startswith(f"r {root}")}


def _digests(path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.new("md5")  # noqa: S324 -- the name that DVC has for bytes
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(1 << 20)
            if not chunk:
                return sha256.hexdigest(), md5.hexdigest()
            sha256.update(chunk)
            md5.update(chunk)
