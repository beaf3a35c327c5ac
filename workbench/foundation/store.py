"""The content-addressed store: reviewed bytes, named by what they are.

A *blob* is a file under ``blobs/sha256/ab/abcd…``. A *tree* (a model folder, a bundle) is a manifest, itself a
blob, that lists path, size and digest of every file; the tree's digest is the manifest's. Nothing is ever
overwritten: the name is the content, so writing twice is harmless and two writers cannot disagree.
Reading verifies: bytes whose digest differs are never handed out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from workbench.foundation.canonical import Digest, canonical_json, digest_bytes, digest_file
from workbench.foundation.durable import sync_folder, write_atomic
from workbench.foundation.errors import IntegrityError, NotFoundError, UsageError, read_errors, storage_errors

_CHUNK = 1 << 20
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class TreeEntry:
    """One file of a tree.

    Attributes:
        path: Relative POSIX path inside the tree.
        size: Bytes.
        digest: Digest of the content.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Store:
    """A folder of immutable bytes.

    Attributes:
        root: The folder; created on the first write.
    """

    root: Path

    def path_of(self, digest: str) -> Path:
        """Return where the blob lies, whether or not it is there.

        Raises:
            UsageError: ``digest`` has not the form ``sha256:<64 hex digits>``.
        """
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not set(value) <= _HEX:
            raise UsageError("digest-malformed", f"'{digest}' is no digest", "use sha256:<64 hex digits>")
        return self.root / "blobs" / "sha256" / value[:2] / value

    def has(self, digest: str) -> bool:
        """Tell whether the blob is there; does not verify it."""
        return self.path_of(digest).is_file()

    def put_bytes(self, data: bytes) -> Digest:
        """Keep ``data`` and return its digest.

        Raises:
            StorageError: The disk is full or the folder is not writable; the store is unchanged.
        """
        digest = digest_bytes(data)
        path = self.path_of(digest)
        try:
            os.utime(path)  # it is needed again: whoever frees old blobs that nothing names leaves it alone
        except OSError:  # not there, or not ours to touch
            if not path.is_file():
                write_atomic(path, data, mode=0o444)
        return digest

    def put_file(self, source: Path) -> Digest:
        """Keep a file's content and return its digest; reads it once, in pieces.

        What is hashed is what is written, so a file that changes meanwhile cannot get the wrong name.
        """
        staging = self.root / "staging"
        with storage_errors(self.root):
            staging.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=staging)
            temporary = Path(name)
            try:
                hasher = hashlib.sha256()
                with source.open("rb") as reader, os.fdopen(handle, "wb") as writer:
                    while chunk := reader.read(_CHUNK):
                        hasher.update(chunk)
                        writer.write(chunk)
                    writer.flush()
                    os.fchmod(writer.fileno(), 0o444)
                    os.fsync(writer.fileno())
                digest = Digest("sha256:" + hasher.hexdigest())
                target = self.path_of(digest)
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(target)
                sync_folder(target.parent)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def put_tree(self, folder: Path, *, exclude: frozenset[str] = frozenset()) -> Digest:
        """Keep every file below ``folder`` and return the digest of the manifest.

        Args:
            folder: Existing folder; links are refused, since they name bytes outside it.
            exclude: Relative POSIX paths to leave out (files that a tracker rewrites after the fact).

        Raises:
            UsageError: The folder is missing, empty, being changed or holds a link.
        """
        return self.put_bytes(_manifest(folder, exclude, self._keep))

    def _keep(self, path: Path) -> tuple[Digest, int]:
        digest = self.put_file(path)
        return digest, self.path_of(digest).stat().st_size  # of what was kept: the file may change meanwhile

    def read(self, digest: str) -> bytes:
        """Return a blob's bytes after verifying them.

        Raises:
            NotFoundError: The store does not hold it.
            IntegrityError: The bytes on disk are not those the digest names.
            StorageError: ``file-not-readable``.
        """
        path = self.path_of(digest)
        try:
            with read_errors(path):
                data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(
                "digest-unknown",
                f"The store does not hold {digest}",
                "restore .workbench/store from a backup, then: mlops doctor",
            ) from None
        if digest_bytes(data) != digest:
            raise IntegrityError(
                "bytes-changed",
                f"{path} was changed: its bytes are not {digest}",
                "restore the file from a backup, or request a new review of the changed bytes",
            )
        return data

    def tree(self, digest: str) -> tuple[TreeEntry, ...]:
        """Return the verified manifest of a tree."""
        import json

        try:
            listed = json.loads(self.read(digest))["files"]
            return tuple(TreeEntry(str(e["path"]), int(e["size"]), str(e["digest"])) for e in listed)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise IntegrityError("manifest-malformed", f"{digest} is no tree", "name the digest of a model") from error

    def read_tree_file(self, digest: str, path: str) -> bytes:
        """Return one verified file of a tree.

        Raises:
            NotFoundError: The tree has no such file.
        """
        for entry in self.tree(digest):
            if entry.path == path:
                return self.read(entry.digest)
        raise NotFoundError(
            "file-not-in-tree", f"{digest} holds no file '{path}'", "see what the run holds: mlops runs show <run>"
        )

    def export_tree(self, digest: str, folder: Path) -> Path:
        """Write a verified copy of a tree below ``folder``, which need not exist.

        Raises:
            IntegrityError: A listed path would leave ``folder``, or bytes differ.
        """
        for entry in self.tree(digest):
            relative = PurePosixPath(entry.path)
            if relative.is_absolute() or ".." in relative.parts:
                raise IntegrityError("path-escapes", f"'{entry.path}' leaves the tree", "do not use this model")
            write_atomic(folder / relative, self.read(entry.digest))
        return folder


