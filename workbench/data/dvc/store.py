"""DVC itself, in this process: what the fast path leaves to it, and everything that goes to and from remotes.

``dvc.repo.Repo`` is not a promised API, so its use is kept here (and for stages in ``stages``), held by contract
tests that run the real ``dvc`` command over what we wrote. DVC is told to send nothing anywhere. Its own lock gives up
after 3 s; here a busy one is waited for.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.dvc.pointers import Pointer, pointer_file, read_pointer
from workbench.data.dvc.repo_lock import LOCK_TIMEOUT_S
from workbench.data.dvc.repository import begin_repo, cache_settings
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    StorageError,
    UnavailableError,
    WorkbenchError,
    did_you_mean,
    storage_errors,
)
from workbench.foundation.project import Project

_REMOTE_LIBRARIES = frozenset(
    {"botocore", "s3fs", "asyncssh", "aiohttp", "gcsfs", "google", "azure", "webdav4", "ossfs"}
)
_LOGGERS = ("dvc", "dvc_data", "dvc_objects")


def add(project: Project, paths: list[str]) -> list[Pointer]:
    """Put files and folders into the cache, write their ``.dvc`` files and return what these say.

    DVC is initialised first where the project has none: inside Git where there is one, else without.

    Raises:
        StorageError: ``data-locked``, ``disk-full`` or ``folder-not-writable``.
        ConflictError: ``data-overlaps``: a path lies inside, or holds, another versioned one.
        UnavailableError: ``dvc-failed``.
    """
    _ensure_repo(project)
    with _locked_repo(project) as repo:
        repo.add([str(project.root / path) for path in paths])
    pointers = [read_pointer(project, path) for path in paths]
    return [pointer for pointer in pointers if pointer is not None]


@dataclass(frozen=True)
class Carried:
    """What went to or came from a remote.

    Attributes:
        remote: Its name.
        url: Its address as DVC's configuration has it.
        objects: How many objects were carried.
    """

    remote: str
    url: str
    objects: int


def push_objects(project: Project, names: set[str], remote: str, check: Callable[[str], None]) -> Carried:
    """Bring objects to a remote, and see that they are there.

    Args:
        project: The project.
        names: Objects' names (md5, with ``.dir`` for a listing).
        remote: Name of the remote; empty for the default one.
        check: Refuses an object whose bytes are damaged, before it is sent.

    Raises:
        NotFoundError: ``remote-missing``.
        IntegrityError: ``data-cache-missing``: neither here nor there.
        UnavailableError: ``remote-unreachable``, ``remote-incomplete``, ``remote-plugin-missing`` or ``dvc-failed``.
    """
    with _remote_errors(), _locked_repo(project) as repo:
        from dvc_data.hashfile.hash_info import HashInfo

        name, url = _remote(repo, remote)
        wanted = {HashInfo("md5", value) for value in names}
        status = repo.cloud.status(wanted, remote=name)
        if status.missing:
            missing = sorted(str(info.value) for info in status.missing)[0]
            hint = "record the data again where it still lies: mlops data snapshot PATH"
            raise IntegrityError("data-cache-missing", f"Neither the cache nor {name} has object {missing}", hint)
        for info in status.new:
            check(str(info.value))
        repo.cloud.push(wanted, remote=name)
        left = repo.cloud.status(wanted, remote=name)
        if left.new or left.missing:
            raise _incomplete(name, len(left.new) + len(left.missing))
        return Carried(name, url, len(status.new))


def pull_objects(project: Project, names: set[str], remote: str) -> Carried:
    """Bring objects from a remote into the cache.

    Raises:
        NotFoundError: ``remote-missing``.
        UnavailableError: ``remote-unreachable``, ``remote-incomplete``, ``remote-plugin-missing`` or ``dvc-failed``.
    """
    with _remote_errors(), _locked_repo(project) as repo:
        from dvc_data.hashfile.hash_info import HashInfo

        name, url = _remote(repo, remote)
        done = repo.cloud.pull({HashInfo("md5", value) for value in names}, remote=name)
        cache = cache_folder(project)
        left = [value for value in names if not (cache / value[:2] / value[2:]).is_file()]
        if left:
            raise _incomplete(name, len(left))
        return Carried(name, url, len(done.transferred))


def _remote(repo: Any, name: str) -> tuple[str, str]:
    """Return name and address of a remote."""
    remotes = repo.config["remote"]
    found = name or repo.config["core"].get("remote", "")
    if not found:
        hint = "name one: dvc remote add --default storage <url>"
        raise NotFoundError("remote-missing", "This project has no default remote", hint)
    if found not in remotes:
        raise NotFoundError("remote-missing", f"There is no remote '{found}'", did_you_mean(found, remotes))
    return found, str(remotes[found].get("url", ""))


def _incomplete(name: str, count: int) -> UnavailableError:
    what = "1 object" if count == 1 else f"{count} objects"
    return UnavailableError(
        "remote-incomplete", f"{name} does not have {what}", "push them where they are: mlops data push"
    )


@contextmanager
def _remote_errors() -> Iterator[None]:
    """Put the refusals of any kind of remote into words; each plug-in has errors of its own."""
    hint = "check address, network and credentials: dvc remote list --show-origin"
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        from dvc.fs import RemoteMissingDepsError

        if isinstance(error, RemoteMissingDepsError | ImportError):
            plugin = "install what this kind of remote needs: pip install 'mlops-workbench[s3]', or dvc-ssh, dvc-gs, …"
            raise UnavailableError("remote-plugin-missing", _first_line(error), plugin) from error
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _REMOTE_LIBRARIES:
            raise UnavailableError("remote-unreachable", f"The remote refused: {_first_line(error)}", hint) from error
        raise


def cache_folder(project: Project) -> Path:
    """Return where the cache lies: in the project unless DVC was configured otherwise (a team's shared cache)."""
    return cache_settings(project).folder


@contextmanager
def pointers_kept(project: Project, names: list[str]) -> Iterator[None]:
    """Put the ``.dvc`` files back as they were if the block fails; cache objects may stay, they harm nothing."""
    before = {file: file.read_bytes() if file.is_file() else None for file in (pointer_file(project, n) for n in names)}
    try:
        yield
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            elif file.read_bytes() != content:
                write_atomic(file, content)
        raise


def _ensure_repo(project: Project) -> None:
    begin_repo(project)


@contextmanager
def _open_repo(project: Project) -> Iterator[Any]:
    _quiet_dvc()
    from dvc.repo import Repo

    repo = Repo(str(project.root))
    try:
        yield repo
    finally:
        repo.close()


@contextmanager
def _locked_repo(project: Project) -> Iterator[Any]:
    with _dvc_errors(project), storage_errors(project.root), _open_repo(project) as repo, ExitStack() as stack:
        from dvc.lock import LockError
        from dvc.repo import lock_repo

        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                stack.enter_context(lock_repo(repo))
                break
            except LockError as error:
                if time.monotonic() > deadline:
                    message = f"DVC stayed locked for {LOCK_TIMEOUT_S:g} s"
                    raise StorageError("data-locked", message, "wait for the other dvc command, then repeat") from error
        yield repo


@contextmanager
def _dvc_errors(project: Project) -> Iterator[None]:
    _quiet_dvc()

    from diskcache import Timeout  # type: ignore[import-untyped]
    from dvc.exceptions import DvcException, OutputDuplicationError, OverlappingOutputPathsError
    from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError

    refusals = _Refusals()
    try:
        with refusals:
            yield
    except (RWLockFileCorruptedError, RWLockFileFormatError) as error:
        hint = f"stop all dvc commands, then: rm '{project.root}/.dvc/tmp/rwlock'"
        raise IntegrityError("data-lock-damaged", "An interrupted dvc command damaged its lock file", hint) from error
    except OverlappingOutputPathsError as error:
        hint = "record the outer folder, or stop tracking one of them: dvc remove <path>.dvc"
        raise ConflictError("data-overlaps", _first_line(error), hint) from error
    except OutputDuplicationError as error:
        makers = sorted(stage.addressing for stage in error.stages)
        message = f"{error.output} is made by {' and by '.join(makers)}"
        raise ConflictError("data-overlaps", message, f"let one of them go: dvc remove {makers[0]}") from error
    except (sqlite3.DatabaseError, Timeout) as error:
        # DVC notes in a database what it has hashed; where that cannot grow, nothing else can.
        hint = f"free some space and stop other dvc commands, or let it make them anew: rm -r '{_notes(project)}'"
        raise StorageError("data-unwritable", f"DVC cannot write its notes: {_first_line(error)}", hint) from error
    except DvcException as error:
        if "overlaps with an output of" in str(error):  # DVC has no class for it
            hint = "an output of a stage is versioned with the pipeline: mlops pipeline run, then commit dvc.lock"
            raise ConflictError("data-overlaps", _first_line(error), hint) from error
        refusal = error.__cause__ if isinstance(error.__cause__, OSError) else refusals.first
        if refusal:
            with storage_errors(project.root / ".dvc" / "cache"):
                raise refusal from error
        raise UnavailableError(
            "dvc-failed", f"DVC failed: {_first_line(error)}", "look closer with: dvc status"
        ) from error


def _notes(project: Project) -> Path:
    """Return where DVC keeps its notes on the repositories of this machine."""
    from dvc.config import Config
    from dvc.dirs import site_cache_dir

    chosen = Config(str(project.root / ".dvc"))["core"].get("site_cache_dir")
    return Path(site_cache_dir(chosen)) / "repo"


class _Refusals(logging.Handler):
    """Keep the operating system's refusal that DVC only logs, raising "failed to transfer" instead."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: OSError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the first refusal."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OSError) and self.first is None:
            self.first = error

    def __enter__(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)

    def __exit__(self, *_: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _quiet_dvc() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
