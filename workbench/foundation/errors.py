"""The one tree of errors, with what every door needs to render them.

A :class:`WorkbenchError` carries a stable ``code``, a ``message`` that says what happened and a ``hint`` that
names the command which mends it. The family (subclass) decides the HTTP status and the exit code, so a door
never has to look at the code itself:

==================  ====  ====  ==========================================================
family              HTTP  exit  meaning
==================  ====  ====  ==========================================================
UsageError           400     2  the caller's input is wrong; nothing was changed
NotFoundError        404     2  what was named does not exist
ConflictError        409     2  what exists already stands in the way
DeniedError          403     1  a policy or a permission says no
PendingError         409     4  not decided yet: somebody or something is awaited
UnknownResultError   422     3  a check could not reach a result; unknown is not pass
FailedError          422     1  what was asked for was carried out and did not succeed
IntegrityError       422     5  bytes, signatures or the journal are not what was approved
StorageError         507     3  disk full, folder not writable, database locked for too long
UnavailableError     503     3  a target, server or program that is needed does not answer
==================  ====  ====  ==========================================================
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar

_SHOWN = 500
"""Characters of a path that an error shows: it may be its length that is wrong."""

_NAMED = 30
"""Names that a hint lists where none is near: more is no help any more."""

MOST_LISTED = 10_000
"""What a list gives at most at once."""


class WorkbenchError(Exception):
    """Say what happened and how to mend it, through every door in the same words.

    Attributes:
        code: Stable kebab-case identifier, safe to match on (``"config-unknown-key"``).
        message: What happened, in one sentence without a trailing period.
        hint: The command or edit that mends it; empty where none exists.
        http_status: Status of the ``application/problem+json`` answer.
        exit_code: Exit status of the ``mlops`` command.
    """

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 3

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the two parts a notebook and a terminal show, each nearly always one line."""
        return "\n".join(self._render_traceback_())

    def _render_traceback_(self) -> list[str]:
        """Let IPython store a real ``error`` output with our two parts instead of its traceback.

        Either may have lines of its own: a query is shown with a mark below the place. papermill stops on the
        ``error`` output; ``ename`` and ``evalue`` stay machine-readable.
        """
        first = f"{self.message} [{self.code}]"
        return [first, f"→ {self.hint}"] if self.hint else [first]


class UsageError(WorkbenchError):
    """The caller's input is wrong; nothing was changed."""

    http_status = 400
    exit_code = 2


class NotFoundError(WorkbenchError):
    """What was named does not exist."""

    http_status = 404
    exit_code = 2


class ConflictError(WorkbenchError):
    """Something that exists already stands in the way."""

    http_status = 409
    exit_code = 2


class DeniedError(WorkbenchError):
    """A policy or a permission says no."""

    http_status = 403
    exit_code = 1


class PendingError(WorkbenchError):
    """Not decided yet: somebody or something is awaited."""

    http_status = 409
    exit_code = 4


class UnknownResultError(WorkbenchError):
    """A check could not reach a result; unknown is not pass."""

    http_status = 422
    exit_code = 3


class FailedError(WorkbenchError):
    """What was asked for was carried out and did not succeed; it is recorded with its reason."""

    http_status = 422
    exit_code = 1


class IntegrityError(WorkbenchError):
    """Bytes, signatures or the journal are not what was approved or recorded."""

    http_status = 422
    exit_code = 5


class StorageError(WorkbenchError):
    """The disk is full, a folder is not writable or a database stayed locked."""

    http_status = 507
    exit_code = 3


class UnavailableError(WorkbenchError):
    """A target, a server or a program that is needed does not answer."""

    http_status = 503
    exit_code = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"``, or the list of what is known, for a hint."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    shown = names if len(names) <= _NAMED else [*names[:_NAMED], "…"]
    return f"known: {', '.join(shown)}" if names else "there is none yet"


def check_limit(limit: int, command: str, most: int = MOST_LISTED) -> None:
    """Refuse a limit of a list that is none.

    Args:
        limit: At most so many are asked for.
        command: A command with a good one.
        most: At most so many may be asked for.

    Raises:
        UsageError: ``limit-out-of-range``.
    """
    if not 1 <= limit <= most:
        raise UsageError("limit-out-of-range", f"Limit {limit} is not between 1 and {most}", command)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals around ``path`` into a :class:`StorageError`.

    Raises:
        StorageError: ``disk-full``, ``folder-not-writable``, ``path-blocked`` or ``disk-failed``; other ``OSError``
            pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                "disk-full", f"No space left to write {path}", "free some space, then run the same command again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                "folder-not-writable", f"Cannot write {path}", f"check its owner and mode: ls -ld '{path.parent}'"
            ) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG):
            there = _in_the_way(Path(str(error.filename2 or error.filename or path)))
            raise StorageError(
                "path-blocked",
                f"Cannot write {path}: {(error.strerror or 'refused').lower()}",
                f"look what is in its place: ls -ld '{there}'",
            ) from error
        if error.errno == errno.EIO:
            hint = "look at the system's log for the disk (dmesg), then run the same command again"
            raise StorageError("disk-failed", f"The disk failed at {path}", hint) from error
        raise


@contextmanager
def path_errors() -> Iterator[None]:
    """Turn the system's refusal of a path that somebody named into an error: for the doors, around a whole verb.

    Rooms say more where they know what they read or write; a path that is too long is refused wherever it is met first.

    Raises:
        StorageError: ``path-refused``; other ``OSError`` pass unchanged.
    """
    try:
        yield
    except OSError as error:
        refusals = (
            errno.ENAMETOOLONG,
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ELOOP,
            errno.ENOTDIR,
            errno.EISDIR,
        )
        if error.errno not in refusals or not isinstance(error.filename, str):
            raise
        path = Path(error.filename)
        raise StorageError(
            "path-refused",
            f"The system refuses {error.filename[-_SHOWN:]}: {(error.strerror or 'no reason').lower()}",
            f"look what is there: ls -ld '{_in_the_way(path)}'",
        ) from error


def _in_the_way(path: Path) -> Path:
    """Return what there is of a path: a file where a folder should be has nothing below it to look at."""
    return next((each for each in (path, *path.parents) if os.path.lexists(each)), path)


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn whatever keeps ``path`` from being read into a :class:`StorageError`; a missing file stays its own error.

    Raises:
        StorageError: ``file-not-readable``: no permission, a folder in its place, a disk that fails.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(
            "file-not-readable",
            f"Cannot read {str(path)[-_SHOWN:]}: {(error.strerror or 'refused').lower()}",
            f"check what it is, its owner and mode: ls -ld '{path.parent}'",
        ) from error
