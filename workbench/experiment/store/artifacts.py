"""Where a run's artifacts lie, when they lie on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from workbench.foundation.errors import read_errors


def local_folder(artifact_uri: str) -> Path | None:
    """Return the folder that an artifact URI names, or None where it is not on this machine."""
    if artifact_uri.startswith("/"):
        return Path(artifact_uri)
    parts = urlsplit(artifact_uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def lies_at(artifact_uri: str, owner: str, root: Path) -> str:
    """Return where artifacts lie now, though the project's folder was moved or copied since they were written.

    MLflow keeps their address in full, with the folder of then in it.

    Args:
        artifact_uri: What the store says.
        owner: The run, or the model beside one, that they are of.
        root: Where the project keeps what such have now.
    """
    if artifact_uri.startswith(f"{root}/") or not artifact_uri.endswith(f"/{owner}/artifacts"):
        return artifact_uri
    now = root / owner / "artifacts"
    return str(now) if local_folder(artifact_uri) is not None and now.is_dir() else artifact_uri


def local_artifacts(artifact_uri: str) -> tuple[str, ...] | None:
    """Return the relative POSIX paths of all files below, sorted, or None where it is not on this machine.

    Raises:
        StorageError: ``file-not-readable``.
    """
    folder = local_folder(artifact_uri)
    if folder is None:
        return None
    try:
        with read_errors(folder):
            return tuple(sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()))
    except FileNotFoundError:  # it is being purged
        return ()


def within(folder: Path, path: str) -> Path | None:
    """Return where an artifact lies below its folder; None where a link on the way leads out of it.

    Artifacts are files that others write, and whoever reads them may be allowed to read more than they are.
    """
    found = folder / path
    return found if found.resolve().is_relative_to(folder.resolve()) else None
