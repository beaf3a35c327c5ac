"""The bundle: what a notebook needs of its project, as one file with a digest, to be unpacked on another machine.

Git decides what belongs to a project: what it tracks, and what is new and not ignored. Data that a ``.dvc`` file names
travels as a reference, never in here, and what is named like a secret stays at home whether Git tracks it or not. Equal
files give equal bytes, so a far machine can keep what it has by digest.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.contract.job import BundleCard
from workbench.data.dvc.pointers import SUFFIX
from workbench.execute.notebook import find_notebook
from workbench.experiment.capture.git import is_named_like_secret
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, UsageError, read_errors
from workbench.foundation.project import STATE_DIR, Project

DEFAULT_LIMIT_MB = 50.0
FILE_NAME = "bundle.tar.gz"
_MB = 1_000_000
_EPOCH = 315_532_800
"""1980: tar knows 1970, zip (and so whoever packs these files again) does not."""
_LEVEL = 3
"""gzip's level 6 takes three times as long for 6 % less, measured on this project's own sources."""
_NEVER = frozenset({STATE_DIR, ".git", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints"})
_DVC_OWN = re.compile(r"(^|/)\.dvc/(cache|tmp|config\.local)(/|$)")
_DVC_CONFIG = re.compile(r"(^|/)\.dvc/config$")
_CREDENTIAL = re.compile(
    rb"^\s*(?!\w*version_aware)\w*(secret|password|passphrase|token|_key|connection_string)\w*\s*=|://[^/@\s]+:[^/@\s]+@",
    re.IGNORECASE | re.MULTILINE,
)
_LARGEST = 3


@dataclass(frozen=True)
class Bundle:
    """A packed project.

    Attributes:
        data: The bytes of ``bundle.tar.gz``.
        digest: Their SHA-256.
        files: Size of each file in it, by path.
        left_out: What stays here, with the reason.
    """

    data: bytes
    digest: str
    files: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Its size as it travels."""
        return len(self.data)


def make_bundle(files_root: Path, notebook: str, limit_bytes: int) -> Bundle:
    """Pack what a notebook needs of the folder that it belongs to.

    Args:
        files_root: The project, or a checkout of it.
        notebook: The notebook, relative to it; it is in the bundle even where Git ignores it.
        limit_bytes: How much the files may come to, unpacked.

    Raises:
        UsageError: ``bundle-too-large``, with the largest files and what makes it smaller.
        ConflictError: ``file-changing``.
        StorageError: ``file-not-readable``.
    """
    root = files_root.resolve()
    chosen, left_out = _chosen(root, sorted({*_project_files(root), notebook}))
    sizes = {name: (root / name).lstat().st_size for name in chosen}
    if sum(sizes.values()) > limit_bytes:
        raise _too_large(sizes, limit_bytes)
    data = _packed(root, chosen)
    return Bundle(data, digest_bytes(data), sizes, left_out)


def show_bundle(project: Project, notebook: str, limit_mb: float = DEFAULT_LIMIT_MB) -> BundleCard:
    """Show what of the project would travel with a notebook, and how large it is; nothing is sent.

    Args:
        project: The project.
        notebook: Path of the notebook, relative to the project or to the working directory.
        limit_mb: How much it may come to, in megabytes; a target's ``bundle_limit_mb`` says what holds there.

    Raises:
        NotFoundError: ``notebook-missing``.
        UsageError: ``notebook-invalid``, ``notebook-outside-project`` or ``bundle-too-large``.
        StorageError: ``file-not-readable``.
    """
    source = find_notebook(project.root, notebook)
    name = source.path.relative_to(project.root.resolve()).as_posix()
    bundle = make_bundle(project.root, name, int(limit_mb * _MB))
    return BundleCard(
        notebook=name,
        digest=bundle.digest,
        bytes=bundle.bytes,
        files=len(bundle.files),
        unpacked_bytes=sum(bundle.files.values()),
        largest=_largest(bundle.files),
        left_out=bundle.left_out,
    )


