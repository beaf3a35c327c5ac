"""Put rewritten versions on DVC's remotes and take the old objects away there; the only part here that loads dvc."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.foundation.project import Project


@dataclass(frozen=True)
class RemoteOutcome:
    """What became of one remote.

    Attributes:
        name: Its name in DVC's configuration.
        removed: Objects taken away.
        fault: Why it could not be gone through; empty where it was.
    """

    name: str
    removed: int
    fault: str = ""


def has_remotes(project: Project) -> bool:
    """Tell whether any configuration of DVC names a remote; without one, dvc need not be loaded."""
    from workbench.data.dvc.repository import read_config

    return any(section.startswith("remote ") for section in read_config(project))


def replace_objects(project: Project, roots: dict[str, str], gone: Iterable[str]) -> tuple[RemoteOutcome, ...]:
    """On every remote that has an old version, first put the new one, then remove the old objects.

    Args:
        project: The project.
        roots: New object by old object, for each version (``….dir`` for folders).
        gone: All objects that must not stay.
    """
    if not has_remotes(project):
        return ()
    from dvc.repo import Repo

    repo = Repo(str(project.root))
    try:
        return tuple(_replaced(repo, name, roots, sorted(gone)) for name in sorted(repo.config["remote"]))
    finally:
        repo.close()


def _replaced(repo: object, name: str, roots: dict[str, str], gone: list[str]) -> RemoteOutcome:
    from dvc.exceptions import DvcException
    from dvc_data.hashfile.db import get_index
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.transfer import transfer

    removed = 0
    try:
        remote = repo.cloud.get_remote(name, "erase")  # type: ignore[attr-defined]
        if remote.fs.protocol == "local" and not remote.fs.isdir(remote.path):
            # A drive that is not mounted looks empty; empty and away must not be taken for the same.
            return RemoteOutcome(name, 0, "its folder is not there")
        store = repo.cloud.get_remote_odb(name, "erase", hash_name="md5")  # type: ignore[attr-defined]
        present = {old: new for old, new in roots.items() if store.exists(old)}
        if present:
            wanted = {HashInfo("md5", new) for new in present.values()}
            result = transfer(repo.cache.local, store, wanted, shallow=False)  # type: ignore[attr-defined]
            if result.failed:
                return RemoteOutcome(name, 0, f"{len(result.failed)} objects could not be put there")
        for old in gone:
            path = store.oid_to_path(old)
            if store.fs.exists(path):
                store.fs.remove(path)
                removed += 1
        get_index(store).clear()
    except (OSError, DvcException, RuntimeError, ValueError, ImportError) as error:
        return RemoteOutcome(name, removed, f"{type(error).__name__}")
    return RemoteOutcome(name, removed)
