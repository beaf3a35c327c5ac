"""The object store that a target names, for what no ConfigMap and no log can hold.

The credentials stay here: a pod gets addresses that are signed for one object and some hours, so it needs no package,
no account and no secret. What is named by its digest is sent once.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.compute.folder import KEPT_HERE
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import UnavailableError, UsageError

RESULTS = "results.tar.gz"
"""Everything that an execution brings home, in one object: addresses have to be signed before anybody knows what."""


class Store:
    """A folder of an object store."""

    def __init__(self, options: KubernetesOptions, target: str) -> None:
        self._url, self._target = options.store.rstrip("/"), target
        self._endpoint, self._expires_s = options.store_endpoint, int(options.expires_s)
        self._opened: tuple[Any, str] | None = None

    def send(self, name: str, data: bytes) -> str:
        """Put bytes where they are not yet, and return an address to read them at.

        Raises:
            UnavailableError: ``store-unreachable``.
            UsageError: ``store-unusable``.
        """
        with self._errors():
            system, base = self._open()
            path = f"{base}/{name}"
            if not system.exists(path) or system.size(path) != len(data):
                system.pipe_file(path, data)
            return str(system.sign(path, expiration=self._expires_s))

    def address_to_write(self, name: str) -> str:
        """Return an address that takes one object by HTTP PUT."""
        with self._errors():
            system, base = self._open()
            return str(system.url(f"{base}/{name}", expires=self._expires_s, client_method="put_object"))

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, or None where there is none."""
        with self._errors():
            system, base = self._open()
            try:
                return bytes(system.cat_file(f"{base}/{name}"))
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is removed already."""
        with self._errors():
            system, base = self._open()
            try:
                system.rm_file(f"{base}/{name}")
            except FileNotFoundError:
                return

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            import fsspec

            options = {"endpoint_url": self._endpoint} if self._endpoint else {}
            system, base = fsspec.core.url_to_fs(self._url, **options)
            if not hasattr(system, "url"):
                raise NotImplementedError("it signs no addresses")
            self._opened = system, base
        return self._opened

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say every refusal of a store in our words: each kind of store has errors of its own."""
        hint = f"check store and store_endpoint of [targets.{self._target}] in workbench.toml"
        try:
            yield
        except (ImportError, NotImplementedError, TypeError, ValueError) as error:
            message = f"The store {self._url} cannot be used: {error}"
            raise UsageError("store-unusable", message, f"{hint}; for S3: pip install 'mlops-workbench[s3]'") from error
        except OSError as error:
            raise UnavailableError("store-unreachable", f"The store {self._url} refuses: {error}", hint) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("botocore", "aiohttp", "google", "azure", "gcsfs"):
                raise
            raise UnavailableError("store-unreachable", f"The store {self._url} refuses: {error}", hint) from error


def packed(files: dict[str, Path]) -> bytes:
    """Return files as one tar.gz with the names that they are to have."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3) as archive:
        for name, path in files.items():
            archive.add(path, arcname=name, recursive=False)
    return stream.getvalue()


def unpack_results(data: bytes, folder: Path) -> tuple[Path, ...]:
    """Write the files of a results archive that are not here yet, each in one step; names that lead out are left."""
    paths = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            stream = archive.extractfile(member) if member.isfile() else None
            is_ours = name.as_posix() in KEPT_HERE or name.is_absolute() or ".." in name.parts
            if stream is None or is_ours or (folder / name).exists():
                continue
            write_atomic(folder / name, stream.read())
            paths.append(folder / name)
    return tuple(paths)