def digest_tree(folder: Path, *, exclude: frozenset[str] = frozenset()) -> Digest:
    """Return the digest that :meth:`Store.put_tree` would return, without keeping anything.

    Raises:
        UsageError: The folder is missing, empty, being changed or holds a link.
    """
    return digest_bytes(_manifest(folder, exclude, lambda path: (digest_file(path), path.stat().st_size)))


def _manifest(folder: Path, exclude: frozenset[str], measure: Callable[[Path], tuple[Digest, int]]) -> bytes:
    """List every file below ``folder`` with the digest and size that ``measure`` finds; nothing is passed over."""
    with read_errors(folder):
        if not folder.is_dir():
            hint = f"look what there is: ls '{folder.parent}'"
            raise UsageError("folder-missing", f"There is no folder {folder}", hint)
    entries = []
    path = folder
    try:
        for path in _below(folder):
            relative = PurePosixPath(path.relative_to(folder)).as_posix()
            with read_errors(path):
                if _is_file(path) and relative not in exclude:
                    digest, size = measure(path)
                    entries.append(TreeEntry(relative, size, digest))
    except FileNotFoundError:
        message = f"{path} went away while it was read"
        raise UsageError("folder-changing", message, "wait until nothing writes into it") from None
    if not entries:
        raise UsageError("folder-empty", f"{folder} holds no file", f"name one that does: ls '{folder.parent}'")
    return canonical_json({"files": [asdict(entry) for entry in entries]})


def _below(folder: Path) -> list[Path]:
    """Return everything below a folder, sorted; ``Path.rglob`` would leave out what may not be listed."""

    def refuse(error: OSError) -> None:
        raise error

    with read_errors(folder):
        walked = os.walk(folder, onerror=refuse)
        return sorted(Path(where) / name for where, folders, files in walked for name in (*folders, *files))


def _is_file(path: Path) -> bool:
    """Tell a file from a folder, and refuse what is neither."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise UsageError("link-in-tree", f"{path} is a link", "replace it by the file it points to")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError("file-special", f"{path} is neither a file nor a folder", f"take it away: rm '{path}'")
    return stat.S_ISREG(mode)
