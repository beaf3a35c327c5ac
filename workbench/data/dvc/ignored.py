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
_ESCAPE = "\\"
_Rule = tuple[re.Pattern[str], bool, bool]
"""Pattern for paths of the project, whether it ignores, whether for folders alone."""

Ignore = Callable[[str, bool], bool]
"""Takes a path relative to the project and whether it is a folder; tells whether DVC ignores it."""


def ignore_for(root: Path, path: str) -> Ignore | None:
    """Return what decides below ``path``; None where nothing but ``.git``, ``.hg`` and ``.dvc`` is ignored.

    Only the files above and at ``path`` are read: DVC refuses a ``.dvcignore`` inside a versioned folder.
    """
    rules: list[_Rule] = []
    for folder in (PurePosixPath(), *reversed(PurePosixPath(path).parents[:-1])):
        prefix = "" if folder == PurePosixPath() else f"{folder}/"
        if not _with_parents(_matcher(rules), f"{prefix}{FILE}", is_folder=False):  # else the file itself is ignored
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
    return _with_parents(ignore, path, is_folder=is_folder)


def _with_parents(ignore: Ignore, path: str, *, is_folder: bool) -> bool:
    """Tell whether a path is ignored, or a folder that it lies in."""
    parts = PurePosixPath(path).parts
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
        regex, ignores = GitIgnoreSpecPattern.pattern_to_regex(_moved(line, prefix) if prefix else line)
        if regex is not None and ignores is not None:
            rules.append((re.compile(regex), ignores, line.endswith("/")))
    return rules


def _moved(line: str, prefix: str) -> str:
    """Return a pattern of a folder as one of the project, written as DVC writes it (``dvc/pathspec_math.py``).

    Its way has effects of its own, which count, since both tools look at the same files: ``**/`` ignores nothing at the
    top and everything further down, and a backslash at the beginning is lost.
    """
    sign, rule = ("!", line[1:]) if line.startswith("!") else ("", line)
    if "/" in rule[:-1] and not rule.startswith("**/"):
        return f"{sign}/{prefix}{rule.removeprefix('/').removeprefix(_ESCAPE)}"
    return f"{sign}/{prefix}**/{rule.removeprefix('**/').removeprefix(_ESCAPE)}"


def _matcher(rules: list[_Rule]) -> Ignore:
    backwards = rules[::-1]

    def ignore(path: str, is_folder: bool) -> bool:
        for pattern, ignores, folders_only in backwards:
            if folders_only and not is_folder:
                continue
            if pattern.match(path) or (is_folder and pattern.match(f"{path}/")):
                return ignores
        return False

    return ignore
