"""What dataset versions ask of Git: is a path ignored, is it tracked, and which ``.dvc`` files did it ever have.

Through the ``git`` command, a few milliseconds a question; libraries for it cost more to import than they save.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Blob:
    """One ``.dvc`` file as one commit has it.

    Attributes:
        path: Relative to the project.
        text: Its content.
        author: Mail address of the commit's author.
        at: Author's time, ISO 8601 with its offset.
        subject: First line of the commit's message.
    """

    path: str
    text: str
    author: str
    at: str
    subject: str


def is_inside(root: Path) -> bool:
    """Tell whether a folder lies in a Git work tree (a ``.git`` in it or above)."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def is_ignored(root: Path, path: Path) -> bool:
    """Tell whether Git's rules ignore a path, whatever its index says."""
    return _git(root, "check-ignore", "--quiet", "--no-index", "--", str(path)).returncode == 0


def is_tracked(root: Path, path: str) -> bool:
    """Tell whether Git's index has a file, or anything below a folder."""
    return bool(_git(root, "--literal-pathspecs", "ls-files", "--cached", "--", path).stdout)


def stage(root: Path, paths: list[Path]) -> None:
    """Add files to Git's index, as DVC does; a refusal (another Git holds the index) is left to the next commit."""
    _git(root, "--literal-pathspecs", "add", "--", *(str(path) for path in paths))


def ignoring(root: Path, path: Path) -> bytes | None:
    """Return what the ``.gitignore`` beside a path has to say for Git to ignore it, as DVC words it; None if it does.

    Args:
        root: The project.
        path: Absolute path of the data.
    """
    file = path.parent / ".gitignore"
    entry = "/" + re.sub(r"([\[\]!*#?])", r"\\\1", path.name)
    before = file.read_text(encoding="utf-8", errors="surrogateescape") if file.is_file() else ""
    if entry in before.splitlines() or is_ignored(root, path):
        return None
    gap = "" if not before or before.endswith("\n") else "\n"
    return f"{before}{gap}{entry}\n".encode("utf-8", "surrogateescape")


def refs_digest(root: Path) -> str:
    """Return a digest of all branches, tags and HEAD, which changes when the history does; empty without commits."""
    import hashlib

    found = _git(root, "show-ref", "--head")
    return hashlib.sha256(found.stdout).hexdigest() if found.returncode == 0 else ""


def pointer_history(root: Path) -> list[Blob]:
    """Return every ``.dvc`` file below a folder that any branch or tag ever had, the oldest first."""
    form = "--format=%x01%H%x02%ae%x02%aI%x02%s"
    refs = ("HEAD", "--branches", "--tags", "--remotes")
    command = (
        "log",
        *refs,
        "-m",
        "--reverse",
        "--relative",
        "-z",
        form,
        "--name-only",
        "--diff-filter=AM",
        "--",
        "*.dvc",
    )
    found = _git(root, *command)
    wanted: list[tuple[str, list[str]]] = []
    for block in found.stdout.decode("utf-8", "surrogateescape").split("\x01")[1:]:
        head, _, rest = block.partition("\0")
        fields = head.strip("\n").split("\x02", 3)
        wanted += [(name.strip("\n"), fields) for name in rest.split("\0") if name.strip("\n").endswith(".dvc")]
    texts = _contents(root, [f"{fields[0]}:./{name}" for name, fields in wanted])
    return [
        Blob(name.removesuffix(".dvc"), text, fields[1], fields[2], fields[3] if len(fields) > 3 else "")
        for (name, fields), text in zip(wanted, texts, strict=True)
        if text is not None
    ]


def _contents(root: Path, names: list[str]) -> list[str | None]:
    """Return the text of each object, with one Git for all of them; None where it is missing or no text."""
    names = [name if "\n" not in name else "" for name in names]
    asked = "\n".join(names).encode("utf-8", "surrogateescape") + b"\n"
    data = _git(root, "cat-file", "--batch", given=asked).stdout
    texts: list[str | None] = []
    place = 0
    for _ in names:
        end = data.find(b"\n", place)
        head = data[place:end].split()
        place = end + 1
        if len(head) == 3 and head[2].isdigit():
            size = int(head[2])
            try:
                texts.append(data[place : place + size].decode("utf-8"))
            except UnicodeDecodeError:
                texts.append(None)
            place += size + 1
        else:
            texts.append(None)
    return texts


def _git(root: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, input=given, capture_output=True, check=False, timeout=_TIMEOUT_S, env=environment
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(command, 127, b"", b"")
