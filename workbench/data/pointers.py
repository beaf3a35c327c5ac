"""``.dvc`` files: the few lines beside the data, kept in Git, that name its bytes. Read and written without dvc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.foundation.errors import IntegrityError, read_errors
from workbench.foundation.project import STATE_DIR, Project

SUFFIX = ".dvc"
_SKIPPED = frozenset({STATE_DIR, ".dvc", ".git", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints"})


@dataclass(frozen=True)
class Pointer:
    """What one ``.dvc`` file says.

    Attributes:
        path: Path of the data relative to the project.
        digest: ``md5:…``, with ``.dir`` for a folder.
        size: Bytes.
        files: Number of files.
        text: The ``.dvc`` file itself.
    """

    path: str
    digest: str
    size: int
    files: int
    text: str

    @property
    def version(self) -> str:
        """The version's id: ``<path>@<first 12 hex digits>``."""
        return version_id(self.path, self.digest)


def version_id(path: str, digest: str) -> str:
    """Return the id of a dataset version."""
    return f"{path}@{digest.removeprefix('md5:')[:12]}"


def pointer_file(project: Project, path: str) -> Path:
    """Return where the ``.dvc`` file of a path lies."""
    return project.root / f"{path}{SUFFIX}"


def read_pointer(project: Project, path: str) -> Pointer | None:
    """Return what the ``.dvc`` file of ``path`` says; None where there is none or it is a pipeline's.

    Raises:
        IntegrityError: ``pointer-malformed``: the file is no valid ``.dvc`` file (a merge conflict, say).
    """
    file = pointer_file(project, path)
    try:
        with read_errors(file):
            text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _malformed(path) from None
    return parse_pointer(path, text)


def parse_pointer(path: str, text: str) -> Pointer | None:
    """Read the text of a ``.dvc`` file that records ``path``."""
    import yaml

    try:
        out: dict[str, Any] = yaml.safe_load(text)["outs"][0]
        value = out.get("md5")
        if not isinstance(value, str):
            return None  # an output of another hash, or one that was never added
        return Pointer(path, f"md5:{value}", int(out.get("size", 0)), int(out.get("nfiles", 1)), text)
    except (yaml.YAMLError, TypeError, KeyError, IndexError, ValueError, AttributeError):
        raise _malformed(path) from None


def _malformed(path: str) -> IntegrityError:
    hint = f"take it from Git: git checkout -- '{path}{SUFFIX}'"
    return IntegrityError("pointer-malformed", f"{path}{SUFFIX} is no valid DVC file", hint)


def all_pointers(project: Project) -> Iterator[Pointer]:
    """Yield every readable ``.dvc`` file of the project; a broken one is ``mlops doctor``'s business, not a list's."""
    for folder, folders, files in os.walk(project.root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            if not name.endswith(SUFFIX) or name == SUFFIX:
                continue
            path = (Path(folder) / name.removesuffix(SUFFIX)).relative_to(project.root).as_posix()
            try:
                pointer = read_pointer(project, path)
            except IntegrityError:
                continue
            if pointer:
                yield pointer
