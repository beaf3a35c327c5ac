"""Places that other machines can read a version's bytes from: folders, web servers and S3, laid out as DVC lays them.

A place says whether it has an object and under which address anybody who is told can read it. For S3 that is an
address signed here: the key stays here, and the address is worth nothing after a week. SSH, Google and Azure remotes
need a client of their own at the other end and are no places.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from workbench.data.dvc.cache import object_path
from workbench.data.dvc.repository import read_config
from workbench.foundation.errors import UnavailableError, UsageError, did_you_mean
from workbench.foundation.project import Project

_SIGNED_S = 7 * 24 * 3600
"""A week, the most that S3 allows: a job may wait long in a queue."""
_ASK_S = 5.0
_REMOTE = re.compile(r"""^['"]?remote\s+["'](?P<name>.+?)["']['"]?$""")
_S3_OPTIONS = {
    "endpointurl": "endpoint_url",
    "region": "region_name",
    "access_key_id": "aws_access_key_id",
    "secret_access_key": "aws_secret_access_key",
    "session_token": "aws_session_token",
}


class Place(Protocol):
    """Where objects lie."""

    def has(self, name: str) -> bool | None:
        """Tell whether it has an object (md5, with ``.dir`` for a listing); None where nobody here can tell."""

    def address(self, name: str) -> str:
        """Return what another machine opens to read an object: a path or an ``http(s)`` address."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder, here or elsewhere.

    Attributes:
        folder: As it is called where it is read.
        is_here: Whether this machine sees it under that name, too.
    """

    folder: str
    is_here: bool = True

    def has(self, name: str) -> bool | None:
        """Look, where it can be seen from here."""
        return object_path(Path(self.address("")), name).is_file() if self.is_here else None

    def address(self, name: str) -> str:
        """Return the object's path."""
        return f"{self.folder.rstrip('/')}/files/md5" + (f"/{name[:2]}/{name[2:]}" if name else "")


@dataclass(frozen=True)
class WebPlace:
    """A web server that anybody may read.

    Attributes:
        url: Its address.
    """

    url: str

    def has(self, name: str) -> bool | None:
        """Ask it; what does not answer here may answer there."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.address(name), method="HEAD"), timeout=_ASK_S):  # noqa: S310 - http(s)
                return True
        except urllib.error.HTTPError as error:
            return False if error.code in (403, 404, 410) else None
        except OSError:
            return None

    def address(self, name: str) -> str:
        """Return the object's address."""
        return f"{self.url.rstrip('/')}/files/md5/{name[:2]}/{name[2:]}"


class BucketPlace:
    """A bucket of S3, or of what speaks like it.

    Args:
        url: ``s3://bucket/prefix``.
        options: DVC's options of the remote.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        parts = urlsplit(url)
        self._bucket, self._prefix, self._options = parts.netloc, parts.path.strip("/"), options

    def has(self, name: str) -> bool | None:
        """Ask the bucket.

        Raises:
            UnavailableError: ``remote-plugin-missing``.
        """
        client = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client.head_object(Bucket=self._bucket, Key=self._key(f"files/md5/{name[:2]}/{name[2:]}"))
        except ClientError as error:
            is_missing = str(error.response.get("Error", {}).get("Code")) in ("404", "NoSuchKey", "NotFound")
            return False if is_missing else None
        except BotoCoreError:
            return None
        return True

    def address(self, name: str) -> str:
        """Return an address that is signed for reading the object for a week."""
        return self.signed("get_object", f"files/md5/{name[:2]}/{name[2:]}")

    def signed(self, action: str, path: str) -> str:
        """Return an address that is signed for one action on one object.

        Args:
            action: ``get_object`` or ``put_object``.
            path: Path below the prefix.
        """
        named = {"Bucket": self._bucket, "Key": self._key(path)}
        return str(self._client.generate_presigned_url(action, Params=named, ExpiresIn=_SIGNED_S))

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    @cached_property
    def _client(self) -> Any:
        try:
            from botocore.config import Config
            from botocore.session import Session
        except ImportError as error:
            hint = "pip install 'mlops-workbench[s3]'"
            raise UnavailableError("remote-plugin-missing", "S3 remotes need botocore", hint) from error
        session = Session(profile=self._options.get("profile") or None)
        chosen = {theirs: str(self._options[ours]) for ours, theirs in _S3_OPTIONS.items() if self._options.get(ours)}
        config = Config(
            signature_version="s3v4", connect_timeout=_ASK_S, read_timeout=_ASK_S, retries={"max_attempts": 1}
        )
        return session.create_client("s3", config=config, **chosen)


def remote_places(project: Project) -> dict[str, Place]:
    """Return the project's DVC remotes that other machines can read, by name, the default one first."""
    config = read_config(project)
    default = str(config.get("core", {}).get("remote", ""))
    found: dict[str, Place] = {}
    for section, options in config.items():
        named = _REMOTE.match(section)
        place = _place(project, options) if named else None
        if named and place is not None:
            found[named["name"]] = place
    return dict(sorted(found.items(), key=lambda item: (item[0] != default, item[0])))


def named_places(project: Project, names: tuple[str, ...]) -> list[Place]:
    """Return the places that a target names: DVC remotes, or folders and addresses as that target knows them.

    Raises:
        UsageError: ``data-source-unknown``.
    """
    remotes = remote_places(project)
    found: list[Place] = []
    for name in names:
        if name in remotes:
            found.append(remotes[name])
        elif name.startswith(("http://", "https://")):
            found.append(WebPlace(name))
        elif name.startswith(("/", "~/", "file://")):
            found.append(FolderPlace(name.removeprefix("file://"), is_here=False))
        else:
            hint = did_you_mean(name, remotes) if remotes else "name a folder or an http(s) address of that machine"
            raise UsageError("data-source-unknown", f"'{name}' is no DVC remote, folder or address", hint)
    return found


def bucket_of(project: Project, name: str) -> BucketPlace | None:
    """Return a remote that is a bucket, for addresses that may be written to; None where it is none."""
    place = remote_places(project).get(name)
    return place if isinstance(place, BucketPlace) else None


def _place(project: Project, options: Mapping[str, Any]) -> Place | None:
    url = str(options.get("url", ""))
    if not url or str(options.get("version_aware", "")).lower() == "true" or options.get("worktree"):
        return None
    scheme = urlsplit(url).scheme
    if scheme == "s3":
        return BucketPlace(url, options)
    if scheme in ("http", "https"):
        has_password = options.get("user") or options.get("password") or urlsplit(url).password
        return None if has_password or options.get("auth") else WebPlace(quote(url, safe=":/?&=%~-._"))
    if scheme in ("", "file"):
        folder = Path(url.removeprefix("file://")).expanduser()
        return FolderPlace(str(folder if folder.is_absolute() else (project.root / ".dvc" / folder).resolve()))
    return None
