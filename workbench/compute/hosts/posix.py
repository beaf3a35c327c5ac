"""Carry files and commands to any machine with a POSIX shell and ``tar``; how it is reached is the subclass's affair.

Words become one line for a shell in one place (:func:`shell_line`), and what is more than a single command is a
constant script that takes its words as ``$1``, ``$2``, …: no text is ever put together out of somebody's path or
parameter. The scripts stay on one line, because the login shell that reads them may be ``tcsh``, whose quotes end with
the line.
"""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from workbench.compute.hosts.archive import Arrivals, is_plain, matches, pack
from workbench.compute.hosts.host import Answer
from workbench.foundation.errors import StorageError, UnavailableError

START = (
    'cd -- "$1" || exit; log=$2; shift 2; '
    'if command -v setsid >/dev/null; then set -- setsid "$@"; else set -- nohup "$@"; fi; '
    '{ "$@" </dev/null >>"$log" 2>&1 & echo $!; }'
)
"""With the redirections inside the braces the connection ends at once; outside, it would last as long as the job."""

PUT = (
    'export LC_ALL=C; umask 077; [ -d "$1" ] && exit 0; parent=$(dirname -- "$1"); name=${1##*/}; '
    'mkdir -p -- "$parent" || exit; '
    'find "$parent" -maxdepth 1 -name ".$name.??????" -mmin +60 -exec rm -rf -- {} +; '
    'new=$(mktemp -d "$parent/.$name.XXXXXX") || exit; '
    "trap 'rm -rf -- \"$new\"' EXIT; trap 'exit 1' HUP INT TERM; "
    'tar -xof - -C "$new" || { head -c 65536 </dev/zero >"$new/.room"; exit 1; }; '
    'rm -- "$new/.whole" || exit; find "$new" -exec sync {} + || exit; '
    'mv -- "$new" "$1" || exit; rm -rf -- "$1/${new##*/}"; sync "$parent"'
)
"""The member ``.whole`` comes last: a stream cut between two members would else look like the end. ``tar`` does not say
that a disk is full when half a block still fitted, so ``head`` is asked. Where somebody else was faster, ``mv`` has
moved our folder into theirs, and it is taken out again."""

LIST = 'cd -- "$1" 2>/dev/null || exit 0; find . -type f -print0'
PACK = 'cd -- "$1" && LC_ALL=C tar --null -T - -cf -'

_TAR_CHANGED = 1
"""What ``tar`` says where a file was written to while it was read."""
_TRIES = 3
_Process = subprocess.Popen[bytes]
_CARRY_S = 3600.0
"""A bound for files that a far file system neither takes nor refuses; a link that is cut is noticed far sooner."""


def shell_line(command: Sequence[str]) -> str:
    """Return the words of a command as a shell has to read them; a leading ``~/`` means the home over there."""
    return " ".join(f"~/{_quoted(word[2:])}" if word.startswith("~/") else _quoted(word) for word in command)


