"""``.dvcignore``: which files DVC leaves out of a folder. DVC's own rules and its own library for patterns.

Patterns of a ``.dvcignore`` count from its folder downwards; of those that match, the last one decides; what lies in
an ignored folder cannot be brought back. A folder that is a DVC repository of its own is left out as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from workbench.foundation.errors import read_errors

FILE = ".dvcignore"
_ALWAYS = frozenset({".git", ".hg", ".dvc"})
_Rule = tuple[str, re.Pattern[str], bool, bool]
"""Folder with a slash at its end (empty for the project), pattern, whether it ignores, whether for folders alone."""

Ignore = Callable[[str, bool], bool]
"""Takes a path relative to the project and whether it is a folder; tells whether DVC ignores it."""


def ignore_for(root: Path, path: str) -> Ignore | None:
    """Return what decides below ``path``; None where nothing but ``.git``, ``.hg`` and ``.dvc`` is ignored.

    Only the files above and at ``path`` are read: DVC refuses a ``.dvcignore`` inside a versioned folder.
    """
    rules: list[_Rule] = []
    for folder in (PurePosixPath(), *reversed(PurePosixPath(path).parents[:-1])):
        prefix = "" if folder == PurePosixPath() else f"{folder}/"
        rules += _rules(root / folder / FILE, prefix)
    return _matcher(rules) if rules else None


def is_ignored(root: Path, path: str, *, is_folder: bool) -> bool:
    """Tell whether DVC ignores a path, or a folder that it lies in."""
    parts = PurePosixPath(path).parts
    if _ALWAYS & set(parts):
        return True
    ignore = ignore_for(root, path)
    if ignore is None:
        return False
    last = len(parts)
    return any(ignore("/".join(parts[:count]), is_folder or count < last) for count in range(1, last + 1))


def is_always_ignored(name: str, *, is_folder: bool) -> bool:
    """Tell whether DVC ignores a name wherever it stands."""
    return name in _ALWAYS and (is_folder or name == ".git")


def _rules(file: Path, prefix: str) -> list[_Rule]:
    try:
        with read_errors(file):
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted:
        return []
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    rules: list[_Rule] = []
    for line in wanted:
        regex, ignores = GitIgnoreSpecPattern.pattern_to_regex(line)
        if regex is not None and ignores is not None:
            rules.append((prefix, re.compile(regex), ignores, line.endswith("/")))
    return rules


def _matcher(rules: list[_Rule]) -> Ignore:
    backwards = rules[::-1]

    def ignore(path: str, is_folder: bool) -> bool:
        for prefix, pattern, ignores, folders_only in backwards:
            if (folders_only and not is_folder) or not path.startswith(prefix):
                continue
            inner = path[len(prefix) :]
            if pattern.match(inner) or (is_folder and pattern.match(f"{inner}/")):
                return ignores
        return False

    return ignore
