"""Dataset versions to and from DVC's remotes: S3, SSH, a folder on a server, whatever DVC has a plug-in for.

The carrying is DVC's. Added are the checks at both ends: no damaged object is sent, everything that was asked for is
there afterwards, and what came is hashed before it replaces anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from workbench.contract.data import DatasetVersion, DataTransfer
from workbench.data.catalogue import all_versions, find_version, parents_of
from workbench.data.content import current_digest, find_fault, find_object, read_listing
from workbench.data.dvc import store as dvc_store
from workbench.data.dvc.cache import has_md5
from workbench.data.dvc.pointers import Pointer, all_pointers, read_pointer
from workbench.data.dvc.repository import cache_settings, has_repo, read_config
from workbench.data.paths import relative_path
from workbench.data.versions import restore
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, did_you_mean
from workbench.foundation.project import Project

_SECRETS = frozenset(
    {
        "account_key",
        "client_secret",
        "connection_string",
        "gdrive_client_secret",
        "oss_key_secret",
        "passphrase",
        "password",
        "sas_token",
        "secret_access_key",
        "session_token",
        "token",
    }
)


def push(project: Project, paths: tuple[str, ...] = (), remote: str = "", every_version: bool = False) -> DataTransfer:
    """Bring dataset versions to a DVC remote; what is there already is not sent again.

    Args:
        project: The project.
        paths: Datasets whose present version is sent, or ids of versions; by default all datasets.
        remote: Name of the remote; by default DVC's default remote.
        every_version: Send all recorded versions of these datasets, not only the present ones.

    Raises:
        NotFoundError: ``version-unknown`` or ``remote-missing``.
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
        UnavailableError: ``remote-unreachable``, ``remote-incomplete``, ``remote-plugin-missing`` or ``dvc-failed``.
        StorageError: ``data-locked``.
    """
    wanted = _wanted(project, paths)
    if every_version:
        chosen = {version.path for version in wanted}
        wanted = [version for version in all_versions(project) if version.path in chosen]
    cache = cache_settings(project).folder
    objects: dict[str, str] = {}
    for version in wanted:
        value = version.digest.removeprefix("md5:")
        objects[value] = version.id
        if value.endswith(".dir"):
            objects.update(dict.fromkeys(read_listing(cache, value, version.id).values(), version.id))

    def check(name: str) -> None:
        path = find_object(cache, name)
        if path is None or not has_md5(path, name):
            hint = "record the data again where it still lies whole: mlops data snapshot PATH"
            raise IntegrityError("data-cache-damaged", f"The cache's bytes of {objects[name]} are damaged", hint)

    carried = dvc_store.push_objects(project, set(objects), remote, check)
    return _transfer(carried, wanted)


def pull(project: Project, paths: tuple[str, ...] = (), remote: str = "") -> DataTransfer:
    """Bring dataset versions from a DVC remote and lay them out; unsaved changes are never overwritten.

    Objects that the cache has lost, or that are damaged there, are fetched again.

    Args:
        project: The project.
        paths: Datasets, as their ``.dvc`` files say, or ids of versions; by default all datasets.
        remote: Name of the remote; by default DVC's default remote.

    Raises:
        NotFoundError: ``version-unknown`` or ``remote-missing``.
        ConflictError: ``data-unsaved``: a file holds bytes that no version has.
        IntegrityError: ``data-cache-damaged``: the remote's own bytes are not what they should be.
        UnavailableError: ``remote-unreachable``, ``remote-incomplete``, ``remote-plugin-missing`` or ``dvc-failed``.
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
    """
    wanted = _wanted(project, paths)
    _refuse_unsaved(project, wanted)
    _set_damaged_aside(project, wanted)
    carried = dvc_store.pull_objects(project, {v.digest.removeprefix("md5:") for v in wanted}, remote)
    members = _members(project, wanted)
    if members:
        more = dvc_store.pull_objects(project, members, remote)
        carried = dvc_store.Carried(carried.remote, carried.url, carried.objects + more.objects)
    for version in wanted:
        fault = find_fault(project, version.digest, version.id)
        if fault:
            hint = f"push it again from where it lies whole: mlops data push '{version.id}'"
            raise IntegrityError(fault.code, f"{carried.remote} does not have {version.id} as it was recorded", hint)
        restore(project, version.id)
    return _transfer(carried, wanted)


def exposed_secrets(project: Project) -> tuple[str, ...]:
    """Return the options of ``.dvc/config``, which goes into Git, that hold a secret; never their values."""
    if not has_repo(project):
        return ()
    found = []
    for name, section in read_config(project, committed_only=True).items():
        label = name.replace('"', "").replace(" ", ".")
        found += [f"{label}.{option}" for option, value in section.items() if option in _SECRETS and value]
        if urlsplit(str(section.get("url", ""))).password:
            found.append(f"{label}.url")
    return tuple(sorted(found))


def _wanted(project: Project, paths: Iterable[str]) -> list[DatasetVersion]:
    """Return the versions that a person named, or those that all ``.dvc`` files name."""
    known = tuple(all_versions(project))
    by_id = {version.id: version for version in known}
    given = list(paths)
    pointers = list(all_pointers(project)) if not given else []
    versions = [by_id[pointer.version] for pointer in pointers]
    for name in given:
        pointer = _pointer(project, name)
        if pointer:
            versions.append(by_id[pointer.version])
        elif "@" in name:
            versions.append(find_version(known, name))
        else:
            hint = did_you_mean(name, {version.path for version in known})
            raise NotFoundError("version-unknown", f"{name} was never recorded", hint)
    if not versions:
        raise NotFoundError("version-unknown", "This project has no dataset version", "mlops data snapshot PATH")
    return list({version.id: version for version in versions}.values())


def _pointer(project: Project, name: str) -> Pointer | None:
    """Return the ``.dvc`` file of a path, or of the versioned folder around it."""
    path = relative_path(project, name.removesuffix(".dvc"))
    return next((found for p in (path, *parents_of(path)) if (found := read_pointer(project, p))), None)


def _refuse_unsaved(project: Project, wanted: list[DatasetVersion]) -> None:
    known = all_versions(project)
    for version in wanted:
        now = current_digest(project, version.path)
        is_there = now is not None or (project.root / version.path).exists()
        if is_there and now not in {v.digest for v in known if v.path == version.path}:
            message = f"{version.path} holds changes that no version has"
            raise ConflictError("data-unsaved", message, f"keep them first: mlops data snapshot {version.path}")


def _members(project: Project, wanted: list[DatasetVersion]) -> set[str]:
    cache = cache_settings(project).folder
    names: set[str] = set()
    for version in wanted:
        value = version.digest.removeprefix("md5:")
        if value.endswith(".dir"):
            names.update(read_listing(cache, value, version.id).values())
    return names


def _set_damaged_aside(project: Project, wanted: list[DatasetVersion]) -> None:
    """Move damaged objects out of the cache: DVC trusts what is read-only there and would not fetch it again."""
    cache = cache_settings(project).folder
    for version in wanted:
        value = version.digest.removeprefix("md5:")
        names = {value}
        try:
            names |= set(read_listing(cache, value, version.id).values()) if value.endswith(".dir") else set()
        except IntegrityError:
            names = {value}
        for name in names:
            path = find_object(cache, name)
            if path and not has_md5(path, name):
                path.rename(path.with_name(f"{path.name}.damaged"))


def _transfer(carried: dvc_store.Carried, versions: list[DatasetVersion]) -> DataTransfer:
    return DataTransfer(carried.remote, _shown(carried.url), tuple(v.id for v in versions), carried.objects)


def _shown(url: str) -> str:
    """Return an address without the password that somebody has put into it."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))
