"""The DVC repository of a project, as its files say it is: settings, cache folder, and how it is begun.

Importing dvc costs most of a second, so what the fast path needs is read and written here in DVC's own formats; the
tests hold both against ``dvc config`` and ``dvc init``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data import git
from workbench.data.dvc.pointers import all_pointers
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, read_errors, storage_errors
from workbench.foundation.project import Project

DEFAULT_LINKS = ("reflink", "copy")
_KNOWN_LINKS = frozenset({"reflink", "hardlink", "copy"})
_REPO_CONFIG = "[core]\n    analytics = False\n    check_update = False\n"
_NO_SCM = "    no_scm = True\n"
_IGNORED = "/config.local\n/tmp\n/cache\n"
_DVCIGNORE = (
    "# Add patterns of files dvc should ignore, which could improve\n"
    "# the performance. Learn more at\n"
    "# https://dvc.org/doc/user-guide/dvcignore\n"
)


@dataclass(frozen=True)
class CacheSettings:
    """What DVC's configuration says of the cache, over all its levels.

    Attributes:
        folder: Where objects lie (``…/files/md5``).
        links: Ways to avoid a second copy, in order of preference.
        is_chosen: Whether a person chose ``links`` (``cache.type``).
        is_shared: Whether a group shares the cache (``cache.shared``).
        is_staging: Whether what is written goes to Git's index (``core.autostage``).
        uses_git: Whether DVC keeps ``.gitignore`` files here.
        oddity: Why only DVC itself may write here; empty where the fast path may.
    """

    folder: Path
    links: tuple[str, ...] = DEFAULT_LINKS
    is_chosen: bool = False
    is_shared: bool = False
    is_staging: bool = False
    uses_git: bool = False
    oddity: str = ""


def has_repo(project: Project) -> bool:
    """Tell whether the project has been initialised for DVC."""
    return (project.root / ".dvc" / "config").is_file()


def begin_repo(project: Project) -> None:
    """Initialise the project for DVC where it is not: inside Git where there is one, else without.

    One that was begun without Git, and lies in one by now, is told so; else Git would be given the cache and the data.

    ``config`` comes last, so an initialisation that was killed is simply done again.

    Raises:
        ConflictError: ``dvc-ignored``: Git ignores ``.dvc``, so nobody else would ever see the versions.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    folder = project.root / ".dvc"
    if has_repo(project) and not _was_begun_without_git(folder):
        return
    in_git = git.is_inside(project.root)
    if has_repo(project) and not in_git:
        return
    if in_git and git.is_ignored(project.root, folder):
        raise ConflictError("dvc-ignored", "Git ignores .dvc", "take it out of .gitignore: git check-ignore -v .dvc")
    with storage_errors(folder):
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        if not (project.root / ".dvcignore").exists():
            write_atomic(project.root / ".dvcignore", _DVCIGNORE.encode())
        if in_git:
            write_atomic(folder / ".gitignore", _IGNORED.encode())
        write_atomic(folder / "config", (_REPO_CONFIG + ("" if in_git else _NO_SCM)).encode())
    if in_git:
        for pointer in all_pointers(project):  # of data that was recorded before there was a Git
            data = project.root / pointer.path
            if (text := git.ignoring(project.root, data)) is not None:
                with storage_errors(data.parent):
                    write_atomic(data.parent / ".gitignore", text)
        git.stage(project.root, [folder / "config", folder / ".gitignore", project.root / ".dvcignore"])


def join_git(project: Project) -> None:
    """Have data that was recorded before there was a Git left out of it; nothing where there is none, or it is so."""
    if has_repo(project):
        begin_repo(project)


def _was_begun_without_git(folder: Path) -> bool:
    """Tell whether the configuration is the one that :func:`begin_repo` writes where there is no Git, and no more."""
    with read_errors(folder / "config"):
        return (folder / "config").read_bytes() == (_REPO_CONFIG + _NO_SCM).encode()


def cache_settings(project: Project) -> CacheSettings:
    """Return the cache's settings from DVC's four configuration files, the nearer one winning.

    Raises:
        IntegrityError: ``dvc-config-malformed``.
    """
    config = read_config(project)
    cache, core = config.get("cache", {}), config.get("core", {})
    links = tuple(word.strip() for word in _words(cache.get("type")))
    folder = str(cache.get("dir", project.root / ".dvc" / "cache"))
    oddity = ""
    if _is_true(core.get("hardlink_lock")):
        oddity = "core.hardlink_lock is set"
    elif "local" in cache or re.match(r"\w+://", folder):
        oddity = "the cache is no plain folder"
    elif not _KNOWN_LINKS.issuperset(links):
        oddity = f"cache.type is {', '.join(links)}"
    return CacheSettings(
        folder=Path(folder) / "files" / "md5",
        links=links or DEFAULT_LINKS,
        is_chosen=bool(links),
        is_shared=str(cache.get("shared", "")).lower() == "group",
        is_staging=_is_true(core.get("autostage")),
        uses_git=not _is_true(core.get("no_scm")) and git.is_inside(project.root),
        oddity=oddity,
    )


def read_config(project: Project, *, committed_only: bool = False) -> dict[str, Any]:
    """Return DVC's configuration as nested dictionaries; remotes are called ``remote "name"``.

    Args:
        project: The project.
        committed_only: Leave out everything but ``.dvc/config``, which goes into Git.

    Raises:
        IntegrityError: ``dvc-config-malformed``.
    """
    merged: dict[str, Any] = {}
    for file in [project.root / ".dvc" / "config"] if committed_only else _config_files(project):
        for name, section in _parse(file).items():
            if isinstance(section, dict):
                merged.setdefault(name, {}).update(section)
    return merged


def _config_files(project: Project) -> list[Path]:
    """Return DVC's files in the order in which they shadow each other."""
    from platformdirs import site_config_dir, user_config_dir

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or site_config_dir("dvc", "iterative")
    person = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or user_config_dir("dvc", "iterative")
    own = project.root / ".dvc"
    return [Path(system) / "config", Path(person) / "config", own / "config", own / "config.local"]


def _parse(file: Path) -> dict[str, Any]:
    try:
        with read_errors(file):
            text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise _malformed(file) from error
    if not text.strip():
        return {}
    from configobj import ConfigObj, ConfigObjError

    try:
        found = ConfigObj(text.splitlines()).dict()
    except ConfigObjError as error:
        raise _malformed(file) from error
    config: dict[str, Any] = {}
    for name, section in found.items():
        if isinstance(section, dict):
            key = name if name.lower().startswith("remote") else name.lower()
            config[key.strip("'")] = {option.lower(): value for option, value in section.items()}
    folder = config.get("cache", {}).get("dir")
    if isinstance(folder, str) and not re.match(r"\w+://", folder):
        config["cache"]["dir"] = os.path.abspath(file.parent / Path(folder).expanduser())  # noqa: PTH100 - as DVC: no links
    return config


def _malformed(file: Path) -> IntegrityError:
    return IntegrityError("dvc-config-malformed", f"{file} is no valid DVC configuration", f"mend it: {file}")


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(word).lower() for word in value]
    return [word for word in str(value or "").lower().replace(",", " ").split() if word]


def _is_true(value: object) -> bool:
    return str(value).strip().lower() in ("true", "yes", "1", "on")
