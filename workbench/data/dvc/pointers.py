"""``.dvc`` files: the few lines beside the data, kept in Git, that name its bytes. Read and written without dvc.

Nearly all of them are plain: one output, nothing but digest, size and path. Those are read and written here by a
pattern, byte for byte as DVC does; whatever else a person put into one (a description, an import) is DVC's to keep.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.foundation.errors import IntegrityError, read_errors
from workbench.foundation.project import STATE_DIR, Project

SUFFIX = ".dvc"
LOCK_FILE = "dvc.lock"
_PLAIN = re.compile(
    r"outs:\n- md5: (?P<quote>'?)(?P<md5>[0-9a-f]{32}(?:\.dir)?)(?P=quote)\n  size: (?P<size>\d+)\n"
    r"(?:  isexec: (?P<isexec>true)\n)?(?:  nfiles: (?P<nfiles>\d+)\n)?  hash: md5\n  path: (?P<path>.+(?:\n    .+)*)\n"
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
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
        is_executable: Whether the file was executable; of files in folders DVC does not keep that.
        is_plain: Whether it says nothing but that, so that it may be written anew.
    """

    path: str
    digest: str
    size: int
    files: int
    text: str
    is_executable: bool = False
    is_plain: bool = False

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
    if plain := _PLAIN.fullmatch(text):
        name = Path(path).name
        return Pointer(
            path,
            f"md5:{plain['md5']}",
            int(plain["size"]),
            int(plain["nfiles"] or (0 if plain["md5"].endswith(".dir") else 1)),
            text,
            is_executable=bool(plain["isexec"]),
            is_plain=plain["path"] == name or plain["path"] == _scalar(name),
        )
    import yaml

    try:
        out: dict[str, Any] = yaml.safe_load(text)["outs"][0]
        value = out.get("md5")
        if not isinstance(value, str):
            return None  # an output of another hash, or one that was never added
        return Pointer(
            path,
            f"md5:{value}",
            int(out.get("size", 0)),
            int(out.get("nfiles", 1)),
            text,
            is_executable=bool(out.get("isexec")),
        )
    except (yaml.YAMLError, TypeError, KeyError, IndexError, ValueError, AttributeError):
        raise _malformed(path) from None


def write_pointer(path: str, md5: str, size: int, *, files: int | None, is_executable: bool = False) -> Pointer:
    """Return a ``.dvc`` file as ``dvc add`` writes it.

    Args:
        path: Path of the data relative to the project.
        md5: Its digest, with ``.dir`` for a folder.
        size: Bytes.
        files: Number of files; None where the data is one file.
        is_executable: Whether that file is executable.
    """
    lines = [f"- md5: {_scalar(md5)}", f"  size: {size}"]
    if is_executable:
        lines.append("  isexec: true")
    if files is not None:
        lines.append(f"  nfiles: {files}")
    lines += ["  hash: md5", f"  path: {_scalar(Path(path).name)}"]
    text = "\n".join(["outs:", *lines, ""])
    return Pointer(path, f"md5:{md5}", size, 1 if files is None else files, text, is_executable, is_plain=True)


def _scalar(value: str) -> str:
    """Return a word as DVC's own YAML writer would put it at this depth: in quotes where it must be, folded if long."""
    if _PLAIN_NAME.fullmatch(value) and value.lower() not in _NO_TEXT and len(value) < 60:
        return value
    if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", value) and not re.fullmatch(r"\d+(e\d+)?", value):
        return value
    from ruamel.yaml import YAML

    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump({"outs": [{"path": value}]}, stream)
    return stream.getvalue().removeprefix("outs:\n- path: ").removesuffix("\n")


def _malformed(path: str) -> IntegrityError:
    hint = f"take it from Git: git checkout -- '{path}{SUFFIX}'"
    return IntegrityError("pointer-malformed", f"{path}{SUFFIX} is no valid DVC file", hint)


def all_pointers(project: Project) -> Iterator[Pointer]:
    """Yield every readable ``.dvc`` file of the project; a broken one is ``mlops doctor``'s business, not a list's.

    A versioned folder is not looked into: nothing in it can be versioned by itself.
    """
    for folder, folders, files in os.walk(project.root):
        pointers = {name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX) and name != SUFFIX}
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and name not in pointers)
        for name in sorted(pointers):
            path = (Path(folder) / name).relative_to(project.root).as_posix()
            try:
                pointer = read_pointer(project, path)
            except IntegrityError:
                continue
            if pointer:
                yield pointer


def stage_outputs(project: Project, names: Collection[str]) -> Iterator[Pointer]:
    """Yield what ``dvc.lock`` says of those paths: outputs of the pipeline's stages, which have no ``.dvc`` file.

    Args:
        project: The project, or a checkout of it.
        names: Paths relative to it; a folder's is the folder's own.
    """
    import yaml

    try:
        text = (project.root / LOCK_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if not any(name in text for name in names):  # reading YAML takes longer than all else that an input costs
        return
    try:
        for stage in yaml.safe_load(text)["stages"].values():
            for out in stage.get("outs") or ():
                if str(out["path"]) in names and isinstance(out.get("md5"), str):
                    files = int(out["nfiles"]) if "nfiles" in out else None
                    yield write_pointer(str(out["path"]), out["md5"], int(out.get("size", 0)), files=files)
    except (yaml.YAMLError, TypeError, KeyError, ValueError, AttributeError):
        return


def has_pipelines(project: Project) -> bool:
    """Tell whether the project has a ``dvc.yaml``, whose outputs may lie anywhere."""
    for _, folders, files in os.walk(project.root):
        if "dvc.yaml" in files:
            return True
        pointers = {name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX)}
        folders[:] = [name for name in folders if name not in _SKIPPED and name not in pointers]
    return False
