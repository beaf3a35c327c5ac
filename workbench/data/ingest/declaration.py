"""The declaration of a watched folder: a small TOML file in Git, so that everybody sees what comes in from where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.foundation.config import read_toml
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project

SUFFIX = ".watch.toml"
_NAME = re.compile(r"[\w][\w.-]{0,63}")


@dataclass(frozen=True)
class Declaration:
    """What ``data/<name>.watch.toml`` says.

    Attributes:
        folder: Folder that is watched: relative to the project, or absolute (a share).
        into: Folder of the project that takes the files and is versioned as a whole.
        pattern: Which files, also in folders below with ``**/*.csv``.
        settle_s: Seconds a file must have been left alone before it is taken.
    """

    folder: str
    into: str
    pattern: str = "*"
    settle_s: float = 5.0


def declaration_file(project: Project, name: str) -> Path:
    """Return where the declaration of a watch lies.

    Raises:
        UsageError: ``watch-name-invalid``.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("watch-name-invalid", f"'{name}' cannot name a watch", "use letters, digits, '-', '_', '.'")
    return project.root / "data" / f"{name}{SUFFIX}"


def names(project: Project) -> list[str]:
    """Return the names of all watches."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (project.root / "data").glob(f"*{SUFFIX}"))


def read_declaration(project: Project, name: str) -> Declaration:
    """Read a declaration.

    Raises:
        NotFoundError: ``watch-unknown``.
        UsageError: ``watch-name-invalid``, ``config-syntax``, ``config-unknown-key``, ``config-missing-key`` or
            ``config-wrong-type``.
    """
    path = declaration_file(project, name)
    try:
        raw, reader = read_toml(path)
    except FileNotFoundError:
        raise NotFoundError(
            "watch-unknown", f"There is no watch '{name}'", did_you_mean(name, names(project))
        ) from None
    return Declaration(**reader.section(Declaration, raw, ()))


def text_of(declaration: Declaration) -> str:
    """Return the declaration as TOML."""
    import json

    # A JSON string is a TOML basic string.
    quoted = {key: json.dumps(getattr(declaration, key), ensure_ascii=False) for key in ("folder", "into", "pattern")}
    lines = [f"{key} = {value}" for key, value in quoted.items()]
    return "\n".join([*lines, f"settle_s = {declaration.settle_s:g}"]) + "\n"
