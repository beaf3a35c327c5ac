"""Which code a run rests on: the commit of its project, and how the files differ from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workbench.foundation.project import Project

MAX_PATCH_BYTES = 4_000_000
MAX_FILE_BYTES = 200_000
_TIMEOUT_S = 20
_STATUS = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
PLAIN_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--relative")
"""Git's own words, whatever its user has set for people's eyes: another tool, colours, a notebook shown as text."""
_DIFF = (*PLAIN_DIFF, "--ignore-submodules=none", "HEAD")
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")
_HERE = ("--", ".", ":(exclude,glob)**/__pycache__/**", ":(exclude,glob)**/.ipynb_checkpoints/**")
"""What Python and Jupyter write beside the code says nothing that the code does not, and they write it at every run."""
_SUBMODULE = "160000"
_SECRET = re.compile(
    r"(^|/)(\.env(\..*|rc)?|\.netrc|\.pypirc|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519)|credentials(\..*)?)$"
    r"|\.(pem|key|p12|pfx|jks|keystore|kdbx)$|(^|/)(\.ssh|\.aws|\.gnupg|\.ipynb_checkpoints)/",
    re.IGNORECASE,
)
"""Files that hold secrets by their name; they go into no patch, versioned or not."""


def is_named_like_secret(name: str) -> bool:
    """Tell whether a file's path says that it holds a secret (``.env``, keys, credentials)."""
    return bool(_SECRET.search(name))


def git_state(project: Project) -> str:
    """Return the commit of the project, with ``+dirty`` where files differ from it; empty without Git or commit."""
    commit = _git(project.root, "rev-parse", "HEAD")
    if not commit:
        return ""
    status = _answer(project.root, *_STATUS, *_HERE)
    return commit if status == b"" else f"{commit}+dirty"  # whoever gives no answer has not said that nothing differs


def changes(project: Project) -> bytes:
    """Return a patch from the commit to the files as they are: ``git apply`` on a checkout brings them back.

    New text files are in it; files that Git ignores, files named like secrets, binary files, submodules and large new
    files are not, and the last lines say which ones. Git's own index is left alone: the new files are noted in a copy.

    Returns:
        The patch; empty where nothing differs, or without Git.
    """
    root = project.root
    if not _git(root, "rev-parse", "HEAD"):
        return b""
    new = _names(_run(root, "ls-files", "--others", "--exclude-standard", "-z", *_HERE))
    kept, left_out = _sorted_out(root, new)
    with _copied_index(root) as environment:
        hidden = _unfit(root, environment)
        for start in range(0, len(kept), 500):
            _run(root, "add", "--intent-to-add", "--", *kept[start : start + 500], environment=environment)
        spared = [f":(exclude,literal){name}" for name in hidden]
        patch = _run(root, *_DIFF, *_PREFIXES, *_HERE, *spared, environment=environment)
    if len(patch) > MAX_PATCH_BYTES:
        return _said([f"the patch itself: {len(patch)} bytes"])
    return patch + _said([*left_out, *(f"{name}: {reason}" for name, reason in hidden.items())])


def unchanged_in_git(project: Project, names: Iterable[str]) -> frozenset[str]:
    """Return those of the project's files that the commit holds as they are now."""
    wanted = [name for name in names if not os.path.isabs(name)]  # noqa: PTH117 - a name relative to the project
    if not wanted or not _git(project.root, "rev-parse", "HEAD"):
        return frozenset()
    kept = set(_names(_run(project.root, "ls-files", "-z", "--", *(f":(literal){name}" for name in wanted))))
    with _copied_index(project.root) as environment:
        return frozenset(kept - _changed(project.root, environment))


@contextmanager
def _copied_index(root: Path) -> Iterator[dict[str, str]]:
    """Yield what lets Git work on a copy of its index: ``git diff`` refreshes the index and writes it back."""
    index = root / _git(root, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory(prefix="wb-index-") as folder:
        copy = Path(folder) / "index"
        if index.is_file():
            # With its time: a file changed in the second in which the index was written is one that Git reads again.
            shutil.copy2(index, copy)
        yield {"GIT_INDEX_FILE": str(copy)}


def _changed(root: Path, environment: Mapping[str, str]) -> set[str]:
    """Return the versioned files that differ from the commit."""
    return set(_names(_run(root, *_DIFF, "--name-only", "-z", "--", ".", environment=environment)))


def _unfit(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the versioned files that differ and can be in no patch, with the reason."""
    words = (*_DIFF, "--no-renames", "-z")
    raw = _names(_run(root, *words, "--raw", *_HERE, environment=environment))
    lines = [line.split("\t", 2) for line in _names(_run(root, *words, "--numstat", *_HERE, environment=environment))]
    binary = {line[2]: "binary" for line in lines if len(line) == 3 and line[:2] == ["-", "-"]}
    inner = {name: "a submodule" for modes, name in zip(raw[::2], raw[1::2], strict=False) if _SUBMODULE in modes}
    secret = {name: "named like a secret" for name in raw[1::2] if _SECRET.search(name)}
    return binary | inner | secret


def _sorted_out(root: Path, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the new files that belong in a patch, and the others with the reason."""
    kept, left_out = [], []
    for name in names:
        reason = _reason_against(root / name, name)
        if reason:
            left_out.append(f"{name}: {reason}")
        else:
            kept.append(name)
    return kept, left_out


def _reason_against(path: Path, name: str) -> str:
    if _SECRET.search(name):
        return "named like a secret"
    try:
        if path.is_symlink() or not path.is_file():
            return "no ordinary file"
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return f"{size} bytes"
        return "binary" if b"\0" in path.read_bytes()[:8000] else ""
    except OSError:
        return "not readable"


def _said(lines: list[str]) -> bytes:
    """Return lines that ``git apply`` passes over."""
    return "".join(f"# left out: {line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _git(root: Path, *arguments: str) -> str:
    return _run(root, *arguments).decode("utf-8", "replace").strip()


def _run(root: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes:
    return _answer(root, *arguments, environment=environment) or b""


def _answer(root: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes | None:
    """Return what Git says; None where it fails, or there is none."""
    command = ["git", "-C", str(root), "--no-optional-locks", "-c", "core.quotepath=off", *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, **environment} if environment else None,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
