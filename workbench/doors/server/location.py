"""Where the caller stands, and which project that is, without ever leaving the server's root.

The panel names folders and notebooks as JupyterLab does: relative to the server's root folder. The walk upwards is
over these names, not over what links resolve to, so that a linked project folder works as it looks and a ``..`` leads
nowhere.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from workbench.foundation.config import FILE_NAME
from workbench.foundation.errors import NotFoundError, UsageError

_SHOWN = 500
"""Characters of a location that an error shows: it may be its length that is wrong."""


def folder_of(server_root: Path, location: str) -> Path:
    """Return the folder that a location names: itself, or that of the file it is.

    Raises:
        UsageError: ``path-outside``.
    """
    parts = PurePosixPath(location).parts
    names = parts[1:] if parts[:1] == ("/",) else parts
    if ".." in names or "\0" in location:
        raise UsageError(
            "path-outside", f"'{location}' leaves the server's folder", "name a folder that the server shows"
        )
    place = server_root.joinpath(*names)
    return place.parent if os.path.isfile(place) else place  # noqa: PTH113 - pathlib raises where a name is too long


def project_folder(server_root: Path, location: str) -> Path:
    """Return the folder of the project that a location lies in.

    Above the server's root it is looked for only where the root itself lies inside a project.

    Raises:
        NotFoundError: ``project-missing``.
        UsageError: ``path-outside``.
    """
    folder = folder_of(server_root, location)
    for candidate in (folder, *folder.parents):
        if os.path.isfile(candidate / FILE_NAME):  # noqa: PTH113 - as above
            return candidate
    shown = location[:_SHOWN] or "the server's folder"
    hint = "create one: mlops init my-project --template shuttle"
    raise NotFoundError("project-missing", f"{shown} is in no project", hint)