def last_line(said: str) -> str:
    """Return the last thing that a program said, as part of a sentence of ours."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].rstrip(".\r") if lines else ""


def _quoted(word: str) -> str:
    """Quote a word; ``tcsh`` sees an exclamation mark also between single quotes."""
    return shlex.quote(word).replace("!", "'\\!'")


class PosixHost:
    """A machine whose shell is reached by some command of this one.

    Attributes:
        name: How messages call it.
    """

    name: str

    def arguments(self, line: str) -> list[str]:
        """Return the command of this machine that has ``line`` read by a shell of that one."""
        raise NotImplementedError

    def refuse(self, answer: Answer) -> None:
        """Raise where an answer is none: what carries the command failed, not the command."""

    def typed(self, command: str) -> str:
        """Return what a person types here to have a command run there, for hints."""
        return command

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Answer:
        """Run a command to its end.

        Raises:
            UnavailableError: ``host-unreachable`` also where no answer came in time.
        """
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
            source.write(stdin)
            source.seek(0)
            with self._started(command, source, errors) as process:
                try:
                    out, _ = process.communicate(timeout=timeout_s)
                except subprocess.TimeoutExpired:
                    message = f"{self.name} did not answer within {timeout_s:g} s"
                    raise UnavailableError("host-unreachable", message, f"try: {self.typed('true')}") from None
            return self._answer(process.returncode, out, errors)

    def start(self, command: Sequence[str], *, folder: str, log: str, env: Mapping[str, str] | None = None) -> int:
        """Start a command that outlives the connection, and return its process id.

        Raises:
            StorageError: ``far-disk-full`` or ``far-folder-refused``.
        """
        words = ["env", *(f"{key}={value}" for key, value in env.items()), *command] if env else list(command)
        answer = self.run(["sh", "-c", START, "sh", folder, log, *words])
        if answer.code:
            raise self.storage_error(folder, answer)
        return int(answer.out)

    def put(self, files: Mapping[str, Path | bytes], folder: str) -> None:
        """Write a whole folder at once; one that is there already stays as it is.

        Raises:
            StorageError: ``far-disk-full`` or ``far-folder-refused``; nothing is left behind.
        """
        with tempfile.TemporaryFile() as stream, tempfile.TemporaryFile() as errors:
            pack(files, stream)
            stream.seek(0)
            command = ["sh", "-c", PUT, "sh", folder.rstrip("/")]
            with self._started(command, stream, errors) as process, _bounded(process):
                out, _ = process.communicate()
            answer = self._answer(process.returncode, out, errors)
        if answer.code:
            raise self.storage_error(folder, answer)

    def get(
        self, folder: str, patterns: Sequence[str], into: Path, *, without: Collection[str] = ()
    ) -> tuple[Path, ...]:
        """Bring the files of a folder that match; what is not there, or is named as if outside of it, brings nothing.

        Raises:
            UnavailableError: ``far-files-changing``: they were written to each time they were read.
            StorageError: ``disk-full`` or ``folder-not-writable``, here.
        """
        for _ in range(_TRIES):
            listed = self.run(["sh", "-c", LIST, "sh", folder]).out.decode(errors="surrogateescape")
            names = {name.removeprefix("./") for name in listed.split("\0") if name} - set(without)
            chosen = sorted(name for name in names if is_plain(name) and any(matches(name, glob) for glob in patterns))
            if not chosen:
                return ()
            if (found := self._bring(folder, chosen, into)) is not None:
                return found
        message = f"Files in {folder} on {self.name} change while they are read"
        raise UnavailableError("far-files-changing", message, "wait until the job has ended, then fetch again")

    def _bring(self, folder: str, names: Sequence[str], into: Path) -> tuple[Path, ...] | None:
        """Bring these files, or return None where they changed meanwhile."""
        with tempfile.TemporaryFile() as listed, tempfile.TemporaryFile() as errors, Arrivals(into) as arrivals:
            listed.write("".join(f"./{name}\0" for name in names).encode(errors="surrogateescape"))
            listed.seek(0)
            is_whole = True
            with self._started(["sh", "-c", PACK, "sh", folder], listed, errors) as process, _bounded(process):
                assert process.stdout is not None
                try:
                    arrivals.take(process.stdout, frozenset(names))
                except tarfile.ReadError:
                    is_whole = False  # why, the answer tells
                while process.stdout.read(1 << 16):
                    pass  # the padding at the end of an archive
            answer = self._answer(process.returncode, b"", errors)
            if answer.code == _TAR_CHANGED or (answer.code == 0 and not (is_whole and arrivals.names == set(names))):
                return None
            if answer.code:
                raise self.storage_error(folder, answer)
            return arrivals.place()

    @contextmanager
    def _started(self, command: Sequence[str], stdin: IO[bytes], stderr: IO[bytes]) -> Iterator[_Process]:
        """Start a command, and see to it that none is left.

        stderr is a file and no pipe: a connection that stays open for the next command may hold on to it. A session of
        its own keeps Ctrl-C and a closed terminal away from that connection, and a terminal away from questions.
        """
        arguments = self.arguments(shell_line(command))
        try:
            process = subprocess.Popen(
                arguments, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
            )
        except FileNotFoundError:
            message = f"There is no command '{arguments[0]}' here, which {self.name} is reached by"
            raise UnavailableError("command-missing", message, "install it: apt-get install openssh-client") from None
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def _answer(self, code: int, out: bytes, errors: IO[bytes]) -> Answer:
        errors.seek(0)
        answer = Answer(code, out, errors.read().decode(errors="replace"))
        self.refuse(answer)
        return answer

    def storage_error(self, folder: str, answer: Answer) -> StorageError:
        """Turn what ``mkdir``, ``tar`` or ``mv`` said over there into an error."""
        full = (os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        if any(text in answer.err for text in full):
            hint = f"free some space there, then do the same again: {self.typed(shell_line(['df', '-h', folder]))}"
            return StorageError("far-disk-full", f"No space left on {self.name} to write {folder}", hint)
        said = last_line(answer.err) or f"exit code {answer.code}"
        hint = f"look what is in its place: {self.typed(shell_line(['ls', '-ld', str(PurePosixPath(folder).parent)]))}"
        return StorageError("far-folder-refused", f"{self.name} does not take {folder}: {said}", hint)


@contextmanager
def _bounded(process: _Process) -> Iterator[None]:
    """End a process that takes for ever."""
    timer = threading.Timer(_CARRY_S, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
