"""Where checkpoints are kept: a ref in Git, a folder, or whatever fsspec opens.

A place outside what somebody who rewrites the journal can write to is the point of a checkpoint: a pushed Git ref, a
disk of somebody else's, a bucket with object lock. Git's ref stands beside the branches, so that neither the index nor
the work tree is touched: ``git push origin 'refs/workbench/*'`` carries it away.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, StorageError, UnavailableError, UsageError, read_errors
from workbench.foundation.project import Project, expanded


class Place(Protocol):
    """A flat set of small files."""

    @property
    def label(self) -> str:
        """Where it is, in words."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return the names of the files there; none where the place does not exist yet."""
        ...

    def read(self, name: str) -> bytes:
        """Return one file."""
        ...

    def write(self, files: dict[str, bytes]) -> None:
        """Keep files, in their order."""
        ...


def find_place(project: Project, to: str) -> Place:
    """Return the place that ``git``, a path or a URL names.

    Raises:
        UsageError: ``git-missing``: the project lies in no Git repository.
    """
    if to == "git":
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", project.config.project.name).strip("-") or "project"
        place = GitRef(project.root, f"refs/workbench/checkpoints/{name}", project.actor)
        if not place.is_there():
            hint = "git init, or name a folder that others keep: mlops audit checkpoint --to /mnt/archive"
            raise UsageError("git-missing", f"{project.root} lies in no Git repository", hint)
        return place
    return Address(to) if "://" in to else Folder(expanded(to))


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    path: Path

    @property
    def label(self) -> str:
        """Where it is."""
        return str(self.path)

    def names(self) -> tuple[str, ...]:
        """Return the names of the files in it."""
        if self.path.exists() and not self.path.is_dir():
            raise UsageError("place-malformed", f"{self.path} is no folder", "name a folder: --to /mnt/archive")
        return tuple(sorted(p.name for p in self.path.iterdir())) if self.path.is_dir() else ()

    def read(self, name: str) -> bytes:
        """Return one file."""
        with read_errors(self.path / name):
            return (self.path / name).read_bytes()

    def write(self, files: dict[str, bytes]) -> None:
        """Keep files."""
        for name, data in files.items():
            write_atomic(self.path / name, data)


@dataclass(frozen=True)
class Address:
    """A URL that fsspec opens: ``s3://…``, ``gs://…``, ``sftp://…``."""

    url: str

    @property
    def label(self) -> str:
        """Where it is, without what may be a password."""
        return re.sub(r"//[^/@]*@", "//", self.url)

    def names(self) -> tuple[str, ...]:
        """Return the names of the files there."""
        try:
            system, path = self._open()
            return tuple(sorted(str(found).rpartition("/")[2] for found in system.ls(path, detail=False)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._failed(error) from error

    def read(self, name: str) -> bytes:
        """Return one file."""
        try:
            system, path = self._open()
            return bytes(system.cat_file(f"{path}/{name}"))
        except OSError as error:
            raise self._failed(error) from error

    def write(self, files: dict[str, bytes]) -> None:
        """Keep files."""
        try:
            system, path = self._open()
            system.makedirs(path, exist_ok=True)
            for name, data in files.items():
                system.pipe_file(f"{path}/{name}", data)
        except OSError as error:
            raise self._failed(error) from error

    def _open(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            system, path = url_to_fs(self.url.rstrip("/"))
        except (ImportError, ValueError) as error:
            raise UsageError("place-malformed", f"Cannot open {self.label}: {error}", "check the URL") from error
        return system, str(path)

    def _failed(self, error: OSError) -> StorageError:
        hint = "check the URL and your rights, or keep them elsewhere: mlops audit checkpoint --to <folder or URL>"
        return StorageError("place-unreachable", f"{self.label} refused: {error}", hint)


@dataclass(frozen=True)
class GitRef:
    """A ref of the project's Git repository whose tree holds the files."""

    root: Path
    ref: str
    actor: str

    @property
    def label(self) -> str:
        """Where it is."""
        return self.ref

    def is_there(self) -> bool:
        """Tell whether there is a repository."""
        return self._git("rev-parse", "--git-dir", may_fail=True) is not None

    def names(self) -> tuple[str, ...]:
        """Return the names of the files in the ref's tree."""
        found = self._git("ls-tree", "--name-only", self.ref, may_fail=True)
        return tuple(sorted(found.decode().split())) if found else ()

    def read(self, name: str) -> bytes:
        """Return one file."""
        return self._git("cat-file", "blob", f"{self.ref}:{name}") or b""

    def write(self, files: dict[str, bytes]) -> None:
        """Add files in one commit on the ref; nobody's work tree or index is touched.

        Raises:
            ConflictError: ``checkpoint-raced``: another process wrote at the same moment.
            UnavailableError: ``git-failed``.
        """
        parent = (self._git("rev-parse", "-q", "--verify", self.ref, may_fail=True) or b"").decode().strip()
        listing = (self._git("ls-tree", self.ref, may_fail=True) or b"").decode() if parent else ""
        for name, data in files.items():
            blob = (self._git("hash-object", "-w", "--stdin", given=data) or b"").decode().strip()
            listing += f"100644 blob {blob}\t{name}\n"
        tree = (self._git("mktree", given=listing.encode()) or b"").decode().strip()
        parents = ("-p", parent) if parent else ()
        made = self._git("commit-tree", tree, *parents, "-m", f"Keep {min(files)}")
        try:
            self._git("update-ref", self.ref, (made or b"").decode().strip(), parent or "0" * 40)
        except UnavailableError as error:
            now = (self._git("rev-parse", "-q", "--verify", self.ref, may_fail=True) or b"").decode().strip()
            if now == parent:
                raise
            hint = "make it again: mlops audit checkpoint"
            raise ConflictError("checkpoint-raced", f"{self.ref} was changed meanwhile", hint) from error

    def _git(self, *words: str, given: bytes = b"", may_fail: bool = False) -> bytes | None:
        """Run git and return what it said; None where it failed and may."""
        name = {"NAME": self.actor, "EMAIL": self.actor}
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in name.items()}
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *words],
                input=given,
                capture_output=True,
                check=False,
                timeout=60,
                env={**os.environ, **who},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError("git-failed", f"git does not answer: {error}", "install Git, then repeat") from error
        if done.returncode and not may_fail:
            said = done.stderr.decode(errors="replace").strip()
            hint = f"look at the repository: git -C '{self.root}' fsck"
            raise UnavailableError("git-failed", f"git {words[0]} failed: {said}", hint)
        return None if done.returncode else done.stdout