def _project_files(root: Path) -> Iterable[str]:
    """Return what Git sees of a folder; without Git, or where Git ignores the folder itself, everything in it."""
    command = ("git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        found = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name] if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        found = []
    return found or _walked(root)


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        at = Path(folder).relative_to(root)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        folders[:] = [name for name in folders if name not in _NEVER and name not in links]
        for name in [*files, *links]:
            yield (at / name).as_posix()


def _chosen(root: Path, names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Sort names into those that travel and those that do not, with the reason."""
    data = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX) and not name.endswith(f"/{SUFFIX}")]
    is_data = _Covering(frozenset(data))
    chosen, left_out = [], {}
    for name in names:
        if not os.path.lexists(root / name):  # Git still has it, or it went while we looked
            continue
        if reason := _reason_against(root, name, is_data):
            left_out[name] = reason
        else:
            chosen.append(name)
    return chosen, left_out


@dataclass(frozen=True)
class _Covering:
    """Tell whether a path is, or lies in, one of some paths."""

    paths: frozenset[str]

    def __call__(self, name: str) -> bool:
        parts = name.split("/")
        return any("/".join(parts[:end]) in self.paths for end in range(1, len(parts) + 1))


def _reason_against(root: Path, name: str, is_data: _Covering) -> str:
    """Return why something stays here, or nothing; what a link leads to is held to the same as what it is called."""
    if reason := _reason_by_name(name, is_data):
        return reason
    path = root / name
    target = path.resolve()
    if not target.is_relative_to(root) or not target.exists():
        return "a link that leads out of the project"
    if path.is_dir():  # a link to a folder travels as a link, and brings nothing with it
        return "" if path.is_symlink() else "a Git repository of its own"
    if not path.is_file():
        return "neither a file nor a folder"
    content = target.relative_to(root).as_posix()
    if content != name and (reason := _reason_by_name(content, is_data)):
        return f"a link to {content}: {reason}"
    if _DVC_CONFIG.search(content) and _CREDENTIAL.search(path.read_bytes()):
        return "holds a credential"
    return ""


def _reason_by_name(name: str, is_data: _Covering) -> str:
    if is_data(name):
        return "data: travels as a reference"
    if is_named_like_secret(name):
        return "named like a secret"
    if _DVC_OWN.search(name) or _NEVER & set(name.split("/")):
        return "made anew on every machine"
    return ""


def _packed(root: Path, names: list[str]) -> bytes:
    """Return a tar.gz that depends on nothing but names, contents and whether a file is executable."""
    stream = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive,
    ):
        for name in names:
            _pack(archive, root, name)
    return stream.getvalue()


def _pack(archive: tarfile.TarFile, root: Path, name: str) -> None:
    path, info = root / name, tarfile.TarInfo(name)
    info.mtime = _EPOCH
    if path.is_symlink() and path.is_dir():
        # As a link that stays inside; what it leads to is in the bundle itself, where Git sees it.
        info.type, info.linkname = tarfile.SYMTYPE, os.path.relpath(path.resolve(), path.parent.resolve())
        archive.addfile(info)
        return
    try:
        with read_errors(path):
            content = path.read_bytes()
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    except FileNotFoundError:
        raise ConflictError("file-changing", f"{name} went away while it was packed", "run the command again") from None
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _largest(sizes: dict[str, int]) -> dict[str, int]:
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_LARGEST])


def _too_large(sizes: dict[str, int], limit_bytes: int) -> UsageError:
    total = sum(sizes.values())
    largest = _largest(sizes)
    shown = ", ".join(f"{name} ({_in_mb(size)})" for name, size in largest.items())
    message = f"The bundle would be {_in_mb(total)}, and {_in_mb(limit_bytes)} are allowed; the largest files: {shown}"
    first = next(iter(largest))
    hint = f"record data, which travels as a reference: mlops data snapshot '{first}'; or name it in .gitignore"
    return UsageError("bundle-too-large", message, hint)


def _in_mb(size: int) -> str:
    return f"{size / _MB:,.1f} MB"
