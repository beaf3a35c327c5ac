"""Who wrote the policy, as Git knows: whoever lowered the file does not sign that it may be lowered.

A proposal is signed by whoever proposes, and that need not be whoever wrote. Git's word is not proof (anybody may write
any name into a commit of their own), so it can only keep people out: where it knows nothing, nobody is.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from workbench.foundation.canonical import digest_bytes

_FORMAT = "%x00%H%n%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)"
_MOST_COMMITS = 50
_TIMEOUT_S = 10
_MAIL = re.compile(r"<([^<>]+)>")


def writers_of(root: Path, path: Path, before: str) -> tuple[str, ...]:
    """Return who wrote and committed a file since it had these bytes: authors, committers and co-authors.

    Where no commit had them, only the last one counts: the others may be from long before.

    Args:
        root: The project's folder.
        path: The file, from there.
        before: Digest of the bytes that are in force.
    """
    found: list[tuple[str, ...]] = []
    for commit, names in _commits(root, path):
        data = _git(root, "show", f"{commit}:./{path.as_posix()}")
        if data is not None and digest_bytes(data) == before:
            return tuple(dict.fromkeys(name for each in found for name in each))
        found.append(names)
    return found[0] if found else ()


def _commits(root: Path, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the commits that changed a file, the newest first, and the names in each."""
    told = _git(root, "log", f"-n{_MOST_COMMITS}", f"--format={_FORMAT}", "--", path.as_posix())
    for entry in (told or b"").decode("utf-8", "replace").split("\0")[1:]:
        commit, *lines = entry.splitlines()
        names = (_MAIL.search(line) for line in lines[2:])
        yield commit, (*lines[:2], *(match[1] for match in names if match))


def _git(root: Path, *arguments: str) -> bytes | None:
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
