"""Which paths can be recorded as data, and how a person may name them."""

from __future__ import annotations

from pathlib import Path

from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean, read_errors
from workbench.foundation.project import STATE_DIR, Project, expanded

_NOT_DATA = frozenset({STATE_DIR, ".dvc", ".git"})


def data_path(project: Project, name: str) -> str:
    """Return the path of a file or folder relative to the project, in POSIX form.

    A relative name is looked for in the project first and then where the caller stands, since a notebook's working
    directory is its own folder.

    Raises:
        UsageError: ``path-outside-project``, ``path-not-data`` or ``path-special``.
        NotFoundError: ``data-missing``.
    """
    if not name.strip():
        raise UsageError("path-not-data", "An empty path names no data", "mlops data snapshot data/readings.csv")
    relative = relative_path(project, name)
    path = project.root / relative
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        siblings = [sibling.relative_to(project.root).as_posix() for sibling in beside]
        raise NotFoundError("data-missing", f"There is no {relative}", did_you_mean(relative, siblings))
    if relative == "." or _NOT_DATA & set(Path(relative).parts) or path.suffix == ".dvc":
        hint = (
            f"name the data itself: {relative.removesuffix('.dvc')}" if path.suffix == ".dvc" else "name your own data"
        )
        raise UsageError("path-not-data", f"{relative} is not data", hint)
    if not path.is_file() and not path.is_dir():
        raise UsageError("path-special", f"{relative} is neither a file nor a folder", "name a file or a folder")
    return relative


def relative_path(project: Project, name: str) -> str:
    """Return a path relative to the project, whether or not something is there.

    Raises:
        UsageError: ``path-outside-project``, also where a link leads out.
    """
    with read_errors(project.root / name):  # a name may be too long to be asked for
        return _relative(project, name)


def _relative(project: Project, name: str) -> str:
    given = expanded(name)
    in_project = project.root / given
    path = in_project if given.is_absolute() or in_project.exists() else Path.cwd() / given
    if not path.exists() and not given.is_absolute():
        path = in_project
    # DVC may have put a link to its cache in the place of data (`cache.type = symlink`): that is the data.
    is_versioned = path.with_name(f"{path.name}.dvc").is_file() if path.name else False
    resolved = path.parent.resolve() / path.name if is_versioned else path.resolve()
    if not resolved.is_relative_to(project.root.resolve()):
        hint = f"copy it in first: cp -r '{name}' '{project.root / 'data'}'"
        raise UsageError("path-outside-project", f"{name} lies outside the project", hint)
    return resolved.relative_to(project.root.resolve()).as_posix()
